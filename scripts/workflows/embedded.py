"""Workflows that run as installed, and those that join other generators."""

from __future__ import annotations

from .sheet import Sheet
from .steps import (
    AVOIDED,
    FETCH,
    MMAUDIO,
    NARRATED,
    SILENT,
    about,
    choose,
    compare,
    judge,
    load,
    mmaudio,
    save,
    separate,
    show,
)

NO_WEIGHTS = "Needs no weights and no network: every engine in it is part of the package (MIT)."


def offline_draft(sheet: Sheet) -> None:
    """All four steps on the embedded engines."""
    about(
        sheet,
        f"## Offline draft\n\nAll four steps with the engines that come with the package. `draft` is "
        f"procedural foley, driven by what moves: impacts, scrapes, whooshes. A draft of the sound, and a way "
        f"to try the steps.\n\n{NO_WEIGHTS}\n\nPress *Run*.",
    )
    video, one, two, three, four, end = map(
        sheet.group, ("The video", "Step 1: generate", "Step 2: judge", "Step 3: remove", "Step 4: fall back", "Save")
    )
    loaded = load(video)
    one.note("Words choose the material: *metal, wood, gravel*.")
    coarse = one.node("DeepSoundGenerateAudio", "Step 1: generate", video=loaded["video"], engine="draft")
    four.note("The second generator runs only when the background is silent.")
    again = four.node(
        "DeepSoundGenerateAudio",
        "Step 4, neg: generate again, avoiding voices",
        video=loaded["video"],
        engine="draft",
        negative_prompt=AVOIDED,
    )
    two.note("`rules` listens for a voice, looks for people, and follows the rule of the paper.")
    verdict = judge(two, loaded["video"], coarse["audio"], "rules")
    three.note("Runs only when the verdict is yes. `dtln` is a small network in the package, for speech.")
    spans = verdict["segments"]
    parts = separate(three, coarse["audio"], "dtln", spans=spans)
    final = choose(
        four,
        "neg",
        verdict["voice_over"],
        coarse=coarse["audio"],
        background=parts["background"],
        regenerated=again["audio"],
        spans=spans,
    )
    save(end, loaded["video"], final["audio"], "draft")
    show(end, final["chosen"], "The final sound is")
    compare(sheet, loaded["video"], coarse["audio"], final["audio"])


def clean_existing_footage(sheet: Sheet) -> None:
    """The video's own sound, judged and cleaned."""
    about(
        sheet,
        f"## Clean existing footage\n\nTakes the voice-over out of a video's own sound. Nothing is generated: "
        f"the sound is judged, and cleaned only if somebody speaks who is not in the picture.\n\n{NO_WEIGHTS}"
        f"\n\nFor a better separation choose `bs_roformer` in step 3 (0.64 GB; no licence is stated for the "
        f"weights).",
    )
    video, two, three, four, end = map(sheet.group, ("The video", "Judge", "Remove", "Choose", "Save"))
    loaded = load(video, NARRATED)
    two.note("Judges the video's own sound.")
    verdict = judge(two, loaded["video"], loaded["audio"], "rules", "Is there voice-over?")
    spans = verdict["segments"]
    parts = separate(three, loaded["audio"], "dtln", "Remove the voice", spans=spans)
    four.note("**rep**: where nothing but voice was there, the sound stays as it is.")
    sounds = {"coarse": loaded["audio"], "background": parts["background"]}
    final = choose(four, "rep", verdict["voice_over"], **sounds, spans=spans)
    save(end, loaded["video"], final["audio"], "clean")
    compare(sheet, loaded["video"], loaded["audio"], final["audio"], voice=parts["voice"])


def repair_segments(sheet: Sheet) -> None:
    """The voice taken out of its spans alone, with a span list that can be edited."""
    about(
        sheet,
        f"## Repair in segments\n\nTakes the voice-over out where it is, and leaves every other sample of the sound as "
        f"it was. The judge's list of spans goes through the graph as text.\n\nTo correct it, draw on the waveform of "
        f"*Which spans hold voice-over?*: drag for a new span, drag a span or its edges, *Delete* takes it away. Or "
        f"write into its *spans*: `1.2-3.4, 5-6`. Then run again.\n\n{NO_WEIGHTS}",
    )
    video, two, three, four, end = map(sheet.group, ("The video", "Judge", "Remove", "Choose", "Save"))
    loaded = load(video, NARRATED)
    two.note("`rules` judges each voiced span on its own: a person who is seen then may speak.")
    verdict = judge(two, loaded["video"], loaded["audio"], "rules", "Which spans hold voice-over?")
    show(two, verdict["segments"], "The spans")
    spans = verdict["segments"]
    parts = separate(three, loaded["audio"], "dtln", "Remove the voice in its spans", spans=spans)
    four.note("**rep**: where nothing but voice was there, that span stays as it is.")
    final = choose(
        four,
        "rep",
        verdict["voice_over"],
        coarse=loaded["audio"],
        background=parts["background"],
        spans=spans,
    )
    save(end, loaded["video"], final["audio"], "segments")
    compare(sheet, loaded["video"], loaded["audio"], final["audio"], voice=parts["voice"])


