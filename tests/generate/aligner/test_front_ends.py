"""Tests of the aligner's front ends: gradients pass through them."""

from __future__ import annotations

import pytest
import torch

from deepsound.generate.aligner.front_ends import audio_windows


def test_gradients_pass_where_a_host_first_imported_kaldi_in_inference_mode(monkeypatch):
    """torchaudio makes a tensor when it is imported, which no gradient passed: every run failed until a restart."""
    kaldi = pytest.importorskip("torchaudio.compliance.kaldi")
    with torch.inference_mode():
        monkeypatch.setattr(kaldi, "EPSILON", kaldi.EPSILON.clone())
    assert kaldi.EPSILON.is_inference()
    sound = torch.randn(1, 32_000, generator=torch.Generator().manual_seed(0)).requires_grad_()
    audio_windows(sound, 3).sum().backward()
    assert bool(sound.grad.any())
