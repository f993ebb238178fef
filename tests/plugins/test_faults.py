"""Tests of broken plug-ins: the error names them, other engines are unharmed."""

import shutil
import sys
import textwrap
import traceback

import pytest

from deepsound import engines, plugins
from deepsound.cli.main import main
from deepsound.errors import Cancelled, EngineError, MediaError
from deepsound.pipeline import Pipeline
from deepsound.runtime.progress import CancelToken, Progress
from deepsound.types import GenerationRequest, Preferences

MODULE = '''
import numpy as np
import torch
from deepsound.errors import InputError, MediaError
from deepsound.types import Audio, ChainOfThought, Judgement, Plan, Span, Stems, Verdict


class Fine:
    def generate(self, clip, request, progress):
        return Audio.from_numpy(np.full(round(clip.duration_s * 16000), 0.1), 16000)


class BadStart:
    def __init__(self):
        raise RuntimeError("no licence")


class BadConfigure(Fine):
    def configure(self, execution):
        raise KeyError("device")


class Raises:
    def generate(self, clip, request, progress):
        return [][3]


class Quits:
    def generate(self, clip, request, progress):
        raise SystemExit(0)


class Says:
    def generate(self, clip, request, progress):
        raise InputError("The prompt is empty; write one.")


class Unreadable:
    def generate(self, clip, request, progress):
        raise MediaError("clip.mp4 cannot be read")


class Sideways:
    def generate(self, clip, request, progress):
        return Audio(torch.zeros(16000, 2), 16000)


class Batched:
    def generate(self, clip, request, progress):
        return Audio(torch.zeros(1, 1, 16000), 16000)


class Empty:
    def generate(self, clip, request, progress):
        return Audio(torch.zeros(1, 0), 16000)


class Array:
    def generate(self, clip, request, progress):
        return np.zeros(16000)


class HalfRate:
    def generate(self, clip, request, progress):
        return Audio(torch.zeros(1, 16000), 22050.5)


class Infinite:
    def generate(self, clip, request, progress):
        return Audio(torch.full((1, 16000), float("inf")), 16000)


class BadViews(Fine):
    views = ("frames",)


class BadFiles(Fine):
    def files(self):
        return ["weights.safetensors"]


class NoMethod:
    pass


class Swallows(Fine):
    """Catches what the user's cancel raises, and goes on."""

    def generate(self, clip, request, progress):
        for _ in range(3):
            try:
                progress.update(0.5)
            except Exception:
                pass
        return super().generate(clip, request, progress)


class TextPlan:
    def plan(self, clip, progress):
        return "Step1: do it"

    def judge(self, clip, audio, progress):
        return True


class TextVerdict(TextPlan):
    def plan(self, clip, progress):
        return Plan("Step1")

    def judge(self, clip, audio, progress):
        return Judgement("yes")


class NoSpans(TextPlan):
    def plan(self, clip, progress):
        return Plan((1, 2))

    def judge(self, clip, audio, progress):
        return Judgement(Verdict.NO, voice_spans=((0.0, 1.0),))


class BadPrefer(TextPlan):
    def prefer(self, preferences):
        raise TypeError("unexpected keyword")


class Nothing:
    def separate(self, audio, progress):
        return None


class Resampled:
    def separate(self, audio, progress):
        return Stems(audio, Audio(audio.waveform, 8000))


class Bare:
    def separate(self, audio, progress):
        return Stems(audio.waveform, audio.waveform)
'''

GENERATORS = {
    "fine": "Fine",
    "bad_start": "BadStart",
    "bad_configure": "BadConfigure",
    "raises": "Raises",
    "quits": "Quits",
    "says": "Says",
    "unreadable": "Unreadable",
    "sideways": "Sideways",
    "batched": "Batched",
    "empty": "Empty",
    "array": "Array",
    "half_rate": "HalfRate",
    "infinite": "Infinite",
    "bad_views": "BadViews",
    "bad_files": "BadFiles",
    "no_method": "NoMethod",
    "swallows": "Swallows",
    "missing": "NoSuchClass",
    "draft": "Fine",
}
REASONERS = {"text_plan": "TextPlan", "text_verdict": "TextVerdict", "no_spans": "NoSpans", "bad_prefer": "BadPrefer"}
SEPARATORS = {"nothing": "Nothing", "resampled": "Resampled", "bare": "Bare"}


def distribution(folder, name, points, summary=""):
    info = folder / f"{name.replace('-', '_')}-1.2.dist-info"
    info.mkdir(parents=True)
    about = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2\n" + (f"Summary: {summary}\n" if summary else "")
    (info / "METADATA").write_text(about)
    (info / "entry_points.txt").write_text(points)


