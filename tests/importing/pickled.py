"""Pickles like the official ones, changed: networks are records that are pickled as calls of the official function."""

import io
import pickle
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from parity import FIXTURES

from spatialgan.importing.pickles import Record, read_pickle


def _reconstruct_persistent_obj(meta: dict[str, Any]) -> None:
    raise AssertionError("a pickle was executed")


class _Pickler(pickle.Pickler):
    def reducer_override(self, obj: Any) -> Any:
        if not isinstance(obj, Record):
            return NotImplemented
        meta = {
            "type": "class",
            "version": 6,
            "module_src": "raise SystemExit",
            "class_name": obj.class_name,
            "state": obj.attributes,
        }
        return sys.modules["torch_utils.persistence"]._reconstruct_persistent_obj, (meta,)


def fixture() -> dict[str, Any]:
    """What ``ada-style.pkl`` holds, to be changed."""
    return read_pickle(FIXTURES / "ada-style.pkl") | {"training_set_kwargs": {"path": "photos.zip"}}


def module(network: Record, *names: str) -> Record:
    """A module inside a network."""
    for name in names:
        network = network.attributes["_modules"][name]
    return network


def write(patch: pytest.MonkeyPatch, path: Path, data: Any) -> Path:
    """Pickle ``data``, its records as the official programs do."""
    fake = ModuleType("torch_utils.persistence")
    fake._reconstruct_persistent_obj = _reconstruct_persistent_obj
    patch.setattr(_reconstruct_persistent_obj, "__module__", "torch_utils.persistence")
    patch.setitem(sys.modules, "torch_utils", ModuleType("torch_utils"))
    patch.setitem(sys.modules, "torch_utils.persistence", fake)
    buffer = io.BytesIO()
    _Pickler(buffer, protocol=4).dump(data)
    path.write_bytes(buffer.getvalue())
    return path
