import json

import pytest
import torch

from spatialgan.training.record import Averages, NonFiniteError, Record, check_finite, format_duration


def test_averages_mean_each_name_over_its_own_count_and_start_again():
    a = Averages()
    a.add({"x": torch.tensor(1.0)})
    a.add({"x": torch.tensor(4.0), "y": torch.tensor(7.0)})
    assert a.take() == {"x": 2.5, "y": 7.0}
    assert a.take() == {}


def test_non_finite_values_stop_the_run_naming_the_term():
    check_finite({"loss/G": torch.tensor(1.0)}, 16)
    with pytest.raises(NonFiniteError, match=r"0\.0 kimg: loss/align is nan"):
        check_finite({"loss/G": torch.tensor(1.0), "loss/align": torch.tensor(float("nan"))}, 16)


def test_going_on_drops_later_and_broken_lines(tmp_path):
    lines = [json.dumps({"num_images_seen": n}).encode() for n in (8, 16, 24)]
    lines += [b"\xff\x00", b"[1]", b'{"num_images_seen": "x"}', b'{"num_images_seen": 3']
    (tmp_path / "stats.jsonl").write_bytes(b"\n".join(lines))
    said = []
    record = Record(tmp_path, num_images_seen=16, total_nimg=100, report=said.append)
    record.write({"loss/G": 0.5}, 32)
    record.close()
    stats = [json.loads(line) for line in (tmp_path / "stats.jsonl").read_text().splitlines()]
    assert [s["num_images_seen"] for s in stats] == [8, 16, 32]
    assert stats[-1]["loss/G"] == 0.5 and stats[-1]["images_per_sec"] > 0
    assert "ETA" in said[-1] and "G 0.500" in said[-1]


@pytest.mark.parametrize(("seconds", "text"), [(7.9, "7s"), (725, "12m 05s"), (12000, "3h 20m"), (100800, "1d 04h")])
def test_durations(seconds, text):
    assert format_duration(seconds) == text
