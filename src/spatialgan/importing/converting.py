"""Files of other programs as model files of ours: where the user says, or once for all in the user's cache."""

import os
import shutil
import sys
import tempfile
from pathlib import Path

import torch

from spatialgan.errors import SpatialGANError
from spatialgan.files import file_hash, user_cache_dir
from spatialgan.importing.reading import read_model
from spatialgan.model import CARD, DISCRIMINATOR, WEIGHTS

CACHE_FORMAT = 1  # raise it when the same file comes to be converted otherwise


def import_model(source: str | Path, out: str | Path) -> Path:
    """Write a StyleGAN2 of another program as a model of ours, in float32; see :func:`read_model`."""
    return read_model(source).save(out, dtype=torch.float32)


def converted(source: Path) -> Path:
    """The weights that a file was converted to, now or before, in the user's cache.

    Raises:
        SpatialGANError: as :func:`read_model`, or the cache cannot be written.
    """
    folder = user_cache_dir("imported") / f"{file_hash(source)}-{CACHE_FORMAT}"
    found = _complete(folder)
    if found is not None:
        return found
    model = read_model(source)
    print(f"converting {source}, once, to {folder}", file=sys.stderr)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".partial-"))
        try:
            # Without dots: NAME.discriminator would be taken for the second file of a NAME.
            model.save(partial / source.stem.replace(".", "-"), dtype=torch.float32)
            _put_in_place(partial, folder)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    except OSError as e:
        raise SpatialGANError(
            f"{source} cannot be converted into the cache {folder}: {e.strerror}; give spatialgan "
            "import a place for it with --out"
        ) from None
    found = _complete(folder)
    if found is None:
        raise SpatialGANError(f"{source} was converted, but {folder} has been emptied meanwhile; try again")
    return found


def _put_in_place(partial: Path, folder: Path) -> None:
    """Rename, unless another process has just done the same; what was left of an incomplete one goes."""
    if _complete(folder) is None:
        shutil.rmtree(folder, ignore_errors=True)
        try:
            os.rename(partial, folder)
        except OSError:
            if _complete(folder) is None:
                raise


def _complete(folder: Path) -> Path | None:
    """The weights in a folder of the cache; None where the card, which is written last, is not beside them."""
    weights = (p for p in folder.glob(f"*{WEIGHTS}") if not p.name.endswith(DISCRIMINATOR))
    return next((p for p in weights if p.with_suffix(CARD).exists()), None)
