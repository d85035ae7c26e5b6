"""Safetensors files that notice every changed bit: the header holds a digest of the whole file."""

import hashlib
import json
from io import BufferedIOBase
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from spatialgan.files import require_file, write_atomically

KEY = "spatialgan"  # of the header's metadata: one alone, for safetensors writes several in any order
DIGEST = "sha256"
BLANK = b"0" * hashlib.sha256().digest_size * 2  # stands for the digest while it is computed
MARK = json.dumps(f'{{"{DIGEST}": "')[1:-1].encode()  # as it stands in the header, where JSON holds JSON
UNREADABLE = (SafetensorError, OSError, TypeError, ValueError, RuntimeError, LookupError, AttributeError)
"""What reading a file raises that is damaged, or of another kind than the reader expects."""


def save_sealed(tensors: dict[str, Tensor], path: Path, values: dict[str, Any]) -> None:
    """Write tensors and JSON values with a digest of both; raises as :func:`write_atomically`."""

    def write(partial: Path) -> None:
        save_file(tensors, partial, metadata={KEY: json.dumps({DIGEST: BLANK.decode(), **values})})
        with open(partial, "r+b") as f:
            at = _find_digest(f)
            digest = _digest(f, at)
            f.seek(at)
            f.write(digest)

    write_atomically(path, write)


def read_sealed(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Tensors, on the CPU, and values of a file of :func:`save_sealed`; of one without a digest, from an earlier
    version, all that its metadata hold.

    Raises:
        One of UNREADABLE: it is no such file, or a bit of it has changed.
        SpatialGANError: it is missing, or no file.
    """
    require_file(path)
    with safe_open(path, framework="pt", device="cpu") as f:
        metadata = f.metadata() or {}
        if KEY in metadata:
            _check(path)
        tensors = {name: f.get_tensor(name) for name in f.keys()}  # noqa: SIM118 (safe_open is no dict)
    if KEY not in metadata:
        return tensors, dict(metadata)
    values = json.loads(metadata[KEY])
    del values[DIGEST]
    return tensors, values


def _check(path: Path) -> None:
    with open(path, "rb") as f:
        at = _find_digest(f)
        f.seek(at)
        if f.read(len(BLANK)) != _digest(f, at):
            raise ValueError("it is damaged: its checksum differs")


def _find_digest(f: BufferedIOBase) -> int:
    """Where the digest begins."""
    f.seek(0)
    header_length = int.from_bytes(f.read(8), "little")
    header = f.read(header_length)
    at = header.find(MARK)
    if at < 0:
        raise ValueError("it is damaged: its header has no checksum")
    return 8 + at + len(MARK)


def _digest(f: BufferedIOBase, at: int) -> bytes:
    """SHA-256 of the file as if its digest were blank, in hex."""
    f.seek(0)
    digest = hashlib.sha256(f.read(at))
    digest.update(BLANK)
    f.seek(at + len(BLANK))
    return hashlib.file_digest(f, lambda: digest).hexdigest().encode()
