"""Gate: engine capabilities are found by protocols, never by attribute look-up."""

import ast
from pathlib import Path

import pytest

from deepsound import contracts, engine_protocols, engines, plugins
from deepsound.errors import EngineError
from deepsound.runtime.progress import Progress
from deepsound.types import Audio, GenerationRequest
from tests import fakes

ROOT = Path(__file__).parents[2]
CAPABILITIES = {
    *("views", "configure", "prefer", "files", "takes", "adjust", "done", "start", "generate", "plan", "judge"),
    *("separate", "uses_negative_prompt", "request_notes", "execution", "preferences"),
}
PROTOCOLS = {
    name: value
    for name, value in vars(engine_protocols).items()
    if name.startswith("Supports") or name in ("Generator", "Reasoner", "Separator")
}


@pytest.mark.parametrize("folder", ["deepsound", "nodes"])
def test_no_engine_is_probed_by_getattr_or_hasattr(folder):
    """0.3.0 called `views`, `configure`, `prefer`, `files` by getattr, and two nodes wrote `engine: Any`."""
    for path in (ROOT / folder).rglob("*.py"):
        where = path.relative_to(ROOT)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name)
                and node.func.id in ("getattr", "hasattr")
            ):
                name = node.args[1].value if isinstance(node.args[1], ast.Constant) else None
                assert name not in CAPABILITIES, f"{where}:{node.lineno} looks for {name!r}; use a Supports... protocol"
            if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.target.id == "engine":
                assert ast.unparse(node.annotation) != "Any", f"{where}:{node.lineno} hides an engine's type"


def test_protocols_can_be_tested_for_and_are_documented():
    document = (ROOT / "docs" / "plugins.md").read_text(encoding="utf-8")
    for name, protocol in PROTOCOLS.items():
        assert protocol._is_protocol and protocol._is_runtime_protocol, name
        assert protocol.__doc__, name
        if name.startswith("Supports"):
            assert f"`{name}`" in document, f"docs/plugins.md does not mention {name}"


@pytest.mark.parametrize("info", engines.EMBEDDED + engines.PUBLISHED, ids=lambda info: info.name)
def test_every_engine_of_our_own_is_what_it_says(info):
    engine = getattr(engines, info.kind)(info.name)
    assert isinstance(engine, PROTOCOLS[info.kind.capitalize()])
    contracts.require_views(engines.views(engine), info.name)
    if info.kind == "generator":
        assert isinstance(engine, engine_protocols.SupportsRequestNotes)
        assert isinstance(engine, engine_protocols.SupportsNegativePrompt)
        assert engines.uses_negative_prompt(engine) == (info.name != "source")
    if info.name.startswith(("mmaudio", "foleycrafter", "seeing_hearing")):
        assert engines.require_takes(engine, info.name) is engine


def test_an_engine_of_the_old_form_offers_nothing_and_works(make_video):
    from deepsound.media.clip import Clip

    engine = fakes.Generator()
    assert engines.views(engine) == () and engines.files(engine) == {}
    assert engines.uses_negative_prompt(engine) and engines.request_notes(engine, GenerationRequest(steps=3)) == ()
    guarded = plugins._GuardedGenerator(engine, "The generator 'old' of pack 1.0")
    assert guarded.views == () and guarded.files() == {} and guarded.uses_negative_prompt
    assert isinstance(guarded.generate(Clip.open(make_video()), GenerationRequest(), Progress()), Audio)
    with pytest.raises(EngineError, match=r"'old' makes one sound at a time \(it has no takes"):
        engines.require_takes(engine, "old")
    with pytest.raises(EngineError, match=r"'old' has no settings of its own"):
        engines.require_settings(engine, "old")


class Deaf(engine_protocols.GeneratorBase, fakes.Generator):
    name = "deaf"
    ignores = frozenset({"prompt", "guidance"})


def test_the_base_class_says_what_was_given_for_nothing():
    assert Deaf().request_notes(GenerationRequest("rain", guidance=2.0)) == (
        "deaf does not use the prompt and the guidance strength.",
    )
    assert Deaf().request_notes(GenerationRequest(negative_prompt="wind", steps=4)) == ()
    assert Deaf().uses_negative_prompt


class Talkative(fakes.Generator):
    def request_notes(self, request):
        return "one sentence"


def test_notes_of_a_plug_in_that_are_no_list_name_it():
    guarded = plugins._GuardedGenerator(Talkative(), "The generator 'talk' of pack 1.0")
    with pytest.raises(EngineError, match=r"'talk' of pack 1\.0 returned str in request_notes\(\)"):
        guarded.request_notes(GenerationRequest())
