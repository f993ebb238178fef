"""Tests of engine selection by preset and weights on disk, in every combination."""

import itertools
import re
from pathlib import Path

import pytest

from deepsound import Pipeline, engines
from deepsound.errors import EngineError, InputError
from deepsound.media.clip import Clip
from deepsound.presets import PRESETS, preset
from deepsound.runtime.execution import Execution
from deepsound.selection import EMBEDDED, PREFERRED, choose_regenerator, select
from deepsound.types import GenerationRequest, SeparationSettings
from deepsound.weights.catalogue import Weights, needed_by
from deepsound.weights.locate import target
from deepsound.weights.missing import MissingWeightsError, missing_weights
from deepsound.weights.search_paths import SearchPaths, default_search_paths
from tests import fakes

AUTO = ("auto", "auto", "auto")


@pytest.fixture
def own_home(monkeypatch, tmp_path) -> SearchPaths:
    """A cache of its own, an empty working folder, and weights that would fail to be read."""
    monkeypatch.setenv("DEEPSOUND_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("COMFYUI_PATH", raising=False)
    monkeypatch.setattr("deepsound.weights.search_paths._registered_folders", ())
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return default_search_paths()


def put(engine: str, places: SearchPaths) -> None:
    """Files named as an engine's weights, with nothing in them that could be loaded."""
    for entry in needed_by(engine):
        goal = target(entry, places)
        for pattern in entry.holds or ("",):
            path = goal / pattern.split("|")[0].replace("*", "model") if pattern else goal
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"no tensors")


def chosen(clip: Clip, name: str = "auto", names=AUTO, **execution):
    return select(clip, names, preset(name), Execution(**execution))


COMBINATIONS = list(itertools.product((False, True), repeat=4))


@pytest.mark.parametrize(("generator", "reasoner", "separator", "has_sound"), COMBINATIONS)
def test_auto_takes_what_is_at_hand(own_home, make_video, tone, generator, reasoner, separator, has_sound):
    here = {"generator": generator, "reasoner": reasoner, "separator": separator}
    for kind, is_here in here.items():
        if is_here:
            put(PREFERRED[kind][0], own_home)
    selection = chosen(Clip.open(make_video(audio=tone() if has_sound else None)))
    expected = {kind: PREFERRED[kind][0] if is_here else EMBEDDED[kind] for kind, is_here in here.items()}
    if has_sound:
        expected["generator"] = "source"
    made = {kind: getattr(selection.choices, kind) for kind in engines.KINDS}
    assert {kind: choice.name for kind, choice in made.items()} == expected
    assert all(choice.why for choice in made.values())
    missing = {
        name for kind, name in ((kind, PREFERRED[kind][0]) for kind in here) if expected[kind] in EMBEDDED.values()
    }
    if not missing:
        assert selection.notes == ()
    else:
        (note,) = selection.notes
        assert {name for name in (PREFERRED[kind][0] for kind in here) if name in note} == missing
        assert "`deepsound models download" in note and "licence:" in note and " GB" in note


@pytest.mark.parametrize(
    ("kind", "names"), [(kind, names[number:]) for kind, names in PREFERRED.items() for number in range(len(names))]
)
def test_auto_takes_the_best_of_what_is_at_hand(own_home, make_video, kind, names):
    for name in names:
        put(name, own_home)
    choice = getattr(chosen(Clip.open(make_video())).choices, kind)
    assert choice.name == names[0] and "published weights are on this machine" in choice.why


def test_an_engine_of_which_a_part_is_missing_or_whose_library_is_missing_is_not_at_hand(
    own_home, make_video, monkeypatch
):
    put("mmaudio_small_16k", own_home)
    (own_home.cache / "mmaudio" / "best_netG.pt").unlink()
    put("foleycrafter", own_home)
    clip = Clip.open(make_video())
    assert chosen(clip).choices.generator.name == "foleycrafter"
    monkeypatch.setattr("deepsound.selection.find_spec", lambda name: None)
    assert chosen(clip).choices.generator.name == "draft"


def test_what_is_better_and_missing_is_noted_once_in_the_outcome(own_home, make_video):
    outcome = Pipeline().run_in_memory(Clip.open(make_video()))
    (note,) = [note for note in outcome.notes if "not on this machine" in note]
    assert all(names[0] in note for names in PREFERRED.values())


