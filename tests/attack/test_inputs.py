"""A bounded part of the attack with bad inputs; ``python tests/attack/inputs.py --hours 1`` is the whole one."""

import signal
import subprocess
import sys
import time
from pathlib import Path
from random import Random

import attack_judging
import pytest
from attack_judging import command, judge
from attack_mutations import bad_bytes, bad_json, dumped
from inputs import KINDS, run

from spatialgan.errors import SpatialGANError

pytestmark = pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="a try that does not end is ended by a signal")
TRIES = 25 * len(KINDS)


def test_bad_inputs_end_well_or_with_one_sentence(tmp_path: Path):
    inputs = run(tmp_path, tries=TRIES)
    assert inputs.failures == []
    assert all(count["tries"] == 25 and count["refused"] for count in inputs.counts.values())
    assert sum(count["accepted"] for count in inputs.counts.values()) > TRIES / 20  # not all is turned away at the door


def test_the_same_seed_makes_the_same_input():
    good = {"a": [1, 2.5, {"b": "text"}], "c": None, "d": True}
    made = [
        [dumped(random, bad_json(random, good)), bad_bytes(random, b"some bytes" * 9)]
        for random in (Random("kind:1"), Random("kind:1"), Random("kind:2"))
    ]
    assert made[0] == made[1] != made[2]
    assert good == {"a": [1, 2.5, {"b": "text"}], "c": None, "d": True}


def _raise(error: Exception) -> None:
    raise error


class _Lines(SpatialGANError):
    def __str__(self) -> str:
        return "one\ntwo"


def test_what_counts_as_a_failure(monkeypatch: pytest.MonkeyPatch):
    assert judge(lambda: None) == ("accepted", "")
    assert judge(lambda: _raise(SpatialGANError("no"))) == ("refused", "no")
    assert judge(lambda: command("models", "info", "none"))[0] == "refused"
    assert judge(lambda: _raise(KeyError("x")))[0] == "failure"
    assert judge(lambda: _raise(_Lines("")))[0] == "failure"
    assert judge(lambda: _raise(SpatialGANError("")))[0] == "failure"
    monkeypatch.setattr(attack_judging, "MAX_WALL_S", 0.2)
    assert "no end" in judge(lambda: time.sleep(5))[1]
    monkeypatch.undo()
    monkeypatch.setattr(attack_judging, "MAX_CPU_S", -1.0)
    assert "of work" in judge(lambda: None)[1]


@pytest.mark.skipif(sys.platform != "linux", reason="how much memory a process had is read as Linux writes it")
def test_too_much_memory_is_a_failure():
    # In a process of its own: what other tests left there and is freed meanwhile would hide it.
    code = """
import attack_judging
attack_judging.MAX_GROWTH_BYTES = 50e6
print(attack_judging.judge(lambda: bytearray(200 << 20).count(1)), attack_judging.judge(lambda: None))
"""
    folder = Path(__file__).parent
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=True)
    assert "'failure'" in done.stdout and "of memory" in done.stdout and "('accepted', '')" in done.stdout
