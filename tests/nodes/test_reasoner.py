"""Tests of the reasoner nodes on a tiny model in ComfyUI's models folder."""

import pytest
import torch

from deepsound.errors import EngineError, InputError
from deepsound.runtime.model_cache import model_cache
from tests.nodes.test_nodes import judge
from tests.nodes.test_nodes import judge as judge_node
from tests.reason.server.fake_judge import FakeJudge
from tests.reason.videollama2 import tiny

SCRIPT = (
    "<SUMMARY> I look.</SUMMARY>\n",
    "<CAPTION> Rain, <b>and</b> a voice.</CAPTION>\n",
    "<REASONING> I detect that the audio contains a voice-over. </REASONING>\n",
    "<CONCLUSION>",
    " A ",
    "</CONCLUSION>",
)


@pytest.fixture
def model(host, no_other_weights):
    folder = host.root / "models" / "videollama2" / "VideoLLaMA2.1-7B-AV-CoT"
    folder.parent.mkdir(parents=True)
    return tiny.write(folder, script=SCRIPT)


@pytest.fixture
def video(load_video):
    return load_video(seconds=2.0)


def test_the_judgement_comes_out_whole_and_is_shown_as_it_is_written(nodes, model, video, host):
    output = judge(nodes, video, "videollama2_cot")
    assert output.args[:2] == ([True], ["yes"])
    assert output.args[4:8] == (
        ["I look."],
        ["Rain, <b>and</b> a voice."],
        ["I detect that the audio contains a voice-over."],
        ["A"],
    )
    assert output.args[8] == ["".join(SCRIPT)]
    written = [text for _, text in host.texts]
    assert len(written) >= 4 and not any("<b>" in text for text in written), "what a model wrote is never markup"


def test_the_model_lives_in_comfyui_s_memory_and_leaves_with_it(nodes, model, video, host):
    judge(nodes, video, "videollama2_cot")
    assert host.memory.current_loaded_models and model_cache().report()
    host.memory.unload_all_models()
    assert model_cache().report() == []


def test_the_plan_card_asks_the_model_only_when_told_to(nodes, model, video, host):
    node = nodes["DeepSoundCoTPlan"]
    (fixed,) = node.execute(video, "videollama2_cot", False, "auto", False, False).args
    assert fixed.startswith("Step1: Generate audio") and model_cache().report() == []
    (asked,) = node.execute(video, "videollama2_cot", True, "auto", False, False).args
    assert len(asked.splitlines()) == 4 and model_cache().report()


def test_a_model_that_is_not_there_is_named(nodes, model, video):
    with pytest.raises(EngineError, match="videollama2/av_qa"):
        judge(nodes, video, "videollama2_qa")


def test_each_of_several_takes_has_a_verdict_of_its_own(nodes, model, video):
    """0.3.0 refused a batch, so that several takes ended at step 2."""
    batch = {"waveform": torch.rand(2, 1, 16000) * 0.1, "sample_rate": 16000}
    output = nodes["DeepSoundVoiceOverCoT"].execute(
        video, batch, "videollama2_cot", "no", True, False, "auto", False, False
    )
    assert output.args[0] == [True, True] and all(len(column) == 2 for column in output.args)
    assert [row["verdict"] for row in output.ui["deepsound"]] == ["yes", "yes"]


def test_local_multimodal_models_are_on_the_menu_and_judge(nodes, host, no_other_weights, video, monkeypatch):
    pytest.importorskip("transformers", "5.0", reason="AutoModelForMultimodalLM came with transformers 5")
    from tests.reason.omni import tiny as omni

    monkeypatch.setattr("deepsound.reason.omni.engine._MOST_TOKENS", 8)
    for write in (omni.qwen2_audio, omni.qwen2_vl, omni.qwen3_omni):
        write(host.root / "models" / "omni" / write.__name__)
        menu = next(each for each in nodes["DeepSoundVoiceOverCoT"].define_schema().inputs if each.id == "engine")
        assert f"omni:{write.__name__}" in menu.options
        output = judge(nodes, video, f"omni:{write.__name__}")
        assert output.args[:2] == ([False], ["undecided"]) and output.args[8][0]


def test_a_configured_server_is_on_the_menu_by_name_and_no_other_is_asked(nodes, host, video, monkeypatch):
    with FakeJudge() as judge, FakeJudge() as other:
        monkeypatch.setenv("DEEPSOUND_SERVER_URL", judge.url)
        monkeypatch.setenv("DEEPSOUND_SERVER_KEY", "sk-secret-0123456789")
        schema = nodes["DeepSoundVoiceOverCoT"].define_schema()
        menu = next(each for each in schema.inputs if each.id == "engine")
        assert "server:default" in menu.options
        assert "sk-secret" not in repr(vars(menu)) and judge.origin not in repr(vars(menu))
        output = judge_node(nodes, video, "server:default")
        assert output.args[:3] == ([True], ["yes"], ["Yes"])
        assert "sk-secret" not in repr((output.args, output.ui)) and judge.origin not in repr((output.args, output.ui))
        with pytest.raises(InputError, match="expected the name of a configured server"):
            judge_node(nodes, video, f"server:{other.url}")
        assert not other.paths
