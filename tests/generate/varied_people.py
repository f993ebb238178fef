"""Rendered walkers and strikers that differ much from take to take.

For measurement alone: nothing was made on them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tests.generate.scenes import Canvas, Look, Point, Scene, aspect_of, inside
from tests.generate.training_scenes import Colour, colour, eased, generator


@dataclass(frozen=True)
class Gait:
    """Feet that land one after the other: `swing`, at most 1, of a step's time each is in the air, up to `lift` high.

    `dead` is the share of its speed that a foot has left when it lands, `early` below 1 where it is highest early.
    """

    step_s: float
    stride: float
    lift: float
    swing: float
    dead: float
    early: float

    def foot(self, at: float, which: int) -> Point:
        """How far the foot has come and how high it is."""
        number, phase = divmod(at / self.step_s - which, 2.0)
        done = min(phase / self.swing, 1.0)
        along = self.dead * done + (1 - self.dead) * eased(done)
        bent = done**self.early
        return self.stride * (2 * (number + along) + which), self.lift * 4 * bent * (1 - bent)

    def landings(self, duration_s: float) -> np.ndarray:
        return np.arange(self.swing * self.step_s, duration_s, self.step_s)


def random_gait(rng: np.random.Generator, fastest_s: float = 0.3) -> Gait:
    return Gait(
        step_s=rng.uniform(fastest_s, 0.65),
        stride=rng.uniform(0.14, 0.36),
        lift=rng.uniform(0.03, 0.14),
        swing=rng.uniform(0.7, 1.0),
        dead=rng.uniform(0.4, 1.0),
        early=rng.uniform(0.6, 1.1),
    )


def leg(canvas: Canvas, hip: Point, ankle: Point, width: float, bend: float, own: Colour) -> None:
    """A thigh and a shin, bent at the knee."""
    knee = (hip[0] + ankle[0]) / 2 + bend, (hip[1] + ankle[1]) / 2
    canvas.bar(hip, knee, width, own)
    canvas.bar(knee, ankle, 0.8 * width, own)


def side_walker(look: Look, duration_s: float = 6.0) -> Scene:
    """Somebody who walks past, or beside whom the camera goes, near or far; at times only legs are seen."""
    rng = generator(look, 61)
    gait, aspect, size = random_gait(rng), aspect_of(look), rng.uniform(0.7, 1.3)
    floor, follows, slope = rng.uniform(0.75, 0.95), rng.random() < 0.5, rng.choice([0.0, rng.uniform(-0.15, 0.15)])
    start, bend = aspect * (rng.uniform(0.2, 0.6) if follows else rng.uniform(-0.1, 0.3)), rng.uniform(0, 0.06)
    coat, trousers, shoes, ground, skin = (colour(rng) for _ in range(5))
    bob, arms, marks = rng.uniform(0, 0.02), rng.uniform(0, 0.2), [colour(rng) for _ in range(30)]
    speed, first = gait.stride / gait.step_s, gait.landings(duration_s)
    places = [
        start + gait.stride * (step + 2) - (speed * time_s if follows else 0) for step, time_s in enumerate(first)
    ]
    hits, beyond = inside(list(zip(first, places, strict=True)), look, 0.06)

    def draw(canvas: Canvas, at: float) -> None:
        gone = speed * at if follows else 0.0
        rise = floor + slope * (gone + aspect / 2)
        canvas.polygon(
            [(-1, rise - slope * (gone - 1)), (aspect + 1, rise - slope * (gone + aspect + 1)), (9, 3), (-1, 3)], ground
        )
        for mark, own in enumerate(marks):
            x = 0.37 * mark - 1.5 - gone
            canvas.box(x, floor - 0.5, 0.12, 0.2, own)
        body = start + speed * at - gone + 0.5 * gait.stride
        hip = (body, rise - slope * (gone + body) - 0.42 * size - bob * abs(np.sin(np.pi * at / gait.step_s)))
        for which, own in ((0, trousers), (1, tuple(part * 3 // 4 for part in trousers))):
            along, high = gait.foot(at, which)
            x, y = start + along - gone, rise - slope * (along + start) - high
            leg(canvas, hip, (x, y - 0.03), 0.08 * size, bend + 0.3 * high, own)
            canvas.box(x - 0.03 * size, y - 0.045 * size, 0.13 * size, 0.045 * size, shoes)
            turn = arms * (1 - 2 * which) * np.sin(np.pi * at / gait.step_s)
            canvas.bar((body, hip[1] - 0.3 * size), (body + turn, hip[1]), 0.04 * size, skin)
        canvas.bar((body, hip[1] - 0.35 * size), (body, hip[1] + 0.02), 0.16 * size, coat)
        canvas.disk((body, hip[1] - 0.42 * size), 0.07 * size, skin)

    return Scene("side walker", duration_s, draw, hits, look, beyond)


def front_walker(look: Look, duration_s: float = 6.0) -> Scene:
    """Somebody who walks towards the camera or away from it, growing or shrinking, and sways from side to side."""
    rng = generator(look, 62)
    gait, aspect = random_gait(rng, 0.35), aspect_of(look)
    middle, floor, growth, size = aspect * rng.uniform(0.3, 0.7), 0.7, rng.uniform(-0.12, 0.15), rng.uniform(0.6, 1.0)
    coat, trousers, shoes, ground, skin = (colour(rng) for _ in range(5))
    sway, apart, toes = rng.uniform(0.0, 0.03), rng.uniform(0.05, 0.09), rng.uniform(0.05, 0.08)

    def draw(canvas: Canvas, at: float) -> None:
        scale = size * np.exp(growth * at)
        base = floor + 0.2 * scale
        canvas.box(-1, floor - 0.2, aspect + 2, 3, ground)
        x = middle + sway * np.sin(np.pi * at / gait.step_s)
        for which, side in ((0, -1), (1, 1)):
            _, high = gait.foot(at, which)
            foot = middle + side * apart * scale, base - 1.5 * high * scale
            canvas.bar(
                (x + 0.5 * side * apart * scale, base - 0.45 * scale), (foot[0], foot[1] - 0.04), 0.09 * scale, trousers
            )
            canvas.box(foot[0] - toes * scale, foot[1] - 0.06 * scale, 2 * toes * scale, 0.06 * scale, shoes)
            hand = base - 0.42 * scale - 0.8 * high * scale
            canvas.bar(
                (x + side * 0.15 * scale, base - 0.7 * scale), (x + side * 0.17 * scale, hand), 0.05 * scale, skin
            )
        canvas.box(x - 0.14 * scale, base - 0.75 * scale, 0.28 * scale, 0.33 * scale, coat)
        canvas.disk((x, base - 0.82 * scale), 0.07 * scale, skin)

    return Scene("front walker", duration_s, draw, tuple(gait.landings(duration_s)), look)


def strokes(rng: np.random.Generator, duration_s: float, feints: float) -> tuple[Callable[[float], float], list[float]]:
    """Strokes of differing length, from 1 (away) to 0 (contact), and when they hit; some stop gently before contact."""
    begin, legs = rng.uniform(0, 0.3), []
    rebound, slow = rng.uniform(0, 0.35), rng.uniform(0.25, 0.6)
    while begin < duration_s:
        raised, swung, rest = slow * rng.uniform(0.8, 1.2), rng.uniform(0.12, 0.35), rng.uniform(0.0, 0.4)
        legs.append((begin, raised, swung, rest, rng.random() < feints, rng.uniform(0.3, 0.6)))
        begin += raised + swung + rest
    hits = [start + raised + swung for start, raised, swung, _, is_feint, _ in legs if not is_feint]
    low = [0.0] + [short if is_feint else 0.0 for *_, is_feint, short in legs]

    def away(at: float) -> float:
        number = int(np.searchsorted([start for start, *_ in legs], at, side="right")) - 1
        if number < 0:
            return 0.0
        start, raised, swung, rest, is_feint, short = legs[number]
        phase = at - start
        if phase < raised:
            return low[number] + (1 - low[number]) * eased(phase / raised)
        if phase < raised + swung:
            done = (phase - raised) / swung
            return 1 - (1 - short) * eased(done) if is_feint else 1 - done**2
        done = (phase - raised - swung) / max(rest, 1e-6)
        return short if is_feint else rebound * float(np.sin(np.pi * done)) * (1 - done)

    return away, [hit for hit in hits if hit < duration_s]


def striker(look: Look, duration_s: float = 6.0) -> Scene:
    """A stick, arm or tool on a hinge, from any side, that strikes a thing; some strokes stop gently before it."""
    rng = generator(look, 64)
    aspect, length, turned = aspect_of(look), rng.uniform(0.25, 0.55), rng.uniform(0, 2 * np.pi)
    away, hits = strokes(rng, duration_s, 0.3)
    hinge = np.array([aspect / 2, 0.5]) - 0.5 * length * np.array([np.cos(turned), np.sin(turned)])
    swing, thick, head, side = (
        rng.uniform(0.3, 1.2),
        rng.uniform(0.02, 0.09),
        rng.uniform(0.02, 0.1),
        rng.choice((-1, 1)),
    )
    own, end, target = colour(rng), colour(rng), colour(rng)
    block = rng.uniform(0.1, 0.3)

    def draw(canvas: Canvas, at: float) -> None:
        turn = turned + side * swing * away(at)
        tip = hinge + length * np.array([np.cos(turn), np.sin(turn)])
        across = side * np.array([np.sin(turned), -np.cos(turned)])
        face = hinge + length * np.array([np.cos(turned), np.sin(turned)]) + across * (max(head, thick / 2) + block / 2)
        along = block / 2 * np.array([np.cos(turned), np.sin(turned)])
        canvas.bar(tuple(face - along), tuple(face + along), block, target)
        canvas.bar(tuple(hinge), tuple(tip), thick, own)
        canvas.disk(tuple(tip), head, end)

    return Scene("striker", duration_s, draw, tuple(hits), look)


IMPACTS = (side_walker, front_walker, striker)
