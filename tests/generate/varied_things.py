"""Rendered doors, balls and thrown things that differ much from take to take.

For measurement alone.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tests.generate.scenes import Canvas, Look, Point, Scene, aspect_of
from tests.generate.training_scenes import Colour, colour, eased, generator


def swings(rng: np.random.Generator, duration_s: float) -> tuple[Callable[[float], float], list[float]]:
    """How far a door is open, 0 to 1, and when it slams; now and then it is shut gently instead."""
    begin, legs, power = rng.uniform(-0.4, 0.1), [], rng.uniform(1.2, 3.0)
    opening, closing = rng.uniform(0.4, 0.9), rng.uniform(0.18, 0.5)
    while begin < duration_s:
        timing = (
            opening * rng.uniform(0.8, 1.2),
            rng.uniform(0, 0.3),
            closing * rng.uniform(0.8, 1.2),
            rng.uniform(0.1, 0.5),
        )
        legs.append((begin, *timing, rng.random() < 0.25, rng.uniform(0.5, 1.0)))
        begin += sum(timing)
    slams = [start + sum(timing) for start, *timing, _, is_gentle, _ in legs if not is_gentle]

    def opened(at: float) -> float:
        number = int(np.searchsorted([start for start, *_ in legs], at, side="right")) - 1
        if number < 0:
            return 0.0
        start, up, stay, down, _, is_gentle, widest = legs[number]
        phase = at - start
        if phase < up + stay:
            return widest * eased(phase / up)
        done = min((phase - up - stay) / down, 1.0)
        return widest * (1 - (eased(done) if is_gentle else done**power))

    return opened, [slam for slam in slams if 0 < slam < duration_s]


def _leaf(
    canvas: Canvas, hinge: float, wide: float, rows: Point, turn: float, nearer: float, paint: list[Colour]
) -> None:
    """A door's leaf, turned by an angle about its hinge; its free edge is `nearer` (taller) or further away."""
    (top, bottom), edge = rows, hinge + wide * np.cos(turn)
    taller = nearer * np.sin(turn)
    canvas.polygon([(hinge, top), (edge, top - taller), (edge, bottom + taller), (hinge, bottom)], paint[0])
    for first, last, high, low in ((0.2, 0.8, 0.1, 0.4), (0.2, 0.8, 0.55, 0.9)):
        left, right = hinge + first * wide * np.cos(turn), hinge + last * wide * np.cos(turn)
        ends = [(top - taller * part, bottom + taller * part) for part in (first, last)]
        corners = [
            (x, above + (below - above) * share)
            for share, side in ((high, 1), (low, -1))
            for x, (above, below) in ((left, ends[0]), (right, ends[1]))[::side]
        ]
        canvas.polygon(corners, paint[1])
    canvas.disk((hinge + 0.9 * wide * np.cos(turn), (top + bottom) / 2), 0.02, paint[2])


def swinging_door(look: Look, duration_s: float = 6.0) -> Scene:
    """A door, gate or shutter that swings towards or away from the camera and slams, or is shut gently."""
    rng = generator(look, 71)
    opened, hits = swings(rng, duration_s)
    aspect, wide, nearer = aspect_of(look), rng.uniform(0.25, 0.6), rng.uniform(0.03, 0.14) * rng.choice((-1, 1, 1))
    rows, left = (rng.uniform(0.02, 0.3), rng.uniform(0.75, 0.98)), rng.uniform(0.1, 0.35) * aspect
    paint, frame, behind, widest = [colour(rng) for _ in range(3)], colour(rng), colour(rng), rng.uniform(0.6, 1.4)

    def draw(canvas: Canvas, at: float) -> None:
        canvas.box(left - 0.03, rows[0] - 0.03, wide + 0.06, rows[1] - rows[0] + 0.06, frame)
        canvas.box(left, rows[0], wide, rows[1] - rows[0], behind)
        _leaf(canvas, left, wide, rows, widest * opened(at), nearer, paint)

    return Scene("swinging door", duration_s, draw, tuple(hits), look)


