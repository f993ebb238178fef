"""Tests of person detection with each detector."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

from deepsound.errors import Cancelled
from deepsound.media.clip import Clip
from deepsound.media.views import Still, UniformFrames
from deepsound.reason import person_detection
from deepsound.reason.person_detection import PeopleSettings, PersonDetection, detect_people
from deepsound.runtime.progress import CancelToken, Progress
from tests.generate import scenes
from tests.generate.scenes import Look, Scene

FACE_PIXELS, FACE_CENTRE = 95, 225  # of the face in the photograph, across


def landscape(seed: int, width: int = 640, height: int = 480) -> np.ndarray:
    """Hills under a bright sky with grain: no person in it."""
    grain = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    picture = np.stack([120 + 80 * y / height, 150 + 60 * y / height, 255 - 90 * y / height], axis=2)
    for hill in range(4):
        ridge = height * (0.5 + 0.1 * hill) + 30 * np.sin(x * grain.uniform(0.005, 0.03) + grain.uniform(0, 6))
        picture[y > ridge] = grain.uniform(30, 120, 3)
    return (picture + grain.normal(scale=8, size=picture.shape)).clip(0, 255).astype(np.uint8)


def with_face(astronaut: np.ndarray, face: int, mirrored: bool = False) -> np.ndarray:
    """The photograph scaled so that its face is `face` pixels wide, in the corner of a landscape."""
    scale = face / FACE_PIXELS
    size = round(astronaut.shape[1] * scale), round(astronaut.shape[0] * scale)
    person = np.asarray(Image.fromarray(astronaut).resize(size))[:480, :640]
    picture = landscape(1)
    picture[: person.shape[0], : person.shape[1]] = person
    return np.ascontiguousarray(picture[:, ::-1]) if mirrored else picture


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("face", [40, 50, 64, 80, 120, 160])
def test_a_face_is_found_at_any_size(astronaut: np.ndarray, face: int, mirrored: bool) -> None:
    (sighting,) = detect_people([Still(with_face(astronaut, face, mirrored), 1.5)])
    assert (sighting.kind, sighting.time_s) == ("face", 1.5)
    left, _, width, _ = sighting.box
    centre = FACE_CENTRE * face / FACE_PIXELS
    expected = 640 - centre if mirrored else centre
    assert abs(left + width / 2 - expected) < 0.4 * face
    assert 0.7 * face < width < 1.6 * face


@pytest.mark.parametrize("change", ["darker", "brighter", "noisy", "soft"])
def test_a_face_is_found_in_a_poor_picture(astronaut: np.ndarray, change: str) -> None:
    picture = with_face(astronaut, 80).astype(np.float32)
    changed = {
        "darker": lambda: picture * 0.3,
        "brighter": lambda: 120 + picture * 0.5,
        "noisy": lambda: picture + np.random.default_rng(0).normal(scale=15, size=picture.shape),
        "soft": lambda: np.asarray(Image.fromarray(picture.astype(np.uint8)).filter(ImageFilter.GaussianBlur(2.0))),
    }[change]()
    assert detect_people([Still(changed.clip(0, 255).astype(np.uint8), 0.0)])


def test_a_man_in_profile_is_found() -> None:
    data = pytest.importorskip("skimage.data", reason="scikit-image brings the photograph")
    cameraman = np.repeat(np.asarray(data.camera())[..., None], 3, axis=2)
    assert detect_people([Still(cameraman, 0.0)])


def test_nobody_in_landscapes_noise_and_flat_pictures() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (480, 640, 3), dtype=np.uint8)
    stills = [Still(landscape(seed), float(seed)) for seed in range(6)]
    stills += [Still(noise, 6.0), Still(np.zeros((480, 640, 3), np.uint8), 7.0), Still(noise[:3, :5], 8.0)]
    assert detect_people(stills) == ()


def test_nobody_in_photographs_without_people() -> None:
    """Every picture inside scikit-image's own folder, but for the two people; one is too small to be sure of."""
    data = pytest.importorskip("skimage.data", reason="scikit-image brings the photographs")
    io = pytest.importorskip("skimage.io")
    folder = Path(data.__file__).parent
    people = {"astronaut", "camera", "no_time_for_that_tiny"}
    paths = [path for path in sorted(folder.iterdir()) if path.suffix in {".png", ".jpg"} and path.stem not in people]
    assert len(paths) > 15
    seen = [path.name for path in paths if detect_people([Still(as_picture(io.imread(path)), 0.0)])]
    assert seen == []


def as_picture(image: np.ndarray) -> np.ndarray:
    if image.ndim == 2:
        image = np.repeat(image[..., None], 3, axis=2)
    image = image[..., :3].astype(np.float32)
    image = (image / image.max() * 255).astype(np.uint8) if image.max() > 255 else image.astype(np.uint8)
    scale = 640 / max(image.shape[:2])
    return np.array(Image.fromarray(image).resize((round(image.shape[1] * scale), round(image.shape[0] * scale))))


def test_nobody_in_the_storm(tornado: Path) -> None:
    assert detect_people(Clip.open(tornado).view(UniformFrames(count=16, long_side=640))) == ()


