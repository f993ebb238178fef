"""Rendered scenes with exactly known impact times: doors, steps, machines, pans, crowds.

No rule of the impact detector was tuned on them.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tests.generate import scenes
from tests.generate.scenes import Canvas, Look, Scene, aspect_of, inside

# Nothing is asked about impacts so near to a cut.
AROUND_CUT_S = 0.12


def slamming_door(look: Look, duration_s: float = 6.0) -> Scene:
    """A door seen from the front that swings open slowly and slams shut."""
    rng = np.random.default_rng(look.seed)
    opening, closing, waiting = rng.uniform(0.5, 0.7), rng.uniform(0.25, 0.35), rng.uniform(0.3, 0.5)
    widest, aspect = rng.uniform(1.0, 1.25), aspect_of(look)
    period = opening + closing + waiting
    hits = tuple(np.arange(opening + closing, duration_s, period))

    def angle(at: float) -> float:
        phase = at % period
        if phase < opening:
            return widest * (1 - np.cos(np.pi * phase / opening)) / 2
        return widest * (1 - ((phase - opening) / closing) ** 2) if phase < opening + closing else 0.0

    def draw(canvas: Canvas, at: float) -> None:
        left, width, turn = aspect * 0.3, 0.42, angle(at)
        canvas.box(left - 0.03, 0.1, width + 0.06, 0.85, (90, 70, 50))
        canvas.box(left, 0.13, width, 0.82, (30, 28, 26))
        # The free edge comes nearer as it opens, so that it looks taller.
        edge, taller = left + width * np.cos(turn), 0.09 * np.sin(turn)
        corners = [(left, 0.13), (edge, 0.13 - taller), (edge, 0.95 + taller), (left, 0.95)]
        canvas.polygon(corners, (150, 110, 70))
        handle = left + 0.88 * width * np.cos(turn)
        canvas.disk((handle, 0.55), 0.022, (220, 200, 120))
        canvas.bar(
            (left + 0.3 * width * np.cos(turn), 0.2), (left + 0.3 * width * np.cos(turn), 0.9), 0.02, (110, 80, 50)
        )

    return Scene("slamming door", duration_s, draw, hits, look)


def walker(look: Look, duration_s: float = 6.0) -> Scene:
    """Somebody who walks past: each foot swings through, lands and stays while the other one swings."""
    rng = np.random.default_rng(look.seed)
    step_s, stride, aspect = rng.uniform(0.5, 0.62), rng.uniform(0.3, 0.36), aspect_of(look)
    start, floor, hip = -0.1, 0.92, 0.42
    steps = enumerate(np.arange(step_s, duration_s, step_s), 2)
    hits, beyond = inside([(time_s, start + stride * step + 0.035) for step, time_s in steps], look, 0.065)

    def foot(at: float, which: int) -> tuple[float, float]:
        # A foot swings during every second step: forward and up, then ever faster down.
        number, phase = divmod(at / step_s - which, 2.0)
        swing = min(phase, 1.0)
        x = start + stride * (2 * number + which) + 2 * stride * (swing - np.sin(2 * np.pi * swing) / (2 * np.pi) * 0.3)
        return x, floor - 0.11 * 4 * (swing**0.7) * (1 - swing**0.7)

    def draw(canvas: Canvas, at: float) -> None:
        canvas.box(-1, floor, aspect + 2, 1, (110, 100, 90))
        feet = [foot(at, 0), foot(at, 1)]
        body = start + stride * at / step_s + 0.5 * stride
        canvas.bar((body, 0.12), (body, hip + 0.02), 0.16, (60, 80, 130))
        canvas.disk((body, 0.06), 0.055, (210, 170, 140))
        for (x, y), colour in zip(feet, ((50, 50, 60), (80, 75, 90)), strict=True):
            canvas.bar((body, hip), (x, y - 0.03), 0.07, colour)
            canvas.box(x - 0.03, y - 0.045, 0.13, 0.045, (30, 25, 25))

    return Scene("walker", duration_s, draw, hits, look, beyond)


def stamping_press(look: Look, duration_s: float = 6.0) -> Scene:
    """A machine whose block comes down hard, stays for a moment and is drawn up again, over a turning wheel."""
    rng = np.random.default_rng(look.seed)
    down, rest, up = rng.uniform(0.16, 0.24), rng.uniform(0.1, 0.2), rng.uniform(0.3, 0.45)
    stroke, aspect, turns = rng.uniform(0.26, 0.34), aspect_of(look), rng.uniform(0.2, 0.4)
    period = down + rest + up
    hits = tuple(np.arange(down, duration_s, period))

    def fallen(at: float) -> float:
        phase = at % period
        if phase < down:
            return stroke * (phase / down) ** 2
        return stroke if phase < down + rest else stroke * (1 + np.cos(np.pi * (phase - down - rest) / up)) / 2

    def draw(canvas: Canvas, at: float) -> None:
        canvas.box(aspect * 0.2, 0.78, aspect * 0.45, 0.22, (70, 70, 75))
        top = 0.78 - 0.18 - stroke + fallen(at)
        canvas.box(aspect * 0.42, -1, 0.06, 1 + top, (120, 120, 130))
        canvas.box(aspect * 0.42 - 0.11, top, 0.28, 0.18, (160, 70, 40))
        centre = (aspect * 0.84, 0.5)
        canvas.disk(centre, 0.13, (60, 60, 60))
        for spoke in range(4):
            turn = 2 * np.pi * (turns * at + spoke / 4)
            canvas.bar(
                centre, (centre[0] + 0.12 * np.cos(turn), centre[1] + 0.12 * np.sin(turn)), 0.02, (200, 200, 190)
            )

    return Scene("stamping press", duration_s, draw, hits, look)


def clapping_hands(look: Look, duration_s: float = 6.0) -> Scene:
    """Two hands that clap: they meet at speed and part again."""
    rng = np.random.default_rng(look.seed)
    beat_s, reach, aspect = rng.uniform(0.45, 0.6), rng.uniform(0.14, 0.2), aspect_of(look)
    hits = tuple(np.arange(0.5 * beat_s, duration_s, beat_s))

    def draw(canvas: Canvas, at: float) -> None:
        phase = (at / beat_s + 0.5) % 1.0
        apart = reach * 4 * phase * (1 - phase)
        middle = aspect / 2
        for side in (-1, 1):
            palm = middle + side * (apart + 0.045)
            canvas.bar((palm + side * 0.3, 0.95), (palm, 0.55), 0.1, (60, 60, 110))
            canvas.bar((palm, 0.62), (palm - side * 0.01, 0.34), 0.09, (215, 170, 140))

    return Scene("clapping hands", duration_s, draw, hits, look)


def panned_ball(look: Look, duration_s: float = 6.0) -> Scene:
    """A ball that bounces while the camera pans steadily across a wall of coloured blocks."""
    rng = np.random.default_rng([look.seed, 1])
    ball, speed = scenes.bouncing_ball(look, duration_s), rng.uniform(0.1, 0.25) * rng.choice((-1, 1))
    places = [aspect_of(look) * (0.25 + 0.5 * hit / duration_s) - speed * hit for hit in ball.hits_s]
    hits, beyond = inside(list(zip(ball.hits_s, places, strict=True)), look, 0.05)
    blocks = [
        (x, y, tuple(int(part) for part in rng.integers(70, 220, 3)))
        for x in np.arange(-3, 5, 0.17)
        for y in np.arange(-0.1, 0.9, 0.16)
    ]

    def draw(canvas: Canvas, at: float) -> None:
        panned = replace(canvas, offset=(canvas.offset[0] - speed * at, canvas.offset[1]))
        for x, y, colour in blocks:
            panned.box(x, y, 0.15, 0.14, colour)
        ball.draw(panned, at)

    return Scene("ball, panned", duration_s, draw, hits, look, beyond)


def cut_together(look: Look, duration_s: float = 6.0) -> Scene:
    """Three shots with impacts, cut hard from one to the next."""
    shots = [
        make(replace(look, seed=look.seed + 7), duration_s)
        for make in (scenes.bouncing_ball, scenes.hammer, scenes.drum_sticks)
    ]
    cuts = duration_s / 3 * np.arange(1, 3)
    walls = ((200, 180, 150), (90, 110, 140), (150, 200, 160))

    def draw(canvas: Canvas, at: float) -> None:
        number = int(np.searchsorted(cuts, at, side="right"))
        canvas.box(-1, -1, 5, 3, walls[number])
        for stripe in range(12):
            canvas.box(-0.5 + 0.25 * stripe, -1, 0.06, 3, tuple(part - 30 for part in walls[number]))
        shots[number].draw(canvas, at)

    hits = tuple(
        hit
        for number, shot in enumerate(shots)
        for hit in shot.hits_s
        if np.searchsorted(cuts, hit, side="right") == number and np.abs(cuts - hit).min() > AROUND_CUT_S
    )
    return Scene("three shots", duration_s, draw, hits, look)


def crowd(look: Look, duration_s: float = 6.0) -> Scene:
    """Forty people that sway and walk about, each a head on shoulders."""
    rng = np.random.default_rng(look.seed)
    aspect = aspect_of(look)
    people = [
        (
            rng.uniform(0, aspect),
            rng.uniform(0.2, 1.0),
            rng.uniform(-0.08, 0.08),
            rng.uniform(0.6, 1.6),
            rng.uniform(0, 6.3),
            tuple(int(part) for part in rng.integers(40, 200, 3)),
        )
        for _ in range(40)
    ]

    def draw(canvas: Canvas, at: float) -> None:
        for x, y, speed, sway, phase, colour in sorted(people, key=lambda person: person[1]):
            left = x + speed * at + 0.012 * np.sin(2 * np.pi * sway * at + phase)
            top = y + 0.008 * np.abs(np.sin(2 * np.pi * sway * at + phase))
            canvas.box(left - 0.05, top, 0.1, 0.3, colour)
            canvas.disk((left, top - 0.03), 0.035, (210, 170, 140))

    return Scene("crowd", duration_s, draw, (), look)


def traffic(look: Look, duration_s: float = 6.0) -> Scene:
    """Cars that pass in both directions at constant speed."""
    rng = np.random.default_rng(look.seed)
    aspect = aspect_of(look)
    cars = [
        (
            rng.uniform(-6, 3),
            row,
            rng.uniform(0.5, 1.0) * (1 if row else -1),
            tuple(int(part) for part in rng.integers(40, 220, 3)),
        )
        for row in (0, 1)
        for _ in range(8)
    ]

    def draw(canvas: Canvas, at: float) -> None:
        canvas.box(-1, 0.55, aspect + 2, 0.45, (80, 80, 85))
        for start, row, speed, colour in cars:
            left, top = (start if row else 3 - start) + speed * at, 0.58 + 0.18 * row
            canvas.box(left, top, 0.34, 0.1, colour)
            canvas.box(left + 0.07, top - 0.06, 0.18, 0.07, colour)
            for wheel in (0.06, 0.27):
                canvas.disk((left + wheel, top + 0.1), 0.03, (20, 20, 20))

    return Scene("traffic", duration_s, draw, (), look)


IMPACTS = (slamming_door, walker, stamping_press, clapping_hands, panned_ball, cut_together)
QUIET = (crowd, traffic)
