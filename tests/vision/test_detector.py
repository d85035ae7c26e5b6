"""OpenCV's cat-face cascade behind the detector's interface."""

import builtins
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from spatialgan.errors import SpatialGANError
from spatialgan.vision.detector import CatFaceDetector

FRAME, X, Y = 256, 40, 88  # the fake cascade's best box: 64 pixels wide, its centre at (72, 120)


def fake_cv2(boxes: list[list[int]], scores: list[float], folder: str, seen: list[np.ndarray]) -> SimpleNamespace:
    """OpenCV with a cascade whose detections are known."""
    import cv2

    def detect(grey: np.ndarray, **_: object) -> tuple[object, object, object]:
        seen.append(grey)
        return np.array(boxes), np.zeros(len(boxes)), np.array(scores)

    return SimpleNamespace(
        data=SimpleNamespace(haarcascades=folder),
        __version__="4",
        cvtColor=cv2.cvtColor,
        resize=cv2.resize,
        COLOR_RGB2GRAY=cv2.COLOR_RGB2GRAY,
        INTER_CUBIC=cv2.INTER_CUBIC,
        CascadeClassifier=lambda path: SimpleNamespace(detectMultiScale3=detect),
    )


def detect_with(
    monkeypatch: pytest.MonkeyPatch, boxes: list[list[int]], scores: list[float], image: np.ndarray
) -> tuple[tuple[float, float] | None, np.ndarray]:
    cv2, seen = pytest.importorskip("cv2"), []
    monkeypatch.setitem(sys.modules, "cv2", fake_cv2(boxes, scores, cv2.data.haarcascades, seen))
    return CatFaceDetector()(image), seen[0]


def test_the_best_score_wins_and_its_centre_is_in_image_widths(monkeypatch: pytest.MonkeyPatch) -> None:
    boxes, scores = [[0, 0, 200, 200], [X, Y, 64, 64], [100, 100, 50, 50]], [1.0, 5.0, 2.0]
    place, grey = detect_with(monkeypatch, boxes, scores, np.zeros((64, 64, 3), np.uint8))
    assert place == pytest.approx(((X + 32) / FRAME, (Y + 32) / FRAME))
    assert grey.shape == (FRAME, FRAME)


def test_pictures_are_enlarged_upright_and_in_rgb_order(monkeypatch: pytest.MonkeyPatch) -> None:
    image = np.zeros((32, 32, 3), np.uint8)
    image[:8, :, 1] = 255  # green above: 0.587 of white
    _, grey = detect_with(monkeypatch, [], [], image)
    assert grey[20, 128] == pytest.approx(0.587 * 255, abs=2) and grey[200, 128] == 0
    image[:8, :, 1], image[:8, :, 0] = 0, 255  # red: 0.299, where blue would be 0.114
    _, grey = detect_with(monkeypatch, [], [], image)
    assert grey[20, 128] == pytest.approx(0.299 * 255, abs=2)


def test_no_detection(monkeypatch: pytest.MonkeyPatch) -> None:
    assert detect_with(monkeypatch, [], [], np.zeros((64, 64, 3), np.uint8))[0] is None


def test_the_real_cascade_loads_and_finds_no_cat_in_noise() -> None:
    pytest.importorskip("cv2")
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    assert CatFaceDetector()(noise) is None


def test_without_opencv_the_message_names_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def refuse(name: str, *args: object) -> object:
        if name == "cv2":
            raise ImportError(name)
        return real(name, *args)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(SpatialGANError, match="opencv-python-headless"):
        CatFaceDetector()


def test_an_opencv_without_cascades_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cv2", SimpleNamespace(__version__="5.0"))
    with pytest.raises(SpatialGANError, match=r"5\.0 has no cascades"):
        CatFaceDetector()
