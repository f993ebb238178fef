"""Workflows of the published system: MMAudio, VideoLLaMA2, BS-RoFormer, silence rule."""

from __future__ import annotations

from .sheet import Group, Node, Sheet, Wire
from .steps import (
    ASSEMBLED,
    AVOIDED,
    FETCH,
    FOLEYCRAFTER,
    MMAUDIO,
    ROFORMER,
    SELVA,
    VIDEOLLAMA,
    about,
    choose,
    compare,
    judge,
    load,
    mmaudio,
    regenerate_span,
    repair,
    save,
    separate,
    show,
)

FALLBACKS = {
    "neg": "**neg**: where only silence is left, the sound is generated again, avoiding voices. The second node runs "
    "only then, and does not encode the picture again.",
    "rep": "**rep**: where only silence is left, the coarse sound is kept, voice and all.",
    "rm": "**rm**: where only silence is left, the sound fades to silence.",
    "mask": "**mask**: where only silence is left, those stretches are made anew with the picture hidden, and MMAudio "
    "continues the sound around them. It samples once and does not encode the picture again.",
}
NEEDS = f"{MMAUDIO}\n\n{VIDEOLLAMA}\n\n{ROFORMER}\n\n{ASSEMBLED}\n\n{FETCH}"


def deepsound_s4(sheet: Sheet, fallback: str) -> None:
    """All four steps, with one of the fallbacks."""
    about(
        sheet,
        f"## DeepSound, all four steps\n\nMakes a sound for a video, judges whether somebody speaks who is "
        f"not in the picture, takes that voice out, and falls back where only silence is left.\n\n"
        f"{FALLBACKS[fallback]}\n\n### Needs\n\n{NEEDS}",
    )
    video, one, two, three, four, end = map(
        sheet.group, ("The video", "Step 1: generate", "Step 2: judge", "Step 3: remove", "Step 4: fall back", "Save")
    )
    loaded = load(video)
    one.note("Words are welcome: *metal, gravel, rain*. The same seed gives the same sound.")
    coarse = mmaudio(one, "Step 1: generate", loaded["video"])
    again = {}
    if fallback == "neg":
        four.note("Generated again only when the background is silent.")
        again = {
            "regenerated": mmaudio(four, "Generate again, avoiding voices", loaded["video"], negative_prompt=AVOIDED)[
                "audio"
            ]
        }
    verdict = _judge_and_plan(video, two, loaded, coarse["audio"])
    if fallback == "mask":
        four.note("Made anew only where the background is silent, in the spans that the judge names.")
        again = {
            "regenerated": regenerate_span(
                four, "Make the voiced spans anew", loaded["video"], coarse["audio"], verdict["segments"], True
            )["regenerated"]
        }
    three.note("Runs only when the verdict is yes. Background and voice add up to the coarse sound.")
    parts = separate(three, coarse["audio"], "bs_roformer", spans=verdict["segments"])
    final = choose(
        four,
        fallback,
        verdict["voice_over"],
        coarse=coarse["audio"],
        background=parts["background"],
        **again,
        spans=verdict["segments"],
    )
    save(end, loaded["video"], final["audio"], f"s4_{fallback}")
    show(end, final["chosen"], "The final sound is")
    compare(sheet, loaded["video"], coarse["audio"], final["audio"])


def _judge_and_plan(video: Group, two: Group, loaded: Node, coarse: Wire) -> Node:
    engine = "videollama2_cot"
    two.note(
        "The model looks and listens, and writes summary, caption, reasoning and conclusion. An answer that "
        "cannot be read is *undecided*."
    )
    verdict = judge(two, loaded["video"], coarse, engine)
    plan = video.node("DeepSoundCoTPlan", "Step 0: the plan", video=loaded["video"], engine=engine)
    show(video, plan["plan"], "The plan")
    return verdict


