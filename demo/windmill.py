"""A windmill over a valley in the evening: clouds, hills in haze, grass, birds."""

from __future__ import annotations

import cv2
import numpy as np
from painting import FPS, HEIGHT, WIDTH, Colour, blend, film, fractal_noise, gradient, polygon, shade

DURATION_S = 8.0
SHARP = 4  # the mill is drawn that much larger, then averaged down
HUB = np.array([452.0, 128.0])
SAIL_LENGTH, SAIL_TURNS_PER_S = 74.0, 0.085
SUN = (165.0, 178.0)
CLOUD_SPEEDS = (5.0, 9.0)  # pixels per second, far and near
HILLS: tuple[tuple[float, float, Colour, Colour], ...] = (  # height, relief, colour at the ridge and at the foot
    (196.0, 30.0, (0.56, 0.58, 0.66), (0.76, 0.70, 0.66)),
    (222.0, 34.0, (0.42, 0.50, 0.53), (0.66, 0.64, 0.55)),
    (248.0, 26.0, (0.33, 0.42, 0.36), (0.56, 0.56, 0.38)),
)


class Windmill:
    """Pictures of the valley; the same seed paints the same clouds, hills and grass."""

    frames = round(DURATION_S * FPS)

    def __init__(self, seed: int = 11) -> None:
        rng = np.random.default_rng(seed)
        y, x = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
        self._sky = paint_sky(x, y)
        self._clouds = [paint_clouds(rng, scale) for scale in (1, 0)]
        self._land, self._land_cover = paint_land(rng, x, y)
        self._meadow, self._meadow_cover = paint_meadow(rng, x, y)
        self._tower, self._tower_cover = paint_tower()
        self._birds = rng.uniform((0, -14, 2.2, 0), (60, 14, 3.4, 1), (6, 4))
        self._x, self._y = x, y

    def frame(self, index: int) -> np.ndarray:
        """Frame `index` as uint8 [360, 640, 3]."""
        time_s = index / FPS
        picture = self._sky.copy()
        for (light, cover), speed in zip(self._clouds, CLOUD_SPEEDS, strict=True):
            move = np.array([[1, 0, -80 + speed * time_s], [0, 1, 0]], np.float32)
            blend(picture, *(cv2.warpAffine(layer, move, (WIDTH, HEIGHT)) for layer in (light, cover)))
        self._paint_birds(picture, time_s)
        blend(picture, self._land, self._land_cover)
        blend(picture, *self._in_wind(time_s))
        blend(picture, self._tower, self._tower_cover)
        paint_sails(picture, time_s)
        return film(picture)

    def _in_wind(self, time_s: float) -> tuple[np.ndarray, np.ndarray]:
        """The meadow, bent by gusts that run across it."""
        near = np.clip((self._y - 250) / 110, 0, 1)
        gust = np.sin(self._x / 46 + self._y / 19 - 2.6 * time_s) + 0.6 * np.sin(self._x / 21 - 3.9 * time_s)
        bent = (self._x + 1.8 * near * gust).astype(np.float32)
        meadow = cv2.remap(self._meadow, bent, self._y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
        return meadow * (1 + 0.05 * near * gust)[..., None], self._meadow_cover

    def _paint_birds(self, picture: np.ndarray, time_s: float) -> None:
        for x, y, size, phase in self._birds:
            middle = np.array([255 + x + 13 * time_s, 74 + y - 2 * time_s])
            lift = 0.75 * np.sin(2 * np.pi * (1.9 * time_s + phase)) - 0.25
            tips = [middle + size * np.array([side, lift]) for side in (-1, 1)]
            cover = np.zeros((HEIGHT, WIDTH), np.uint8)
            wings = np.round(64 * np.array([tips[0], middle, tips[1]])).astype(np.int32)
            cv2.polylines(cover, [wings], False, (190,), 1, cv2.LINE_AA, shift=6)
            blend(picture, (0.24, 0.25, 0.30), cover.astype(np.float32) / 255)


def paint_sky(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """From evening blue to the warm haze around a low sun."""
    sky = gradient(
        [(0, (0.33, 0.50, 0.68)), (0.35, (0.56, 0.69, 0.76)), (0.55, (0.90, 0.80, 0.66)), (0.7, (0.97, 0.80, 0.58))],
        y / HEIGHT,
    )
    away = np.hypot(x - SUN[0], 1.25 * (y - SUN[1]))
    sky += shade((0.34, 0.22, 0.08), np.exp(-away / 85))
    blend(sky, (1.12, 1.0, 0.80), np.clip((15 - away) / 3, 0, 1) * 0.9)
    return sky


def paint_clouds(rng: np.random.Generator, far: int) -> tuple[np.ndarray, np.ndarray]:
    """A layer wider than the picture: colours, bright towards the sun, and cover."""
    shape = (HEIGHT, WIDTH + 160)
    noise = fractal_noise(rng, shape, (7, 5) if far else (4, 4), 6)
    y = np.linspace(0, 1, HEIGHT, dtype=np.float32)[:, None]
    band = np.exp(-(((y - (0.36 if far else 0.16)) / (0.08 if far else 0.15)) ** 2))
    density = np.clip((noise - 0.50 - 0.12 * far) * 4 + 0.9 * (band - 0.62), 0, 1)
    towards_sun = cv2.warpAffine(density, np.array([[1, 0, 7], [0, 1, -9]], np.float32), shape[::-1])
    lit = np.clip(0.62 + 0.9 * (density - towards_sun) + 0.2 * (1 - density), 0, 1)
    colours = gradient([(0.3, (0.62, 0.60, 0.66)), (0.7, (0.93, 0.83, 0.76)), (1, (1.08, 0.99, 0.86))], lit)
    return colours, np.asarray(cv2.GaussianBlur(density**1.3 * (0.75 if far else 0.9), (0, 0), 1.2))


def paint_land(rng: np.random.Generator, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Hills behind hills, each less hazy than the one behind it."""
    cover = np.zeros((HEIGHT, WIDTH), np.float32)
    land = np.tile(np.array(HILLS[0][2], np.float32), (HEIGHT, WIDTH, 1))
    for number, (height, relief, ridge_colour, foot_colour) in enumerate(HILLS):
        ridge = height + relief * (fractal_noise(rng, (1, WIDTH), (1, 3 + number), 5)[0] - 0.5)
        ridge += 1.5 * number * (fractal_noise(rng, (1, WIDTH), (1, 90), 2)[0] - 0.5)
        hill = gradient([(0, ridge_colour), (1, foot_colour)], np.clip((y - ridge) / 60, 0, 1))
        hill *= (0.93 + 0.14 * fractal_noise(rng, (HEIGHT, WIDTH), (30, 8), 4))[..., None]
        hill += shade((0.16, 0.10, 0.03), np.exp(-(((x - SUN[0]) / 130) ** 2)))
        inside = np.clip(ridge - y + 0.5, 0, 1)
        blend(land, hill, 1 - inside)
        cover = np.maximum(cover, 1 - inside)
    return land, cover


def paint_meadow(rng: np.random.Generator, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The mill's hill: grass in low light, a path, darker towards us."""
    ridge = 268 - 46 * np.exp(-(((x - HUB[0]) / 150) ** 2)) + 3 * (fractal_noise(rng, (1, WIDTH), (1, 6), 4)[0] - 0.5)
    deep = np.clip((y - ridge) / 100, 0, 1)
    meadow = gradient([(0, (0.62, 0.60, 0.26)), (0.25, (0.42, 0.48, 0.20)), (1, (0.20, 0.28, 0.13))], deep)
    blades = cv2.GaussianBlur(rng.normal(size=(HEIGHT, WIDTH)).astype(np.float32), (0, 0), sigmaX=0.8, sigmaY=2.6)
    patches = fractal_noise(rng, (HEIGHT, WIDTH), (24, 5), 4)
    meadow *= (0.78 + 0.44 * patches + (0.22 + 0.7 * deep) * blades)[..., None]
    path = HUB[0] - 8 - 190 * deep**1.5 + 26 * np.sin(3.4 * deep)
    width = 3 + 26 * deep
    blend(meadow, (0.66, 0.54, 0.36), 0.62 * np.exp(-(((x - path) / width) ** 4)) * (0.8 + 0.3 * patches))
    meadow *= (1 - 0.35 * np.exp(-(((x - HUB[0] - 52) / 48) ** 2 + ((y - 232) / 7) ** 2)))[..., None]
    return meadow.astype(np.float32), np.clip(y - ridge + 0.5, 0, 1)


def paint_tower() -> tuple[np.ndarray, np.ndarray]:
    """The mill's tapering tower with cap, door and windows: colours and cover at the picture's size."""
    shape = (HEIGHT * SHARP, WIDTH * SHARP)
    colours, cover = np.zeros((*shape, 3), np.float32), np.zeros(shape, np.float32)
    x = np.arange(shape[1], dtype=np.float32) / SHARP - HUB[0]
    round_light = np.tile(np.clip(0.86 - 0.018 * x + 0.1 * np.cos(x / 14), 0.35, 1.1), (shape[0], 1))

    def add(points: list[tuple[float, float]], colour: Colour, lit: bool = True) -> None:
        part = polygon(shape, (np.array(points) + HUB) * SHARP)
        blend(colours, shade(colour, round_light if lit else 1.0), part)
        np.maximum(cover, part, out=cover)

    add([(-27, 104), (27, 104), (16, 2), (-16, 2)], (0.78, 0.69, 0.58))
    add([(-22, 58), (22, 58), (21.6, 55), (-21.6, 55)], (0.60, 0.48, 0.38))
    add([(-21, 6), (21, 6), (13, -12), (5, -19), (-5, -19), (-13, -12)], (0.46, 0.28, 0.22))
    add([(-6, 104), (6, 104), (6, 84), (3, 80), (-3, 80), (-6, 84)], (0.26, 0.20, 0.18), lit=False)
    for left, top in ((-4, 64), (-3.5, 30)):
        add([(left, top), (left + 8, top), (left + 8, top + 10), (left, top + 10)], (0.24, 0.22, 0.24), lit=False)
        add(
            [(left + 1, top + 1), (left + 4, top + 1), (left + 4, top + 5), (left + 1, top + 5)],
            (0.9, 0.72, 0.42),
            lit=False,
        )
    size = (WIDTH, HEIGHT)
    small = cv2.resize(cover, size, interpolation=cv2.INTER_AREA)
    mixed = cv2.resize(colours * cover[..., None], size, interpolation=cv2.INTER_AREA)
    return mixed / np.maximum(small, 1e-3)[..., None], small


def paint_sails(picture: np.ndarray, time_s: float) -> None:
    """Four sails of cloth on lattice, turning about the hub."""
    reach = int(SAIL_LENGTH) + 6
    left, top = (HUB - reach).astype(int)
    window = picture[max(top, 0) : top + 2 * reach, left : left + 2 * reach]
    shape = (window.shape[0] * SHARP, window.shape[1] * SHARP)
    hub = (HUB - (left, max(top, 0))) * SHARP
    cloth, wood = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    for sail in range(4):
        turn = 2 * np.pi * (SAIL_TURNS_PER_S * time_s + sail / 4 + 0.04)
        sail_axes = SHARP * np.array([(np.cos(turn), np.sin(turn)), (-np.sin(turn), np.cos(turn))])
        _add_bars(cloth, hub, sail_axes, [(16, SAIL_LENGTH, 1.5, 14)])
        rungs = [(at - 0.45, at + 0.45, 0, 14) for at in np.linspace(16, SAIL_LENGTH, 8)]
        _add_bars(wood, hub, sail_axes, [(0, SAIL_LENGTH + 1, -1.3, 1.3), (16, SAIL_LENGTH, 13.4, 14.4), *rungs])
    cv2.circle(wood, tuple(np.round(hub).astype(int)), 5 * SHARP, 1.0, -1, cv2.LINE_AA)
    for colour, cover, strength in (((0.93, 0.86, 0.74), cloth, 0.72), ((0.30, 0.21, 0.17), wood, 0.95)):
        blend(window, colour, strength * cv2.resize(cover, window.shape[1::-1], interpolation=cv2.INTER_AREA))


def _add_bars(
    cover: np.ndarray,
    hub: np.ndarray,
    axes: np.ndarray,
    bars: list[tuple[float, float, float, float]],
) -> None:
    """Rectangles (from, to, low, high) along and across a sail, added to `cover` in place."""
    for start, stop, low, high in bars:
        corners = np.array([(start, low), (stop, low), (stop, high), (start, high)])
        np.maximum(cover, polygon((cover.shape[0], cover.shape[1]), hub + corners @ axes), out=cover)
