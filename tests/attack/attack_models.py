"""Attacks on what reads models and what is made with them: cards, weights, scenes, runs, other programs' files."""

import json
import shutil
import struct
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any
from unittest import mock

import torch
from attack_mutations import ODD_NUMBERS, bad_bytes, bad_json, dumped
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import Tensor

from spatialgan.api import SpatialGAN
from spatialgan.config import LossConfig, ModelConfig, RunConfig, TrainConfig
from spatialgan.editing.command import command_line
from spatialgan.editing.scene_file import bundled_model_of
from spatialgan.importing.reading import read_model
from spatialgan.networks.discriminators import make_discriminator
from spatialgan.networks.generator import Generator
from spatialgan.sealed import read_sealed, save_sealed
from spatialgan.training import loop
from spatialgan.training.stats_log import Record

Calls = Iterator[Callable[[], Any]]
FIXTURES = Path(__file__).parents[1] / "fixtures"
FOREIGN = ("ada-style.pkl", "rosinality-style.pt", "stylegan3-style.pkl")
HASHES = ("card_sha256", "weights_sha256", "discriminator_sha256")
KINDS = {
    "multi": {"layout": "multi", "encoding": "multi", "num_objects": 2},
    "single": {},
    "plain": {"encoding": "none"},
}


def tiny_config(kind: str = "multi") -> RunConfig:
    model = ModelConfig(
        resolution=32,
        z_dim=8,
        w_dim=8,
        mapping_layers=1,
        channel_base=64,
        channel_max=4,
        minibatch_std_group=2,
        **KINDS[kind],
    )
    loss = LossConfig(align="multi" if kind == "multi" else "none", style_mixing=0)
    return RunConfig(model=model, loss=loss, train=TrainConfig(kimg=0.002, batch_size=2, precision="float32"))


def tiny_model(kind: str = "multi") -> SpatialGAN:
    """A model of random weights."""
    torch.manual_seed(0)
    config = tiny_config(kind)
    return SpatialGAN(config, Generator(config.model), make_discriminator(config.model, pretrained=False), name=kind)


def scene(home: Path) -> Callable[[Random, Path], Calls]:
    models = [SpatialGAN.from_pretrained(tiny_model(kind).save(home / kind), device="cpu") for kind in KINDS]
    good: list[tuple[SpatialGAN, Any]] = []
    for model in models:
        one = model.sample(1)
        edits = [one, one if one.layout.kind == "none" else one.move(0, dx=0.1, dy=0.1).resize(0, 1.2)]
        good += [(model, e.to_json()) for e in edits]
    good += [(models[0], models[0].sample(1).add(0.5, 0.5, 0.1, 3).restyle(0, 4).to_json())]

    def attack(random: Random, folder: Path) -> Calls:
        model, data = random.choice(good)
        path, opened = folder / "a.scene.json", []
        path.write_bytes(dumped(random, bad_json(random, data)))
        yield lambda: opened.append(model.load_scene(path))
        if random.random() < 0.1:
            yield lambda: bundled_model_of(path)
        if opened:
            yield lambda: opened[0].image
            yield lambda: model.load_scene(opened[0].save(folder / "b.scene.json"))
            yield lambda: command_line(opened[0], "m", scene_file="f")

    return attack


def _bad_safetensors(random: Random, path: Path) -> None:
    """Change a file of tensors: its bytes, the JSON in its header, or its tensors."""
    data = path.read_bytes()
    kind = random.randrange(4)
    if kind == 0:
        path.write_bytes(bad_bytes(random, data))
    elif kind == 1:
        length = int.from_bytes(data[:8], "little")
        header = dumped(random, bad_json(random, json.loads(data[8 : 8 + length])))
        size = len(header) if random.random() < 0.8 else random.choice(ODD_NUMBERS[:15]) % 2**64
        path.write_bytes(struct.pack("<Q", size) + header + data[8 + length :])
    else:
        save_file(_bad_tensors(random, load_file(path)), path)


