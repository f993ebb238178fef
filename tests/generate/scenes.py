"""Rendered scenes with exactly known impact times.

Every scene is a function of time sampled at the frame times, drawn anti-aliased at sub-pixel positions; units are
picture heights and seconds, so that a scene looks the same at every size.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

SUBPIXEL_BITS = 6
Point = tuple[float, float]


@dataclass(frozen=True)
class Look:
    """How a scene is filmed: `background` is flat, textured or noise; `shake` in picture heights, `grain` in levels."""

    fps: Fraction = Fraction(30)
    size: tuple[int, int] = (480, 360)
    background: str = "flat"
    seed: int = 0
    shake: float = 0.0
    grain: float = 0.0
    shutter: float = 0.0


@dataclass
class Canvas:
    """Draws in picture heights on a pixel image, moved by the camera's `offset`."""

    image: np.ndarray
    offset: Point = (0.0, 0.0)

    @property
    def scale(self) -> float:
        return float(self.image.shape[0])

    def _fixed(self, points: list[Point]) -> np.ndarray:
        moved = np.asarray(points) + self.offset
        return np.round(moved * self.scale * 2**SUBPIXEL_BITS).astype(np.int32)

    def disk(self, centre: Point, radius: float, colour: tuple[int, int, int]) -> None:
        x, y = self._fixed([centre])[0]
        size = round(radius * self.scale * 2**SUBPIXEL_BITS)
        cv2.circle(self.image, (int(x), int(y)), size, colour, -1, cv2.LINE_AA, SUBPIXEL_BITS)

    def polygon(self, points: list[Point], colour: tuple[int, int, int]) -> None:
        cv2.fillPoly(self.image, [self._fixed(points)], colour, cv2.LINE_AA, SUBPIXEL_BITS)

    def bar(self, start: Point, end: Point, width: float, colour: tuple[int, int, int]) -> None:
        along = np.subtract(end, start)
        across = np.array([-along[1], along[0]]) / np.hypot(*along) * width / 2
        corners = [tuple(start + across), tuple(end + across), tuple(end - across), tuple(start - across)]
        self.polygon(corners, colour)

    def box(self, left: float, top: float, width: float, height: float, colour: tuple[int, int, int]) -> None:
        right, bottom = left + width, top + height
        self.polygon([(left, top), (right, top), (right, bottom), (left, bottom)], colour)


@dataclass(frozen=True)
class Scene:
    """A film to be rendered: `draw(canvas, time_s)` and the times at which something hits something.

    `beyond_s` are those of impacts at the picture's edge or beyond it, where they cannot be seen.
    """

    name: str
    duration_s: float
    draw: Callable[[Canvas, float], None]
    hits_s: tuple[float, ...] = ()
    look: Look = field(default_factory=Look)
    beyond_s: tuple[float, ...] = ()

    def frames(self) -> Iterator[np.ndarray]:
        rng = np.random.default_rng(self.look.seed + 1000)
        backdrop = _backdrop(self.look)
        for index in range(round(self.duration_s * self.look.fps)):
            picture = self._exposed(backdrop, float(index / self.look.fps))
            if self.look.grain:
                picture = picture + rng.normal(0, self.look.grain, picture.shape)
            yield np.clip(picture, 0, 255).astype(np.uint8)

    def _exposed(self, backdrop: np.ndarray, time_s: float) -> np.ndarray:
        instants = [0.0] if not self.look.shutter else np.linspace(-0.5, 0.5, 5) * self.look.shutter
        pictures = [self._instant(backdrop, time_s + float(at / self.look.fps)) for at in instants]
        return np.mean(pictures, axis=0)

    def _instant(self, backdrop: np.ndarray, time_s: float) -> np.ndarray:
        offset = _shake(self.look, time_s)
        width, height = self.look.size
        shift = np.float32([[1, 0, offset[0] * height], [0, 1, offset[1] * height]])
        image = cv2.warpAffine(backdrop, shift, (width, height), borderMode=cv2.BORDER_REFLECT)
        self.draw(Canvas(image, offset), max(time_s, 0.0))
        return image

    def write(self, path: Path) -> Path:
        """The scene as H.264 in mp4, without sound."""
        with av.open(str(path), "w") as container:
            stream = container.add_stream("libx264", rate=self.look.fps, options={"crf": "20", "preset": "veryfast"})
            stream.width, stream.height = self.look.size
            stream.pix_fmt = "yuv420p"
            for picture in self.frames():
                container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
            container.mux(stream.encode())
        return path


