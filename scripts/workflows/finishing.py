"""Workflows that finish a film: own sound cleaned, mix and master, stems for an editor."""

from __future__ import annotations

from .embedded import NO_WEIGHTS
from .sheet import Sheet
from .steps import NARRATED, about, choose, compare, judge, load, save, separate, show


def film_with_own_sound(sheet: Sheet) -> None:
    """A film that a video model made with sound, cleaned of its babble, on core nodes."""
    about(
        sheet,
        f"## A film with a sound of its own\n\nLTX-2 and other video models make picture and sound together, and often "
        f"a voice that talks gibberish. Here their sound is judged, the voice is taken out of its spans, and both are "
        f"heard side by side.\n\nPut your model's *VIDEO* in place of *Load Video*; of frames take *IMAGE* and set "
        f"*fps* on step 2 and on *Mux*.\n\n{NO_WEIGHTS}\n\nPress *Run*.",
    )
    video, two, three, four, end = map(sheet.group, ("The film", "Judge", "Clean", "Choose and master", "Save"))
    loaded = video.node("LoadVideo", "The film (core)", file=NARRATED)
    own = video.node("GetVideoComponents", "Its own sound", video=loaded["video"])
    two.note("To keep or to remove every voice without a judge, set *voice_decision* to never or always.")
    verdict = judge(two, loaded["video"], own["audio"], "rules", "Is there voice-over?")
    spans = verdict["segments"]
    three.note("*keep_ambience* fills in the room tone where the voice was. *removal_db* 12 leaves it in the distance.")
    parts = three.node(
        "DeepSoundVocalSeparate",
        "Take the voice out",
        audio=own["audio"],
        engine="bs_roformer_tiny",
        spans=spans,
        keep_ambience=True,
    )
    sounds = {"coarse": own["audio"], "background": parts["background"]}
    final = choose(four, "rep", verdict["voice_over"], **sounds, spans=spans)
    mastered = four.node(
        "DeepSoundMixMaster", "At the loudness of the web", generated=final["audio"], video=loaded["video"]
    )
    save(end, loaded["video"], mastered["master"], "film")
    compare(sheet, loaded["video"], own["audio"], mastered["master"], voice=parts["voice"])


def mix_and_master(sheet: Sheet) -> None:
    """A new sound over the film's own, ducked under speech and mastered."""
    about(
        sheet,
        f"## Mix and master\n\nA new sound over the film's own, which stays quietly under it: the new one goes down "
        f"while somebody speaks, and the result has the loudness of its destination, with no peak above -1 dBTP. The "
        f"meters stand on the node.\n\n{NO_WEIGHTS}\n\nPress *Run*.",
    )
    video, one, two, end = map(sheet.group, ("The video", "The new sound", "Mix and master", "Save"))
    loaded = load(video, NARRATED)
    one.note("*prompt_preset* has tested prompts by category.")
    new = one.node(
        "DeepSoundGenerateAudio", "The new sound", video=loaded["video"], engine="draft", prompt_preset="forest"
    )
    two.note("**loudness**: web -14 LUFS, podcast -16, ebu_r128 -23, atsc_a85 -24.")
    mixed = two.node(
        "DeepSoundMixMaster",
        "Mix and master",
        generated=new["audio"],
        original=loaded["audio"],
        video=loaded["video"],
        fade_out_s=0.5,
    )
    show(two, mixed["report"], "What was done")
    save(end, loaded["video"], mixed["master"], "mixed")
    compare(sheet, loaded["video"], loaded["audio"], mixed["master"])


def stems_for_an_editor(sheet: Sheet) -> None:
    """Every sound of a run as a file of one length, for DaVinci Resolve, Premiere or Reaper."""
    about(
        sheet,
        f"## Stems for an editor\n\nThe final sound, the coarse one, the voice and the background as numbered "
        f"files of one rate and length in *output/DeepSound*: lay them on tracks from the same start. With *timeline* "
        f"there is an .otio file too, which DaVinci Resolve opens (`opentimelineio` must be installed).\n\n"
        f"{NO_WEIGHTS}\n\nPress *Run*.",
    )
    video, two, three, four, end = map(sheet.group, ("The video", "Judge", "Remove", "Choose", "Save"))
    loaded = load(video, NARRATED)
    verdict = judge(two, loaded["video"], loaded["audio"], "rules", "Is there voice-over?")
    spans = verdict["segments"]
    parts = separate(three, loaded["audio"], "bs_roformer_tiny", "Take the voice out", spans=spans)
    sounds = {"coarse": loaded["audio"], "background": parts["background"]}
    final = choose(four, "rep", verdict["voice_over"], **sounds, spans=spans)
    end.node(
        "DeepSoundExportStems",
        "Export stems",
        final=final["audio"],
        coarse=loaded["audio"],
        voice=parts["voice"],
        background=parts["background"],
        video=loaded["video"],
        spans=spans,
    )
    save(end, loaded["video"], final["audio"], "stems")