def compare_two_generators(sheet: Sheet) -> None:
    """The same video through two generators, judged, measured and heard side by side."""
    about(
        sheet,
        f"## Compare two generators\n\nOne video, two sounds, the same judge and the same measures. Choose "
        f"any two generators.\n\n### Needs\n\nA: nothing, `draft` is part of the package.\n\n"
        f"B: {MMAUDIO}\n\n*Score* measures voice and loudness with no weights; for IB and DeSync it wants "
        f"ImageBind (CC-BY-NC 4.0) and Synchformer (MIT), and says so.\n\n{FETCH}",
    )
    video, one, two, three = map(sheet.group, ("The video", "Two generators", "Voice-over?", "Measures"))
    loaded = load(video)
    first = one.node("DeepSoundGenerateAudio", "Generator A: draft", video=loaded["video"], engine="draft")
    second = mmaudio(one, "Generator B: MMAudio", loaded["video"])
    for letter, sound in (("A", first), ("B", second)):
        judge(two, loaded["video"], sound["audio"], "rules", f"Voice-over in {letter}?")
        three.node("DeepSoundScore", f"Score of {letter}", audio=sound["audio"], video=loaded["video"])
    both = sheet.group("See and hear", 560)
    both.note("Keys A and B switch between the two, equally loud: A stands at *coarse*, B at *final*.")
    both.node("DeepSoundCompare", "A and B", video=loaded["video"], coarse=first["audio"], final=second["audio"])
    end = sheet.group("Save")
    for letter, sound in (("A", first), ("B", second)):
        save(end, loaded["video"], sound["audio"], f"generator_{letter.lower()}", f"Save {letter}")


def another_generator(sheet: Sheet) -> None:
    """Steps 2 to 4 for a sound that another pack made, with core nodes around them."""
    about(
        sheet,
        f"## Somebody else's generator\n\nSteps 2 to 4 for the sound of any generator: HunyuanVideo-Foley, "
        f"ThinkSound, LTX, a closed service, a recording. Whatever gives an AUDIO can be wired in.\n\nHere "
        f"core's *Get Video Components* stands where that generator would be, and gives the video's own "
        f"sound.\n\n{NO_WEIGHTS}",
    )
    video, one, two, three, four, end = map(
        sheet.group,
        ("The video", "Step 1: another generator", "Step 2: judge", "Step 3: remove", "Step 4: fall back", "Save"),
    )
    loaded = video.node("LoadVideo", "Load Video (core)", file=NARRATED)
    one.note("**Replace this node** by the generator of another pack, and connect its AUDIO where this one's goes.")
    made = one.node("GetVideoComponents", "Another generator's AUDIO", video=loaded["video"])
    verdict = judge(two, loaded["video"], made["audio"], "rules")
    spans = verdict["segments"]
    parts = separate(three, made["audio"], "dtln", spans=spans)
    sounds = {"coarse": made["audio"], "background": parts["background"]}
    final = choose(four, "rep", verdict["voice_over"], **sounds, spans=spans)
    save(end, loaded["video"], final["audio"], "another")
    compare(sheet, loaded["video"], made["audio"], final["audio"], voice=parts["voice"])


def api_automation(sheet: Sheet) -> None:
    """The shortest graph for programs: three nodes, every setting on one of them."""
    about(
        sheet,
        f"## For programs\n\nThree nodes with every setting on the middle one: a graph to send from a "
        f"program. `workflows/api/api_automation.json` is this graph as the server takes it;\n\n`deepsound "
        f"comfy submit workflows/api/api_automation.json --video clip.mp4`\n\nuploads, runs and fetches, and "
        f"`demo/comfy_client.py` is a client of ten lines.\n\n{NO_WEIGHTS}",
    )
    video, steps, end = sheet.group("The video"), sheet.group("All steps", 560), sheet.group("Save")
    loaded = load(video, SILENT)
    steps.note("`auto` takes the video's own sound if it has one, and drafts one if not.")
    made = steps.node("DeepSoundPipeline", "All steps", video=loaded["video"], save=False)
    save(end, loaded["video"], made["audio"], "api")


def best_of_four(sheet: Sheet) -> None:
    """Four drafts from four seeds, the best of which is saved."""
    about(
        sheet,
        f"## Best of four\n\nFour sounds for one video, from four seeds. *Best Take* ranks them: free of voices first, "
        f"then in sync with what is seen. Play each on its panel; a star overrules.\n\n{NO_WEIGHTS}\n\nWith MMAudio, "
        f"one node with *takes* 4 stands for the four: its batch goes into *audio*.\n\nPress *Run*.",
    )
    video, one, two, end = map(sheet.group, ("The video", "Four takes", "The best", "Save"))
    loaded = load(video)
    takes = [
        one.node("DeepSoundGenerateAudio", f"Take {number}", video=loaded["video"], engine="draft", seed=41 + number)
        for number in range(1, 5)
    ]
    two.note("*pick* says what counts. Click a star to take another one.")
    names = ("audio", "audio_2", "audio_3", "audio_4")
    sounds = {name: take["audio"] for name, take in zip(names, takes, strict=True)}
    best = two.node("DeepSoundBestTake", "Best take", video=loaded["video"], pick="auto", **sounds)
    show(two, best["table"], "The figures of every take")
    save(end, loaded["video"], best["best"], "best")
