"""The script that takes a model on to a GPU, rehearsed on a CPU."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytestmark = pytest.mark.skipif(
    shutil.which("bash") is None or shutil.which("timeout") is None, reason="needs Bash and GNU's timeout"
)
SCRIPT = Path(__file__).parents[1] / "recipes/gpu/continue.sh"
SMALL = ("--set", "train.batch_size=8", "--set", "model.channel_max=8", "--set", "train.log_kimg=0.008")


def run(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    env = {**os.environ, "DEVICE": "cpu", "PATH": path}
    return subprocess.run(words, capture_output=True, text=True, cwd=cwd, env=env, check=False)


def test_a_run_goes_on_and_on(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    for i in range(16):
        Image.fromarray(np.full((32, 32, 3), 16 * i, np.uint8)).save(tmp_path / f"photos/{i:02d}.png")
    first = ("train", "--data", "photos", "--preset", "tiny", "--device", "cpu", "--out", "first", *SMALL)
    result = run("spatialgan", *first, "--kimg", "0.016", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    script = ("bash", str(SCRIPT), "first", "photos", "tiny", "5", "gpu", *SMALL)
    for kimg, seen in (("0.016", 16), ("0.032", 32)):  # it begins at the model, and then where it has stopped
        result = run(*script, "--kimg", kimg, cwd=tmp_path)
        assert result.returncode == 0, result.stderr
        line = json.loads(result.stdout.splitlines()[-1])
        assert line["num_images_seen"] == seen and line["images_per_sec"] > 0
    config = json.loads((tmp_path / "gpu/run/config.json").read_text())
    assert config["train"]["batch_size"] == 8 and config["train"]["snapshot_kimg"] == 500
    result = run(*script[:-6], "--kimg", "nothing", cwd=tmp_path)
    assert result.returncode == 2 and "Traceback" not in result.stderr


def test_without_words_it_says_what_it_takes(tmp_path: Path) -> None:
    result = run("bash", str(SCRIPT), cwd=tmp_path)
    assert result.returncode == 2 and "MODEL PICTURES PRESET MINUTES OUT" in result.stdout