def test_weights_by_an_explicit_path_are_at_hand_and_a_wrong_path_is_an_error(own_home, make_video, tmp_path):
    file = tmp_path / "mine.ckpt"
    clip = Clip.open(make_video())
    with pytest.raises(EngineError, match="there is no such file"):
        chosen(clip, weights={"bs_roformer/ep_317": file})
    file.write_bytes(b"x")
    assert chosen(clip, weights={"bs_roformer/ep_317": file}).choices.separator.name == "bs_roformer"


def test_two_variants_of_one_file_are_said_and_copies_of_one_are_not(own_home, make_video):
    put("mmaudio_large_44k_v2", own_home)
    folder = own_home.cache / "mmaudio"
    clip = Clip.open(make_video())
    used = "mmaudio/large_44k_v2 is on this machine"
    assert not any(used in note for note in chosen(clip).notes)
    (folder / "mmaudio_large_44k_v2_fp16.safetensors").write_bytes(b"half")
    (said,) = [note for note in chosen(clip).notes if used in note]
    assert "in 2 files" in said and "mmaudio_large_44k_v2.pth is used, not" in said and "_fp16.safetensors" in said


HALF = "half of it"
GENERATORS = (*PREFERRED["generator"], HALF, None)
REASONERS = (*PREFERRED["reasoner"], HALF, None)
SEPARATORS = (*PREFERRED["separator"], None)


def own_entry(engine: str) -> Weights:
    """What the fewest other engines need too."""
    return min(needed_by(engine), key=lambda entry: len(entry.engines))


def put_half(engine: str, places: SearchPaths) -> None:
    """All but the checkpoint that is the engine's own, of a folder all but its shards."""
    put(engine, places)
    own = target(own_entry(engine), places)
    for path in own.glob("*.safetensors") if own.is_dir() else (own,):
        path.unlink()


@pytest.mark.parametrize("generator", GENERATORS)
def test_auto_for_every_generator_with_every_judge_and_separator(
    monkeypatch, make_video, tmp_path, own_home, generator
):
    """Every published engine alone, half there or absent, beside each of the others: what is taken, and one note."""
    clip = Clip.open(make_video())
    for number, (reasoner, separator) in enumerate(itertools.product(REASONERS, SEPARATORS)):
        monkeypatch.setenv("DEEPSOUND_HOME", str(tmp_path / str(number)))
        places = default_search_paths()
        here = dict(zip(engines.KINDS, (generator, reasoner, separator), strict=True))
        for kind, name in here.items():
            if name == HALF:
                put_half(PREFERRED[kind][0], places)
            elif name is not None:
                put(name, places)
        selection = chosen(clip)
        taken = {kind: getattr(selection.choices, kind).name for kind in here}
        expected = {kind: EMBEDDED[kind] if name in (HALF, None) else name for kind, name in here.items()}
        assert taken == expected, here
        better = [PREFERRED[kind][0] for kind in here if taken[kind] != PREFERRED[kind][0]]
        missing = missing_weights(better, places)
        if missing is None:
            assert selection.notes == (), here
            continue
        (note,) = selection.notes
        # The engines stand twice: in the list, and in the command where all of them is missing.
        listed, _, command = note.partition("`")
        named = [name for name in better if re.search(rf"\b{name}\b", listed)]
        assert named == better and all(len(re.findall(rf"\b{name}\b", listed)) == 1 for name in better), (here, note)
        assert listed.count(missing.size_text) == 1 and note.count("deepsound models download") == 1, (here, note)
        licences = listed.rpartition("licence: ")[2].rstrip(". ").rstrip(")").split("; ")
        assert licences == list(missing.licences) and len(set(licences)) == len(licences), (here, note)
        assert f"`{command}".startswith(f"`{missing.command}`"), (here, note)


@pytest.mark.parametrize("engine", [*PREFERRED["generator"][:-1], "bs_roformer"])
def test_two_variants_of_an_engine_s_own_file_are_said_once_beside_whatever_else_is_here(own_home, make_video, engine):
    """One in the cache and another in the original's folder `pretrained/`; copies of one file are none of that."""
    entry = own_entry(engine)
    put(engine, own_home)
    put("videollama2_qa", own_home)
    inside = next(place for place in entry.layouts["projects"] if place.startswith("pretrained/"))
    other = Path(inside + target(entry, own_home).suffix)
    other.parent.mkdir(parents=True)
    clip = Clip.open(make_video())
    other.write_bytes(target(entry, own_home).read_bytes())
    assert not any("is on this machine in" in note for note in chosen(clip).notes)
    other.write_bytes(b"another variant")
    selection = chosen(clip)
    assert engine in (selection.choices.generator.name, selection.choices.separator.name)
    (said,) = [note for note in selection.notes if "is on this machine in" in note]
    assert said.startswith(f"{entry.id} is on this machine in 2 files") and f"--weights {entry.id}=PATH" in said