def group(kind, module, rows):
    return f"[deepsound.{kind}s]\n" + "".join(f"{name} = {module}:{target}\n" for name, target in rows.items())


@pytest.fixture
def faulty(tmp_path, monkeypatch):
    """The distribution `faulty-pack 1.2` on the path, and one whose module cannot be imported."""
    site = tmp_path / "site"
    distribution(
        site,
        "faulty-pack",
        "\n".join(
            (
                group("generator", "faulty_pack", GENERATORS),
                group("reasoner", "faulty_pack", REASONERS),
                group("separator", "faulty_pack", SEPARATORS),
            )
        ),
        "broken [in] every way",
    )
    distribution(site, "unimportable", "[deepsound.generators]\nbroken = unimportable:X\nodd = nonsense\nempty =\n")
    (site / "faulty_pack.py").write_text(textwrap.dedent(MODULE))
    (site / "unimportable.py").write_text("raise OSError('libmagic.so cannot be found')\n")
    monkeypatch.syspath_prepend(str(site))
    yield site
    for name in ("faulty_pack", "unimportable"):
        sys.modules.pop(name, None)


@pytest.fixture
def clip(make_video, tone):
    from deepsound.media.clip import Clip

    return Clip.open(make_video("clip.mp4", seconds=0.5, audio=tone(0.5)))


def generate(name, clip, progress=Progress()):
    engine = engines.generator(name)
    clip.expect(*engines.views(engine))
    audio = engine.generate(clip, GenerationRequest(), progress)
    if callable(files := getattr(engine, "files", None)):
        files()
    return audio


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("broken", "OSError: libmagic.so cannot be found"),
        ("odd", "cannot be loaded from nonsense"),
        ("missing", "has no attribute 'NoSuchClass'"),
        ("bad_start", "RuntimeError: no licence"),
        ("bad_configure", "KeyError: 'device'"),
        ("no_method", "has no generate()"),
        ("raises", "IndexError: list index out of range"),
        ("quits", "SystemExit: 0"),
        ("says", "The prompt is empty; write one"),
        ("sideways", "expected audio [channels, samples], got [16000, 2]"),
        ("batched", "got [1, 1, 16000]"),
        ("empty", "waveform of shape [1, 0]"),
        ("array", "returned ndarray; expected Audio"),
        ("half_rate", "sample rate of 22050.5"),
        ("infinite", "are not finite"),
        ("bad_views", "returned str in views"),
        ("bad_files", "returned list in files()"),
    ],
)
def test_a_generator_that_breaks_its_contract_is_named_with_its_package(faulty, clip, name, message):
    with pytest.raises(EngineError) as raised:
        generate(name, clip)
    pack = "unimportable" if name in ("broken", "odd") else "faulty-pack"
    assert str(raised.value).startswith(f"The generator '{name}' of {pack} 1.2 ")
    assert message in str(raised.value)
    assert generate("fine", clip).samples == 8000
    assert engines.generator("draft") is not None


@pytest.mark.parametrize(
    ("name", "planned", "judged"),
    [
        ("text_plan", "returned str; expected Plan", "returned bool; expected Judgement"),
        ("text_verdict", "returned str in Plan.steps", "returned str in Judgement.verdict; expected Verdict"),
        ("no_spans", "returned int in Plan.steps", "returned tuple in Judgement.voice_spans; expected Span"),
    ],
)
def test_a_reasoner_that_breaks_its_contract_is_named(faulty, clip, tone, name, planned, judged):
    engine = engines.reasoner(name)
    with pytest.raises(EngineError, match=f"'{name}' of faulty-pack 1.2.*{planned}"):
        engine.plan(clip, Progress())
    with pytest.raises(EngineError, match=f"'{name}' of faulty-pack 1.2.*{judged}"):
        engine.judge(clip, tone(), Progress())


def test_preferences_that_are_refused_are_an_error_that_names_the_reasoner(faulty):
    with pytest.raises(EngineError, match=r"'bad_prefer' of faulty-pack 1\.2 failed: TypeError: unexpected"):
        engines.reasoner("bad_prefer", preferences=Preferences(model_plan=True))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nothing", "returned NoneType; expected Stems"),
        ("resampled", "at 8000 Hz; expected the mix's"),
        ("bare", "returned Tensor; expected Audio"),
    ],
)
def test_a_separator_that_breaks_its_contract_is_named(faulty, tone, name, message):
    with pytest.raises(EngineError, match=f"'{name}' of faulty-pack 1.2.*{message}"):
        engines.separator(name).separate(tone(), Progress())


