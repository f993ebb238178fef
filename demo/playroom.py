"""The ball's room: plaster wall in window light, plank floor, wooden block, balls."""

from __future__ import annotations

import cv2
import numpy as np
from bouncing_ball import ROOM_WIDTH, Block, Piece, Story, place
from painting import FPS, HEIGHT, WIDTH, Colour, blend, film, fractal_noise, gradient, polygon, shade

SCALE = 2  # drawn that much larger, then averaged down
SHUTTER_SAMPLES = 6
SHUTTER_S = 0.45 / FPS
METRE = SCALE * WIDTH / ROOM_WIDTH  # in drawn pixels
SHAPE = (SCALE * HEIGHT, SCALE * WIDTH)
FLOOR_Y = SCALE * 296.0  # where the balls bounce
SKIRTING_Y = SCALE * 232.0
DEPTH = SCALE * np.array([-21.0, -24.0])  # from a block's front to its back
LIGHT = np.array([-0.5, -0.68, 0.54])  # towards the window: left, up, near
RED, CREAM, BLUE = (0.80, 0.23, 0.16), (0.95, 0.88, 0.74), (0.16, 0.36, 0.58)


class Playroom:
    """Pictures of a Story; the same seed paints the same grain and planks."""

    def __init__(self, seed: int = 7, story: Story | None = None) -> None:
        rng = np.random.default_rng(seed)
        self.story = story or Story()
        self._room = paint_room(rng)
        self._grain = 0.82 + 0.3 * fractal_noise(rng, (120, 400), (24, 2), 4)
        self._furnished: tuple[float, np.ndarray] = (-1.0, self._room)

    @property
    def frames(self) -> int:
        return round(self.story.duration_s * FPS)

    def frame(self, index: int) -> np.ndarray:
        """Frame `index` as uint8 [360, 640, 3], blurred over the time its shutter is open."""
        shutter = (np.arange(SHUTTER_SAMPLES) / SHUTTER_SAMPLES - 0.5) * SHUTTER_S
        exposure = sum(self._moment(index / FPS + offset) for offset in shutter) / np.float32(SHUTTER_SAMPLES)
        return film(np.asarray(cv2.resize(exposure, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)))

    def _moment(self, time_s: float) -> np.ndarray:
        picture = self._room_with_block(time_s).copy()
        for path, colours in ((self.story.first_path, (RED, CREAM)), (self.story.second_path, (BLUE, CREAM))):
            there = place(path, time_s)
            if there is not None:
                paint_ball(picture, self.story, there, time_s, colours)
        return picture

    def _room_with_block(self, time_s: float) -> np.ndarray:
        angle = self.story.angle(time_s)
        if angle != self._furnished[0]:
            picture = self._room.copy()
            paint_block(picture, self.story.block, angle, self._grain)
            self._furnished = angle, picture
        return self._furnished[1]


def paint_room(rng: np.random.Generator) -> np.ndarray:
    """Wall, skirting board and floor, float32 [drawn height, drawn width, 3]."""
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]].astype(np.float32)
    picture = gradient([(0, (0.50, 0.57, 0.55)), (0.62, (0.62, 0.67, 0.62)), (1, (0.62, 0.66, 0.60))], y / SHAPE[0])
    picture *= (0.97 + 0.06 * fractal_noise(rng, SHAPE, (5, 9), 6))[..., None]
    picture *= (1.08 - 0.22 * x / SHAPE[1])[..., None]
    blend(picture, (0.98, 0.90, 0.70), 0.36 * _window_light())
    floor = _planks(rng, x, y)
    below = np.clip(y - SKIRTING_Y + 0.5, 0, 1)
    board = np.clip(y - SKIRTING_Y + SCALE * 15, 0, 1)
    top_edge = np.clip(1 - np.abs(y - SKIRTING_Y + SCALE * 14) / SCALE, 0, 1)
    blend(picture, (0.84, 0.81, 0.73), board)
    blend(picture, (0.95, 0.93, 0.86), top_edge)
    picture += (floor - picture) * below[..., None]
    picture *= (1 - 0.35 * np.exp(-np.abs(y - SKIRTING_Y) / (SCALE * 5)) * below)[..., None]
    return picture.astype(np.float32)


