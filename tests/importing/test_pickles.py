"""Pickles are data: nothing in them runs, what they name is refused by its name, and memory has a bound."""

import os
import pickle
import struct
from collections import OrderedDict

import numpy as np
import pytest
import torch
from pickled import fixture, module, write

from spatialgan.errors import SpatialGANError
from spatialgan.importing.pickles import Record, read_pickle
from spatialgan.importing.reading import read_model


class Calls:
    """Pickled as the call of a function."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def test_simple_values_are_read(tmp_path):
    data = {
        "a": [1, 2.5, "x", None, True],
        "b": OrderedDict(c=(1, 2)),
        "s": {1},
        "n": np.float64(0.5),
        "t": torch.arange(6.0).reshape(2, 3).T,
        "h": torch.ones(2, dtype=torch.float16),
    }
    (tmp_path / "a.pkl").write_bytes(pickle.dumps(data, protocol=4))
    read = read_pickle(tmp_path / "a.pkl")
    assert {n: v for n, v in read.items() if n not in "th"} == {n: v for n, v in data.items() if n not in "th"}
    assert torch.equal(read["t"], data["t"]) and read["h"].dtype == torch.float16


def test_source_text_is_never_run(monkeypatch, tmp_path):
    path = write(monkeypatch, tmp_path / "a.pkl", fixture())  # its source text raises SystemExit
    assert b"raise SystemExit" in path.read_bytes()
    assert isinstance(read_pickle(path)["G_ema"], Record)


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("wrap", [lambda x: x, lambda x: {"G_ema": x}, lambda x: [{"a": (1, x)}]])
def test_a_malicious_pickle_is_refused_and_named(protocol, wrap, tmp_path):
    path, touched = tmp_path / "a.pkl", tmp_path / "touched"
    path.write_bytes(pickle.dumps(wrap(Calls(os.system, f"touch {touched}")), protocol=protocol))
    with pytest.raises(
        SpatialGANError,
        match=rf"a\.pkl: it wants to call {os.name if os.name == 'nt' else 'posix'}"
        r"\.system, .* nothing in it was run",
    ):
        read_model(path)
    assert not touched.exists()
    pickle.loads(path.read_bytes())  # it is malicious indeed
    assert touched.exists() or os.name == "nt"


@pytest.mark.parametrize(
    ("function", "name"),
    [(eval, "eval"), (exec, "exec"), (getattr, "getattr"), (__import__, "__import__"), (open, "open")],
)
def test_what_could_lead_to_others_is_refused(function, name, tmp_path):
    (tmp_path / "a.pkl").write_bytes(pickle.dumps(Calls(function, "1"), protocol=4))
    with pytest.raises(SpatialGANError, match=rf"wants to call \w+\.{name}"):
        read_model(tmp_path / "a.pkl")


def test_a_malicious_part_of_an_official_pickle_is_refused(monkeypatch, tmp_path):
    data = fixture()
    module(data["D"], "b4").attributes["hook"] = Calls(os.system, "true")
    path = write(monkeypatch, tmp_path / "a.pkl", data)
    with pytest.raises(SpatialGANError, match=r"wants to call \w+\.system"):
        read_model(path)


def test_a_malicious_storage_is_refused(tmp_path):
    inner = pickle.dumps(Calls(os.system, f"touch {tmp_path / 'touched'}"), protocol=2)
    (tmp_path / "a.pkl").write_bytes(pickle.dumps(Calls(torch.storage._load_from_bytes, inner), protocol=4))
    with pytest.raises(SpatialGANError, match="damaged"):
        read_pickle(tmp_path / "a.pkl")
    assert not (tmp_path / "touched").exists()


@pytest.mark.parametrize("legacy", [False, True])
def test_a_malicious_checkpoint_is_refused_and_named(legacy, tmp_path):
    path, touched = tmp_path / "a.pt", tmp_path / "touched"
    data = {"g_ema": {"style.1.weight": torch.zeros(2, 2), "x": Calls(os.system, f"touch {touched}")}}
    torch.save(data, path, _use_new_zipfile_serialization=not legacy)
    with pytest.raises(SpatialGANError, match=r"a\.pt: it wants to call \w+\.system, .* nothing in it was run"):
        read_model(path)
    assert not touched.exists()


def test_names_are_shown_without_what_a_terminal_would_obey(tmp_path):
    (tmp_path / "a.pkl").write_bytes(b"\x80\x04\x8c\x01a\x8c\x07b\x1b[2Jc\n\x93.")
    with pytest.raises(SpatialGANError, match=r"wants to call a\.b\\x1b\[2Jc\\n,"):
        read_pickle(tmp_path / "a.pkl")


def test_tensorflow_is_refused_by_its_name(tmp_path):
    (tmp_path / "a.pkl").write_bytes(b"\x80\x03cdnnlib.tflib.network\nNetwork\n)\x81.")
    with pytest.raises(SpatialGANError, match=r"TensorFlow pickle; .*legacy\.py"):
        read_model(tmp_path / "a.pkl")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<!DOCTYPE html>",
        b"\x80\x04.",
        b"\x80\x04]" + b"r" + struct.pack("<I", 2**31) + b".",  # a huge memo
        b"\x80\x04\x8e" + struct.pack("<Q", 2**40) + b"abc.",  # bytes that are not there
        b"\x80\x04Q.",
        b"PK\x03\x04nothing",
        pickle.dumps({"a": 1})[:-1],
        pickle.dumps(Calls(torch._utils._rebuild_tensor_v2, "no storage", 0, (9, 9), (9, 1), False, None)),
    ],
)
def test_damaged_files_are_refused(data, tmp_path):
    (tmp_path / "a.pkl").write_bytes(data)
    with pytest.raises(SpatialGANError, match=r"^\S+a\.pkl: it is (no pickle|not readable)"):
        read_model(tmp_path / "a.pkl")


def test_a_small_file_cannot_ask_for_all_memory(tmp_path):
    huge = torch.zeros(1).expand(2**40)
    (tmp_path / "a.pkl").write_bytes(pickle.dumps(huge, protocol=4))
    with pytest.raises(SpatialGANError, match="of a storage of 4 bytes"):
        read_pickle(tmp_path / "a.pkl")
    torch.save({"g_ema": {"style.1.weight": huge, "input.input": huge}}, tmp_path / "a.pt")
    with pytest.raises(SpatialGANError, match="not readable as a PyTorch file"):
        read_model(tmp_path / "a.pt")


def test_a_tensor_cannot_look_outside_its_storage(tmp_path):
    function, arguments = torch.zeros(4).__reduce_ex__(2)
    outside = Calls(function, *arguments[:2], (2, 2), (9, 1), *arguments[4:])
    (tmp_path / "a.pkl").write_bytes(pickle.dumps(outside, protocol=4))
    with pytest.raises(SpatialGANError, match="out of bounds"):
        read_pickle(tmp_path / "a.pkl")


def test_names_that_would_be_written_out_do_not_grow(tmp_path):
    lists = ["x" * 10]
    for _ in range(60):
        lists = [lists, lists]
    data = Calls(torch.device, "cpu")
    data.call = torch.device, (lists,)
    (tmp_path / "a.pkl").write_bytes(pickle.dumps(data, protocol=4))
    assert read_pickle(tmp_path / "a.pkl") is None
