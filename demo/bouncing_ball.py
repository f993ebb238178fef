"""A rubber ball bounces through a room and knocks a wooden block over; a second one follows.

Real ballistics in metres and seconds: x to the right, y up from the floor. Every impact's time follows from them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

GRAVITY = 9.81
CONTACT_S = 0.024  # how long a soft rubber ball stays on what it hits
ROOM_WIDTH = 8 / 3


@dataclass(frozen=True)
class Block:
    """A standing block that tips to the right about its lower right edge at `edge_x`; metres and kilograms."""

    edge_x: float = 1.78
    width: float = 0.17
    height: float = 0.74
    mass: float = 5.0

    @property
    def inertia(self) -> float:
        """About the edge it tips over: m (w^2 + h^2) / 3."""
        return self.mass * (self.width**2 + self.height**2) / 3


@dataclass(frozen=True)
class Ball:
    """How it flies in: place and velocity at `start_s`; `bounce` is the share of speed that a bounce keeps."""

    start_s: float
    x: float
    y: float
    vx: float
    vy: float = 0.0
    radius: float = 0.135
    mass: float = 0.6
    bounce: float = 0.84
    grip: float = 0.95


@dataclass(frozen=True)
class Piece:
    """From `start_s` on the ball is in free flight, or pressed against the floor ('floor') or the block ('block')."""

    start_s: float
    x: float
    y: float
    vx: float
    vy: float
    against: str = ""

    def at(self, time_s: float) -> tuple[float, float, float]:
        """x, y and how flat the ball is pressed, in metres."""
        past = time_s - self.start_s
        press = CONTACT_S / np.pi * np.sin(np.pi * min(past / CONTACT_S, 1.0))
        if self.against == "floor":
            return self.x + self.vx * past, self.y - abs(self.vy) * press, abs(self.vy) * press
        if self.against == "block":
            return self.x + abs(self.vx) * press, self.y + self.vy * past, abs(self.vx) * press
        return self.x + self.vx * past, self.y + self.vy * past - GRAVITY / 2 * past**2, 0.0


@dataclass(frozen=True)
class Story:
    """Two balls and a block; solved once, then asked for any time."""

    first: Ball = Ball(start_s=0.8, x=-0.15, y=0.75, vx=3.0, vy=-1.0)
    second: Ball = Ball(start_s=3.1, x=-0.15, y=1.1, vx=1.45)
    block: Block = Block()
    duration_s: float = 6.4

    @cached_property
    def first_path(self) -> list[Piece]:
        return fly(self.first, self.block, standing=True)

    @cached_property
    def second_path(self) -> list[Piece]:
        return fly(self.second, self.block, standing=False)

    @cached_property
    def block_angles(self) -> tuple[np.ndarray, np.ndarray]:
        """Times in seconds and the block's angle in radians, from the hit until it lies."""
        hit = next(piece for piece in self.first_path if piece.against == "block")
        spin, _ = collide(self.first, hit, self.block)
        return topple(self.block, hit.start_s, spin)

    @cached_property
    def impacts_s(self) -> list[float]:
        """First touch of every impact, in order of time."""
        touches = [piece.start_s for piece in self.first_path + self.second_path if piece.against]
        return sorted([*touches, float(self.block_angles[0][-1])])

    def angle(self, time_s: float) -> float:
        times, angles = self.block_angles
        return float(np.interp(time_s, times, angles))


def place(path: list[Piece], time_s: float) -> tuple[Piece, float, float, float] | None:
    """The piece of path at that time, x, y and the pressing depth; None before the ball has come."""
    current = next((piece for piece in reversed(path) if piece.start_s <= time_s), None)
    return None if current is None else (current, *current.at(time_s))


def fly(ball: Ball, block: Block, standing: bool) -> list[Piece]:
    """Free flights and contacts until the ball has left the picture."""
    flight = Piece(ball.start_s, ball.x, ball.y, ball.vx, ball.vy)
    path = [flight]
    while len(path) < 40:
        touch = _next_touch(flight, ball, block, standing)
        if not -0.2 < touch.x < ROOM_WIDTH + 0.2:
            return path
        if touch.against == "block":
            standing = False
            after = replace(touch, vx=collide(ball, touch, block)[1], against="")
        else:
            after = replace(touch, vx=touch.vx * ball.grip, vy=-touch.vy * ball.bounce, against="")
        flight = replace(after, start_s=touch.start_s + CONTACT_S)
        path += [touch, flight]
    raise ValueError("The ball never leaves the picture.")


def _next_touch(flight: Piece, ball: Ball, block: Block, standing: bool) -> Piece:
    lands = _lands(flight, ball.radius)
    if standing:
        face = block.edge_x - block.width - ball.radius
        past = (face - flight.x) / flight.vx
        x, y, _ = flight.at(flight.start_s + past)
        if 0 < past < lands.start_s - flight.start_s and y < block.height:
            return Piece(flight.start_s + past, x, y, flight.vx, flight.vy - GRAVITY * past, "block")
        return lands
    on_block = _lands(flight, ball.radius + block.width)
    lies_there = block.edge_x < on_block.x < block.edge_x + block.height
    return on_block if lies_there and flight.start_s > ball.start_s and flight.vx > 0 else lands


def _lands(flight: Piece, level: float) -> Piece:
    fall = np.sqrt(max(flight.vy**2 + 2 * GRAVITY * (flight.y - level), 0.0))
    past = float(flight.vy + fall) / GRAVITY
    return Piece(flight.start_s + past, flight.x + flight.vx * past, level, flight.vx, -float(fall), "floor")


def collide(ball: Ball, hit: Piece, block: Block) -> tuple[float, float]:
    """The block's spin in rad/s and the ball's new vx: angular momentum about the edge is kept."""
    spin = (1 + ball.bounce) * ball.mass * hit.vx * hit.y / (block.inertia + ball.mass * hit.y**2)
    return spin, spin * hit.y - ball.bounce * hit.vx


def topple(block: Block, start_s: float, spin: float, step_s: float = 5e-4) -> tuple[np.ndarray, np.ndarray]:
    """Times and angles of a block that tips about its edge, from `start_s` until it lies flat."""
    arm = np.hypot(block.width, block.height) / 2
    balance = np.arctan2(block.width, block.height)
    angles, angle = [0.0], 0.0
    while angle < np.pi / 2:
        spin += block.mass * GRAVITY * arm / block.inertia * np.sin(angle - balance) * step_s
        angle += spin * step_s
        if angle < 0:
            raise ValueError("The ball is too slow to knock the block over: it rocks back.")
        angles.append(min(angle, np.pi / 2))
    return start_s + step_s * np.arange(len(angles)), np.array(angles)
