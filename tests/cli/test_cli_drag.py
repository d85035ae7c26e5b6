"""``spatialgan drag`` and ``spatialgan eval drag``, on a tiny model's files."""

import json
import os
import struct
import subprocess
import sys
import zlib

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from spatialgan.api import SpatialGAN
from spatialgan.cli.commands import app
from spatialgan.cli.drag import kept_note, read_handle, read_mask_file
from spatialgan.config import LossConfig, ModelConfig, RunConfig
from spatialgan.errors import SpatialGANError
from spatialgan.networks.generator import Generator

HANDLE = ["--handle", "0.4,0.5:0.55,0.5"]


def save_model(folder, **changes):
    config = ModelConfig(
        **(
            {"resolution": 32, "z_dim": 8, "w_dim": 8, "mapping_layers": 1, "channel_base": 64, "channel_max": 8}
            | changes
        )
    )
    return str(
        SpatialGAN(RunConfig(model=config, loss=LossConfig(align="none")), Generator(config), name="tiny").save(
            folder / "tiny"
        )
    )


@pytest.fixture
def model(tmp_path):
    return save_model(tmp_path)


class Halfway:
    """A matcher that finds everything in the middle."""

    name = "halfway"

    def __init__(self, device):
        pass

    def __call__(self, first, last, points_xy):
        return 0 * points_xy + 0.5


def run(*words):
    return CliRunner().invoke(app, list(words))


def test_importing_the_command_imports_no_torch():
    code = "import sys, spatialgan.cli.drag; sys.exit('torch' in sys.modules or 'PIL' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_all_files_are_written(model, tmp_path):
    mask = Image.new("L", (32, 32), 0)
    mask.paste(255, (0, 0, 32, 24))
    mask.save(tmp_path / "mask.png")
    names = ("out.png", "d.gif", "d.mp4", "d.json", "maps.png", "d.scene.json")
    out, gif, mp4, trace, maps, scene = (str(tmp_path / name) for name in names)
    result = run(
        "drag",
        "--model",
        model,
        "--seed",
        "3",
        *HANDLE,
        "--handle",
        "0.2,0.2:0.2,0.2",
        "--mode",
        "joint",
        "--steps",
        "2",
        "--mask",
        str(tmp_path / "mask.png"),
        "--out",
        out,
        "--gif",
        gif,
        "--json",
        trace,
        "--mp4",
        mp4,
        "--heatmaps",
        maps,
        "--save-scene",
        scene,
        "--device",
        "cpu",
    )
    assert result.exit_code == 0, result.output
    assert "max steps after 2 steps" in result.stdout and all(name in result.stdout for name in names)
    data = json.loads((tmp_path / "d.json").read_text())
    kept = data["kept_step"]
    assert kept_note(2, kept) in result.stdout
    assert data["steps"] == 2 and len(data["starts"]) == 2
    with Image.open(gif) as animation:
        assert animation.size == (256, 256) and (animation.n_frames > 2) == (kept > 0)
    assert (tmp_path / "d.mp4").read_bytes()[4:8] == b"ftyp"
    again = run(
        "drag",
        "--model",
        model,
        "--scene",
        scene,
        *HANDLE,
        "--steps",
        "0",
        "--out",
        str(tmp_path / "2.png"),
        "--device",
        "cpu",
    )
    assert again.exit_code == 0
    assert (tmp_path / "2.png").read_bytes() == (tmp_path / "out.png").read_bytes()


def test_a_heavier_mask_holds_back_more(model, tmp_path):
    before = np.asarray(SpatialGAN.from_pretrained(model, device="cpu").sample(3).image).astype(int)
    mask = Image.new("L", (32, 32), 0)
    mask.paste(255, (0, 0, 32, 24))
    mask.save(tmp_path / "mask.png")
    changes = []
    for weight in ("0", "1000"):
        out = tmp_path / f"{weight}.png"
        words = ["--mask", str(tmp_path / "mask.png"), "--mask-weight", weight, "--out", str(out), "--device", "cpu"]
        result = run("drag", "--model", model, "--seed", "3", *HANDLE, "--mode", "latent", "--steps", "6", *words)
        assert result.exit_code == 0, result.output
        changes.append(np.abs(np.asarray(Image.open(out)).astype(int) - before)[24:].mean())
    assert changes[1] < changes[0]
    result = run("drag", "--model", model, *HANDLE, "--mask-weight", "-1", "--out", str(out))
    assert result.exit_code == 2 and "--mask-weight" in result.stderr


def test_it_says_which_step_is_kept():
    assert kept_note(4, 4) == kept_note(0, 0) == ""
    assert "step 3 was the best and is kept" in kept_note(4, 3)
    assert "the picture stays as it was" in kept_note(4, 0)


def test_handles_are_read():
    assert read_handle("0.4,0.5:0.55,0.5") == ((0.4, 0.5), (0.55, 0.5))
    for text in ("", "0.4,0.5", "0.4,0.5:0.55", "a,b:c,d", "1,2,3:4,5,6"):
        with pytest.raises(SpatialGANError, match=r"--handle .*: write X,Y:X,Y"):
            read_handle(text)


