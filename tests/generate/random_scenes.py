"""Rendered scenes put together at random that the onset network is trained on.

What moves, along which path, and what becomes of it is drawn for every stroke from the look's seed: it hits something,
or stops, turns back or goes behind something without touching it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tests.generate.scenes import Canvas, Look, Point, Scene, aspect_of, inside
from tests.generate.training_scenes import Colour, colour, eased, generator


@dataclass(frozen=True)
class Shape:
    """A blob of up to three parts: disks and polygons about a middle."""

    parts: tuple[tuple[Point, float, int, Colour], ...]

    def draw(self, canvas: Canvas, middle: Point, turn: float) -> None:
        cos, sin = np.cos(turn), np.sin(turn)
        for (x, y), size, corners, own in self.parts:
            centre = middle[0] + x * cos - y * sin, middle[1] + x * sin + y * cos
            if corners < 3:
                canvas.disk(centre, size, own)
            else:
                angles = turn + 2 * np.pi * np.arange(corners) / corners
                canvas.polygon([(centre[0] + size * np.cos(a), centre[1] + size * np.sin(a)) for a in angles], own)


def random_shape(rng: np.random.Generator, size: float) -> Shape:
    def part(number: int) -> tuple[Point, float, int, Colour]:
        away = 0.0 if number == 0 else size * rng.uniform(0.4, 1.0)
        angle = rng.uniform(0, 2 * np.pi)
        own = size * (1.0 if number == 0 else rng.uniform(0.3, 0.7))
        return (away * np.cos(angle), away * np.sin(angle)), own, int(rng.integers(2, 7)), colour(rng)

    return Shape(tuple(part(number) for number in range(int(rng.integers(1, 4)))))


@dataclass(frozen=True)
class Stroke:
    """A way from rest to `reach` and back: `ends_in` a "hit", a gentle "stop", or a turn "back" in mid-air."""

    begin_s: float
    out_s: float
    stay_s: float
    back_s: float
    rest_s: float
    power: float
    rebound: float
    ends_in: str

    @property
    def arrival_s(self) -> float:
        return self.begin_s + self.out_s

    @property
    def end_s(self) -> float:
        return self.arrival_s + self.stay_s + self.back_s + self.rest_s

    def share(self, at: float) -> float:
        """How far it is, 0 at rest to 1 where it arrives."""
        phase = at - self.begin_s
        if phase < self.out_s:
            done = max(phase / self.out_s, 0.0)
            return done**self.power if self.ends_in == "hit" else eased(done)
        phase -= self.out_s
        if phase < self.stay_s:
            bounce = 4 * self.rebound * phase / self.stay_s * (1 - phase / self.stay_s)
            return 1 - bounce if self.ends_in == "hit" else 1.0
        return 1 - eased((phase - self.stay_s) / self.back_s)


def random_strokes(rng: np.random.Generator, duration_s: float) -> list[Stroke]:
    strokes: list[Stroke] = []
    begin, pace, hits = rng.uniform(-0.3, 0.5), rng.uniform(0.7, 1.4), rng.uniform(0.3, 0.9)
    while begin < duration_s:
        kind = "hit" if rng.random() < hits else str(rng.choice(["stop", "back"]))
        strokes.append(
            Stroke(
                begin,
                pace * rng.uniform(0.15, 0.5),
                0.0 if kind == "back" else pace * rng.uniform(0.06, 0.4),
                pace * rng.uniform(0.2, 0.6),
                pace * rng.uniform(0, 0.4),
                rng.uniform(1.0, 2.5),
                rng.choice([0.0, rng.uniform(0.02, 0.3)]),
                kind,
            )
        )
        begin = strokes[-1].end_s
    return strokes


@dataclass(frozen=True)
class Mover:
    """A shape on its way: straight, in an arc, or turning about a pivot on an arm."""

    shape: Shape
    strokes: list[Stroke]
    path: Callable[[float], Point]
    pivot: Point | None
    spin: float
    wall: tuple[float, float, float, float, Colour]

    def draw(self, canvas: Canvas, at: float) -> None:
        left, top, wide, high, own = self.wall
        canvas.box(left, top, wide, high, own)
        number = sum(stroke.begin_s <= at for stroke in self.strokes) - 1
        share = self.strokes[number].share(at) if number >= 0 else 0.0
        middle = self.path(share)
        if self.pivot is not None:
            canvas.bar(self.pivot, middle, 0.03, own)
        self.shape.draw(canvas, middle, self.spin * share)


def random_mover(rng: np.random.Generator, aspect: float, duration_s: float) -> Mover:
    size = rng.uniform(0.05, 0.13)
    reach = rng.uniform(0.15, 0.85) * aspect, rng.uniform(0.2, 0.85)
    angle, far = rng.uniform(0, 2 * np.pi), rng.uniform(0.15, 0.45)
    bend, pivot = float(rng.choice([0.0, rng.uniform(-0.15, 0.15)])), None
    path = _straight(reach, angle, far, bend)
    if rng.random() < 0.4:
        arm, turn, swing = (
            rng.uniform(0.25, 0.6),
            rng.uniform(0, 2 * np.pi),
            rng.choice((-1, 1)) * rng.uniform(0.4, 1.3),
        )
        pivot = reach[0] - arm * np.cos(turn), reach[1] - arm * np.sin(turn)
        path, angle = _around(pivot, arm, turn, swing), turn - np.sign(swing) * np.pi / 2
    wall = _wall(rng, reach, angle, size)
    strokes = random_strokes(rng, duration_s)
    spin = float(rng.choice([0.0, rng.uniform(-2, 2)]))
    return Mover(random_shape(rng, size), strokes, path, pivot, spin, (*wall, colour(rng)))


def _straight(reach: Point, angle: float, far: float, bend: float) -> Callable[[float], Point]:
    start = reach[0] + far * np.cos(angle), reach[1] + far * np.sin(angle)

    def path(share: float) -> Point:
        aside = bend * np.sin(np.pi * share)
        x, y = (start[axis] + (reach[axis] - start[axis]) * share for axis in (0, 1))
        return x - aside * np.sin(angle), y + aside * np.cos(angle)

    return path


def _around(pivot: Point, arm: float, turn: float, swing: float) -> Callable[[float], Point]:
    def path(share: float) -> Point:
        now = turn + swing * (share - 1)
        return pivot[0] + arm * np.cos(now), pivot[1] + arm * np.sin(now)

    return path


def _wall(rng: np.random.Generator, reach: Point, angle: float, size: float) -> tuple[float, float, float, float]:
    """Left, top, width and height of what stands where the shape arrives, on the side that it comes to."""
    beyond = reach[0] - size * np.cos(angle), reach[1] - size * np.sin(angle)
    wide, high = rng.uniform(0.05, 0.3), rng.uniform(0.05, 0.3)
    left, top = (
        at - (side if way > 0.3 else 0.0 if way < -0.3 else side / 2)
        for at, side, way in zip(beyond, (wide, high), (np.cos(angle), np.sin(angle)), strict=True)
    )
    return left, top, wide, high


def mechanism(look: Look, duration_s: float = 6.0) -> Scene:
    """One to three things that move to and fro on paths of their own, and hit what stands at the end or do not."""
    rng = generator(look, 81)
    aspect = aspect_of(look)
    movers = [random_mover(rng, aspect, duration_s) for _ in range(int(rng.choice([1, 1, 2, 2, 3])))]
    arrivals = sorted(
        (stroke.arrival_s, mover.path(1.0)[0])
        for mover in movers
        for stroke in mover.strokes
        if stroke.ends_in == "hit"
    )
    hits, beyond = inside([(at, x) for at, x in arrivals if 0 < at < duration_s], look, 0.05)
    drift = rng.choice([0.0, rng.uniform(-0.1, 0.1)])

    def draw(canvas: Canvas, at: float) -> None:
        for stripe in range(8):
            canvas.box(0.3 * stripe + drift * at - 0.3, 0.1, 0.03, 0.05, (90, 90, 90))
        for mover in movers:
            mover.draw(canvas, at)

    return Scene("mechanism", duration_s, draw, hits, look, beyond)


def struck_blocks(look: Look, duration_s: float = 6.0) -> Scene:
    """Blocks that are slid against others and stop there, which slide on until friction has stopped them."""
    rng = generator(look, 82)
    aspect, rows, hits = aspect_of(look), [], []
    for row in range(int(rng.integers(1, 3))):
        begin, turns = rng.uniform(0, 0.4), []
        while begin < duration_s:
            away_s, slide_s, rest_s = rng.uniform(0.2, 0.6), rng.uniform(0.2, 0.7), rng.uniform(0.3, 0.8)
            turns.append((begin, away_s, slide_s, rest_s, rng.random() < 0.7))
            begin += away_s + slide_s + rest_s
        size, way = rng.uniform(0.05, 0.1), rng.uniform(0.2, 0.4)
        rows.append(
            (0.35 + 0.3 * row, size, way, rng.choice((-1, 1)), turns, random_shape(rng, size), random_shape(rng, size))
        )
        hits += [start + away for start, away, _, _, touches in turns if touches]

    def draw(canvas: Canvas, at: float) -> None:
        for y, size, way, side, turns, striker, struck in rows:
            number = sum(start <= at for start, *_ in turns) - 1
            start, away_s, slide_s, rest_s, touches = turns[max(number, 0)]
            phase = at - start
            # One that does not touch comes to rest before the other.
            gone = min(max(phase / away_s, 0.0), 1.0) if touches else 0.7 * eased(phase / away_s)
            slid = 1 - (1 - min(max((phase - away_s) / slide_s, 0.0), 1.0)) ** 2 if touches else 0.0
            back = eased((phase - away_s - slide_s) / rest_s)
            middle = aspect / 2
            striker.draw(canvas, (middle - side * (size + way * (1 - gone * (1 - back))), y), 0.0)
            struck.draw(canvas, (middle + side * (size + 0.8 * way * slid * (1 - back)), y), 0.0)

    return Scene("struck blocks", duration_s, draw, tuple(sorted(hit for hit in hits if 0 < hit < duration_s)), look)


def strider(look: Look, duration_s: float = 6.0) -> Scene:
    """Long legs on stiff feet that stride through the picture; each foot rolls along a cycloid to where it lands."""
    rng = generator(look, 83)
    aspect, step_s, stride = aspect_of(look), rng.uniform(0.35, 0.7), rng.uniform(0.12, 0.3)
    floor, lift, thick = rng.uniform(0.75, 0.93), rng.uniform(0.05, 0.15), rng.uniform(0.04, 0.08)
    start, tall, air = rng.uniform(0.05, 0.4) * aspect, rng.uniform(0.35, 0.6), rng.uniform(0.75, 1.0)
    coat, trousers, shoes, ground = (colour(rng) for _ in range(4))
    first = np.arange(air * step_s, duration_s, step_s)
    places = [start + stride * (step + 2) for step in range(len(first))]
    hits, beyond = inside(list(zip(first, places, strict=True)), look, 0.06)

    def foot(at: float, which: int) -> Point:
        number, phase = divmod(at / step_s - which, 2.0)
        done = min(phase / air, 1.0)
        # A cycloid in part: a landing foot keeps some of its speed.
        along = 0.4 * (done - np.sin(2 * np.pi * done) / (2 * np.pi)) + 0.6 * done
        return stride * (2 * (number + along) + which), lift * np.sin(np.pi * done) ** 1.2

    def draw(canvas: Canvas, at: float) -> None:
        canvas.box(-1, floor, aspect + 2, 2, ground)
        body = start + stride * (at / step_s + 0.5)
        hip = body, floor - tall
        for which in (0, 1):
            along, high = foot(at, which)
            x = start + along
            canvas.bar(hip, (x, floor - 0.02 - high), thick, trousers)
            canvas.box(x - 0.04, floor - 0.045 - high, 0.12, 0.045, shoes)
        canvas.bar((body, hip[1] - 0.25), hip, 0.14, coat)
        canvas.disk((body, hip[1] - 0.32), 0.06, coat)

    return Scene("strider", duration_s, draw, hits, look, beyond)


IMPACTS = (mechanism, struck_blocks, strider)
