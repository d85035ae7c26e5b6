import json
import signal

import pytest
import torch

from spatialgan.errors import SpatialGANError
from spatialgan.training.board import Board
from spatialgan.training.stats_log import Averages, NonFiniteError, Record, check_finite, format_duration


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
    lines += [b"\xff\x00", b"[1]", b'{"num_images_seen": "x"}', b"[" * 100_000, b'{"num_images_seen": 3']
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


def test_averages_go_on_exactly_from_their_state():
    values = [{"x": torch.tensor(0.1 * i)} for i in range(7)]
    whole, first = Averages(), Averages()
    for v in values:
        whole.add(v)
    for v in values[:3]:
        first.add(v)
    second = Averages(json.loads(json.dumps(first.state())))
    for v in values[3:]:
        second.add(v)
    assert second.means() == whole.means() == whole.take()
    for damaged in ([1.0], [1, 2], ["a", 2], [1.0, 0], None, [1.0, True]):
        with pytest.raises(SpatialGANError, match="average x"):
            Averages({"x": damaged})


def test_a_full_disk_costs_lines_and_no_run(tmp_path):
    resource = pytest.importorskip("resource")
    said = []
    record = Record(tmp_path, num_images_seen=0, total_nimg=100, report=said.append)
    record.write({"loss/G": 0.5}, 8)
    room = (tmp_path / "stats.jsonl").stat().st_size
    limits, old = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room + 20, limits[1]))  # neither file has room for a line more
    try:
        for n in (16, 24):
            record.write({"loss/G": 0.5}, n)
        record.close()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, old)
    assert sum("stats.jsonl cannot be written: " in line for line in said) == 1
    assert sum("TensorBoard's events cannot be written: " in line for line in said) == 1
    assert sum("ETA" in line for line in said) == 3
    assert [json.loads(s)["num_images_seen"] for s in (tmp_path / "stats.jsonl").read_text().splitlines()] == [8]


def test_a_folder_for_events_that_cannot_be_made_is_a_note(tmp_path):
    (tmp_path / "tensorboard").write_text("in the way")
    said = []
    record = Record(tmp_path, num_images_seen=0, total_nimg=100, report=said.append)
    record.write({"loss/G": 0.5}, 8)
    assert "TensorBoard's events cannot be written: File exists" in said[0] and (tmp_path / "stats.jsonl").exists()


def test_tensorboard_reads_the_events_and_what_is_purged(tmp_path):
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    for purge, steps in ((1, (8, 16, 24)), (17, (24,))):
        board = Board(tmp_path, purge_step=purge)
        for step in steps:
            board.add({"loss/G": step + purge, "D/real": 0.0}, step)
        board.close()
    events = accumulator.EventAccumulator(str(tmp_path))
    events.Reload()
    assert [(e.step, e.value) for e in events.Scalars("loss/G")] == [(8, 9), (16, 17), (24, 41)]


def test_a_line_of_part_of_its_steps_makes_room_for_the_whole_one(tmp_path):
    (tmp_path / "stats.jsonl").write_text('{"num_images_seen": 8}\n{"num_images_seen": 12}\n')
    record = Record(tmp_path, num_images_seen=12, total_nimg=100, report=lambda _: None, unfinished=True)
    record.close()
    assert (tmp_path / "stats.jsonl").read_text() == '{"num_images_seen": 8}\n'
