"""Tests of DeepSound-V1's folder `pretrained/` and ComfyUI's folders with every engine."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from deepsound.cli.main import main
from deepsound.runtime.feature_cache import feature_cache
from deepsound.runtime.model_cache import model_cache
from deepsound.types import Audio
from deepsound.weights.catalogue import needed_by, weights
from deepsound.weights.locate import find
from tests import pretrained


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return pretrained.write(tmp_path_factory.mktemp("DeepSound-V1"))


@pytest.fixture(autouse=True)
def in_the_checkout(monkeypatch: pytest.MonkeyPatch, root: Path) -> Iterator[None]:
    pretrained.only_here(monkeypatch, root)
    model_cache().unload()
    feature_cache().clear()
    yield
    model_cache().unload()


def run(clip: Path, out: Path, **flags: str) -> dict:
    given = {"generator": "source", "reasoner": "rules", "separator": "spectral", "device": "cpu", **flags}
    named = [part for name, value in given.items() for part in (f"--{name}", value)]
    assert main(["run", str(clip), *named, "--quiet", "--skip_final_video", "-o", str(out)]) == 0
    return json.loads((out / "clip.result.json").read_text())


@pytest.mark.parametrize("name", pretrained.GENERATORS)
def test_every_generator_runs_from_the_published_layout(root: Path, clip: Path, tmp_path: Path, name: str) -> None:
    """0.3.0 did not find `pretrained/v2a/foleycrafter/checkpoints/...`."""
    made = run(clip, tmp_path / "out", generator=name, steps="1")
    used = [Path(row["path"]) for row in made["weights"] if row["engine"] == name]
    assert used and all(path.is_relative_to(root) for path in used)
    assert all(find(entry) is not None for entry in needed_by(name))


@pytest.mark.parametrize(("mode", "models"), [("cot", {"CoT"}), ("qa", {"CoT", "QA"})])
def test_every_judge_runs_from_the_published_layout(
    root: Path, clip: Path, tmp_path: Path, mode: str, models: set[str]
) -> None:
    """The planner is the CoT model, whichever of the two judges."""
    made = run(clip, tmp_path / "out", step2_mode=mode, plan="model")
    assert made["verdict"] == "yes"
    used = {Path(row["path"]).parent for row in made["weights"] if row["engine"] == f"videollama2_{mode}"}
    assert used == {root / f"pretrained/mllm/VideoLLaMA2.1-7B-AV-{model}" for model in models}


def test_the_separator_runs_from_the_published_layout(root: Path, clip: Path, tmp_path: Path) -> None:
    made = run(clip, tmp_path / "out", step2_mode="cot", step3_mode="bs_roformer")
    (used,) = [Path(row["path"]) for row in made["weights"] if row["engine"] == "bs_roformer"]
    assert used.parent == root / "pretrained/remove_vo/checkpoints" and made["step3_audio_path"]


@pytest.mark.slow
def test_reproduce_makes_the_published_systems_from_the_published_layout(
    make_video: Callable[..., Path], tone: Callable[..., Audio], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The whole command with the published preset's own networks; its sounds are those of `run` on the same clip."""
    (tmp_path / "clips").mkdir()
    for name in ("one", "two"):
        make_video(f"clips/{name}.mp4", fps=25, seconds=0.8, audio=tone(0.8))
    clips, out = str(tmp_path / "clips"), tmp_path / "out"
    published = ["--preset", "published", "--steps", "1", "--device", "cpu", "--quiet"]
    reproduce = ["reproduce", clips, "--gt", clips, "-o", str(out), "--judges", "videollama2_qa", "--only", "voice"]
    assert main([*reproduce, *published, "--json"]) == 0
    tables = json.loads(capsys.readouterr().out)
    made = out / "mmaudio_medium_44k" / "seed_42" / "sets"
    rows = {row["system"]: row["clips"] for row in tables["systems"] if row["reference"] == "original"}
    assert rows == dict.fromkeys(("direct", "direct_neg", "s3", "s4_rm", "s4_rep", "s4_neg"), 2)
    assert [(row["judge"], row["voice_over"]) for row in tables["judges"]] == [
        ("videollama2_cot", 2),
        ("videollama2_qa", 2),
    ]
    assert main(["run", f"{clips}/two.mp4", *published, "--skip_final_video", "-o", str(tmp_path)]) == 0
    by_run = {"direct": "two.step1.wav", "s3": "two.step3.wav", "s4_neg": "two.wav"}
    for system, name in by_run.items():
        assert (made / system / "two.wav").read_bytes() == (tmp_path / name).read_bytes(), system
    assert (made / "direct_neg" / "two.wav").read_bytes() != (made / "direct" / "two.wav").read_bytes()


def test_the_command_line_finds_what_comfyui_finds(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Its models, the folders of extra_model_paths.yaml and the core's own tokenizer."""
    comfyui, disk = tmp_path / "ComfyUI", tmp_path / "disk"
    files = {
        "mmaudio/small_16k": comfyui / "models/mmaudio/mmaudio_small_16k.pth",
        "mmaudio/vae_16k": disk / "mmaudio/v1-16.pth",
        "mel_band_roformer/kim": disk / "unet/MelBandRoformer.ckpt",
        "clip/dfn5b_h14_384": tmp_path / "other/te/apple_DFN5B-CLIP-ViT-H-14-384_fp16.safetensors",
        "clip/bpe": comfyui / "comfy/sd1_tokenizer/merges.txt",
    }
    for path in files.values():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    (comfyui / "extra_model_paths.yaml").write_text(
        f"disk:\n    base_path: {disk}\n    mmaudio: mmaudio\n    unet: |\n        unet/\n        more\n"
        "relative:\n    base_path: ../other\n    text_encoders: te\nempty:\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "no"))
    assert all(find(weights(id)) is None for id in files)
    monkeypatch.setenv("COMFYUI_PATH", str(comfyui))
    assert {id: find(weights(id)) for id in files} == files


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a: [", "cannot be used"),
        ("- a", "expected a table of sections, got list"),
        ("a: 3", "'a' holds no table"),
        ("a:\n  mmaudio: [x]", "expected folders as text for 'mmaudio'"),
        ("a:\n  base_path: 3\n  mmaudio: x", "base_path is 3"),
        ("a: !!python/object/apply:os.system ['true']", "cannot be used"),
        ("#" * 1_000_001, "longer than"),
    ],
)
def test_extra_model_paths_that_cannot_be_read_are_one_sentence(
    monkeypatch: pytest.MonkeyPatch,
    clip: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    text: str,
    says: str,
) -> None:
    (tmp_path / "extra_model_paths.yaml").write_text(text)
    monkeypatch.setenv("COMFYUI_PATH", str(tmp_path))
    assert main(["run", str(clip), "--generator", "mmaudio_small_16k", "--quiet", "-o", str(tmp_path / "out")]) == 4
    assert says in capsys.readouterr().err