def test_the_published_preset_names_the_paper_s_engines_and_settings(own_home, make_video, tone):
    for name in ("mmaudio_medium_44k", "videollama2_cot", "bs_roformer"):
        put(name, own_home)
    selection = chosen(Clip.open(make_video(audio=tone())), "published")
    choices = selection.choices
    assert (choices.generator.name, choices.reasoner.name, choices.separator.name) == (
        "mmaudio_medium_44k",
        "videollama2_cot",
        "bs_roformer",
    )
    assert any("own sound is replaced" in note for note in selection.notes)
    row = preset("published")
    assert row.preferences.model_plan and row.separation.mode == "published" and row.replaces_negative_prompt


def test_the_embedded_preset_uses_no_weights_that_are_there(own_home, make_video, tone):
    for names in PREFERRED.values():
        put(names[0], own_home)
    silent, heard = Clip.open(make_video("a.mp4")), Clip.open(make_video("b.mp4", audio=tone()))
    for clip, generator in ((silent, "draft"), (heard, "source")):
        selection = chosen(clip, "embedded")
        made = selection.choices
        assert (made.generator.name, made.reasoner.name, made.separator.name) == (
            generator,
            "rules",
            "dtln",
        )
        assert selection.notes == ()


@pytest.mark.parametrize("name", ["published", "best"])
def test_a_preset_whose_weights_are_half_there_names_all_that_is_missing(own_home, make_video, name):
    """Before any work, and not the separator's after the generator has run."""
    put(preset(name).generator, own_home)
    with pytest.raises(MissingWeightsError) as caught:
        Pipeline(preset=name).run_in_memory(Clip.open(make_video()))
    said = str(caught.value)
    assert "videollama2_cot and bs_roformer" in said and preset(name).generator not in said
    assert f"The preset {name!r} needs all of them" in said
    assert "`deepsound models download videollama2_cot bs_roformer`" in said


@pytest.mark.parametrize("row", PRESETS, ids=lambda row: row.name)
def test_an_engine_that_is_named_beats_the_preset(own_home, make_video, row):
    names = ("draft", "rules", "spectral")
    made = chosen(Clip.open(make_video()), row.name, names).choices
    assert (made.generator.name, made.reasoner.name, made.separator.name) == names
    assert not any((made.generator.why, made.reasoner.why, made.separator.why))


def test_an_unknown_preset_names_those_there_are():
    with pytest.raises(InputError, match="preset is 'paper'; choose one of: auto, published, best, embedded"):
        Pipeline(preset="paper")


@pytest.mark.parametrize(("name", "asked"), [("published", "human voice"), ("auto", "music, human voice")])
def test_the_published_fallback_replaces_the_negative_prompt(make_video, name, asked):
    outcome = Pipeline("noise", "yes", "silencing", preset=name).run_in_memory(
        Clip.open(make_video()), GenerationRequest(negative_prompt="music")
    )
    assert [request.negative_prompt for request in fakes.Generator.requests] == ["music", asked]
    assert any("in place of 'music'" in note for note in outcome.notes) == (name == "published")


def test_a_separator_that_has_no_settings_says_that_they_are_not_used(make_video):
    outcome = Pipeline("noise", "yes", "halving", separation=SeparationSettings("published")).run_in_memory(
        Clip.open(make_video())
    )
    assert "halving does not use the separator's settings (mode, augmentation, overlap, batch)." in outcome.notes


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        (SeparationSettings("fast"), "separator mode is 'fast'; choose one of: equal_overlap, published"),
        (SeparationSettings("published", overlap_s=2.0), "overlap is 2 s"),
        (SeparationSettings(overlap_s=-1.0), "overlap is -1 s"),
        (SeparationSettings(batch=0), "batch is 0"),
    ],
)
def test_impossible_settings_of_a_separator_are_refused(settings, says):
    with pytest.raises(InputError, match=says):
        engines.separator("bs_roformer_tiny", settings=settings)