def _backdrop(look: Look) -> np.ndarray:
    width, height = look.size
    rng = np.random.default_rng(look.seed)
    if look.background == "flat":
        return np.full((height, width, 3), 205, np.uint8)
    cell = 1 if look.background == "noise" else 24
    coarse = rng.uniform(90, 230, (height // cell + 1, width // cell + 1, 3))
    texture = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.clip(texture, 0, 255).astype(np.uint8)


def _shake(look: Look, time_s: float) -> Point:
    phase = look.seed * 1.7
    return (
        look.shake * (np.sin(7.1 * time_s + phase) + 0.5 * np.sin(16.3 * time_s)) / 1.5,
        look.shake * (np.sin(9.7 * time_s + 2 * phase) + 0.5 * np.sin(13.9 * time_s)) / 1.5,
    )


def aspect_of(look: Look) -> float:
    """The width of the picture in heights."""
    return look.size[0] / look.size[1]


def inside(hits: Sequence[tuple[float, float]], look: Look, radius: float) -> tuple[tuple[float, ...], ...]:
    """The times of `hits`, (time, x) each, whose `radius` around x is in the picture, and those of the others."""
    seen = [radius <= x <= aspect_of(look) - radius for _, x in hits]
    return tuple(
        tuple(time_s for (time_s, _), is_seen in zip(hits, seen, strict=True) if is_seen == wanted)
        for wanted in (True, False)
    )


def bouncing_ball(look: Look, duration_s: float = 6.0) -> Scene:
    """A ball dropped under gravity that bounces, loses height and is thrown up again."""
    rng = np.random.default_rng(look.seed)
    gravity, restitution, floor, radius = rng.uniform(2.2, 3.2), rng.uniform(0.8, 0.9), 0.88, rng.uniform(0.05, 0.09)
    drop, speed, hits = rng.uniform(0.55, 0.65), 0.0, []
    time = np.sqrt(2 * drop / gravity)
    speed = np.sqrt(2 * gravity * drop)
    launches = [(time, speed)]
    while time < duration_s:
        hits.append(time)
        speed = speed * restitution if speed > 0.9 else np.sqrt(2 * gravity * drop)
        launches[-1] = (time, speed)
        time += 2 * speed / gravity
        launches.append((time, speed))
    aspect = aspect_of(look)

    def height(at: float) -> float:
        if at < hits[0]:
            return drop - 0.5 * gravity * at**2
        start, up = [launch for launch in launches[: len(hits)] if launch[0] <= at][-1]
        return up * (at - start) - 0.5 * gravity * (at - start) ** 2

    def draw(canvas: Canvas, at: float) -> None:
        canvas.box(-1, floor, aspect + 2, 1, (110, 90, 80))
        x = aspect * (0.25 + 0.5 * at / duration_s)
        canvas.disk((x, floor - radius - height(at)), radius, (200, 60, 40))

    return Scene("bouncing ball", duration_s, draw, tuple(hits), look)


def hammer(look: Look, duration_s: float = 6.0) -> Scene:
    """A hammer that is raised slowly, falls ever faster on an anvil, rebounds a little, settles and is raised again."""
    rng = np.random.default_rng(look.seed)
    raising, falling, waiting = rng.uniform(0.4, 0.6), rng.uniform(0.16, 0.24), rng.uniform(0.15, 0.3)
    lift, aspect = rng.uniform(0.8, 1.1), aspect_of(look)
    period = raising + falling + waiting
    hits = tuple(np.arange(raising + falling, duration_s, period))

    def angle(at: float) -> float:
        phase = at % period
        if phase < raising:
            return lift * (1 - np.cos(np.pi * phase / raising)) / 2
        if phase < raising + falling:
            return lift * (1 - ((phase - raising) / falling) ** 2)
        rest = (phase - raising - falling) / waiting
        return 0.06 * lift * np.sin(np.pi * rest) * (1 - rest) ** 2

    def draw(canvas: Canvas, at: float) -> None:
        canvas.box(-1, 0.9, aspect + 2, 1, (90, 80, 70))
        canvas.box(aspect * 0.55, 0.72, 0.35, 0.2, (70, 75, 85))
        pivot = (aspect * 0.2, 0.65)
        reach = aspect * 0.5
        turn = angle(at)
        head = (pivot[0] + reach * np.cos(turn), pivot[1] - reach * np.sin(turn))
        canvas.bar(pivot, head, 0.035, (150, 100, 50))
        across = (np.sin(turn) * 0.085, np.cos(turn) * 0.085)
        canvas.bar(
            (head[0] - across[0], head[1] - across[1]),
            (head[0] + across[0] * 0.8, head[1] + across[1] * 0.8),
            0.1,
            (60, 60, 70),
        )

    return Scene("hammer on anvil", duration_s, draw, hits, look)


def pendulum(look: Look, duration_s: float = 6.0) -> Scene:
    """A pendulum that knocks against a post on its right and swings back."""
    rng = np.random.default_rng(look.seed)
    swing, omega, stop = rng.uniform(0.7, 0.9), rng.uniform(3.6, 4.6), rng.uniform(0.1, 0.3)
    aspect, length, bob = aspect_of(look), 0.6, rng.uniform(0.06, 0.08)
    pivot = (aspect * 0.45, 0.12)
    # From -swing to +stop and back is one period: the bob reflects where |angle| would have passed the post.
    rise = (np.pi - np.arccos(stop / swing)) / omega
    hits = tuple(np.arange(rise, duration_s, 2 * rise))

    def angle(at: float) -> float:
        phase = at % (2 * rise)
        return -swing * np.cos(omega * min(phase, 2 * rise - phase))

    def draw(canvas: Canvas, at: float) -> None:
        turn = angle(at)
        centre = (pivot[0] + length * np.sin(turn), pivot[1] + length * np.cos(turn))
        limit = (pivot[0] + length * np.sin(stop), pivot[1] + length * np.cos(stop))
        canvas.box(limit[0] + bob, limit[1] - 0.15, 0.06, 1.0, (90, 110, 90))
        canvas.bar(pivot, centre, 0.012, (60, 60, 60))
        canvas.disk(centre, bob, (50, 60, 140))

    return Scene("pendulum and post", duration_s, draw, hits, look)


def falling_boxes(look: Look, duration_s: float = 6.0) -> Scene:
    """Boxes that fall one after another, land dead on the floor and stay there."""
    rng = np.random.default_rng(look.seed)
    gravity, side, aspect = rng.uniform(2.2, 3.0), rng.uniform(0.14, 0.18), aspect_of(look)
    fall_s = np.sqrt(2 * (0.9 - side + 0.25) / gravity)
    starts = np.arange(0.1, duration_s - fall_s, rng.uniform(0.9, 1.2))
    places = rng.permutation(len(starts)) * (aspect - side - 0.1) / max(len(starts) - 1, 1) + 0.05
    colours = rng.integers(30, 160, (len(starts), 3))

    def draw(canvas: Canvas, at: float) -> None:
        canvas.box(-1, 0.9, aspect + 2, 1, (120, 100, 90))
        for start, left, colour in zip(starts, places, colours, strict=True):
            top = min(-0.25 + 0.5 * gravity * max(at - start, 0.0) ** 2, 0.9 - side)
            canvas.box(left, top, side, side, tuple(int(part) for part in colour))
            canvas.box(left + side / 3, top + side / 3, side / 3, side / 3, (220, 210, 190))

    return Scene("falling boxes", duration_s, draw, tuple(starts + fall_s), look)


def collision(look: Look, duration_s: float = 6.0) -> Scene:
    """Two balls of one mass between walls: each gives its whole speed to the other or to a wall."""
    rng = np.random.default_rng(look.seed)
    aspect, radius, speed = aspect_of(look), rng.uniform(0.07, 0.09), rng.uniform(0.7, 0.95)
    left, right = 0.08 + radius, aspect - 0.08 - radius
    rest = (left + right) / 2 + rng.uniform(-0.15, 0.15)
    # Equal masses swap speeds, so the moving ball runs left -> rest-2r, the other rest -> right, back, and so on.
    first, second = (rest - radius) - (left + radius), right - (rest + radius)
    legs = np.array([first, second, second, first]) / speed
    begin = 0.5 * legs[0]
    edges = np.concatenate([[0.0], begin + np.cumsum(np.tile(np.roll(legs, -1), 40))])
    edges = np.insert(edges, 1, begin)
    hits = tuple(edge for edge in edges[1:] if edge < duration_s)

    def positions(at: float) -> tuple[float, float]:
        travel = ((at - begin) * speed + first) % (2 * (first + second))
        leftmost, middle_a, middle_b, rightmost = left + radius, rest - radius, rest + radius, right
        if travel < first:
            return leftmost + travel, middle_b
        if travel < first + second:
            return middle_a, middle_b + travel - first
        if travel < first + 2 * second:
            return middle_a, rightmost - (travel - first - second)
        return middle_a - (travel - first - 2 * second), middle_b

    def draw(canvas: Canvas, at: float) -> None:
        canvas.box(-1, 0.75, aspect + 2, 1, (130, 110, 90))
        canvas.box(-1, 0.4, 1.08 + radius, 0.35, (80, 80, 90))
        canvas.box(aspect - 0.08, 0.4, 1.0, 0.35, (80, 80, 90))
        for x, colour in zip(positions(at), ((180, 50, 50), (50, 70, 170)), strict=True):
            canvas.disk((x, 0.75 - radius), radius, colour)

    return Scene("colliding balls", duration_s, draw, hits, look)


def drum_sticks(look: Look, duration_s: float = 6.0) -> Scene:
    """Two sticks that strike a drum in turn, each rebounding at once."""
    rng = np.random.default_rng(look.seed)
    beat_s, aspect = rng.uniform(0.32, 0.45), aspect_of(look)
    hits = tuple(np.arange(0.5 * beat_s, duration_s, beat_s))

    def draw(canvas: Canvas, at: float) -> None:
        canvas.box(aspect * 0.25, 0.7, aspect * 0.5, 0.25, (150, 60, 50))
        canvas.box(aspect * 0.25, 0.68, aspect * 0.5, 0.03, (235, 230, 220))
        for side, first in ((-1, 0.5 * beat_s), (1, 1.5 * beat_s)):
            phase = ((at - first) / (2 * beat_s)) % 1.0
            turn = 0.25 + 2.6 * phase * (1 - phase)
            tip = (aspect * 0.5 + side * 0.1, 0.68)
            grip = (tip[0] + side * 0.62, tip[1] - 0.15)
            reach = np.hypot(tip[0] - grip[0], tip[1] - grip[1])
            end = (grip[0] - side * reach * np.cos(turn - 0.25 - 0.236), grip[1] - reach * np.sin(turn - 0.25 - 0.236))
            canvas.bar(grip, end, 0.03, (120, 75, 40))
            canvas.disk(end, 0.025, (130, 85, 50))

    return Scene("drum sticks", duration_s, draw, hits, look)


def wheel(look: Look, duration_s: float = 6.0) -> Scene:
    """A spoked wheel that turns steadily."""
    turns = np.random.default_rng(look.seed).uniform(0.3, 0.6)
    aspect = aspect_of(look)

    def draw(canvas: Canvas, at: float) -> None:
        centre = (aspect / 2, 0.5)
        canvas.disk(centre, 0.38, (70, 60, 50))
        canvas.disk(centre, 0.34, (200, 190, 170))
        for spoke in range(6):
            turn = 2 * np.pi * (turns * at + spoke / 6)
            canvas.bar(centre, (centre[0] + 0.35 * np.cos(turn), centre[1] + 0.35 * np.sin(turn)), 0.04, (70, 60, 50))

    return Scene("turning wheel", duration_s, draw, (), look)


def clouds(look: Look, duration_s: float = 6.0) -> Scene:
    """Soft clouds that drift to the right over a still hill."""
    rng = np.random.default_rng(look.seed)
    aspect, speed = aspect_of(look), rng.uniform(0.05, 0.15)
    puffs = [(rng.uniform(-1.5, aspect), rng.uniform(0.1, 0.45), rng.uniform(0.05, 0.12)) for _ in range(30)]

    def draw(canvas: Canvas, at: float) -> None:
        for x, y, radius in puffs:
            canvas.disk((x + speed * at, y), radius, (245, 245, 250))
        canvas.polygon([(-1, 1), (-1, 0.7), (aspect * 0.4, 0.6), (aspect + 1, 0.75), (aspect + 1, 1)], (70, 120, 60))

    return Scene("drifting clouds", duration_s, draw, (), look)


def falling_flakes(look: Look, duration_s: float = 6.0, streak: float = 0.0) -> Scene:
    """Snow, or rain where `streak` (a drop's length in picture heights) is given, that falls without end."""
    rng = np.random.default_rng(look.seed)
    aspect, count = aspect_of(look), 120
    starts = rng.uniform(0, 1.1, count)
    lanes = rng.uniform(0, aspect, count)
    speeds = rng.uniform(0.15, 0.35, count) if not streak else rng.uniform(1.4, 2.0, count)
    sizes = rng.uniform(0.005, 0.012, count)

    def draw(canvas: Canvas, at: float) -> None:
        for start, lane, speed, size in zip(starts, lanes, speeds, sizes, strict=True):
            y = (start + speed * at) % 1.1 - 0.05
            if streak:
                canvas.bar((lane, y), (lane, y + streak), 0.004, (190, 200, 215))
            else:
                canvas.disk((lane + 0.02 * np.sin(at + lane * 9), y), size, (250, 250, 255))

    return Scene("falling rain" if streak else "falling snow", duration_s, draw, (), look)


def falling_rain(look: Look, duration_s: float = 6.0) -> Scene:
    """Rain that falls without end."""
    return falling_flakes(look, duration_s, streak=0.05)


def passing_ball(look: Look, duration_s: float = 3.0) -> Scene:
    """A ball that crosses the picture, passing behind a pillar, and leaves it."""
    aspect = aspect_of(look)

    def draw(canvas: Canvas, at: float) -> None:
        canvas.disk((-0.1 + 0.9 * at, 0.6), 0.08, (200, 60, 40))
        canvas.box(aspect * 0.45, -1, 0.3, 3, (90, 90, 100))
        canvas.box(-1, 0.75, aspect + 2, 1, (110, 90, 80))

    return Scene("passing ball", duration_s, draw, (), look)


def still(look: Look, duration_s: float = 3.0) -> Scene:
    """Nothing moves."""
    return Scene("still picture", duration_s, lambda canvas, at: canvas.disk((0.6, 0.5), 0.2, (90, 90, 160)), (), look)


IMPACTS = (bouncing_ball, hammer, pendulum, falling_boxes, collision, drum_sticks)
