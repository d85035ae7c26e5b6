"""A file of another program's StyleGAN2 -> a model of ours."""

import argparse
import re
import zipfile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from spatialgan.errors import SpatialGANError
from spatialgan.files import file_hash
from spatialgan.importing.official import GROUP_KEY, from_pickle, from_tensors
from spatialgan.importing.pickles import read_pickle, require_no_repeats, shown
from spatialgan.importing.plain import GROUP, PlainModel, make_networks, run_config
from spatialgan.importing.rosinality import from_checkpoint, is_generator
from spatialgan.model import Model
from spatialgan.networks.generator import Generator, sample_z
from spatialgan.streams import random_stream

NUM_CODES = 10_000  # whose mean is taken where a file has none
LEGACY_MAGIC = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."  # of PyTorch's files before 1.6


def read_model(path: str | Path) -> Model:
    """A plain StyleGAN2 from an official pickle, a rosinality checkpoint or a file of state dicts, on the CPU.

    Nothing in the file is run.

    Raises:
        SpatialGANError: it is no such file, or of a kind that cannot be imported; the sentence says which.
    """
    path = Path(path)
    if not path.is_file():
        raise SpatialGANError(f"there is no file {path}")
    try:
        kind, found = _find(path)
        generator, discriminator = make_networks(found)
    except SpatialGANError as e:
        raise SpatialGANError(f"{path}: {e}") from None
    if "mapping.w_mean" not in found.generator_names:
        _measure_w_mean(generator)
    card = {
        "imported_from": path.name,
        "imported_sha256": file_hash(path),
        "format": kind,
        "terms": "those of the file that it was imported from",
    }
    return Model(run_config(found.config), generator, discriminator, name=path.stem, card=card)


def _find(path: Path) -> tuple[str, PlainModel]:
    """The format's name, and what the file holds."""
    with open(path, "rb") as f:
        head = f.read(len(LEGACY_MAGIC))
    if not head.startswith(b"PK") and head != LEGACY_MAGIC:
        return "official pickle", from_pickle(read_pickle(path))
    data = _read_torch(path)
    if isinstance(data, dict) and (is_generator(data) or is_generator(data.get("g_ema"))):
        return "rosinality", from_checkpoint(data)
    if isinstance(data, dict) and isinstance(data.get("G_ema"), dict):
        d, group = data.get("D"), data.get(GROUP_KEY, GROUP)
        if not isinstance(group, int):
            raise SpatialGANError(f"its {GROUP_KEY} is no number")
        return "StyleGAN2 state dict", from_tensors(_tensors(data["G_ema"]), _tensors(d) if d else None, group=group)
    names = ", ".join(shown(n) for n in list(data)[:6]) if isinstance(data, dict) else type(data).__name__
    raise SpatialGANError(
        "it is not StyleGAN2, but of another architecture: it holds no g_ema of rosinality's names "
        f"and no G_ema of the official ones, but {names or 'nothing'}"
    )


def _tensors(value: Any) -> dict[str, Tensor]:
    items = value.items() if isinstance(value, dict) else ()
    return {n: t for n, t in items if isinstance(n, str) and isinstance(t, Tensor)}


def _read_torch(path: Path) -> Any:
    """What a file of ``torch.save`` holds; raises SpatialGANError naming what it wants to call besides."""
    zipped = zipfile.is_zipfile(path)
    try:
        if zipped and sum(i.file_size for i in zipfile.ZipFile(path).infolist()) > path.stat().st_size:
            raise SpatialGANError("it unpacks to more than its size, which PyTorch's files never do")
        # Checkpoints of rosinality's training keep its arguments, an object of only texts and numbers.
        with torch.serialization.safe_globals([argparse.Namespace]):
            data = torch.load(path, map_location="cpu", weights_only=True, mmap=zipped)
        _require_bounded(data, depth=0)
    except (SpatialGANError, MemoryError):
        raise
    except Exception as e:  # PyTorch has many for damaged files
        called = re.search(r"GLOBAL ([\w.]+)", str(e))
        if called:
            raise SpatialGANError(
                f"it wants to call {called[1]}, which no StyleGAN2 file needs, and was refused; nothing in it was run"
            ) from None
        raise SpatialGANError(f"it is not readable as a PyTorch file ({type(e).__name__})") from None
    return data


def _require_bounded(value: Any, depth: int) -> None:
    """Raise ValueError where a state dict's tensor repeats what is stored, see :func:`require_no_repeats`."""
    if isinstance(value, Tensor):
        require_no_repeats(value)
    elif isinstance(value, dict) and depth < 2:
        for item in value.values():
            _require_bounded(item, depth + 1)


@torch.no_grad()
def _measure_w_mean(generator: Generator) -> None:
    """Set the mean of w, which truncation needs, where a file does not bring it."""
    z = sample_z(generator.config, NUM_CODES, random_stream(0, "imported w_mean"))
    generator.mapping.w_mean = generator.mapping(z).mean(dim=(0, 1))