def test_impossible_settings_of_a_separator_are_refused_before_a_sound_is_generated(make_video):
    """They were refused when the separator's turn came, after the generator and the judge."""
    impossible = SeparationSettings("published", overlap_s=1.0)
    with pytest.raises(InputError, match="overlap is 1 s"):
        Pipeline("noise", "no", "bs_roformer_tiny", separation=impossible).run_in_memory(Clip.open(make_video()))
    assert not fakes.Generator.requests


def test_settings_of_a_separator_reach_its_chunks():
    made = engines.separator("bs_roformer", settings=SeparationSettings("published", True, None, 2))
    assert (made.mode, made.augment, made.batch, made.overlap_s) == ("published", True, 2, None)
    made = engines.separator("bs_roformer_tiny", settings=SeparationSettings(overlap_s=0.5))
    assert (made.mode, made.augment, made.gated, made.overlap_s) == ("equal_overlap", False, True, 0.5)


def test_settings_reach_the_generator_that_they_are_for_and_others_say_so(make_video, monkeypatch):
    class Adjusted(fakes.Generator):
        def adjust(self, settings):
            given.append(settings)

    given: list[object] = []
    monkeypatch.setattr(fakes, "Generator", Adjusted)
    clip = Clip.open(make_video())
    own = Pipeline("noise", "no", "halving", generator_settings={"noise": "mine", "foleycrafter": "theirs"})
    assert own.run_in_memory(clip).notes == ("The settings for foleycrafter are not used: the generator is noise.",)
    assert given == ["mine"]


@pytest.mark.parametrize(
    ("name", "here", "expected"),
    [
        ("auto", ("mmaudio_small_16k", "mmaudio_medium_44k"), "mmaudio_medium_44k"),
        ("published", ("mmaudio_large_44k_v2", "mmaudio_medium_44k"), "mmaudio_medium_44k"),
        ("published", ("mmaudio_large_44k_v2",), "mmaudio_large_44k_v2"),
        ("embedded", ("mmaudio_large_44k_v2",), "draft"),
        ("auto", (), "draft"),
    ],
)
def test_neg_after_a_sound_that_cannot_be_made_again_takes_the_best_generator_at_hand(own_home, name, here, expected):
    """0.3.0's successor always took `draft`, whatever published weights were there."""
    for engine in here:
        put(engine, own_home)
    choice = choose_regenerator("source", preset(name), Execution())
    assert choice.name == expected and "'source' cannot generate again without voices" in choice.why
    assert ("its published weights are on this machine" in choice.why) == (expected != "draft")


def test_the_generator_that_neg_takes_instead_avoids_voices_and_is_named(make_video, tone, monkeypatch):
    monkeypatch.setitem(PREFERRED, "generator", ("noise",))
    outcome = Pipeline("source", "yes", "silencing").run_in_memory(Clip.open(make_video(audio=tone())))
    assert outcome.regenerated_by.name == "noise" and outcome.final_from == "regenerated"
    assert [request.negative_prompt for request in fakes.Generator.requests] == ["human voice"]
    assert any(note.endswith("'noise' made the sound.") for note in outcome.notes)


def test_where_that_generator_fails_the_embedded_one_makes_the_sound(own_home, make_video, tone):
    put("mmaudio_small_16k", own_home)
    outcome = Pipeline("source", "yes", "silencing").run_in_memory(Clip.open(make_video(audio=tone())))
    assert outcome.regenerated_by.name == "draft"
    assert any("'mmaudio_small_16k' failed (" in note and "'draft' made" in note for note in outcome.notes)


def test_the_record_says_the_preset_and_what_the_engines_worked_with(make_video):
    pipeline = Pipeline("noise", "yes", "bs_roformer_tiny", separation=SeparationSettings(overlap_s=0.5))
    outcome = pipeline.run_in_memory(Clip.open(make_video()))
    assert outcome.preset == "auto"
    used = outcome.engine_settings["bs_roformer_tiny"]
    assert (used["mode"], used["tta"], used["overlap_s"]) == ("equal_overlap", False, 0.5) and used["batch"] >= 1
    published = engines.separator("bs_roformer", settings=SeparationSettings("published", True, None, 2))
    assert engines.settings_in_use(published) == {"mode": "published", "tta": True, "overlap_s": None, "batch": 2}
