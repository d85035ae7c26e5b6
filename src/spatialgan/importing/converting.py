"""Files of other programs as model files of ours: where the user says, or once for all in the user's cache."""

import shutil
import sys
from pathlib import Path

import torch

from spatialgan.errors import SpatialGANError
from spatialgan.files import file_hash, user_cache_dir, written_whole
from spatialgan.importing.reading import read_model
from spatialgan.snapshots import whole_models

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
        with written_whole(folder) as partial:
            # Without dots: NAME.discriminator would be taken for the second file of a NAME.
            model.save(partial / source.stem.replace(".", "-"), dtype=torch.float32)
            if _complete(folder) is None:  # what an earlier version or a hand has left of one
                shutil.rmtree(folder, ignore_errors=True)
    except OSError as e:
        if _complete(folder) is None:  # else another process has just done the same
            raise SpatialGANError(
                f"{source} cannot be converted into the cache {folder}: {e.strerror}; give spatialgan "
                "import a place for it with --out"
            ) from None
    found = _complete(folder)
    if found is None:
        raise SpatialGANError(f"{source} was converted, but {folder} has been emptied meanwhile; try again")
    return found


def _complete(folder: Path) -> Path | None:
    """The weights in a folder of the cache; None where they or the card, which is written last, are missing."""
    return next(iter(whole_models(folder)), None)
