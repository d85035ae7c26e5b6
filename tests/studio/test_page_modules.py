"""Modules that need no browser, of the studio's page and the notebook's widget, by Node's own test runner."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
FILES = sorted(HERE.parent.glob("*/js/*.test.js"))
# The one that came with the test extra, wherever Python was started from; or the system's.
NODE = shutil.which("node", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_in_node(file: Path) -> None:
    assert NODE is not None, "Node is missing; pip install 'spatialgan[test]' brings it"
    done = subprocess.run([NODE, "--test", str(file)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
