"""Codes in files: those of a run, and a cache for later runs on the same pictures. ``codes.py`` finds them."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import torch

from spatialgan.config import ModelConfig
from spatialgan.data.images import ImageDataset
from spatialgan.errors import SpatialGANError
from spatialgan.files import file_hash, user_cache_dir
from spatialgan.sealed import UNREADABLE, read_sealed, save_sealed
from spatialgan.training.aids.codes import METHOD, Codes, find_codes

FINGERPRINT = "data_fingerprint"
MODEL_FIELDS = (
    "resolution",
    "layout",
    "num_objects",
    "num_styles",
    "z_dim",
    "encoding",
    "object_std_min",
    "object_std_max",
    "sampling",
)  # that codes depend on


def codes_of(
    dataset: ImageDataset,
    config: ModelConfig,
    path: Path,
    device: torch.device,
    report: Callable[[str], None] = print,
    *,
    own_hash: str | None = None,
    cache_dir: Path | None = None,
) -> Codes:
    """The codes in the file ``path``; where there is none, they are made, and written to it.

    A run must go on with the very codes it began with, and another machine's arithmetic may turn a component round.
    Codes take minutes to make, and say nothing of losses or rates: what was made is kept for later runs, too.

    Args:
        dataset: N pictures.
        config: says whether things have codes of their own, and how wide z is.
        path: of a safetensors file.
        device: to compute features on; the codes are on the CPU.
        report: is told where codes come from and, now and then, how far they have come.
        own_hash: of the file that a run began with and has lost: no other is taken from the cache; None: any.
        cache_dir: of codes for later runs; None for the user's own, see :func:`user_cache_dir`.

    Raises:
        SpatialGANError: the ImageNet weights are not installed, or the file is damaged, of other pictures, or of an
            earlier version that codes have changed since.
    """
    if not path.exists():
        cached = (cache_dir or user_cache_dir("codes")) / f"{cache_key(dataset, config)}.safetensors"
        codes = _cached(cached, dataset, config, own_hash)
        if codes is not None:
            report(f"codes: an earlier run found them for the same pictures and model, {cached}")
            _save(codes, path, dataset)
        else:
            report(f"finding codes for {dataset.num_images} pictures, once; 10,000 take a few minutes")
            codes = find_codes(dataset, config, device, report)
            _save(codes, path, dataset)
            if _cached(cached, dataset, config, None) is None:  # else another run began with those
                _keep(codes, cached, dataset, report)
    try:
        codes = _load(path, dataset, config)
    except UNREADABLE as e:
        raise SpatialGANError(
            f"{path}, the pictures' codes, cannot be used: {e}; delete it, and it is made anew"
        ) from None
    if config.layout == "single" and config.encoding != "none" and (codes.stds == 1).all():
        raise SpatialGANError(
            f"{path} was written by an earlier version, which did not look for the pictures' "
            f"subjects; start a new run, with --init-from {path.parent} where that has a model"
        )
    return codes


def cache_key(dataset: ImageDataset, config: ModelConfig) -> str:
    """Of the files' contents, what codes depend on in the model, and of the method; never of paths."""
    model = {name: getattr(config, name) for name in MODEL_FIELDS}
    parts = (dataset.fingerprint, str(dataset.resolution), json.dumps(model, sort_keys=True), str(METHOD))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]


def _save(codes: Codes, path: Path, dataset: ImageDataset) -> None:
    save_sealed(vars(codes), path, {FINGERPRINT: dataset.fingerprint})


def _keep(codes: Codes, cached: Path, dataset: ImageDataset, report: Callable[[str], None]) -> None:
    """For later runs, where that can be; this one has its own file."""
    try:
        _save(codes, cached, dataset)
        report(f"codes: kept for later runs on the same pictures and model in {cached}")
    except SpatialGANError as e:
        report(f"codes: later runs have to find them again: {e}")


def _load(path: Path, dataset: ImageDataset, config: ModelConfig) -> Codes:
    """Raises one of :data:`UNREADABLE` where it holds no codes of these pictures."""
    tensors, marks = read_sealed(path)
    if marks.get(FINGERPRINT) != dataset.fingerprint:
        raise ValueError("it holds those of other pictures")
    codes = Codes(**tensors)
    things = (2, dataset.num_images, config.num_objects if config.layout == "multi" else 1)
    wanted = ((2, dataset.num_images, config.num_styles, config.z_dim), (*things, 2), things)
    found = tuple(tuple(t.shape) for t in (codes.z, codes.centers_xy, codes.stds))
    if found != wanted:
        raise ValueError(f"it holds tensors of shapes {found}, not {wanted}")
    if any(t.dtype != torch.float32 or not t.isfinite().all() for t in tensors.values()):
        raise ValueError("it holds tensors that are not of finite float32 numbers")
    return codes


def _cached(path: Path, dataset: ImageDataset, config: ModelConfig, own_hash: str | None) -> Codes | None:
    """Codes of an earlier run; None where there are none of that hash, or where the file is damaged and has to be made
    again."""
    if not path.is_file():
        return None
    try:
        codes = _load(path, dataset, config)
        return codes if own_hash in (None, file_hash(path)) else None
    except UNREADABLE:
        return None
