"""Sealed files: every bit counts."""

import random
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from spatialgan.errors import SpatialGANError
from spatialgan.sealed import UNREADABLE, read_sealed, save_sealed

TENSORS = {"a": torch.arange(7, dtype=torch.float32), "b.c": torch.tensor([1, 2]), "half": torch.ones(3).bfloat16()}
VALUES = {"state": {"n": 3, "name": 'caf\u00e9 "quoted"'}, "more": None}


def test_a_round_trip(tmp_path: Path):
    path = tmp_path / "f.safetensors"
    save_sealed(TENSORS, path, VALUES)
    tensors, values = read_sealed(path)
    assert values == VALUES and tensors.keys() == TENSORS.keys()
    assert all(torch.equal(t, TENSORS[n]) and t.dtype == TENSORS[n].dtype for n, t in tensors.items())
    assert load_file(path).keys() == TENSORS.keys()  # for other programs it is a safetensors file as any
    first = path.read_bytes()
    save_sealed(TENSORS, path, VALUES)
    assert path.read_bytes() == first


def test_every_changed_bit_is_noticed(tmp_path: Path):
    path = tmp_path / "f.safetensors"
    save_sealed(TENSORS, path, VALUES)
    whole = path.read_bytes()
    rng = random.Random(0)
    for at in range(len(whole)):
        data = bytearray(whole)
        data[at] ^= 1 << rng.randrange(8)
        path.write_bytes(data)
        try:
            _, values = read_sealed(path)
        except UNREADABLE:
            continue
        assert "state" not in values, at  # the name of the digest itself: as if it were an older file, of another kind
    path.write_bytes(whole[:-1])
    with pytest.raises(UNREADABLE):
        read_sealed(path)


def test_files_without_a_digest_are_read_with_all_their_metadata(tmp_path: Path):
    save_file(TENSORS, tmp_path / "old.safetensors", metadata={"state": "{}"})
    assert read_sealed(tmp_path / "old.safetensors")[1] == {"state": "{}"}
    with safe_open(tmp_path / "old.safetensors", "pt") as f:
        assert f.metadata() == {"state": "{}"}


def test_what_is_no_file_is_named(tmp_path: Path):
    with pytest.raises(SpatialGANError, match="none is not readable"):
        read_sealed(tmp_path / "none")