def test_the_menu_lists_them_all_and_imports_none(faulty):
    listed = {info.name: info for info in engines.available("generator")}
    assert listed["draft"].origin == "embedded"
    assert listed["faulty-pack:draft"].origin == "faulty-pack 1.2"
    assert listed["fine"].summary == "broken [in] every way"
    assert {"broken", "odd", *GENERATORS} <= set(listed)
    assert "faulty_pack" not in sys.modules and "unimportable" not in sys.modules


def test_one_package_with_unreadable_entry_points_hides_nobody_else(faulty):
    distribution(faulty, "garbled", "no group, no equals sign\n")
    distribution(faulty, "nameless", "[deepsound.generators]\nalone = faulty_pack:Fine\n")
    (faulty / "nameless-1.2.dist-info" / "METADATA").write_text("")
    assert {"draft", "fine", "alone"} <= set(engines.names("generator"))


def test_the_command_line_says_it_in_one_line_and_lists_the_rest(faulty, clip, tmp_path, capsys):
    assert main(["run", str(clip.path), "--generator", "raises", "-o", str(tmp_path / "out"), "--quiet"]) == 4
    message = capsys.readouterr().err
    assert message.count("\n") == 1 and "The generator 'raises' of faulty-pack 1.2 failed: IndexError" in message
    assert list((tmp_path / "out").iterdir()) == []
    assert main(["engines"]) == 0
    assert "faulty-pack" in capsys.readouterr().out


def test_the_cancel_of_the_user_is_nobodys_fault(faulty, clip):
    token = CancelToken()
    token.cancel()
    with pytest.raises(Cancelled):
        generate("swallows", clip, Progress(check=token.check))


def test_the_interruption_of_a_host_comes_out_as_it_was(faulty, clip):
    class InterruptedByHostError(Exception):
        pass

    def check():
        raise InterruptedByHostError("stop")

    with pytest.raises(InterruptedByHostError) as raised:
        generate("swallows", clip, Progress(check=check))
    assert "check" in [frame.name for frame in traceback.extract_tb(raised.value.__traceback__)]


def test_errors_about_files_keep_their_kind(faulty, clip):
    with pytest.raises(MediaError, match=r"clip\.mp4 cannot be read"):
        generate("unreadable", clip)


def test_a_run_with_one_is_like_any_other(faulty, clip):
    outcome = Pipeline("fine").run_in_memory(clip)
    assert outcome.choices.generator.name == "fine" and outcome.coarse.samples == 8000


def test_a_package_that_is_installed_or_removed_meanwhile_is_noticed_and_all_else_is_read_once(faulty, monkeypatch):
    """Every menu of every node read the entry points of all packages anew: a second for the whole pack."""
    assert "late" not in engines.names("generator")
    distribution(faulty, "late-pack", "[deepsound.generators]\nlate = faulty_pack:Fine\n")
    assert "late" in engines.names("generator")
    with monkeypatch.context() as patch:
        patch.setattr("importlib.metadata.distributions", lambda: pytest.fail("read again"))
        assert "late" in engines.names("generator") and "no_spans" in engines.names("reasoner")
    shutil.rmtree(faulty / "late_pack-1.2.dist-info")
    assert "late" not in engines.names("generator")


def test_plug_ins_are_looked_for_wherever_packages_can_lie(tmp_path, monkeypatch):
    """Folders that name no group of ours are passed over; archives, eggs and other finders are asked."""
    monkeypatch.setattr(plugins.sys, "meta_path", [plugins.PathFinder])
    other = tmp_path / "other-1.0.dist-info"
    other.mkdir()
    (other / "entry_points.txt").write_text("[console_scripts]\ndeepsound = deepsound.cli.main:main\n")
    (tmp_path / "no_entry_points-1.0.dist-info").mkdir()
    (tmp_path / "old-1.0.egg-info").write_text("Name: old\n")
    monkeypatch.setattr(plugins.sys, "path", [str(tmp_path), str(tmp_path / "missing")])
    assert not plugins._may_have_plugins()
    (tmp_path / "archive.zip").write_bytes(b"")
    for more in (str(tmp_path / "archive.zip"), str(tmp_path / "some.egg")):
        monkeypatch.setattr(plugins.sys, "path", [str(tmp_path), more])
        assert plugins._may_have_plugins()
    monkeypatch.setattr(plugins.sys, "path", [str(tmp_path)])
    (other / "entry_points.txt").write_text("[deepsound.generators]\nown = pack:Own\n")
    assert plugins._may_have_plugins()
    shutil.rmtree(other)
    assert not plugins._may_have_plugins()

    class Finder:
        def find_distributions(self, context):
            return iter(())

    monkeypatch.setattr(plugins.sys, "meta_path", [plugins.PathFinder, Finder()])
    assert plugins._may_have_plugins()
