"""Rendered kinds of motion without any impact that the onset network is trained on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tests.generate.scenes import Canvas, Look, Scene, aspect_of
from tests.generate.training_scenes import Colour, colour, eased, generator


def gliding_boxes(look: Look, duration_s: float = 6.0) -> Scene:
    """Things that go from place to place with gentle starts and stops: lifts, hands, menus."""
    rng = generator(look, 31)
    aspect, count = aspect_of(look), int(rng.integers(1, 4))
    things = []
    for _ in range(count):
        stops = rng.uniform([0.1, 0.1], [aspect - 0.3, 0.7], (12, 2))
        things.append((stops, rng.uniform(0.3, 0.8), rng.uniform(0, 0.4), rng.uniform(0.1, 0.3, 2), colour(rng)))

    def draw(canvas: Canvas, at: float) -> None:
        for stops, travel, pause, (wide, high), own in things:
            number, phase = divmod(at, travel + pause)
            here, there = stops[int(number) % 12], stops[(int(number) + 1) % 12]
            x, y = here + (there - here) * eased(phase / travel)
            canvas.box(x, y, wide, high, own)
            canvas.box(x + wide * 0.2, y + high * 0.2, wide * 0.2, high * 0.6, (230, 230, 220))

    return Scene("gliding boxes", duration_s, draw, (), look)


def waving_arm(look: Look, duration_s: float = 6.0) -> Scene:
    """An arm, branch or free pendulum that swings to and fro and touches nothing."""
    rng = generator(look, 32)
    aspect, rate, swing, length = aspect_of(look), rng.uniform(0.5, 2.0), rng.uniform(0.2, 0.8), rng.uniform(0.3, 0.55)
    pivot, hangs, own, hand = (aspect * rng.uniform(0.35, 0.65), 0.5), rng.random() < 0.5, colour(rng), colour(rng)
    thick, end = rng.uniform(0.02, 0.1), rng.uniform(0.04, 0.1)

    def draw(canvas: Canvas, at: float) -> None:
        turn = swing * np.sin(2 * np.pi * rate * at)
        down = 1 if hangs else -1
        base = (pivot[0], 0.08 if hangs else 0.95)
        tip = (base[0] + length * np.sin(turn), base[1] + down * length * np.cos(turn))
        canvas.bar(base, tip, thick, own)
        canvas.disk(tip, end, hand)

    return Scene("waving arm", duration_s, draw, (), look)


def talking_head(look: Look, duration_s: float = 6.0) -> Scene:
    """A head that speaks: the mouth opens and shuts, the eyes blink, the head nods and turns; shoulders move along."""
    rng = generator(look, 33)
    aspect, size = aspect_of(look), rng.uniform(0.18, 0.32)
    x, skin, hair, coat = aspect * rng.uniform(0.35, 0.65), colour(rng, 110), colour(rng, 10, 120), colour(rng)
    rates, phases = rng.uniform([0.2, 0.3, 3.0, 4.5], [0.6, 0.9, 4.5, 7.0]), rng.uniform(0, 6.3, 4)
    blinks, pauses = rng.uniform(0, duration_s, 4), rng.uniform(0.8, 2.0)

    def draw(canvas: Canvas, at: float) -> None:
        sway, nod, first, second = np.sin(2 * np.pi * rates * at + phases)
        centre = (x + 0.03 * sway, 0.42 + 0.012 * nod)
        canvas.box(x - 2 * size + 0.01 * sway, 0.45 + size, 4 * size, 1, coat)
        canvas.disk((centre[0], centre[1] - 0.15 * size), 1.08 * size, hair)
        canvas.disk(centre, size, skin)
        shut = bool((np.abs(blinks - at) < 0.07).any())
        for side in (-1, 1):
            canvas.disk((centre[0] + side * 0.38 * size, centre[1] - 0.2 * size), 0.12 * size, (245, 245, 245))
            if not shut:
                canvas.disk((centre[0] + side * 0.38 * size, centre[1] - 0.2 * size), 0.06 * size, (30, 30, 30))
        opened = max(first * second, 0.0) * (np.sin(2 * np.pi * at / pauses) > -0.3)
        canvas.box(
            centre[0] - 0.3 * size, centre[1] + 0.35 * size, 0.6 * size, (0.05 + 0.3 * opened) * size, (90, 30, 30)
        )

    return Scene("talking head", duration_s, draw, (), look)


def panned_wall(look: Look, duration_s: float = 6.0) -> Scene:
    """A camera that pans over a wall of pictures, rests and pans back, sometimes in a jerk."""
    rng = generator(look, 34)
    blocks = _blocks(rng)
    stops, travel, pause = rng.uniform(-0.6, 0.6, (12, 2)) * (1, 0.4), rng.uniform(0.25, 1.5), rng.uniform(0, 0.6)

    def draw(canvas: Canvas, at: float) -> None:
        number, phase = divmod(at, travel + pause)
        here, there = stops[int(number) % 12], stops[(int(number) + 1) % 12]
        x, y = here + (there - here) * eased(phase / travel)
        panned = replace(canvas, offset=(canvas.offset[0] + x, canvas.offset[1] + y))
        for left, top, own in blocks:
            panned.box(left, top, 0.15, 0.14, own)

    return Scene("panned wall", duration_s, draw, (), look)


def zoomed_wall(look: Look, duration_s: float = 6.0) -> Scene:
    """A zoom into a wall of pictures and out again."""
    rng = generator(look, 35)
    blocks, rate, depth, aspect = _blocks(rng), rng.uniform(0.15, 0.5), rng.uniform(0.1, 0.4), aspect_of(look)

    def draw(canvas: Canvas, at: float) -> None:
        zoom = 1 + depth * (1 - np.cos(2 * np.pi * rate * at)) / 2
        for left, top, own in blocks:
            x, y = aspect / 2 + (left - aspect / 2) * zoom, 0.5 + (top - 0.5) * zoom
            canvas.box(x, y, 0.15 * zoom, 0.14 * zoom, own)

    return Scene("zoomed wall", duration_s, draw, (), look)


def camera_flashes(look: Look, duration_s: float = 6.0) -> Scene:
    """People in dim light who hardly move, and flashes that light all or a part of the picture for a frame or two."""
    rng = generator(look, 36)
    aspect = aspect_of(look)
    people = [
        (rng.uniform(0, aspect), rng.uniform(0.3, 0.8), rng.uniform(0, 6.3), colour(rng, 20, 120)) for _ in range(6)
    ]
    starts = np.cumsum(rng.uniform(0.3, 1.2, 16))
    flashes = [(start, rng.uniform(0.03, 0.09), rng.random() < 0.5, rng.uniform(0, aspect)) for start in starts]

    def draw(canvas: Canvas, at: float) -> None:
        for x, y, phase, own in people:
            canvas.box(x - 0.08 + 0.01 * np.sin(2 * at + phase), y, 0.16, 0.8, own)
            canvas.disk((x + 0.01 * np.sin(2 * at + phase), y - 0.06), 0.06, (150, 120, 100))
        for start, length, whole, x in flashes:
            if start <= at < start + length and whole:
                np.copyto(canvas.image, np.minimum(canvas.image.astype(np.int16) + 90, 255).astype(np.uint8))
            elif start <= at < start + length:
                canvas.disk((x, 0.4), 0.12, (255, 255, 250))

    return Scene("camera flashes", duration_s, draw, (), look)


def slides(look: Look, duration_s: float = 6.0) -> Scene:
    """Slides that are shown one after the other, cut hard, with a line of text that appears on some of them."""
    rng = generator(look, 37)
    aspect, shown_s = aspect_of(look), rng.uniform(0.5, 1.4)
    shapes = [
        [(*rng.uniform([0, 0], [aspect, 0.8]), *rng.uniform(0.1, 0.5, 2), colour(rng)) for _ in range(12)]
        for _ in range(16)
    ]
    papers, moves = [colour(rng) for _ in range(16)], rng.random() < 0.5

    def draw(canvas: Canvas, at: float) -> None:
        number, phase = divmod(at, shown_s)
        canvas.box(-1, -1, aspect + 2, 3, papers[int(number) % 16])
        for left, top, wide, high, own in shapes[int(number) % 16]:
            canvas.box(left + (0.05 * phase if moves else 0.0), top, wide, high, own)
        if number % 2 and phase > shown_s / 2:
            for letter in range(8):
                canvas.box(0.2 + 0.1 * letter, 0.85, 0.06, 0.07, (250, 250, 250))

    return Scene("slides", duration_s, draw, (), look)


def crank_machine(look: Look, duration_s: float = 6.0) -> Scene:
    """A crank that drives a piston to and fro: strong regular motion, and nothing strikes."""
    rng = generator(look, 38)
    aspect, rate, radius = aspect_of(look), rng.uniform(0.5, 1.8), rng.uniform(0.08, 0.16)
    centre, rod = (aspect * 0.3, rng.uniform(0.4, 0.6)), rng.uniform(0.4, 0.55)
    own, steel, wheel = colour(rng), colour(rng), colour(rng)

    def draw(canvas: Canvas, at: float) -> None:
        turn = 2 * np.pi * rate * at
        pin = (centre[0] + radius * np.cos(turn), centre[1] + radius * np.sin(turn))
        piston = (pin[0] + np.sqrt(rod**2 - (pin[1] - centre[1]) ** 2), centre[1])
        canvas.disk(centre, radius + 0.05, wheel)
        canvas.box(piston[0], piston[1] - 0.08, 0.2, 0.16, own)
        canvas.bar(pin, piston, 0.04, steel)
        canvas.disk(pin, 0.03, own)

    return Scene("crank machine", duration_s, draw, (), look)


def rippling_water(look: Look, duration_s: float = 6.0) -> Scene:
    """Waves and leaves: many small shapes that move about their places without end."""
    rng = generator(look, 39)
    aspect, count = aspect_of(look), int(rng.integers(40, 120))
    spots = rng.uniform([0, 0], [aspect, 1], (count, 2))
    rates, phases, sway = rng.uniform(0.3, 1.6, count), rng.uniform(0, 6.3, count), rng.uniform(0.005, 0.03, count)
    sizes, colours, drift = rng.uniform(0.02, 0.07, count), [colour(rng) for _ in range(count)], rng.uniform(-0.1, 0.1)

    def draw(canvas: Canvas, at: float) -> None:
        turn = 2 * np.pi * rates * at + phases
        for number in range(count):
            x = (spots[number, 0] + drift * at + 0.2) % (aspect + 0.4) - 0.2 + sway[number] * np.sin(turn[number])
            y = spots[number, 1] + 0.5 * sway[number] * np.cos(turn[number])
            canvas.box(x - sizes[number], y, 2 * sizes[number], 0.4 * sizes[number], colours[number])

    return Scene("rippling water", duration_s, draw, (), look)


def _blocks(rng: np.random.Generator) -> list[tuple[float, float, Colour]]:
    return [(x, y, colour(rng, 60, 225)) for x in np.arange(-1.5, 4, 0.17) for y in np.arange(-0.9, 1.9, 0.16)]


QUIET = (
    gliding_boxes,
    waving_arm,
    talking_head,
    panned_wall,
    zoomed_wall,
    camera_flashes,
    slides,
    crank_machine,
    rippling_water,
)
