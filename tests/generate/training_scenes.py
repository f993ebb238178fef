"""Rendered kinds of scenes with impacts that the onset network is trained on.

Sizes, places, speeds and colours are drawn from the look's seed. What is raised, slid or turned back without touching
anything moves as smoothly as what does touch, so that only contact tells them apart.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tests.generate.scenes import Canvas, Look, Scene, aspect_of

Colour = tuple[int, int, int]


def generator(look: Look, kind: int) -> np.random.Generator:
    """Random numbers of their own for each kind of scene."""
    return np.random.default_rng([look.seed, kind])


def colour(rng: np.random.Generator, darkest: int = 20, brightest: int = 235) -> Colour:
    red, green, blue = (int(part) for part in rng.integers(darkest, brightest, 3))
    return red, green, blue


def eased(phase: float) -> float:
    """From 0 to 1 with a gentle start and a gentle end."""
    return float(np.clip((1 - np.cos(np.pi * np.clip(phase, 0, 1))) / 2, 0, 1))


def stroke(slow: float, fast: float, rest: float, power: float = 2.0) -> Callable[[float], float]:
    """A repeated stroke: gently from 0 to 1 in `slow` seconds, ever faster back in `fast`, at rest for `rest`."""

    def position(at: float) -> float:
        phase = at % (slow + fast + rest)
        if phase < slow:
            return eased(phase / slow)
        return max(1 - ((phase - slow) / fast) ** power, 0.0) if phase < slow + fast else 0.0

    return position


def stroke_hits(slow: float, fast: float, rest: float, duration_s: float) -> tuple[float, ...]:
    return tuple(np.arange(slow + fast, duration_s, slow + fast + rest))


def falling_plank(look: Look, duration_s: float = 6.0) -> Scene:
    """A plank that tips over its end and falls flat, and is put up again."""
    rng = generator(look, 11)
    timing = rng.uniform(0.5, 0.8), rng.uniform(0.2, 0.4), rng.uniform(0.15, 0.5)
    length, width, aspect = rng.uniform(0.3, 0.6), rng.uniform(0.03, 0.08), aspect_of(look)
    foot, floor, side = aspect * rng.uniform(0.3, 0.6), rng.uniform(0.75, 0.92), rng.choice((-1, 1))
    highest, own, ground = rng.uniform(0.7, 1.4), colour(rng), colour(rng)
    height = stroke(*timing)

    def draw(canvas: Canvas, at: float) -> None:
        canvas.box(-1, floor, aspect + 2, 1, ground)
        turn = highest * height(at)
        base = floor - width / 2
        canvas.bar((foot, base), (foot + side * length * np.cos(turn), base - length * np.sin(turn)), width, own)

    return Scene("falling plank", duration_s, draw, stroke_hits(*timing, duration_s), look)


def marching_feet(look: Look, duration_s: float = 6.0) -> Scene:
    """Two legs that march in place, seen from the front: each foot is lifted and put down hard in its turn."""
    rng = generator(look, 12)
    step_s, lift, aspect = rng.uniform(0.35, 0.65), rng.uniform(0.08, 0.2), aspect_of(look)
    floor, apart, thick = rng.uniform(0.78, 0.93), rng.uniform(0.08, 0.14), rng.uniform(0.06, 0.1)
    middle, up = aspect * rng.uniform(0.35, 0.65), rng.uniform(0.5, 0.65)
    trousers, shoes, coat, ground = colour(rng), colour(rng, 10, 90), colour(rng), colour(rng)
    hits = tuple(np.arange(step_s, duration_s, step_s))

    def height(at: float, which: int) -> float:
        phase = (at / step_s - which) % 2.0
        if phase >= 1:
            return 0.0
        return lift * (eased(phase / up) if phase < up else 1 - ((phase - up) / (1 - up)) ** 2)

    def draw(canvas: Canvas, at: float) -> None:
        canvas.box(-1, floor, aspect + 2, 1, ground)
        sway = 0.01 * np.sin(np.pi * at / step_s)
        for which, side in ((0, -1), (1, 1)):
            x, raised = middle + side * apart, height(at, which)
            canvas.bar((x + sway, 0.35), (x, floor - 0.04 - raised), thick, trousers)
            canvas.box(x - 0.06, floor - 0.05 - raised, 0.12, 0.05, shoes)
        canvas.box(middle - 0.16 + sway, 0.05, 0.32, 0.33, coat)

    return Scene("marching feet", duration_s, draw, hits, look)


def jumper(look: Look, duration_s: float = 6.0) -> Scene:
    """A figure that crouches, jumps and lands, sinking a little at the knees."""
    rng = generator(look, 13)
    gravity, speed, pause = rng.uniform(2.0, 3.0), rng.uniform(0.7, 1.1), rng.uniform(0.4, 0.7)
    floor, size, aspect = rng.uniform(0.8, 0.92), rng.uniform(0.7, 1.1), aspect_of(look)
    flight = 2 * speed / gravity
    x, skin, coat, shoes, ground = (
        aspect * rng.uniform(0.3, 0.7),
        colour(rng, 120),
        colour(rng),
        colour(rng),
        colour(rng),
    )
    hits = tuple(np.arange(pause + flight, duration_s, pause + flight))

    def draw(canvas: Canvas, at: float) -> None:
        canvas.box(-1, floor, aspect + 2, 1, ground)
        phase, landed_before = at % (pause + flight), at > pause + flight
        air = phase - pause
        height = max(speed * air - gravity * air**2 / 2, 0.0) if air > 0 else 0.0
        sunk = 0.05 * np.sin(np.pi * phase / pause) if air <= 0 and landed_before else 0.0
        hip, sole = floor - 0.28 * size - height + sunk, floor - height
        for side in (-1, 1):
            knee = (x + side * (0.05 + sunk), (hip + sole) / 2)
            canvas.bar((x + side * 0.03, hip), knee, 0.05, shoes)
            canvas.bar(knee, (x + side * 0.04, sole), 0.05, shoes)
        canvas.box(x - 0.08 * size, hip - 0.24 * size, 0.16 * size, 0.26 * size, coat)
        canvas.disk((x, hip - 0.3 * size), 0.06 * size, skin)

    return Scene("jumper", duration_s, draw, hits, look)


def pecking_beak(look: Look, duration_s: float = 6.0) -> Scene:
    """A rod on a hinge that pecks at a trunk in bursts and springs back at once, with rests between the bursts."""
    rng = generator(look, 14)
    beat_s, pecks, rest = rng.uniform(0.16, 0.3), int(rng.integers(3, 6)), rng.uniform(0.4, 0.8)
    swing, length, aspect = rng.uniform(0.35, 0.7), rng.uniform(0.25, 0.4), aspect_of(look)
    trunk, y, own, bark = aspect * rng.uniform(0.55, 0.8), rng.uniform(0.3, 0.6), colour(rng), colour(rng)
    period = pecks * beat_s + rest
    hits = [start + (number + 0.5) * beat_s for start in np.arange(0.2, duration_s, period) for number in range(pecks)]

    def turn(at: float) -> float:
        phase = (at - 0.2) % period if at >= 0.2 else period
        if phase >= pecks * beat_s:
            return swing
        # Away from the trunk at both ends of a beat, at the trunk in its middle, where the speed is highest.
        beat = abs(2 * ((phase / beat_s) % 1.0) - 1)
        return swing * float(np.sin(np.pi / 2 * beat))

    def draw(canvas: Canvas, at: float) -> None:
        canvas.box(trunk, -1, 0.25, 3, bark)
        hinge = (trunk - 0.05, y + length)
        angle = turn(at)
        tip = (hinge[0] - length * np.sin(angle), hinge[1] - length * np.cos(angle))
        canvas.bar(hinge, tip, 0.05, own)
        canvas.disk(tip, 0.06, own)
        canvas.bar(tip, (tip[0] + 0.055 * np.cos(angle), tip[1] - 0.055 * np.sin(angle)), 0.03, bark)

    return Scene("pecking beak", duration_s, draw, tuple(hit for hit in hits if hit < duration_s), look)


def sliding_drawer(look: Look, duration_s: float = 6.0) -> Scene:
    """A drawer or sliding door that is drawn out gently and pushed shut, where it stops dead."""
    rng = generator(look, 15)
    timing = rng.uniform(0.4, 0.8), rng.uniform(0.2, 0.45), rng.uniform(0.15, 0.5)
    travel, wide, high, aspect = rng.uniform(0.2, 0.4), rng.uniform(0.2, 0.6), rng.uniform(0.15, 0.7), aspect_of(look)
    left, top, side = aspect * rng.uniform(0.3, 0.4), rng.uniform(0.1, 0.3), rng.choice((-1, 1))
    own, frame, knob, power = colour(rng), colour(rng), colour(rng), rng.uniform(1.0, 2.0)
    opened = stroke(*timing, power)

    def draw(canvas: Canvas, at: float) -> None:
        canvas.box(left - 0.05, top - 0.05, wide + 0.1, high + 0.1, frame)
        x = left + side * travel * opened(at)
        canvas.box(x, top, wide, high, own)
        canvas.disk((x + wide * 0.8, top + high / 2), 0.03, knob)
        canvas.box(x + wide * 0.15, top + high * 0.2, wide * 0.1, high * 0.6, knob)

    return Scene("sliding drawer", duration_s, draw, stroke_hits(*timing, duration_s), look)


def lid(look: Look, duration_s: float = 6.0) -> Scene:
    """A lid or book cover seen from the side or the front that is opened and falls shut."""
    rng = generator(look, 16)
    timing = rng.uniform(0.5, 0.8), rng.uniform(0.18, 0.35), rng.uniform(0.2, 0.5)
    widest, aspect, front = rng.uniform(0.8, 1.4), aspect_of(look), rng.random() < 0.5
    wide, deep, left, top = rng.uniform(0.35, 0.6), rng.uniform(0.2, 0.4), aspect * rng.uniform(0.2, 0.4), 0.55
    own, inside, body, stripe = colour(rng), colour(rng, 10, 60), colour(rng), colour(rng)
    opened = stroke(*timing)

    def draw(canvas: Canvas, at: float) -> None:
        turn = widest * opened(at)
        canvas.box(left, top, wide, deep, body if not front else inside)
        if not front:
            canvas.bar((left, top), (left + wide * np.cos(turn), top - wide * np.sin(turn)), 0.05, own)
            return
        # The free edge is the lower one: it goes up the picture and comes nearer, so that it looks wider.
        low, wider = top + deep * np.cos(turn), 0.1 * np.sin(turn)
        canvas.polygon([(left, top), (left + wide, top), (left + wide + wider, low), (left - wider, low)], own)
        band = top + (low - top) * 0.7
        canvas.bar((left + 0.05, band), (left + wide - 0.05, band), 0.03, stripe)

    return Scene("lid", duration_s, draw, stroke_hits(*timing, duration_s), look)


def two_balls(look: Look, duration_s: float = 6.0) -> Scene:
    """Two balls that bounce beside each other, each at its own pace."""
    rng = generator(look, 17)
    aspect, floor, ground = aspect_of(look), rng.uniform(0.78, 0.92), colour(rng)
    balls = []
    for place in (0.3, 0.7):
        gravity, height, begin = rng.uniform(2.0, 3.2), rng.uniform(0.3, 0.6), rng.uniform(0, 0.5)
        balls.append((aspect * place, rng.uniform(0.05, 0.1), gravity, height, begin, colour(rng)))
    hits = sorted(
        float(hit)
        for _, _, gravity, height, begin, _ in balls
        for hit in np.arange(begin, duration_s, 2 * np.sqrt(2 * height / gravity))
    )

    def draw(canvas: Canvas, at: float) -> None:
        canvas.box(-1, floor, aspect + 2, 1, ground)
        for x, radius, gravity, height, begin, own in balls:
            flight = 2 * np.sqrt(2 * height / gravity)
            air = (at - begin) % flight
            raised = np.sqrt(2 * gravity * height) * air - gravity * air**2 / 2
            canvas.disk((x, floor - radius - raised), radius, own)

    return Scene("two balls", duration_s, draw, tuple(hits), look)


def volley(look: Look, duration_s: float = 6.0) -> Scene:
    """A ball that goes to and fro between two bats, which swing at it and back."""
    rng = generator(look, 18)
    flight, aspect, radius = rng.uniform(0.35, 0.7), aspect_of(look), rng.uniform(0.035, 0.06)
    arc, own, bats = rng.uniform(0.02, 0.2), colour(rng), colour(rng)
    left, right, y, swing = 0.2, aspect - 0.2, rng.uniform(0.4, 0.6), rng.uniform(0.04, 0.1)
    hits = tuple(np.arange(0.5 * flight, duration_s, flight))

    def draw(canvas: Canvas, at: float) -> None:
        number, phase = divmod(at / flight + 0.5, 1.0)
        along = phase if int(number) % 2 == 0 else 1 - phase
        canvas.disk((left + (right - left) * along, y - arc * 4 * phase * (1 - phase)), radius, own)
        for which, x, side in ((1, left, -1), (0, right, 1)):
            # A bat strikes every second time; it comes to meet the ball and goes on for a little.
            off = (at / flight + 0.5 + which) % 2.0
            away = swing * np.cos(np.pi * min(off, 2 - off))
            canvas.box(x + side * (radius + 0.02 + swing / 2 - away / 2) - 0.02, y - 0.12, 0.04, 0.24, bats)

    return Scene("volley", duration_s, draw, hits, look)


def chopping_knife(look: Look, duration_s: float = 6.0) -> Scene:
    """A blade that chops on a board in quick strokes while it moves along, with a pause now and then."""
    rng = generator(look, 19)
    beat_s, lift, aspect = rng.uniform(0.22, 0.4), rng.uniform(0.08, 0.18), aspect_of(look)
    board, down, wide = rng.uniform(0.65, 0.85), rng.uniform(0.3, 0.5), rng.uniform(0.25, 0.5)
    own, wood, handle, start = colour(rng, 120), colour(rng), colour(rng), aspect * rng.uniform(0.25, 0.45)
    hits = tuple(np.arange(beat_s, duration_s, beat_s))

    def draw(canvas: Canvas, at: float) -> None:
        canvas.box(aspect * 0.1, board, aspect * 0.8, 0.08, wood)
        phase = (at / beat_s) % 1.0
        raised = eased(phase / (1 - down)) if phase < 1 - down else 1 - ((phase - 1 + down) / down) ** 2
        x, edge = start + 0.02 * at, board - lift * raised
        canvas.polygon(
            [(x, edge - 0.1), (x + wide, edge - 0.1 - 0.3 * lift * raised), (x + wide, edge), (x, edge)], own
        )
        canvas.box(x + wide, edge - 0.1, 0.15, 0.05, handle)

    return Scene("chopping knife", duration_s, draw, hits, look)


IMPACTS = (
    falling_plank,
    marching_feet,
    jumper,
    pecking_beak,
    sliding_drawer,
    lid,
    two_balls,
    volley,
    chopping_knife,
)
