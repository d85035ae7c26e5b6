"""Detectors: where the subject of a picture is, told by somebody who had no part in training."""

import os
from pathlib import Path
from typing import Protocol

import numpy as np

from spatialgan.errors import SpatialGANError


class Detector(Protocol):
    name: str

    def __call__(self, image: np.ndarray) -> tuple[float, float] | None:
        """Centre ``(x, y)`` in 0..1 of the subject in a uint8 picture ``(H, W, 3)``, or None where it finds none.

        It sees one picture at a time, so it cannot prefer what lies near the expected place.
        """
        ...


class CatFaceDetector:
    """OpenCV's cascade for cat faces, ``haarcascade_frontalcatface_extended`` (Joseph Howse).

    Of several detections the one with the highest confidence counts (the sum of the last stage).

    Raises:
        SpatialGANError: OpenCV 4 is not installed (version 5 left out the cascades).
    """

    name = "OpenCV haarcascade_frontalcatface_extended, pictures at 256 pixels, best last-stage score"
    size = 256  # pictures are enlarged to this: the cascade's window is 24 pixels
    min_face_px = 40  # smaller ones, under a sixth of the picture, are mostly false alarms

    def __init__(self) -> None:
        try:
            import cv2
        except ImportError:
            raise SpatialGANError(_missing("is not installed")) from None
        folder = getattr(getattr(cv2, "data", None), "haarcascades", "")
        path = Path(folder) / "haarcascade_frontalcatface_extended.xml"
        if not path.is_file() or not hasattr(cv2, "CascadeClassifier"):
            raise SpatialGANError(_missing(f"{cv2.__version__} has no cascades"))
        self._cv2 = cv2
        self._cascade = cv2.CascadeClassifier(os.fspath(path))

    def __call__(self, image: np.ndarray) -> tuple[float, float] | None:
        cv2 = self._cv2
        grey = cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2GRAY)
        grey = cv2.resize(grey, (self.size, self.size), interpolation=cv2.INTER_CUBIC)
        boxes, _, scores = self._cascade.detectMultiScale3(
            grey, scaleFactor=1.05, minNeighbors=3, minSize=(self.min_face_px,) * 2, outputRejectLevels=True
        )
        if len(boxes) == 0:
            return None
        x, y, width, height = (int(v) for v in boxes[int(np.argmax(np.ravel(scores)))])
        return (x + width / 2) / self.size, (y + height / 2) / self.size  # boxes go from edge to edge


def _missing(what: str) -> str:
    return f"OpenCV {what}, whose cascade finds the cats' heads; run: pip install 'opencv-python-headless>=4.10,<5'"