def _bad_tensors(random: Random, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    for name in random.sample(list(tensors), random.choice((1, 1, 3))):
        t = tensors.pop(name)
        dtype = random.choice(
            (
                torch.float16,
                torch.float64,
                torch.bfloat16,
                torch.int64,
                torch.uint8,
                torch.bool,
                torch.float8_e4m3fn,
                torch.complex64,
            )
        )
        new = random.choice(
            (
                lambda t=t, d=dtype: t.to(d),
                lambda t=t: t[None],
                lambda t=t: t.flatten()[:0],
                lambda t=t: t.flatten()[:1],
                lambda t=t: t * float("nan"),
                lambda t=t: t * 1e30,
                lambda t=t: t * 0,
                lambda: None,
            )
        )()
        if new is not None:
            tensors[random.choice((name, name, name, name + "x", "a\nb\x1b"))] = new.contiguous()
    return tensors


def card(home: Path) -> Callable[[Random, Path], Calls]:
    for kind in KINDS:
        tiny_model(kind).save(home / kind, card={"data": "noise", "kimg": 3})

    def attack(random: Random, folder: Path) -> Calls:
        kind = random.choice(list(KINDS))
        for path in home.glob(f"{kind}.*"):
            shutil.copy(path, folder)
        path = folder / f"{kind}.json"
        data = json.loads(path.read_text())
        data = {k: v for k, v in data.items() if k not in HASHES} if random.random() < 0.7 else data
        path.write_bytes(dumped(random, bad_json(random, data)))
        yield from _using(folder)

    return attack


def weights(home: Path) -> Callable[[Random, Path], Calls]:
    for kind in KINDS:
        tiny_model(kind).save(home / kind)

    def attack(random: Random, folder: Path) -> Calls:
        kind = random.choice(list(KINDS))
        for path in home.glob(f"{kind}.*"):
            shutil.copy(path, folder)
        path = folder / f"{kind}.json"
        data = json.loads(path.read_text())
        if random.random() < 0.8:
            path.write_text(json.dumps({k: v for k, v in data.items() if k not in HASHES}))
        ending = random.choice((".safetensors", ".safetensors", ".discriminator.safetensors"))
        _bad_safetensors(random, folder / f"{kind}{ending}")
        yield from _using(folder)

    return attack


def _using(folder: Path) -> Calls:
    models: list[SpatialGAN] = []
    yield lambda: models.append(SpatialGAN.from_pretrained(folder, device="cpu"))
    if models:
        yield lambda: models[0].sample(0).image
        yield lambda: models[0].sample(0, truncation=0.5).save("s.json")


def foreign(home: Path) -> Callable[[Random, Path], Calls]:
    files = {name: (FIXTURES / name).read_bytes() for name in FOREIGN}

    def attack(random: Random, folder: Path) -> Calls:
        name = random.choice(FOREIGN)
        data = files[name]
        if name.endswith(".pt") and random.random() < 0.6:
            _rezip(random, FIXTURES / name, folder / name)
        else:
            (folder / name).write_bytes(bad_bytes(random, data, files[random.choice(FOREIGN)]))
        yield lambda: read_model(folder / name)

    return attack


def _rezip(random: Random, source: Path, target: Path) -> None:
    """A PyTorch file whose pickle is changed and whose checksums are right."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for info in old.infolist():
            data = old.read(info)
            if info.filename.endswith("data.pkl") or random.random() < 0.02:
                data = bad_bytes(random, data)
            if random.random() > 0.01:
                new.writestr(info.filename, data)


def run_folder(home: Path) -> Callable[[Random, Path], Calls]:
    """A run that is complete, whose files are changed: the same command looks at all of it and takes no step."""
    (home / "data").mkdir()
    for i in range(2):
        Image.new("RGB", (32, 32), (i * 100, 50, 50)).save(home / "data" / f"{i}.png")
    config = tiny_config()
    loop.train(config, data=home / "data", out=home / "run", device="cpu", report=str)
    step_of_no_use = mock.patch.object(loop, "_loop", _no_loop)

    def attack(random: Random, folder: Path) -> Calls:
        run = folder / "run"
        shutil.copytree(home / "run", run, ignore=shutil.ignore_patterns("tensorboard", "samples", "snapshots"))
        (checkpoint,) = (run / "checkpoint").glob("*.safetensors")
        what = random.randrange(4)
        if what == 0:
            data = json.loads((run / "config.json").read_text())
            (run / "config.json").write_bytes(dumped(random, bad_json(random, data)))
        elif what == 1:
            lines = (run / "stats.jsonl").read_bytes()
            (run / "stats.jsonl").write_bytes(dumped(random, bad_json(random, json.loads(lines.splitlines()[0]))))
        elif what == 2:
            _bad_safetensors(random, checkpoint)
        else:
            _bad_checkpoint(random, checkpoint)
        kimg = random.choice((config.train.kimg, 0.001, 1.0))
        again = replace(config, train=replace(config.train, kimg=kimg))
        with step_of_no_use:
            yield lambda: loop.train(again, data=home / "data", out=run, device="cpu", report=str)

    return attack


def _no_loop(t: Any, dataset: Any, codes: Any, out: Path, report: Callable[[str], None], averages: Any) -> bool:
    """What the loop does before its first step."""
    with mock.patch.dict("sys.modules", {"spatialgan.training.board": None}):
        Record(out, num_images_seen=t.num_images_seen, total_nimg=2, report=report, unfinished=bool(averages.state()))
    return True


def _bad_checkpoint(random: Random, path: Path) -> None:
    """With a digest that is right, or none, as in earlier versions."""
    tensors, values = read_sealed(path)
    if random.random() < 0.5:
        values = bad_json(random, values)
    else:
        tensors = _bad_tensors(random, tensors)
    if not isinstance(values, dict) or random.random() < 0.3:
        text = dumped(random, values).decode("utf-8", "replace")
        save_file(tensors, path, metadata={random.choice(("state", "spatialgan", "x")): text})
    else:
        save_sealed(tensors, path, values)


MODEL_KINDS = {"scene": scene, "card": card, "weights": weights, "foreign": foreign, "run": run_folder}
