"""Runs on sets that are not kept in memory: the same as on those that are, bit by bit, however they end."""

import json
import shutil
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from tiny_run import tiny_config

from spatialgan.data.decoding import BadImageError
from spatialgan.data.images import ImageDataset
from spatialgan.settings import to_dict
from spatialgan.training import loop
from spatialgan.training.checkpoint import list_checkpoints
from spatialgan.training.trainee import make_trainee

CONFIG = tiny_config(data={"mirror": True}, train={"kimg": 0.04, "sample_kimg": 1.0})


def run(out: Path, pictures: Path, kimg: float = 0.04) -> Path:
    config = replace(CONFIG, train=replace(CONFIG.train, kimg=kimg))
    loop.train(config, data=pictures, out=out, device="cpu", report=str)
    assert not [t.name for t in threading.enumerate() if t.name.startswith("read-ahead")]
    return out


def weights(out: Path) -> dict[str, torch.Tensor]:
    return load_file(list_checkpoints(out / "checkpoint")[-1])


def lines(out: Path) -> list[dict]:
    found = [json.loads(line) for line in (out / "stats.jsonl").read_text().splitlines()]
    return [{k: v for k, v in line.items() if k != "images_per_sec"} for line in found]


@pytest.fixture(scope="module")
def in_memory(tmp_path_factory: pytest.TempPathFactory, pictures: Path) -> Path:
    return run(tmp_path_factory.mktemp("whole") / "run", pictures)


@pytest.fixture
def lazy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ImageDataset, "open", partial(ImageDataset.open, cache_bytes=0))


def test_batches_are_those_of_their_positions_however_they_are_read(pictures: Path):
    t = make_trainee(CONFIG, torch.device("cpu"))
    t.num_images_seen = 12
    expected = None
    for cache_bytes, ahead in ((1 << 30, 2), (0, 0), (0, 1), (0, 5)):
        dataset = ImageDataset.open(pictures, resolution=32, mirror=True, cache_bytes=cache_bytes)
        found = [images for _, images in loop.real_batches(t, dataset, ahead=ahead)]
        expected = expected or [dataset.shown(p, 4, seed=0) for p in range(12, 40, 4)]
        assert len(found) == 7 and all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))


@pytest.mark.parametrize("ahead", [0, 2])
def test_a_run_that_reads_ahead_has_the_same_bits(tmp_path, pictures, in_memory, lazy, monkeypatch, ahead):
    monkeypatch.setattr(loop, "real_batches", partial(loop.real_batches, ahead=ahead))
    out = run(tmp_path / "run", pictures)
    a, b = weights(out), weights(in_memory)
    assert a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)
    assert lines(out) == lines(in_memory)


def test_a_run_that_reads_ahead_goes_on_bit_by_bit(tmp_path, pictures, in_memory, lazy):
    run(tmp_path / "run", pictures, kimg=0.012)
    out = run(tmp_path / "run", pictures)
    a, b = weights(out), weights(in_memory)
    assert all(torch.equal(a[k], b[k]) for k in a)
    assert lines(out) == lines(in_memory)


@pytest.mark.parametrize("ahead", [0, 2])
def test_a_damaged_picture_ends_the_run_in_the_step_that_needs_it(tmp_path, pictures, lazy, monkeypatch, ahead):
    monkeypatch.setattr(loop, "real_batches", partial(loop.real_batches, ahead=ahead))
    shutil.copytree(pictures, tmp_path / "data")
    config = replace(CONFIG, train=replace(CONFIG.train, checkpoint_kimg=0.004))
    shown = ImageDataset.open(tmp_path / "data", resolution=32).views(0, 16, seed=0)
    victim = tmp_path / "data" / f"{int(shown.indices[14]):02d}.png"  # the fourth step's
    victim.write_bytes(victim.read_bytes()[:80])
    with pytest.raises(BadImageError, match=rf"{victim.name}: .*`spatialgan data check` lists every such file"):
        loop.train(config, data=tmp_path / "data", out=tmp_path / "run", device="cpu", report=str)
    assert list_checkpoints(tmp_path / "run" / "checkpoint")[-1].stem == "000000012"
    assert not [t.name for t in threading.enumerate() if t.name.startswith("read-ahead")]


RUN = """
import json, sys, time, torch
from functools import partial
from spatialgan.config import RunConfig
from spatialgan.data.images import ImageDataset
from spatialgan.settings import from_dict
from spatialgan.training import loop
torch.set_num_threads(1)
ImageDataset.open = partial(ImageDataset.open, cache_bytes=0)
decode = ImageDataset._decode

def slowly(self, row):
    time.sleep(0.2)
    return decode(self, row)

ImageDataset._decode = slowly
loop.train(from_dict(RunConfig, json.loads(sys.argv[1])), data=sys.argv[2], out=sys.argv[3], device="cpu")
"""


def test_sigterm_ends_a_run_that_waits_for_its_pictures(tmp_path, pictures):
    config = replace(CONFIG, train=replace(CONFIG.train, kimg=1000.0, checkpoint_kimg=0.004))
    process = subprocess.Popen(
        [sys.executable, "-c", RUN, json.dumps(to_dict(config)), str(pictures), str(tmp_path / "run")],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    until = time.monotonic() + 60
    while not list_checkpoints(tmp_path / "run" / "checkpoint"):
        assert process.poll() is None and time.monotonic() < until, process.stdout.read()
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    said = process.communicate(timeout=60)[0]
    assert process.returncode == 0 and "the same command goes on from here" in said
    assert list_checkpoints(tmp_path / "run" / "checkpoint")
