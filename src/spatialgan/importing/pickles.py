"""Pickles, read as data: every class in them becomes an inert record, and what would be called is refused.

Unpickling a stranger's file runs what the file says. Here it can name a dozen things that StyleGAN2's pickles consist
of, and each of them is a function of this module or an empty class; the source code that those pickles carry is a text
like any other, and is never run.
"""

import mmap
import pickle
import pickletools
import warnings
from collections import OrderedDict
from io import BytesIO
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
import torch
from torch import Tensor

from spatialgan.errors import SpatialGANError

TENSORFLOW = ("dnnlib.tflib", "tfutil", "tensorflow")  # modules that pickles of TensorFlow's StyleGANs name


class Record:
    """An object of a class that is not here: the class's name, and the object's attributes."""

    class_name = ""
    attributes: dict[str, Any]

    def __new__(cls, *_: Any) -> "Record":  # unpickling calls no __init__
        record = super().__new__(cls)
        record.attributes = {}
        return record

    def __setstate__(self, state: Any) -> None:
        self.attributes = state if isinstance(state, dict) else {}


class EasyDict(dict):
    """A dictionary."""

    def __setstate__(self, state: Any) -> None:
        self.update(state)


_NUMBERS = ("b1", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8")


class _Dtype:
    """A NumPy type by its code, as in ``f8``; little-endian, as all these files are."""

    def __init__(self, code: str, *_: Any):
        if not isinstance(code, str) or code not in _NUMBERS:
            raise ValueError("numbers of an unknown type")
        self.code = code

    def __setstate__(self, state: Any) -> None:
        """Byte order and the like."""


def _scalar(dtype: _Dtype, data: bytes) -> Any:
    return np.frombuffer(data, dtype="<" + dtype.code)[0].item()


def _network(meta: dict[str, Any]) -> Record:
    """What the official loader would make of a class's source and an object's state."""
    record = Record()
    record.class_name = meta["class_name"] if isinstance(meta["class_name"], str) else ""
    record.__setstate__(meta["state"])
    return record


def _storage(data: bytes) -> torch.TypedStorage:
    """A storage, as it was pickled within the pickle."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch means to give up typed storages
        storage = torch.load(BytesIO(data), map_location="cpu", weights_only=True)
    if not isinstance(storage, torch.TypedStorage):
        raise ValueError("a tensor without a storage")
    return storage


def _tensor(
    storage: torch.TypedStorage, offset: int, size: tuple[int, ...], stride: tuple[int, ...], *_: Any
) -> Tensor:
    """A view of a storage; ``as_strided`` refuses to look outside."""
    flat = torch.empty(0, dtype=storage.dtype).set_(storage._untyped_storage)
    view = flat.as_strided(size, stride, offset)
    require_no_repeats(view)
    return view


def require_no_repeats(tensor: Tensor) -> None:
    """Raise ValueError for a tensor of more numbers than are stored: a small file that wants all memory."""
    if tensor.layout != torch.strided or tensor.device.type != "cpu":
        raise ValueError("a tensor that is not a block of numbers")
    if tensor.numel() * tensor.element_size() > tensor.untyped_storage().nbytes():
        raise ValueError(
            f"a tensor of shape {tuple(tensor.shape)} of a storage of {tensor.untyped_storage().nbytes()} bytes"
        )


def _parameter(data: Tensor, *_: Any) -> Tensor:
    return data


def _nothing(*_: Any) -> None:
    """In place of what no network is made of."""


def _encoded(text: str, encoding: str = "latin1") -> bytes:
    """Bytes, as old protocols write them."""
    return text.encode("latin1")


_KNOWN = {
    "torch_utils.persistence._reconstruct_persistent_obj": _network,
    "dnnlib.util.EasyDict": EasyDict,
    "collections.OrderedDict": OrderedDict,
    "torch._utils._rebuild_tensor_v2": _tensor,
    "torch._utils._rebuild_parameter": _parameter,
    "torch.storage._load_from_bytes": _storage,
    "torch.Size": tuple,
    "torch.device": _nothing,
    "numpy.core.multiarray.scalar": _scalar,
    "numpy._core.multiarray.scalar": _scalar,
    "numpy.dtype": _Dtype,
    "builtins.set": set,
    "__builtin__.set": set,
    "_codecs.encode": _encoded,
}
_DTYPES = ("float16", "bfloat16", "float32", "float64", "int64", "int32", "uint8", "bool")


class _Unpickler(pickle.Unpickler):
    """Knows what StyleGAN2's pickles name, and nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        path = f"{module}.{name}"
        if path in _KNOWN:
            return _KNOWN[path]
        if module == "torch" and name in _DTYPES:
            return name
        if module.startswith("torch.nn.modules.") and name.isidentifier():
            return type(name, (Record,), {"class_name": name})
        if module.startswith(TENSORFLOW):
            raise SpatialGANError(
                "it is a TensorFlow pickle; the program legacy.py of stylegan2-ada-pytorch turns it "
                "into one that can be imported"
            )
        raise SpatialGANError(
            f"it wants to call {shown(path)}, which no StyleGAN2 file needs, and was refused; nothing in it was run"
        )


def shown(text: Any) -> str:
    """A text from a file, fit for a sentence: no longer than a name, and nothing that a terminal would obey."""
    return str(text)[:80].encode("unicode_escape").decode()


def read_pickle(path: Path) -> Any:
    """What a pickle holds, of dictionaries, lists, numbers, texts, tensors and :class:`Record`.

    Memory is bounded by the file's size.

    Raises:
        SpatialGANError: it names something that is not known, which the sentence repeats, or is no pickle.
    """
    try:
        with open(path, "rb") as f, mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_READ) as data:
            _check_sizes(data)
            data.seek(0)
            return _Unpickler(data).load()
    except (SpatialGANError, MemoryError):
        raise
    except OSError as e:
        raise SpatialGANError(f"it is not readable: {e.strerror}") from None
    except Exception as e:  # there is hardly one that a damaged pickle cannot raise
        raise SpatialGANError(f"it is no pickle, or a damaged one ({str(e)[:200] or type(e).__name__})") from None


def _check_sizes(data: mmap.mmap) -> None:
    """Raise ValueError for a pickle that announces more than it holds, before the unpickler makes room for it."""
    for count, (opcode, argument, _) in enumerate(pickletools.genops(cast(IO[bytes], data))):
        if opcode.name in ("PUT", "BINPUT", "LONG_BINPUT") and int(argument or 0) > count:
            raise ValueError(f"entry {argument} of its memo")