def _window_light() -> np.ndarray:
    """The sun through a window of four panes, thrown slantwise on the wall."""
    light = np.zeros(SHAPE, np.float32)
    for across in (0, 1):
        for down in (0, 1):
            corners = np.array([(0, 0), (1, 0), (1, 1), (0, 1)]) * 0.93 + (across, down)
            points = np.array([95, 22]) + corners @ np.array([[62, 8], [22, 74]])
            light = np.maximum(light, polygon(SHAPE, points * SCALE))
    return np.asarray(cv2.GaussianBlur(light, (0, 0), 2.2 * SCALE))


def _planks(rng: np.random.Generator, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Planks that run across, in perspective, with grain, seams and the window's sheen."""
    distance = 118 * SCALE / np.maximum(y - SKIRTING_Y + 46 * SCALE, 1)
    row = np.floor(7.5 * distance).astype(int)
    along = (x - SHAPE[1] / 2) * distance / METRE
    tones = rng.uniform(0.86, 1.1, (row.max() + 1, 12))
    starts = rng.uniform(0, 1.6, row.max() + 1)
    plank = (along + 4 + starts[row]) / 1.6
    tone = tones[row, np.floor(plank).astype(int) % 12]
    grain = fractal_noise(rng, (512, 512), (64, 3), 4)
    places = (((along * 140 + row * 87) % 512).astype(np.float32), ((distance * 900) % 512).astype(np.float32))
    tone = tone * (0.86 + 0.28 * cv2.remap(grain, *places, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP))
    seam = np.minimum(np.abs(7.5 * distance % 1 - 0.5) - 0.5, 0) / distance**2
    joint = np.abs((plank % 1) - 0.5) - 0.5
    dark = np.exp(seam * 26) + np.exp(joint * 260)
    sheen = np.exp(-(((x / SCALE - 210 - (y - SKIRTING_Y) / SCALE * 0.5) / 120) ** 2))
    lit = (tone * (1 - 0.4 * np.clip(dark, 0, 1)))[..., None] * np.array([0.60, 0.42, 0.28], np.float32)
    return np.asarray(lit * (0.92 + 0.16 * sheen[..., None]) + 0.07 * sheen[..., None])


def paint_block(picture: np.ndarray, block: Block, angle: float, grain: np.ndarray) -> None:
    """The block in parallel projection: its front, and the faces that look to the left or up."""
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    corners = np.array([(-block.width, 0), (0, 0), (0, block.height), (-block.width, block.height)])
    front = (corners @ turn.T + (block.edge_x, 0)) * METRE * (1, -1) + (0, FLOOR_Y) - DEPTH / 2
    _block_shadow(picture, front)
    for first, second in zip(front, np.roll(front, -1, axis=0), strict=True):
        outward = np.array([-(second - first)[1], (second - first)[0]]) / np.linalg.norm(second - first)
        if outward @ DEPTH > 0:
            face = np.array([first, second, second + DEPTH, first + DEPTH])
            light = 0.55 + 0.55 * max(float(outward @ LIGHT[:2]), 0.0)
            blend(picture, shade((0.90, 0.70, 0.45), light), polygon(SHAPE, face))
    height, width = grain.shape
    source = np.array([(0, height - 1), (0, 0), (width - 1, 0)], np.float32)
    wood = cv2.warpAffine(
        grain.astype(np.float32),
        cv2.getAffineTransform(source, front[:3].astype(np.float32)),
        SHAPE[::-1],
        borderMode=cv2.BORDER_REPLICATE,
    )
    blend(picture, shade((0.78, 0.56, 0.33), wood), polygon(SHAPE, front))


def _block_shadow(picture: np.ndarray, front: np.ndarray) -> None:
    """Soft on the floor to the right, the longer the higher the block stands."""
    floor = front[:, 1].max()
    foot = front[front[:, 1] > floor - 2, 0]
    reach = max(front[:, 0].max(), foot.max()) + 0.32 * (floor - front[:, 1].min())
    thrown = np.array(
        [
            (foot.min(), floor + 3),
            (reach, floor - 1),
            (reach + DEPTH[0] * 0.3, floor + DEPTH[1]),
            (foot.min() + DEPTH[0], floor + DEPTH[1]),
        ]
    )
    picture *= (1 - 0.46 * _soft(thrown, 4.5 * SCALE))[..., None]
    left, right = front[:, 0].min(), front[:, 0].max()
    under = np.array([(left, floor - 4), (right, floor - 4), (right, floor + 4), (left, floor + 4)])
    picture *= (1 - 0.3 * _soft(under, 2.5 * SCALE))[..., None]


def _soft(points: np.ndarray, blur: float) -> np.ndarray:
    """A polygon's cover with soft edges; drawn small, since nothing in it is sharp."""
    small = polygon((SHAPE[0] // 4, SHAPE[1] // 4), points / 4)
    return np.asarray(cv2.resize(cv2.GaussianBlur(small, (0, 0), blur / 4), SHAPE[::-1], interpolation=cv2.INTER_CUBIC))


def paint_ball(
    picture: np.ndarray,
    story: Story,
    there: tuple[Piece, float, float, float],
    time_s: float,
    colours: tuple[Colour, Colour],
) -> None:
    """A ball with a band, lit from the window, its shadow on what lies below."""
    piece, x, y, press = there
    radius = story.first.radius * METRE
    flat = press * METRE / radius
    squash = (1 + 0.5 * flat, 1 - flat) if piece.against != "block" else (1 - flat, 1 + 0.5 * flat)
    centre = np.array([x * METRE, FLOOR_Y - y * METRE])
    on_block = story.block.edge_x < x < story.block.edge_x + story.block.height and story.angle(time_s) > 1.57
    _ball_shadow(picture, centre, radius, FLOOR_Y - (story.block.width * METRE if on_block else 0))
    window = _window(centre, radius * 1.35)
    if window is None:
        return
    rows, columns = window
    down, across = np.mgrid[rows, columns].astype(np.float32)
    u = (across - centre[0]) / (radius * squash[0])
    v = (down - centre[1]) / (radius * squash[1])
    distance = np.hypot(u, v)
    normal = np.stack([u, v, np.sqrt(np.clip(1 - distance**2, 0, 1))], axis=-1)
    blend(picture[rows, columns], _rubber(normal, 2.2 * x, colours), np.clip((1 - distance) * radius + 0.5, 0, 1))


def _rubber(normal: np.ndarray, roll: float, colours: tuple[Colour, Colour]) -> np.ndarray:
    """Colour at each outward `normal` [..., 3]: a band that rolls along, window light, light from the floor."""
    axis = np.array([np.sin(roll) * 0.86, np.cos(roll) * 0.86, 0.51])
    band = np.clip((0.24 - np.abs(normal @ axis)) * 22 + 0.5, 0, 1)[..., None]
    skin = (1 - band) * np.array(colours[0], np.float32) + band * np.array(colours[1], np.float32)
    facing = normal @ LIGHT
    light = 0.30 + 0.78 * np.clip(0.82 * facing + 0.18, 0, 1) + 0.16 * np.clip(normal[..., 1], 0, 1)
    between = LIGHT + np.array([0, 0, 1])  # Blinn's half vector: the light's and the viewer's direction
    gloss = 0.55 * np.clip(normal @ between / np.linalg.norm(between), 0, 1) ** 48
    bounce = 0.14 * np.clip(normal[..., 1], 0, 1)[..., None] * np.array([1.0, 0.65, 0.4])
    return np.asarray(skin * light[..., None] + gloss[..., None] + bounce * skin)


def _ball_shadow(picture: np.ndarray, centre: np.ndarray, radius: float, level: float) -> None:
    """Darker and sharper the nearer the ball is to the floor."""
    height = max((level - centre[1]) / radius - 1, 0.0)
    width = radius * (0.72 + 0.28 * height)
    middle = np.array([centre[0] + 0.42 * radius * (0.4 + height), level + 2 * SCALE])
    window = _window(middle, 2.6 * width)
    if window is None:
        return
    rows, columns = window
    down, across = np.mgrid[rows, columns].astype(np.float32)
    spread = ((across - middle[0]) / width) ** 2 + ((down - middle[1]) / (0.30 * width)) ** 2
    picture[rows, columns] *= (1 - 0.72 / (1 + 0.9 * height) * np.exp(-spread))[..., None]


def _window(centre: np.ndarray, reach: float) -> tuple[slice, slice] | None:
    """The part of the picture within `reach` of `centre`, as slices; None outside."""
    left, top = np.maximum(np.floor(centre - reach), 0).astype(int)
    right, bottom = np.minimum(np.ceil(centre + reach), SHAPE[::-1]).astype(int)
    return (slice(top, bottom), slice(left, right)) if top < bottom and left < right else None
