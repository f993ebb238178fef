"""Rendered balls that are thrown in and bounce, which the onset network is trained on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tests.generate.scenes import Canvas, Look, Point, Scene, aspect_of, inside
from tests.generate.training_scenes import colour, generator


@dataclass(frozen=True)
class Flight:
    """A ball from one hit to the next: where and when it starts, and its velocity."""

    begin_s: float
    start: Point
    velocity: Point

    def at(self, time_s: float, gravity: float) -> Point:
        phase = time_s - self.begin_s
        x, y = self.start
        return x + self.velocity[0] * phase, y + self.velocity[1] * phase + gravity * phase**2 / 2


def random_flights(
    rng: np.random.Generator, bottom: float, aspect: float, gravity: float, last_s: float
) -> list[Flight]:
    """A thrown ball whose middle never comes below `bottom`, until it lies or is out of the picture."""
    side = rng.choice((-1, 1))
    x = rng.uniform(-0.1, 0.4) * aspect
    start = (x if side > 0 else aspect - x), bottom - rng.uniform(0.15, 0.6)
    flights = [Flight(rng.uniform(-0.3, 0.5), start, (side * rng.uniform(0.15, 0.9), rng.uniform(-0.6, 0.3)))]
    bounce, friction = rng.uniform(0.4, 0.85), rng.uniform(0.7, 1.0)
    while True:
        flight = flights[-1]
        down, high = flight.velocity[1], bottom - flight.start[1]
        air = (-down + np.sqrt(down**2 + 2 * gravity * high)) / gravity
        landing, speed = flight.begin_s + air, bounce * (down + gravity * air)
        if landing > last_s or speed < 0.2:
            return flights
        place = flight.start[0] + flight.velocity[0] * air
        flights.append(Flight(landing, (place, bottom), (friction * flight.velocity[0], -speed)))


def thrown_balls(look: Look, duration_s: float = 6.0) -> Scene:
    """Striped balls that are thrown in from the side and bounce across the floor, turning, with their shadows."""
    rng = generator(look, 84)
    aspect, floor, wall, ground = aspect_of(look), rng.uniform(0.6, 0.9), colour(rng), colour(rng, 40)
    shadow = ground[0] * 2 // 3, ground[1] * 2 // 3, ground[2] * 2 // 3
    balls, landings = [], []
    for _ in range(int(rng.integers(1, 4))):
        radius, gravity = rng.uniform(0.04, 0.1), rng.uniform(1.6, 3.2)
        bottom = floor + rng.uniform(0.0, 0.1) - radius
        flights = random_flights(rng, bottom, aspect, gravity, duration_s)
        landings += [(flight.begin_s, flight.start[0]) for flight in flights[1:] if 0 < flight.begin_s < duration_s]
        balls.append((radius, gravity, bottom, flights, rng.uniform(-8, 8), colour(rng), colour(rng)))
    hits, beyond = inside(sorted(landings), look, 0.04)

    def draw(canvas: Canvas, at: float) -> None:
        canvas.box(-1, -1, aspect + 2, 1 + floor, wall)
        canvas.box(-1, floor - 0.06, aspect + 2, 2, ground)
        for radius, gravity, bottom, flights, spin, own, stripe in balls:
            flight = flights[max(sum(each.begin_s <= at for each in flights) - 1, 0)]
            x, y = flight.at(at, gravity)
            # What no longer bounces rolls.
            y = min(y, bottom)
            near = radius / (radius + 0.5 * (bottom - y))
            canvas.box(x - near * radius, bottom + 0.8 * radius, 2 * near * radius, 0.25 * radius, shadow)
            canvas.disk((x, y), radius, own)
            turn = spin * at
            along = 0.8 * radius * np.cos(turn), 0.8 * radius * np.sin(turn)
            canvas.bar((x - along[0], y - along[1]), (x + along[0], y + along[1]), 0.4 * radius, stripe)

    return Scene("thrown balls", duration_s, draw, hits, look, beyond)