def deepsound_s3(sheet: Sheet) -> None:
    """Three steps: what is left after the voice was removed is final, silent or not."""
    about(
        sheet,
        f"## DeepSound, three steps\n\nGenerate, judge, remove. There is no fallback: what is left after the "
        f"voice was removed is final, even if it is silent.\n\n### Needs\n\n{NEEDS}",
    )
    video, one, two, three, end = map(
        sheet.group, ("The video", "Step 1: generate", "Step 2: judge", "Step 3: remove", "Save")
    )
    loaded = load(video)
    coarse = mmaudio(one, "Step 1: generate", loaded["video"])
    verdict = _judge_and_plan(video, two, loaded, coarse["audio"])
    three.note(
        "The verdict is wired into *enabled*: without voice-over the sound passes unchanged and nothing is loaded."
    )
    parts = three.node(
        "DeepSoundVocalSeparate",
        "Step 3: remove the voice, if there is one",
        audio=coarse["audio"],
        engine="bs_roformer",
        enabled=verdict["voice_over"],
        spans=verdict["segments"],
    )
    save(end, loaded["video"], parts["background"], "s3")
    compare(sheet, loaded["video"], coarse["audio"], parts["background"], voice=parts["voice"])


def qa_instead_of_cot(sheet: Sheet) -> None:
    """All four steps, with the reasoner that answers with a letter."""
    about(
        sheet,
        f"## A letter instead of a chain of thought\n\nThe same four steps, judged by `videollama2_qa`, which "
        f"was trained to answer the question with a letter: quicker, and without reasons.\n\n"
        f"{FALLBACKS['rep']}\n\n### Needs\n\n{NEEDS}",
    )
    video, one, two, three, four, end = map(
        sheet.group, ("The video", "Step 1: generate", "Step 2: judge", "Step 3: remove", "Step 4: fall back", "Save")
    )
    loaded = load(video)
    coarse = mmaudio(one, "Step 1: generate", loaded["video"])
    two.note("Put `videollama2_cot` here to compare the two verdicts on the same sound: nothing else runs again.")
    verdict = judge(two, loaded["video"], coarse["audio"], "videollama2_qa")
    spans = verdict["segments"]
    show(two, verdict["category"], "Yes, No1, No2 or No3")
    parts = separate(three, coarse["audio"], "bs_roformer", spans=spans)
    sounds = {"coarse": coarse["audio"], "background": parts["background"]}
    final = choose(four, "rep", verdict["voice_over"], **sounds, spans=spans)
    save(end, loaded["video"], final["audio"], "qa")


def foleycrafter(sheet: Sheet) -> None:
    """The four steps with FoleyCrafter in step 1."""
    needs = f"{FOLEYCRAFTER}\n\n{VIDEOLLAMA}\n\n{ROFORMER}\n\n{ASSEMBLED}\n\n{FETCH}"
    about(
        sheet,
        f"## FoleyCrafter in step 1\n\nThe same four steps, with the second generator DeepSound-V1 was "
        f"measured with. It times its sound by the onsets it sees. Ten seconds at a time: longer videos are "
        f"done in windows.\n\n{FALLBACKS['rep']}\n\n### Needs\n\n{needs}",
    )
    video, one, two, three, four, end = map(
        sheet.group, ("The video", "Step 1: generate", "Step 2: judge", "Step 3: remove", "Step 4: fall back", "Save")
    )
    loaded = load(video)
    one.note("*temporal_scale* is how strictly seen onsets are followed, *semantic_scale* how much the picture leads.")
    coarse = one.node("DeepSoundFoleyCrafterGenerate", "Step 1: generate", video=loaded["video"])
    final = repair(two, three, four, loaded["video"], coarse["audio"])
    save(end, loaded["video"], final["audio"], "foleycrafter")


def only_the_drums_s4(sheet: Sheet) -> None:
    """The four steps with SelVA in step 1: the judge listens whether a voice came along."""
    about(
        sheet,
        f"## Only the drums, judged\n\nThe four steps with SelVA in step 1. The prompt keeps most voices out from the "
        f"start; the judge listens whether one came along, and only then it is removed.\n\n{FALLBACKS['rep']}\n\n"
        f"### Needs\n\n{SELVA}\n\n{VIDEOLLAMA}\n\n{ROFORMER}\n\n{ASSEMBLED}\n\n{FETCH}",
    )
    video, one, two, three, four, end = map(
        sheet.group, ("The video", "Step 1: generate", "Step 2: judge", "Step 3: remove", "Step 4: fall back", "Save")
    )
    loaded = load(video)
    one.note("Name one thing that is seen: *drums*, *footsteps on gravel*, *the engine*.")
    coarse = mmaudio(one, "Step 1: only the drums", loaded["video"], variant="selva", prompt="drums")
    verdict = _judge_and_plan(video, two, loaded, coarse["audio"])
    spans = verdict["segments"]
    parts = separate(three, coarse["audio"], "bs_roformer", spans=spans)
    sounds = {"coarse": coarse["audio"], "background": parts["background"]}
    final = choose(four, "rep", verdict["voice_over"], **sounds, spans=spans)
    save(end, loaded["video"], final["audio"], "drums_s4")
    show(end, final["chosen"], "The final sound is")
    compare(sheet, loaded["video"], coarse["audio"], final["audio"])