@pytest.mark.parametrize(
    "words, message",
    [
        (["--handle", "0.4,0.5:1.5,0.5", "--seed", "3"], "outside the image"),
        ([*HANDLE, "--seed", "3", "--scene", "x.json"], "either --seed or --scene"),
        ([*HANDLE, "--seed", "3", "--mask", "missing.png"], "missing.png is not readable: No such file"),
        ([*HANDLE, "--seed", "3", "--gif", "drag.mp4"], "drag.mp4: animations are written as GIF"),
        ([*HANDLE, "--seed", "3", "--mp4", "drag.gif"], "drag.gif: videos are written as MP4"),
        ([*HANDLE, "--seed", "3", "--heatmaps", "maps.jpg"], "maps.jpg: pictures are written as PNG"),
        ([*HANDLE, "--seed", "3", "--json", "holiday.jpg"], "holiday.jpg: results are written as JSON"),
        ([*HANDLE, "--seed", "3", "--mask-weight", "20"], "--mask-weight goes with --mask"),
        ([*HANDLE, "--seed", "3", "--json", "-"], "-: results are written as JSON; give a name that ends in .json"),
        ([*HANDLE, "--seed", "3", "--save-scene", "cat.png"], "cat.png: scenes are written as JSON"),
    ],
)
def test_mistakes_are_sentences(model, tmp_path, words, message):
    result = run("drag", "--model", model, *words, "--out", str(tmp_path / "out.png"))
    assert isinstance(result.exception, SpatialGANError) and message in str(result.exception)
    assert not (tmp_path / "out.png").exists()


def test_heatmaps_of_a_model_without_any_are_refused_before_anything_is_written(tmp_path):
    plain = save_model(tmp_path, encoding="none")
    result = run(
        "drag",
        "--model",
        plain,
        *HANDLE,
        "--seed",
        "3",
        "--mode",
        "latent",
        "--steps",
        "1",
        "--out",
        str(tmp_path / "out.png"),
        "--heatmaps",
        str(tmp_path / "h.png"),
    )
    assert "no heatmaps to show" in str(result.exception) and not (tmp_path / "out.png").exists()


def test_masks_that_cannot_be_read_are_named(tmp_path):
    path = tmp_path / "m.png"
    Image.new("L", (64, 64), 255).save(path)
    data = path.read_bytes()
    huge = data[:16] + struct.pack(">II", 10**5, 10**5) + data[24:29]
    for damaged in (b"", b"no picture", data[:40], huge + struct.pack(">I", zlib.crc32(huge[12:])) + data[33:]):
        path.write_bytes(damaged)
        with pytest.raises(SpatialGANError, match=r"m\.png: (is|has|cannot)"):
            read_mask_file(path, 64)


def test_the_benchmark_prints_its_table_and_writes_its_result(model, tmp_path, monkeypatch):
    from spatialgan.evaluation import drag_benchmark as bench

    few = [bench.Method(m.name, m.mode, m.options, 1, m.only_first_step) for m in bench.METHODS]
    original = bench.run_benchmark
    # The real one takes longer than all drags here together.
    monkeypatch.setattr("spatialgan.vision.matching.EfficientNetMatcher", Halfway)
    monkeypatch.setattr(bench, "run_benchmark", lambda *args, **words: original(*args, **words, methods=few))
    (tmp_path / "plain").mkdir()
    baseline = save_model(tmp_path / "plain", encoding="none")
    command = [
        "eval",
        "drag",
        "--model",
        model,
        "--scenes",
        "1",
        "--seed",
        "4",
        "--device",
        "cpu",
        "--json",
        str(tmp_path / "t2.json"),
    ]
    result = run(*command, "--baseline", baseline)
    assert result.exit_code == 0, result.exception
    assert "| hybrid | 30/256 | 6 |" in result.stdout and "| plain StyleGAN2: DragGAN, tuned |" in result.stdout
    record = json.loads((tmp_path / "t2.json").read_text())
    assert (record["metric"], record["seed"], record["num_samples"]) == ("drag", 4, 1)
    assert len(record["values"]["rows"]) == 2 * 6 + 2 * 2 and record["values"]["matcher"] == "halfway"
    assert record["values"]["baseline"]["weights_sha256"] == SpatialGAN.from_pretrained(baseline).weights_hash
    nowhere = run(*command[:-1], str(tmp_path / "tiny.json" / "t2.json"))
    assert "t2.json cannot be written" in str(nowhere.exception) and "|" not in nowhere.stdout
    refused = run(*command, "--baseline", model)
    assert "name a plain StyleGAN2" in str(refused.exception)


def test_masks_are_pictures_of_plain_kinds(tmp_path):
    """Pillow would start Ghostscript for an EPS, whatever its name says."""
    mask = Image.new("L", (32, 32), 255)
    for kind in ("EPS", "PCX", "TGA"):
        mask.save(tmp_path / "m.png", kind)
        with pytest.raises(SpatialGANError, match=r"m\.png: is not an image in one of PNG"):
            read_mask_file(tmp_path / "m.png", 32)
    for kind in ("PNG", "JPEG", "WEBP", "BMP", "GIF"):
        mask.save(tmp_path / "m", kind)
        assert read_mask_file(tmp_path / "m", 32).size == (32, 32)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(SpatialGANError, match="pipe is not readable: it is a named pipe"):
        read_mask_file(tmp_path / "pipe", 32)


def test_one_file_for_two_purposes_is_refused(tmp_path):
    twice = ["--json", "a.json", "--save-scene", "./a.json"]
    for more in (twice, ["--heatmaps", "a.png"], ["--mask", "a.png"]):
        words = ["drag", *HANDLE, "--model", "none", "--seed", "3", "--out", "a.png", *more]
        result = CliRunner().invoke(app, words)
        assert more[0] in str(result.exception) and " both name " in str(result.exception)
