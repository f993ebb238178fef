"""Over-fitting of a fine-tune: whether the held-out loss rises behind its lowest value."""

from __future__ import annotations

import json
import math
from pathlib import Path

# Validations use equal draws, so that they differ by the weights alone; below this share it is not worth a warning.
_RISE = 0.01


def held_out_losses(log: Path) -> dict[int, float]:
    """Held-out loss by step of a run's train_log.jsonl; the last where a step was run twice. Torn lines are skipped."""
    found: dict[int, float] = {}
    for line in log.read_text(encoding="utf-8").splitlines():
        try:
            numbers = json.loads(line)
            loss = numbers["held_out_loss"]
            # The log has null for a loss that was not finite: as bad as a loss can be.
            found[int(numbers["step"])] = math.inf if loss is None else float(loss)
        except (KeyError, TypeError, ValueError):
            continue
    return dict(sorted(found.items()))


def over_fitting(losses: dict[int, float], steps: int) -> str:
    """A sentence that says where the held-out loss was lowest, if by `steps` it is 1 % above that; else nothing."""
    seen = {step: loss for step, loss in losses.items() if step <= steps}
    if len(seen) < 2:
        return ""
    best, last = min(seen, key=lambda step: seen[step]), max(seen)
    if seen[last] <= seen[best] * (1 + _RISE):
        return ""
    return (
        f"The held-out loss rose from {seen[best]:.4g} at step {best} to {seen[last]:.4g} at step {last}: the run "
        f"over-fits. Train again with --steps {best} in another folder, with a smaller --rank or with more clips, and "
        "compare both by `deepsound evaluate`."
    )