def several_takes(sheet: Sheet) -> None:
    """Four sounds from four seeds as one batch, each judged, cleaned and saved as a video."""
    about(
        sheet,
        f"## Several takes\n\nFour sounds for one video, from four seeds. The picture is encoded once. All "
        f"takes travel as one batch: each has a verdict of its own, loses its voice only where there is one, and "
        f"becomes a video with a number in its name.\n\n### Needs\n\n{MMAUDIO}\n\n{ROFORMER}\n\n{FETCH}",
    )
    video, one, two, three, four, end = map(
        sheet.group,
        ("The video", "Four takes", "Step 2: judge each", "Step 3: remove", "Step 4: choose", "Save each take"),
    )
    loaded = load(video)
    one.note("*takes* is how many: seed, seed + 1, ...")
    takes = mmaudio(one, "Four takes", loaded["video"], takes=4)
    two.note("Put `videollama2_cot` here for the published judge. The buttons on the panel show each take's verdict.")
    verdict = judge(two, loaded["video"], takes["audio"], "rules", "Is there voice-over in each?")
    spans = verdict["segments"]
    three.note("The verdicts are wired into *enabled*: takes without voice-over pass unchanged.")
    parts = three.node(
        "DeepSoundVocalSeparate",
        "Remove the voice where there is one",
        audio=takes["audio"],
        engine="bs_roformer",
        enabled=verdict["voice_over"],
        spans=verdict["segments"],
    )
    sounds = {"coarse": takes["audio"], "background": parts["background"]}
    final = choose(four, "rep", verdict["voice_over"], **sounds, spans=spans)
    end.note("One file for each take.")
    save(end, loaded["video"], final["audio"], "take", "Save each take as a video")
    show(end, final["chosen"], "The final sound of each take")


def long_video(sheet: Sheet) -> None:
    """Minutes of video: windows that follow the cuts, a prompt for each scene, judged and repaired window by window."""
    about(
        sheet,
        f"## Long video\n\nMMAudio was trained on 8 seconds. Longer videos are sampled in windows of 8 s that overlap "
        f"by 2 s and begin at the cuts, as one sound: no joint is heard, and the length is exact. Each window is "
        f"judged by itself, and repaired only where somebody speaks who is not in the picture.\n\nLines such as "
        f"`0-12: rain` are the prompt of those seconds; a line without times is everyone's.\n\n### Needs\n\n{NEEDS}",
    )
    video, one, two, three, four, end = map(
        sheet.group, ("The video", "Step 1: generate", "Step 2: judge", "Step 3: remove", "Step 4: fall back", "Save")
    )
    loaded = load(video)
    one.note("*window* -1: windows above 12 s; 0: one pass; else their seconds. Another window, another sound.")
    scenes = "0-3: metal and glass that fall on wood\nan empty workshop"
    coarse = mmaudio(one, "Step 1: generate in windows", loaded["video"], prompt=scenes, window=-1.0)
    two.note("The waveform shows the spans that are repaired. Draw on it to correct them.")
    verdict = judge(two, loaded["video"], coarse["audio"], "videollama2_cot")
    spans = verdict["segments"]
    parts = separate(three, coarse["audio"], "bs_roformer", spans=spans)
    four.note("**rep**: where nothing but voice was there, that span stays as it is.")
    sounds = {"coarse": coarse["audio"], "background": parts["background"]}
    final = choose(four, "rep", verdict["voice_over"], **sounds, spans=spans)
    save(end, loaded["video"], final["audio"], "long")
    compare(sheet, loaded["video"], coarse["audio"], final["audio"])
