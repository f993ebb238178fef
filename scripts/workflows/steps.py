"""The nodes that several workflows share, and what their notes say of the published weights."""

from __future__ import annotations

from .sheet import Group, Node, Sheet, Wire

SILENT, NARRATED = "silent_impacts.mp4", "narrated_landscape.mp4"
AVOIDED = "human voice"

MMAUDIO = (
    "**MMAudio** weights: 10.7 GB for `mmaudio_large_44k_v2`, CC-BY-NC 4.0; with it come Apple's CLIP "
    "(Apple's research licence), Synchformer and BigVGAN (MIT). Not for commercial use."
)
VIDEOLLAMA = (
    "**VideoLLaMA2.1-7B-AV**: 17 GB. No licence is stated for the fine-tuned weights; the model they come "
    "from is Apache-2.0 and, says its README, for non-commercial use only."
)
ROFORMER = "**BS-RoFormer**: 0.64 GB; no licence is stated for the weights."
FOLEYCRAFTER = (
    "**FoleyCrafter**: 9.4 GB and more, 16 kHz. No licence is stated for its weights (its code is "
    "Apache-2.0) nor for Auffusion and the image encoder it stands on. Needs `pip install diffusers`."
)
SELVA = (
    "**SelVA** weights: 7.2 GB with Apple's CLIP (Apple's research licence) and MMAudio's autoencoder and vocoder "
    "(CC-BY-NC 4.0); FLAN-T5 is Apache-2.0. No licence is stated for SelVA's own files: treat them as not for "
    "commercial use; CLIP's table of words is MIT. Needs `pip install transformers`."
)
SEEING_HEARING = (
    "**AudioLDM** m-full: 2.6 GB, CC-BY-NC-SA-4.0, and **ImageBind**: 4.8 GB, CC-BY-NC 4.0. Not for commercial use; "
    "CLIP's table of words is MIT. Needs `pip install diffusers`."
)
ANIMATEDIFF = (
    "**Stable Diffusion 1.5** (2.1 GB, CreativeML OpenRAIL-M) in `models/checkpoints`, an **AnimateDiff** motion "
    "adapter (1.8 GB, Apache-2.0) in `models/animatediff_models`, and **ImageBind**: 4.8 GB, CC-BY-NC 4.0. Not for "
    "commercial use; CLIP's table of words is MIT. Needs `pip install diffusers` and a GPU of 12 GB or more."
)
FETCH = (
    "Nothing is downloaded unasked: switch *download* on once on each node that needs weights. Files you have in "
    "`models/` are found there."
)
ASSEMBLED = "All steps together are the published system, which is **for non-commercial use only**."


def about(sheet: Sheet, text: str) -> None:
    """The first words on a sheet: what it does, what it needs."""
    sheet.group("Read me", 400).note(text)


def load(group: Group, file: str = SILENT, title: str = "Load the video") -> Node:
    group.note("Choose a video or upload one. *start* and *duration* take a part of it; 0 means all.")
    return group.node("DeepSoundLoadVideo", title, file=file)


def mmaudio(group: Group, title: str, video: Wire, **inputs: object) -> Node:
    return group.node("DeepSoundMMAudioGenerate", title, video=video, **{"variant": "mmaudio_large_44k_v2", **inputs})


def judge(group: Group, video: Wire, audio: Wire, engine: str, title: str = "Step 2: is there voice-over?") -> Node:
    return group.node("DeepSoundVoiceOverCoT", title, video=video, audio=audio, engine=engine)


def separate(group: Group, audio: Wire, engine: str, title: str = "Step 3: remove the voice", **inputs: object) -> Node:
    return group.node("DeepSoundVocalSeparate", title, audio=audio, engine=engine, **inputs)


def choose(group: Group, mode: str, voice_over: Wire, **sounds: Wire) -> Node:
    return group.node(
        "DeepSoundSilenceFallback", "Step 4: choose the final sound", mode=mode, voice_over=voice_over, **sounds
    )


def repair(two: Group, three: Group, four: Group, video: Wire, coarse: Wire) -> Node:
    """Steps 2 to 4 of the published system on a coarse sound, span by span, with the fallback `rep`."""
    verdict = judge(two, video, coarse, "videollama2_cot")
    spans = verdict["segments"]
    parts = separate(three, coarse, "bs_roformer", spans=spans)
    sounds = {"coarse": coarse, "background": parts["background"]}
    return choose(four, "rep", verdict["voice_over"], **sounds, spans=spans)


def regenerate_span(
    group: Group, title: str, video: Wire, audio: Wire, spans: Wire | str, hide_picture: bool, **inputs: object
) -> Node:
    return group.node(
        "DeepSoundRegenerateSpan",
        title,
        **{"engine": "mmaudio_large_44k_v2", **inputs},
        video=video,
        audio=audio,
        spans=spans,
        hide_picture=hide_picture,
    )


def save(group: Group, video: Wire, audio: Wire, prefix: str, title: str = "Save the video with its sound") -> Node:
    return group.node("DeepSoundMuxVideo", title, video=video, audio=audio, filename_prefix=f"DeepSound/{prefix}")


def show(group: Group, source: Wire, title: str) -> Node:
    return group.node("PreviewAny", title, source=source)


def compare(sheet: Sheet, video: Wire, coarse: Wire, final: Wire, **more: Wire) -> Node:
    """A group of its own, wide enough for the tracks."""
    group = sheet.group("See and hear", 560)
    if more:
        group.note("Click a track to go there; keys A, B and C switch what is heard, all equally loud.")
    else:
        group.note(
            "Keys A and B switch what is heard, equally loud. Wire step 3's *voice* in here to hear what was "
            "removed; the separation then runs every time."
        )
    return group.node("DeepSoundCompare", "Compare", video=video, coarse=coarse, final=final, **more)
