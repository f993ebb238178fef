"""Step 0: the plan, in the published model's own four lines (DeepSound-V1, arXiv 2503.22208, Figure 3)."""

from __future__ import annotations

from deepsound.types import Plan

STEPS = (
    "Step1: Generate audio from video.",
    "Step2: Given a video and its generated audio, determine whether the audio contains voice-over.",
    "Step3: Remove voice-over from audio.",
    "Step4: Determine whether the audio is silent.",
)


def four_steps() -> Plan:
    """The plan every reasoner of this paper gives: generate, judge, remove, check for silence."""
    return Plan(STEPS, "\n".join(STEPS))