def stills(pictures: Sequence[np.ndarray]) -> list[Still]:
    return [Still(picture, 0.5 * number) for number, picture in enumerate(pictures)]


def test_one_frame_of_sixteen_decides_nothing(astronaut: np.ndarray) -> None:
    """One false sighting made a narrator stay in 0.3.0: a single frame with a face was a person on screen."""
    empty, person = landscape(1), with_face(astronaut, 80)
    assert detect_people(stills([*[empty] * 7, person, *[empty] * 8])) == ()
    assert detect_people([Still(person, 0.0), Still(person, 0.0), Still(empty, 1.0)]) == (), "no two sightings"
    twice = detect_people(stills([*[empty] * 6, person, person, *[empty] * 8]))
    assert [sighting.time_s for sighting in twice] == [3.0, 3.5]


def test_a_face_in_one_frame_and_a_body_in_another_are_two_sightings(astronaut: np.ndarray) -> None:
    seen = detect_people(stills([astronaut, faceless(astronaut), landscape(2)]))
    assert [(sighting.time_s, sighting.kind) for sighting in seen] == [(0.0, "face"), (0.5, "body")]


def faceless(astronaut: np.ndarray) -> np.ndarray:
    """The photograph with the head turned into a smear, as of somebody seen from behind."""
    picture = Image.fromarray(astronaut)
    box = (175, 65, 280, 175)
    picture.paste(picture.crop(box).filter(ImageFilter.GaussianBlur(8)), box)
    return np.asarray(picture)


def test_a_person_whose_face_is_not_seen_is_found_without_any_opencv(astronaut: np.ndarray) -> None:
    """With OpenCV 5 or none, 0.3.0 did not judge at all; later only faces were found there."""
    (sighting,) = detect_people([Still(faceless(astronaut), 0.0)])
    assert sighting.kind == "body" and sighting.score >= PeopleSettings().body
    left, top, width, height = sighting.box
    assert left >= 0 and top >= 0 and left + width <= 512 and top + height <= 512
    assert left < 256 < left + width


@pytest.mark.parametrize("make", [*scenes.IMPACTS, scenes.wheel, scenes.clouds], ids=lambda make: make.__name__)
def test_nobody_in_scenes_of_things_that_move(make: Callable[[Look, float], Scene]) -> None:
    frames = list(make(Look(Fraction(25), (480, 270), "textured", 212, shake=0.006, grain=4), 1.0).frames())
    assert detect_people(stills(frames[:: len(frames) // 3])) == ()


@pytest.mark.parametrize("shape", [(1, 1), (2, 640), (640, 2), (9, 9), (8, 400)])
def test_tiny_and_narrow_pictures_show_nobody(shape: tuple[int, int]) -> None:
    assert detect_people([Still(np.full((*shape, 3), 90, np.uint8), 0.0)]) == ()


def test_cancel_stops_between_frames() -> None:
    token = CancelToken()
    token.cancel()
    with pytest.raises(Cancelled):
        detect_people([Still(landscape(5), 0.0)], Progress(check=token.check))


def test_settings_are_a_frozen_value() -> None:
    assert PeopleSettings() == PeopleSettings()
    with pytest.raises(AttributeError):
        PeopleSettings().body = 0.0  # type: ignore[misc]


def test_frames_that_were_looked_at_are_not_looked_at_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every take of a clip, and every table of a reproduction, paid for the networks on the same frames."""
    looked: list[float] = []

    def look(still: Still, *networks: object) -> list[PersonDetection]:
        looked.append(still.time_s)
        return [PersonDetection(still.time_s, "face", (0, 0, 9, 9), 0.9)]

    monkeypatch.setattr(person_detection, "_detections", person_detection._DetectionCache(most=2))
    monkeypatch.setattr(person_detection, "_look", look)
    one, other, third = (landscape(seed, 64, 48) for seed in range(3))
    assert [seen.time_s for seen in detect_people(stills([one, other, one]))] == [0.0, 0.5, 1.0]
    assert [seen.time_s for seen in detect_people([Still(one, 7.0)])] == [7.0]
    assert looked == [0.0, 0.5]
    detect_people([Still(one, 1.0)], settings=PeopleSettings(face=0.7))
    assert looked == [0.0, 0.5, 1.0], "other thresholds are another look"
    detect_people([Still(third, 2.0), Still(other, 3.0)])
    assert looked[3:] == [2.0, 3.0], "what was used longest ago is forgotten"


def test_frames_that_can_no_longer_make_two_with_somebody_are_not_looked_at(monkeypatch):
    """Of four frames without anybody the last one decided nothing, and took as long as the others."""
    looked_at = []
    monkeypatch.setattr(person_detection, "_look", lambda still, *_: looked_at.append(still.time_s) or ())
    rng = np.random.default_rng(11)
    stills = [Still(rng.integers(0, 255, (40, 60, 3)).astype(np.uint8), float(second)) for second in range(4)]
    shares = []
    assert detect_people(stills, Progress(on_event=lambda event: shares.append(event.fraction))) == ()
    assert looked_at == [0, 1, 2] and shares[-1] == 1.0
