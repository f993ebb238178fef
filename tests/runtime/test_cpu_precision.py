"""Tests of `auto` precision on a CPU: instructions, cached measurement, variable."""

import json

import pytest
import torch

from deepsound import engines
from deepsound.runtime import cpu_precision
from deepsound.runtime.execution import Execution, report_precision, torch_dtype
from deepsound.runtime.progress import Progress, ProgressEvent
from deepsound.types import Audio

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def measured_anew(monkeypatch, tmp_path):
    monkeypatch.delenv(cpu_precision.VARIABLE, raising=False)
    monkeypatch.setenv("DEEPSOUND_HOME", str(tmp_path / "home"))
    cpu_precision._ratio.cache_clear()
    cpu_precision.has_bf16_products.cache_clear()
    instructions = cpu_precision.has_bf16_products
    yield
    cpu_precision._ratio.cache_clear()
    instructions.cache_clear()


@pytest.fixture
def ratio(monkeypatch):
    """Let the CPU have bf16 products that are so many times as fast: ratio(2.0); counts measurements."""
    calls = []

    def settle(value: float) -> list[float]:
        monkeypatch.setattr(cpu_precision, "has_bf16_products", lambda: True)
        monkeypatch.setattr(cpu_precision, "measured_ratio", lambda: calls.append(value) or value)
        return calls

    return settle


@pytest.mark.parametrize(("times", "dtype"), [(3.0, torch.bfloat16), (1.5, torch.bfloat16), (1.1, torch.float32)])
def test_auto_is_bf16_on_a_cpu_that_is_fast_in_it_and_else_fp32(ratio, times, dtype):
    ratio(times)
    assert torch_dtype(Execution(), CPU) == dtype


def test_a_cpu_without_the_instructions_is_not_measured(ratio, monkeypatch):
    calls = ratio(9.0)
    monkeypatch.setattr(cpu_precision, "has_bf16_products", lambda: False)
    assert torch_dtype(Execution(), CPU) == torch.float32
    assert calls == []


def test_the_measurement_is_made_once_and_kept_for_this_machine(ratio, tmp_path):
    calls = ratio(2.0)
    for _ in range(2):
        assert cpu_precision.cpu_is_fast_in_bf16()
        cpu_precision._ratio.cache_clear()
    assert calls == [2.0]
    assert json.loads((tmp_path / "home" / "cpu_precision.json").read_text()) == {cpu_precision.machine_name(): 2.0}


@pytest.mark.parametrize("text", ["", "[]", "{", "[" * 5000, '{"x": null}'])
def test_a_damaged_note_of_it_is_measured_again(ratio, tmp_path, text):
    path = tmp_path / "home" / "cpu_precision.json"
    path.parent.mkdir()
    path.write_text(text)
    assert ratio(2.0) == []
    assert cpu_precision.cpu_is_fast_in_bf16()


def test_a_cache_that_cannot_be_written_is_no_error(ratio, tmp_path):
    (tmp_path / "home").write_text("a file where the folder would be")
    ratio(2.0)
    assert cpu_precision.cpu_is_fast_in_bf16()


@pytest.mark.parametrize(("value", "dtype"), [("fp32", torch.float32), ("bf16", torch.bfloat16)])
def test_a_variable_settles_it_without_measuring(ratio, monkeypatch, value, dtype):
    calls = ratio(1.0)
    monkeypatch.setenv(cpu_precision.VARIABLE, value)
    assert torch_dtype(Execution(), CPU) == dtype
    assert calls == []


def test_a_precision_that_is_named_is_taken_whatever_the_cpu(ratio):
    ratio(9.0)
    assert torch_dtype(Execution(precision="fp32"), CPU) == torch.float32


def test_the_real_measurement_is_a_positive_number():
    assert 0 < cpu_precision.measured_ratio() < 1000


@pytest.mark.parametrize(
    ("precision", "settled", "used", "noted"),
    [("auto", "bf16", "bf16", True), ("auto", "fp32", "fp32", False), ("bf16", "fp32", "bf16", False)],
)
def test_the_precision_that_auto_took_is_in_the_record_and_what_it_gave_up_in_a_note(
    monkeypatch, precision, settled, used, noted
):
    monkeypatch.setenv(cpu_precision.VARIABLE, settled)
    execution = Execution(precision=precision)
    events: list[ProgressEvent] = []
    dtype = torch_dtype(execution, CPU)
    found = report_precision("an engine", execution, CPU, dtype, Progress(on_event=events.append))
    assert found == {"device": "cpu", "precision": used}
    assert [event.is_note for event in events] == [True] * noted
    assert all("an engine computed in bf16" in event.text and "precision fp32" in event.text for event in events)


def test_a_separator_that_auto_runs_in_bf16_says_so_in_its_settings_and_notes(monkeypatch):
    monkeypatch.setenv(cpu_precision.VARIABLE, "bf16")
    separator = engines.separator("bs_roformer_tiny", Execution(device="cpu"))
    monkeypatch.setattr(separator, "gated", False)
    assert "precision" not in engines.settings_in_use(separator)
    events: list[ProgressEvent] = []
    sound = Audio(torch.rand(1, 8000, generator=torch.Generator().manual_seed(1)) - 0.5, 16000)
    separator.separate(sound, Progress(on_event=events.append))
    assert engines.settings_in_use(separator)["precision"] == "bf16"
    assert [event.text for event in events if event.is_note and "bs_roformer_tiny computed in bf16" in event.text]
