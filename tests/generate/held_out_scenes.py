"""Rendered kinds of scenes that nothing was made on: for measurement alone."""

from __future__ import annotations

import numpy as np

from tests.generate import more_scenes, scenes
from tests.generate.scenes import Canvas, Look, Scene, aspect_of
from tests.generate.training_scenes import colour, generator


def knocking_fist(look: Look, duration_s: float = 6.0) -> Scene:
    """A fist that knocks on a door, three times in a row, with the forearm behind it."""
    rng = generator(look, 51)
    beat_s, rest, back, aspect = rng.uniform(0.22, 0.34), rng.uniform(0.5, 0.9), rng.uniform(0.1, 0.2), aspect_of(look)
    door, y, skin, sleeve, wood = aspect * 0.65, rng.uniform(0.4, 0.6), colour(rng, 120), colour(rng), colour(rng)
    period = 3 * beat_s + rest
    hits = [start + (knock + 0.6) * beat_s for start in np.arange(0.15, duration_s, period) for knock in range(3)]

    def away(at: float) -> float:
        phase = (at - 0.15) % period if at >= 0.15 else period
        beat = (phase / beat_s) % 1.0
        if phase >= 3 * beat_s:
            return back
        return back * (1 - (beat / 0.6) ** 2 if beat < 0.6 else np.sin(np.pi / 2 * (beat - 0.6) / 0.4))

    def draw(canvas: Canvas, at: float) -> None:
        canvas.box(door, -1, aspect + 1, 3, wood)
        canvas.box(door + 0.08, 0.1, 0.2, 0.35, tuple(part // 2 for part in wood))
        x = door - 0.07 - away(at)
        canvas.bar((x - 0.5, y + 0.15), (x - 0.03, y), 0.09, sleeve)
        canvas.disk((x, y), 0.07, skin)

    return Scene("knocking fist", duration_s, draw, tuple(hit for hit in hits if hit < duration_s), look)


def newtons_cradle(look: Look, duration_s: float = 6.0) -> Scene:
    """Five hanging balls: the outer ones swing out in turn and strike the row."""
    rng = generator(look, 52)
    half_s, swing, radius, aspect = (
        rng.uniform(0.45, 0.7),
        rng.uniform(0.4, 0.7),
        rng.uniform(0.045, 0.06),
        aspect_of(look),
    )
    own, thread, length, middle = colour(rng), colour(rng, 20, 90), 0.5, aspect / 2
    hits = tuple(np.arange(0.5 * half_s, duration_s, half_s))

    def draw(canvas: Canvas, at: float) -> None:
        canvas.box(middle - 0.4, 0.12, 0.8, 0.03, thread)
        number, phase = divmod(at / half_s + 0.5, 1.0)
        out = swing * np.sin(np.pi * phase)
        for ball in range(5):
            turn = -out if ball == 0 and number % 2 == 0 else out if ball == 4 and number % 2 else 0.0
            top = (middle + (ball - 2) * 2 * radius, 0.15)
            centre = (top[0] + length * np.sin(turn), top[1] + length * np.cos(turn))
            canvas.bar(top, centre, 0.006, thread)
            canvas.disk(centre, radius, own)

    return Scene("Newton's cradle", duration_s, draw, hits, look)


def dribbled_ball(look: Look, duration_s: float = 6.0) -> Scene:
    """A ball that a figure's hand pushes to the floor and meets again; only the floor is struck."""
    rng = generator(look, 53)
    beat_s, aspect, radius = rng.uniform(0.5, 0.75), aspect_of(look), rng.uniform(0.06, 0.09)
    floor, top, x = 0.9, rng.uniform(0.45, 0.55), aspect * rng.uniform(0.4, 0.6)
    own, skin, coat = colour(rng), colour(rng, 120), colour(rng)
    hits = tuple(np.arange(0.5 * beat_s, duration_s, beat_s))

    def draw(canvas: Canvas, at: float) -> None:
        canvas.box(-1, floor, aspect + 2, 1, (150, 120, 90))
        # In the hand the ball turns gently, at the floor it turns at once.
        phase = abs(2 * ((at / beat_s) % 1.0) - 1)
        y = floor - radius - (floor - radius - top) * (1 - (1 - phase) ** 2)
        canvas.box(x - 0.42, 0.2, 0.2, 0.7, coat)
        canvas.disk((x - 0.32, 0.12), 0.08, skin)
        hand = min(y - radius - 0.02, top + 0.06)
        canvas.bar((x - 0.3, 0.3), (x, hand), 0.06, coat)
        canvas.disk((x, hand), 0.04, skin)
        canvas.disk((x, y), radius, own)

    return Scene("dribbled ball", duration_s, draw, hits, look)


def stair_climber(look: Look, duration_s: float = 6.0) -> Scene:
    """Legs that climb stairs, seen from the side: each foot is swung up in an arc and set down on its step."""
    rng = generator(look, 54)
    step_s, aspect, rise, run = rng.uniform(0.5, 0.7), aspect_of(look), 0.07, rng.uniform(0.12, 0.16)
    coat, trousers, shoes, stone = colour(rng), colour(rng), colour(rng, 10, 80), colour(rng)
    first = rng.uniform(0.05, 0.2)
    hits = tuple(np.arange(step_s, duration_s, step_s))

    def foot(at: float, which: int) -> tuple[float, float]:
        number, phase = divmod(at / step_s - which, 2.0)
        swing = min(phase, 1.0)
        stair = 2 * number + which + 2 * swing
        return first + run * stair, 0.95 - rise * stair - 0.1 * 4 * swing**0.8 * (1 - swing**0.8)

    def draw(canvas: Canvas, at: float) -> None:
        for stair in range(16):
            canvas.box(first + run * stair - 0.05, 0.95 - rise * stair, aspect + 2, 1, stone)
        here = at / step_s
        hip = (first + run * (here + 0.3), 0.95 - rise * here - 0.34)
        for which in (0, 1):
            x, y = foot(at, which)
            canvas.bar(hip, (x, y - 0.03), 0.06, trousers)
            canvas.box(x - 0.03, y - 0.04, 0.11, 0.04, shoes)
        canvas.bar((hip[0], hip[1] - 0.3), hip, 0.15, coat)

    return Scene("stair climber", duration_s, draw, hits, look)


def playground_swing(look: Look, duration_s: float = 6.0) -> Scene:
    """A child on a swing, seen from the side, which touches nothing."""
    rng = generator(look, 55)
    rate, swing, aspect, coat = rng.uniform(0.35, 0.6), rng.uniform(0.4, 0.8), aspect_of(look), colour(rng)

    def draw(canvas: Canvas, at: float) -> None:
        turn, top = swing * np.sin(2 * np.pi * rate * at), (aspect / 2, 0.06)
        seat = (top[0] + 0.6 * np.sin(turn), top[1] + 0.6 * np.cos(turn))
        canvas.bar((aspect / 2 - 0.4, 1.0), top, 0.03, (90, 60, 40))
        canvas.bar((aspect / 2 + 0.4, 1.0), top, 0.03, (90, 60, 40))
        canvas.bar(top, seat, 0.012, (60, 60, 60))
        canvas.bar(seat, (seat[0] - 0.2 * np.sin(turn), seat[1] - 0.2 * np.cos(turn)), 0.1, coat)
        canvas.bar(seat, (seat[0] + 0.16, seat[1] + 0.03 + 0.06 * np.sin(turn)), 0.05, (50, 60, 100))
        canvas.disk((seat[0] - 0.26 * np.sin(turn), seat[1] - 0.26 * np.cos(turn)), 0.06, (215, 170, 140))

    return Scene("playground swing", duration_s, draw, (), look)


def darting_fish(look: Look, duration_s: float = 6.0) -> Scene:
    """Fish that dart off at once and glide to a stop."""
    rng = generator(look, 56)
    aspect = aspect_of(look)
    fish = [
        (rng.uniform([0.1, 0.1], [aspect - 0.1, 0.9], (12, 2)), rng.uniform(0.7, 1.3), rng.uniform(0, 1), colour(rng))
        for _ in range(5)
    ]

    def draw(canvas: Canvas, at: float) -> None:
        for stops, stay, offset, own in fish:
            number, phase = divmod(at / stay + offset, 1.0)
            here, there = stops[int(number) % 12], stops[(int(number) + 1) % 12]
            x, y = here + (there - here) * (1 - np.exp(-4 * phase)) * (1 - 0.02)
            side = 1 if there[0] > here[0] else -1
            wag = 0.02 * np.sin(12 * at)
            canvas.polygon([(x, y - 0.04), (x + side * 0.09, y), (x, y + 0.04), (x - side * 0.08, y)], own)
            canvas.polygon(
                [(x - side * 0.07, y), (x - side * 0.13, y - 0.04 + wag), (x - side * 0.13, y + 0.04 + wag)], own
            )

    return Scene("darting fish", duration_s, draw, (), look)


def dissolves(look: Look, duration_s: float = 6.0) -> Scene:
    """Drifting clouds and a turning wheel that fade into each other over half a second."""
    shots = [scenes.wheel(look, duration_s), scenes.clouds(look, duration_s), more_scenes.crowd(look, duration_s)]

    def draw(canvas: Canvas, at: float) -> None:
        number, phase = divmod(at / 1.2, 1.0)
        pictures = []
        for shot in (shots[int(number) % 3], shots[(int(number) + 1) % 3]):
            layer = Canvas(canvas.image.copy(), canvas.offset)
            shot.draw(layer, at)
            pictures.append(layer.image.astype(np.float32))
        mix = np.clip((phase - 0.58) / 0.42, 0, 1)
        np.copyto(canvas.image, np.rint(pictures[0] * (1 - mix) + pictures[1] * mix).astype(np.uint8))

    return Scene("dissolves", duration_s, draw, (), look)


def handheld_pan(look: Look, duration_s: float = 6.0) -> Scene:
    """A camera carried by hand along a street of houses near and far, which shift against each other."""
    rng = generator(look, 58)
    aspect, speed = aspect_of(look), rng.uniform(0.15, 0.45)
    rows = [
        [(x, rng.uniform(0.2, 0.5), rng.uniform(0.15, 0.4), colour(rng)) for x in np.arange(-1, aspect + 5, 0.45)]
        for _ in range(2)
    ]

    def draw(canvas: Canvas, at: float) -> None:
        bob = 0.012 * np.sin(2 * np.pi * 1.8 * at) + 0.006 * np.sin(11.3 * at)
        canvas.box(-1, -1, aspect + 2, 3, (150, 180, 220))
        for nearness, houses in zip((0.5, 1.0), rows, strict=True):
            for x, high, wide, own in houses:
                left, top = x - speed * nearness * at, 0.9 - high * (0.7 + 0.5 * nearness) + bob * nearness
                canvas.box(left, top, wide, 1, own)
                for window in range(2):
                    canvas.box(left + wide * (0.2 + 0.4 * window), top + 0.06, wide * 0.2, 0.07, (240, 235, 180))

    return Scene("handheld pan", duration_s, draw, (), look)


IMPACTS = (knocking_fist, newtons_cradle, dribbled_ball, stair_climber)
QUIET = (playground_swing, darting_fish, dissolves, handheld_pan)
