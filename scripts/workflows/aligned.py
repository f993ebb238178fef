"""Workflows of Seeing and Hearing, in all four directions."""

from __future__ import annotations

from .published import FALLBACKS
from .sheet import Sheet
from .steps import (
    ANIMATEDIFF,
    FETCH,
    NARRATED,
    ROFORMER,
    SEEING_HEARING,
    VIDEOLLAMA,
    about,
    compare,
    load,
    repair,
    save,
)

_WORDS = "rain on a tin roof, distant thunder"


def seeing_hearing(sheet: Sheet) -> None:
    """The four steps with Seeing and Hearing in step 1."""
    needs = f"{SEEING_HEARING}\n\n{VIDEOLLAMA}\n\n{ROFORMER}\n\n{FETCH}"
    about(
        sheet,
        f"## Seeing and Hearing in step 1\n\nAudioLDM makes the sound, and ImageBind pulls it towards picture and "
        f"words while it is sampled. The other steps are as ever.\n\n{FALLBACKS['rep']}\n\n### Needs\n\n{needs}",
    )
    video, one, two, three, four, end = map(
        sheet.group, ("The video", "Step 1: generate", "Step 2: judge", "Step 3: remove", "Step 4: fall back", "Save")
    )
    loaded = load(video)
    one.note("Write what should sound: without words, a caption is made where a model for it is installed.")
    coarse = one.node("DeepSoundSeeingHearing", "Step 1: generate", video=loaded["video"], prompt="metal, gravel")
    final = repair(two, three, four, loaded["video"], coarse["audio"])
    save(end, loaded["video"], final["audio"], "seeing_hearing")


def image_to_sound(sheet: Sheet) -> None:
    """A sound for one picture."""
    about(
        sheet,
        f"## Image to sound\n\nOne picture and a few words: AudioLDM makes the sound, and ImageBind pulls it towards "
        f"both.\n\n### Needs\n\n{SEEING_HEARING}\n\n{FETCH}",
    )
    picture, one, end = sheet.group("The picture"), sheet.group("Image to sound"), sheet.group("Hear")
    picture.note("Choose a picture or upload one.")
    loaded = picture.node("LoadImage", "Load the picture", image="example.png")
    one.note("*duration* says how long the sound is; 0 means 8 seconds.")
    made = one.node(
        "DeepSoundSeeingHearing", "Sound for the picture", images=loaded["IMAGE"], prompt="wind in the trees, birds"
    )
    end.note("A right click on *Sound for the picture* saves it: *DeepSound: save as…*.")
    end.node("PreviewAudio", "Hear the sound", audio=made["audio"])


def audio_to_video(sheet: Sheet) -> None:
    """A video for a sound."""
    about(
        sheet,
        f"## Audio to video\n\nA short video that goes with a sound: AnimateDiff, pulled towards sound and words by "
        f"ImageBind.\n\n### Needs\n\n{ANIMATEDIFF}\n\n{FETCH}",
    )
    sound, one, end = sheet.group("The sound"), sheet.group("Audio to video"), sheet.group("Save")
    loaded = load(sound, NARRATED, "Take a video's sound")
    one.note("16 frames at 8 fps are 2 seconds: the rest of the sound is cut off. Any AUDIO will do.")
    made = one.node("DeepSoundAudioToVideo", "A video for the sound", audio=loaded["audio"], prompt="a mountain lake")
    save(end, made["video"], made["sound"], "audio_to_video")


def joint_video(sheet: Sheet) -> None:
    """A video and its sound from words, aligned and not, side by side."""
    about(
        sheet,
        f"## Video with sound from words\n\nAnimateDiff and AudioLDM side by side, pulled towards each other by "
        f"ImageBind. The first node does the same without alignment: Compare plays its sound as *coarse*, the aligned "
        f"one as *final*.\n\n### Needs\n\n{ANIMATEDIFF}\n\n{SEEING_HEARING}\n\n{FETCH}",
    )
    plain, one, end = sheet.group("Without alignment"), sheet.group("Aligned"), sheet.group("Save")
    plain.note("Both rates are 0: the two models alone. Leave this node out to save half of the time.")
    rates = {"video_rate": 0.0, "audio_rate": 0.0, "tune_prompt": False}
    alone = plain.node("DeepSoundJoint", "Each model alone", prompt=_WORDS, **rates)
    one.note("The same words and the same seed.")
    made = one.node("DeepSoundJoint", "Aligned", prompt=_WORDS)
    save(end, made["video"], made["sound"], "joint")
    compare(sheet, made["video"], alone["sound"], made["sound"])
