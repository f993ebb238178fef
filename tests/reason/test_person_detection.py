from __future__ import annotations

import sys
import types
from pathlib import Path

import numpy as np
import pytest

from deepsound.errors import Cancelled, EngineError
from deepsound.media.clip import Clip
from deepsound.media.views import Still, UniformFrames
from deepsound.reason.person_detection import PeopleSettings, detect_people
from deepsound.runtime.progress import CancelToken, Progress

cv2 = pytest.importorskip("cv2")
opencv_4 = pytest.mark.skipif(not hasattr(cv2, "CascadeClassifier"), reason=f"OpenCV {cv2.__version__} has no cascades")
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
    person = cv2.resize(astronaut, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    person = np.ascontiguousarray(person[:480, :640, :])
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
        "soft": lambda: cv2.GaussianBlur(picture, None, 2.0),
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
    once = PeopleSettings(body_frames=1)
    seen = [path.name for path in paths if detect_people([Still(as_picture(io.imread(path)), 0.0)], settings=once)]
    assert seen == []


def as_picture(image: np.ndarray) -> np.ndarray:
    if image.ndim == 2:
        image = np.repeat(image[..., None], 3, axis=2)
    image = image[..., :3].astype(np.float32)
    image = (image / image.max() * 255).astype(np.uint8) if image.max() > 255 else image.astype(np.uint8)
    scale = 640 / max(image.shape[:2])
    return np.ascontiguousarray(cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA))


def test_nobody_in_the_storm(tornado: Path) -> None:
    assert detect_people(Clip.open(tornado).view(UniformFrames(count=16, long_side=640))) == ()


@opencv_4
def test_a_body_must_be_seen_more_than_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The detector's own answer is replaced: what is tested is what becomes of it."""
    from deepsound.reason import person_detection as people

    monkeypatch.setattr(people._Detectors, "_bodies", lambda self, picture: iter([("body", (5, 5, 64, 128), 1.5)]))
    still = landscape(2)
    assert detect_people([Still(still, 0.0)]) == ()
    assert detect_people([Still(still, 0.0), Still(still, 0.0)]) == (), "a repeated frame is no second look"
    both = detect_people([Still(still, 0.0), Still(still, 0.6)])
    assert [(body.kind, body.time_s) for body in both] == [("body", 0.0), ("body", 0.6)]


@pytest.mark.parametrize("opencv", [types.SimpleNamespace(__version__="5.0.0", data=None), None], ids=["5", "none"])
def test_faces_are_found_with_opencv_5_and_without_any(monkeypatch, astronaut, opencv) -> None:
    """0.3.0 refused to judge at all wherever another pack had brought OpenCV 5."""
    monkeypatch.setitem(sys.modules, "cv2", opencv)
    notes: list[str] = []
    progress = Progress(on_event=lambda event: notes.append(event.text) if event.is_note else None)
    stills = [Still(astronaut, 0.5), Still(landscape(3), 1.5), Still(np.zeros((3, 5, 3), np.uint8), 2.5)]
    (sighting,) = detect_people(stills, progress)
    assert (sighting.kind, sighting.time_s) == ("face", 0.5)
    left, _, width, _ = sighting.box
    assert abs(left + width / 2 - FACE_CENTRE) < 40 and 70 < width < 150
    assert notes == ["People are found by their faces alone: bodies are looked for with OpenCV 4, which is not here."]


@opencv_4
def test_missing_cascade_files_say_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(cv2.data, "haarcascades", f"{tmp_path}/")
    with pytest.raises(EngineError, match=r"came without haarcascade_frontalface_default\.xml"):
        detect_people([Still(landscape(4), 0.0)])


def test_cancel_stops_between_frames() -> None:
    token = CancelToken()
    token.cancel()
    with pytest.raises(Cancelled):
        detect_people([Still(landscape(5), 0.0)], Progress(check=token.check))


def test_settings_are_a_frozen_value() -> None:
    assert PeopleSettings() == PeopleSettings()
    with pytest.raises(AttributeError):
        PeopleSettings().body = 0.0  # type: ignore[misc]
