"""Workflows of a published generator alone: MMAudio and SelVA, without a judge."""

from __future__ import annotations

from .sheet import Sheet
from .steps import (
    AVOIDED,
    FETCH,
    MMAUDIO,
    NARRATED,
    SELVA,
    about,
    compare,
    load,
    mmaudio,
    regenerate_span,
    save,
)


def direct_v2a(sheet: Sheet) -> None:
    """MMAudio alone, as a baseline."""
    about(
        sheet,
        f"## Direct video to audio\n\nMMAudio alone, as other packs run it: no judgement, nothing removed. "
        f"What the other steps are measured against.\n\n### Needs\n\n{MMAUDIO}\n\n{FETCH}",
    )
    video, one, end = sheet.group("The video"), sheet.group("Generate"), sheet.group("Save")
    loaded = load(video)
    one.note("MMAudio was trained on 8 seconds; much longer sounds lose quality.")
    coarse = mmaudio(one, "Generate", loaded["video"])
    save(end, loaded["video"], coarse["audio"], "direct")


def only_the_drums(sheet: Sheet) -> None:
    """SelVA alone: only the sound that the prompt names."""
    about(
        sheet,
        f"## Only the drums\n\nSelVA makes the sound that the prompt names and leaves out what else is seen: the "
        f"drums, not the singer beside them. The prompt steers what is looked at, so *another prompt* on the same "
        f"video does not encode the picture again.\n\n### Needs\n\n{SELVA}\n\n{FETCH}",
    )
    video, one, end = sheet.group("The video"), sheet.group("Only what the prompt names"), sheet.group("Save")
    loaded = load(video)
    one.note("Name one thing that is seen: *drums*, *footsteps on gravel*, *the engine*. Without words all is open.")
    made = mmaudio(one, "Only the drums", loaded["video"], variant="selva", prompt="drums", negative_prompt=AVOIDED)
    save(end, loaded["video"], made["audio"], "drums")


def text_to_sound(sheet: Sheet) -> None:
    """Sound from words alone."""
    about(
        sheet,
        f"## Text to sound\n\nMMAudio without a picture: the prompt alone leads, and the node says how "
        f"long.\n\n### Needs\n\n{MMAUDIO}\n\n{FETCH}",
    )
    words, end = sheet.group("Words to sound"), sheet.group("Save")
    words.note("Nothing is connected to *video*. *duration* 0 would mean 8 seconds.")
    sound = words.node(
        "DeepSoundMMAudioGenerate",
        "Sound from words",
        variant="mmaudio_large_44k_v2",
        prompt="heavy rain on a tin roof, distant thunder",
        negative_prompt=AVOIDED,
        duration=8.0,
    )
    end.note("A right click on *Sound from words* saves it: *DeepSound: save as…*.")
    end.node("PreviewAudio", "Hear the sound", audio=sound["audio"])


def regenerate_a_span(sheet: Sheet) -> None:
    """Audio inpainting: a stretch of a video's sound made anew."""
    about(
        sheet,
        f"## Regenerate a stretch\n\nMakes a part of a sound anew and leaves the rest bit for bit as it is: a dog that "
        f"barks at the wrong moment, a word, a click. MMAudio continues what is around the stretch.\n\nAny sound of "
        f"the video will do: its own, as here, a generated or a recorded one.\n\n### Needs\n\n{MMAUDIO}\n\n{FETCH}",
    )
    video, one, end = sheet.group("The video"), sheet.group("Make a stretch anew"), sheet.group("Save")
    loaded = load(video, NARRATED)
    one.note("*spans* are seconds: `1.2-3.4, 5-6: rain`; behind the colon stands what that stretch is to sound like.")
    made = regenerate_span(one, "Regenerate 2 to 3 s", loaded["video"], loaded["audio"], "2-3: wind over grass", False)
    save(end, loaded["video"], made["regenerated"], "regenerated")
    compare(sheet, loaded["video"], loaded["audio"], made["regenerated"])