def billiards(look: Look, duration_s: float = 6.0) -> Scene:
    """Balls on a table, seen from above, that hit each other and the cushions."""
    rng = generator(look, 73)
    aspect, radius, count = aspect_of(look), rng.uniform(0.05, 0.09), int(rng.integers(2, 5))
    low, high = np.array([0.05 + radius, 0.08 + radius]), np.array([aspect - 0.05 - radius, 0.92 - radius])
    where = np.stack([low + (high - low) * [(ball + 0.5) / count, rng.uniform(0.2, 0.8)] for ball in range(count)])
    speed = np.zeros((count, 2))
    turn = rng.uniform(0, 2 * np.pi)
    speed[0] = rng.uniform(0.7, 1.3) * np.array([np.cos(turn), np.sin(turn)])
    step_s, film, hits = 1 / 400, [where.copy()], []
    for step in range(int((duration_s + 0.1) / step_s)):
        where = where + speed * step_s
        hardest = _bounce(where, speed, radius, low, high)
        if hardest > 0.25:
            hits.append(step * step_s)
        film.append(where.copy())
    paint, cloth, rail = [colour(rng) for _ in range(count)], colour(rng), colour(rng)

    def draw(canvas: Canvas, at: float) -> None:
        canvas.box(0.0, 0.03, aspect, 0.94, rail)
        canvas.box(0.05, 0.08, aspect - 0.1, 0.84, cloth)
        for (x, y), own in zip(film[min(round(at / step_s), len(film) - 1)], paint, strict=True):
            canvas.disk((x, y), radius, own)
            canvas.disk((x - 0.3 * radius, y - 0.3 * radius), 0.3 * radius, (240, 240, 235))

    return Scene("billiards", duration_s, draw, tuple(hit for hit in hits if hit < duration_s), look)


def _bounce(where: np.ndarray, speed: np.ndarray, radius: float, low: np.ndarray, high: np.ndarray) -> float:
    """Balls of one mass off each other and off the walls, in place; the hardest blow's speed."""
    hardest = 0.0
    for beyond, sign in ((where < low, 1), (where > high, -1)):
        towards = beyond & (sign * speed < 0)
        hardest = max(hardest, float(np.abs(speed[towards]).max(initial=0.0)))
        speed[towards] *= -0.95
    for one in range(len(where)):
        for other in range(one):
            apart = where[one] - where[other]
            distance = np.hypot(*apart)
            closing = -float((speed[one] - speed[other]) @ apart) / distance
            if distance < 2 * radius and closing > 0:
                push = closing * apart / distance
                speed[one] += push
                speed[other] -= push
                hardest = max(hardest, closing)
    return hardest


def dropped_things(look: Look, duration_s: float = 6.0) -> Scene:
    """Things of many shapes that fall or are thrown in, turning, and bounce till they lie; each hit counts."""
    rng = generator(look, 74)
    aspect, floor, ground = aspect_of(look), rng.uniform(0.75, 0.93), colour(rng)
    things, hits, begin = [], [], rng.uniform(0, 0.3)
    while begin < duration_s:
        gravity, size, bounce = rng.uniform(1.8, 3.4), rng.uniform(0.04, 0.12), rng.uniform(0.1, 0.6)
        drop, x, drift = floor + size + 0.15, rng.uniform(0.15, 0.85) * aspect, rng.uniform(-0.25, 0.25)
        flights = [(begin, 0.0)]
        time_s, speed = begin + np.sqrt(2 * drop / gravity), np.sqrt(2 * drop * gravity)
        while speed > 0.3:
            hits.append(time_s)
            speed *= bounce
            flights.append((time_s, speed))
            time_s += 2 * speed / gravity
        corners = int(rng.integers(3, 9))
        things.append((flights, time_s, gravity, size, drop, x, drift, rng.uniform(-3, 3), corners, colour(rng)))
        begin += rng.uniform(0.45, 1.1)

    def draw(canvas: Canvas, at: float) -> None:
        canvas.box(-1, floor, aspect + 2, 3, ground)
        for flights, rest, gravity, size, drop, x, drift, spin, corners, own in things:
            if at < flights[0][0]:
                continue
            number = sum(start <= at for start, _ in flights) - 1
            start, up = flights[number]
            air = min(at, rest) - start
            high = max((drop if number == 0 else 0.0) + up * air - gravity * air**2 / 2, 0.0)
            gone = min(at, rest) - flights[0][0]
            turns = spin * gone + 2 * np.pi * np.arange(corners) / corners
            middle = x + drift * gone, floor - size - high
            canvas.polygon([(middle[0] + size * np.cos(turn), middle[1] + size * np.sin(turn)) for turn in turns], own)

    return Scene("dropped things", duration_s, draw, tuple(sorted(hit for hit in hits if hit < duration_s)), look)


IMPACTS = (swinging_door, billiards, dropped_things)
