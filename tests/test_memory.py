"""Memory that was freed: kept for the next tensor, where glibc can be told so."""

import ctypes
import platform
import subprocess
import sys

import pytest

from spatialgan import memory
from spatialgan.cli import main
from spatialgan.cli.eval import commands

GLIBC = platform.libc_ver()[0] == "glibc"
FROM_GLIBC = GLIBC and platform.machine() == "x86_64"  # there PyTorch has no allocator of its own
FAULTS = """
import resource, sys
import torch
from spatialgan.memory import keep_freed_memory

if sys.argv[1] == "kept":
    assert keep_freed_memory()

def fill():
    torch.zeros(48 << 18)  # 48 MiB

for _ in range(30):  # blocks are aligned, and until enough have been freed the next one may not fit in between
    fill()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(8):
    fill()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def page_faults(kept: str) -> int:
    told = subprocess.run([sys.executable, "-c", FAULTS, kept], check=True, capture_output=True, text=True)
    return int(told.stdout)


def test_a_large_tensor_takes_the_memory_of_the_one_before() -> None:
    faults = page_faults("kept" if GLIBC else "as it is")
    if FROM_GLIBC:
        assert faults < 50 < page_faults("as it is")  # 8 times 24 huge pages, or 12,288 small ones


def test_other_systems_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda name: object())  # musl's has no mallopt
    assert not memory.keep_freed_memory()
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(ctypes, "CDLL", pytest.fail)
    assert not memory.keep_freed_memory()


@pytest.mark.parametrize(("command", "told"), [(["eval", "cost"], [True]), (["train"], [])])
def test_commands_that_measure_keep_it(command: list[str], told: list[bool], monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[bool] = []
    monkeypatch.setattr(commands, "keep_freed_memory", lambda: kept.append(True))
    with pytest.raises(SystemExit):
        main([*command, "--help"])
    assert kept == told
