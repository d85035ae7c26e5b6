"""Attacks on words: edits and settings as people type them, and the result files that tables are made of."""

import json
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import Path
from random import Random
from typing import Any

from attack_judging import command
from attack_models import FIXTURES, FOREIGN, KINDS, tiny_model
from attack_mutations import NEAR_NUMBERS, NUMBER_WORDS, ODD_TEXTS, bad_json, bad_word, dumped, near_value
from PIL import Image

from spatialgan.api import SpatialGAN
from spatialgan.cli.drag import read_handle
from spatialgan.cli.generate import read_seeds
from spatialgan.config import RunConfig
from spatialgan.editing.edits import EDITS as KINDS_OF_EDITS
from spatialgan.settings import with_settings
from spatialgan.training.presets import PRESETS, preset

Calls = Iterator[Callable[[], Any]]
RESULTS = Path(__file__).parents[2] / "docs" / "results"
EDITS = {edit.option: tuple(re.split(" or --[a-z-]+ ", edit.example)) for edit in KINDS_OF_EDITS if edit.forms}
EDITS["move"] += ("2.1:0.05,0",)
EDITS["restyle"] += ("background:7",)


def result(home: Path) -> Callable[[Random, Path], Calls]:
    names = ("comove.json", "fd.json", "comove-independent.json", "drag.json")
    good = [json.loads((RESULTS / name).read_text()) for name in names]

    def attack(random: Random, folder: Path) -> Calls:
        for i in range(random.choice((1, 2))):
            data = random.choice(good)
            (folder / f"{i}.json").write_bytes(dumped(random, bad_json(random, data)))
        yield lambda: command("tables", random.choice("12"), "--runs", str(folder))

    return attack


def edit(home: Path) -> Callable[[Random, Path], Calls]:
    paths = [tiny_model(kind).save(home / kind) for kind in KINDS]

    def attack(random: Random, folder: Path) -> Calls:
        words = ["--model", str(random.choice((paths[0], *paths))), "--out", str(folder / "o.png")]
        words += ["--seed", "1" if random.random() < 0.9 else random.choice((*NUMBER_WORDS, *ODD_TEXTS))]
        for option in random.choices(list(EDITS), k=random.choice((1, 1, 2, 3))):
            words += [f"--{option}", bad_word(random, *EDITS[option])]
        for option in ("--truncation", "--layout-seed", "--scale"):
            if random.random() < 0.1:
                words += [option, random.choice((*NUMBER_WORDS, "0.7"))]
        if random.random() < 0.2:
            words += ["--save-scene", str(folder / "s.json")]
        yield lambda: command("edit", *words)
        if random.random() < 0.1:
            yield lambda: read_seeds(bad_word(random, "0-15,42", "7"))
            yield lambda: read_handle(bad_word(random, "0.4,0.5:0.55,0.5"))

    return attack


def setting(home: Path) -> Callable[[Random, Path], Calls]:
    good = {
        f"{section.name}.{f.name}": getattr(getattr(RunConfig(), section.name), f.name)
        for section in fields(RunConfig)
        for f in fields(section.default_factory)
    }
    odd = ("[1,2]", "4,8", "[" * 5000, "[[[1]]]", *NUMBER_WORDS, *ODD_TEXTS)
    (home / "set").mkdir()
    Image.new("RGB", (64, 64)).save(home / "set" / "a.png")

    def attack(random: Random, folder: Path) -> Calls:
        names = random.choices(list(good), k=random.choice((1, 2, 4)))
        words = [
            f"{name}={near_value(random, good[name]) if random.random() < 0.7 else random.choice(odd)}"
            for name in names
        ]
        if random.random() < 0.2:
            words.append(bad_word(random, "train.batch_size=32", "loss.style_mixing=0.9"))
        name = random.choice([*PRESETS, "tiny"])
        configs: list[RunConfig] = []
        yield lambda: configs.append(with_settings(preset(name), words))
        if configs or random.random() < 0.1:
            yield lambda: command(
                "train",
                "--data",
                str(home / "set"),
                "--preset",
                name,
                "--out",
                str(folder / "run"),
                "--dry-run",
                *(w for word in words for w in ("--set", word)),
            )

    return attack


def command_line(home: Path) -> Callable[[Random, Path], Calls]:
    """Whole command lines, some of whose values are odd: paths, numbers, choices."""
    tiny_model("multi").save(home / "m")
    SpatialGAN.from_pretrained(home, device="cpu").sample(1).save(home / "a.scene.json")
    (home / "set").mkdir()
    for i in range(2):
        Image.new("RGB", (32, 32), (i, 9, 9)).save(home / "set" / f"{i}.png")
    model, scene, data = "m.safetensors", "a.scene.json", "set"
    good = (
        [
            "generate",
            "--model",
            model,
            "--seeds",
            "0-2",
            "--out",
            "o",
            "--truncation",
            "0.5",
            "--layout-seed",
            "3",
            "--scale",
            "2",
            "--grid",
            "--heatmaps",
            "--save-scenes",
        ],
        [
            "edit",
            "--model",
            model,
            "--scene",
            scene,
            "--out",
            "o.png",
            "--move",
            "0:0.1,0",
            "--gif",
            "o.gif",
            "--save-scene",
            "b.scene.json",
            "--scale",
            "1",
        ],
        [
            "drag",
            "--model",
            model,
            "--seed",
            "1",
            "--handle",
            "0.4,0.5:0.5,0.5",
            "--max-steps",
            "1",
            "--out",
            "o.png",
            "--mode",
            "heatmaps",
            "--json",
            "o.json",
        ],
        ["models", "info", model],
        ["models", "list"],
        ["data", "check", data, "--resolution", "32"],
        ["data", "prepare", data, "new", "--size", "32", "--fit", "pad", "--channels", "3"],
        ["tables", "1", "--runs", str(RESULTS), "--out", "t.md"],
        ["import", str(FIXTURES / FOREIGN[1]), "--out", "n"],
        ["export", "--model", model, "--to", "rosinality", "--out", "n.pt"],
        [
            "train",
            "--data",
            data,
            "--preset",
            "tiny",
            "--out",
            "run",
            "--kimg",
            "1",
            "--device",
            "cpu",
            "--dry-run",
            "--init-from",
            model,
            "--set",
            "train.batch_size=4",
        ],
    )
    odd = [t.replace("\0", "").replace("\ud800", "\udce9") for t in (*ODD_TEXTS, *NUMBER_WORDS)]  # as systems hand on
    odd += [".", "/dev/null", "/proc/self/mem", "/dev/zero", scene, data, model, "~nobody/x", "a/" * 3000, "x" * 300]

    def attack(random: Random, folder: Path) -> Calls:
        words = list(random.choice(good))
        for _ in range(random.choice((0, 1, 1, 2))):
            at = random.randrange(1, len(words))
            words[at] = random.choice(odd) if random.random() < 0.7 else str(random.choice(NEAR_NUMBERS))
        if random.random() < 0.1:
            del words[random.randrange(len(words))]
        words = ["0" if w in ("/", "~") else w for w in words]  # nothing outside of the folder is read or written
        shutil.copytree(home, folder, dirs_exist_ok=True)  # some tries name these files as outputs
        yield lambda: command(*words)

    return attack


WORD_KINDS = {"command": command_line, "result": result, "edit": edit, "set": setting}
