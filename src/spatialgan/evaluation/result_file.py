"""Result files: a number with everything that is needed to get it again, or to see why another one differs."""

import json
import math
import platform
import shlex
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import torch

from spatialgan import __version__
from spatialgan.api import SpatialGAN
from spatialgan.data.images import ImageDataset
from spatialgan.data.instances import ObjectDataset
from spatialgan.errors import SpatialGANError
from spatialgan.files import write_atomically
from spatialgan.segmenter.segmentation import Segmenter
from spatialgan.settings import to_dict
from spatialgan.vision.features import FeatureExtractor

RESULT_VERSION = 1


class Judged(Protocol):
    """What a result is about: a :class:`SpatialGAN`, a segmenter."""

    name: str
    weights_hash: str

    @property
    def device(self) -> torch.device: ...


def result_record(
    metric: str,
    values: dict[str, Any],
    model: Judged | None,
    *,
    num_samples: int,
    seed: int,
    truncation: float = 1.0,
    data: Path | str | None = None,
    dataset: ImageDataset | ObjectDataset | None = None,
    extractor: FeatureExtractor | None = None,
    segmenter: Segmenter | None = None,
    argv: Sequence[str] | None = None,
) -> dict[str, Any]:
    """A result as JSON values.

    Args:
        metric: its name, such as ``response``.
        values: what was measured, as JSON values.
        model: the one that was judged; of a :class:`SpatialGAN`, the configuration and the images shown are kept too;
            None where ``values`` tell of several.
        num_samples: pictures, or pairs of pictures, that were generated or judged.
        seed: the first of theirs.
        truncation: 1 for none.
        data: where the data set lies; its last name is kept.
        dataset: the data set, where the metric has one.
        extractor: the feature network, where the metric has one.
        segmenter: the instance segmenter, where the metric has one; its device is kept where there is no model.
        argv: the command line, ``sys.argv`` by default.
    """
    features = None if extractor is None else {"network": extractor.name, "weights_sha256": extractor.weights_hash}
    segments = None if segmenter is None else {"name": segmenter.name, "weights_sha256": segmenter.weights_hash}
    reference = (
        None
        if dataset is None
        else {
            "name": None if data is None else Path(data).resolve().name,
            "fingerprint": dataset.fingerprint,
            "num_images": dataset.num_images,
        }
    )
    subject = segmenter if model is None else model
    return {
        "result_version": RESULT_VERSION,
        "metric": metric,
        "values": values,
        "model": None if model is None else identity(model),
        "data": reference,
        "features": features,
        "segmenter": segments,
        "resize": None if extractor is None else extractor.resize,
        "num_samples": num_samples,
        "seed": seed,
        "truncation": truncation,
        "versions": {"spatialgan": __version__, "torch": torch.__version__, "python": platform.python_version()},
        "device": None if subject is None else device_name(subject.device),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": command_line(sys.argv if argv is None else argv),
    }


def identity(model: Judged) -> dict[str, Any]:
    """What a result keeps of what it is about, as JSON values."""
    trained = {"kimg": model.card.get("kimg"), "config": to_dict(model.config)} if isinstance(model, SpatialGAN) else {}
    return {"name": model.name, "weights_sha256": model.weights_hash, **trained}


def write_result(path: Path | str, record: dict[str, Any]) -> None:
    """Write a record, whole or not at all; raises SpatialGANError where a number in it is not finite."""
    where = _not_finite(record)
    if where is not None:
        raise SpatialGANError(f"the result's {where} is not finite, so {path} was not written")
    text = json.dumps(record, indent=1, allow_nan=False) + "\n"
    write_atomically(Path(path), lambda p: p.write_text(text, encoding="utf-8"))


def device_name(device: torch.device) -> str:
    """A GPU's model, or the kind of device with the processor's architecture."""
    if device.type == "cuda":
        return f"{device.type}: {torch.cuda.get_device_name(device)}"
    return f"{device.type}: {platform.machine()}"


def command_line(argv: Sequence[str]) -> str:
    """The command as it was typed, but with no folder of this machine in it."""
    words = ["spatialgan", *(_without_folders(word) for word in argv[1:])]
    return shlex.join(words)


def _without_folders(word: str) -> str:
    """Absolute paths, alone or after ``--option=``, relative to the working folder, or by name where outside it."""
    option, equals, value = word.partition("=") if word.startswith("-") else ("", "", word)
    path = Path(value)
    if not path.is_absolute():
        return word
    inside = path.is_relative_to(Path.cwd()) and path != Path.cwd()
    return f"{option}{equals}{path.relative_to(Path.cwd()).as_posix() if inside else path.name}"


def _not_finite(value: Any, where: str = "") -> str | None:
    """Where in a record the first NaN or infinity is, as ``a.b.0``."""
    if isinstance(value, float):
        return None if math.isfinite(value) else where
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list | tuple) else ()
    found = (_not_finite(v, f"{where}.{k}" if where else str(k)) for k, v in items)
    return next((f for f in found if f is not None), None)
