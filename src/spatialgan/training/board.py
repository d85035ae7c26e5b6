"""TensorBoard events, written at once: PyTorch's writer has a thread, which a full disk ends in a traceback."""

import os
import platform
import time
from collections.abc import Mapping
from pathlib import Path

# protobuf makes these classes when they are imported: no types can know them.
from tensorboard.compat.proto.event_pb2 import Event, SessionLog  # pyright: ignore[reportAttributeAccessIssue]
from tensorboard.compat.proto.summary_pb2 import Summary  # pyright: ignore[reportAttributeAccessIssue]
from tensorboard.summary.writer.record_writer import RecordWriter


class Board:
    """One file of events. All methods raise OSError where it cannot be written."""

    def __init__(self, folder: Path, *, purge_step: int):
        """A new file in ``folder``; what earlier ones hold from ``purge_step`` on no longer counts."""
        folder.mkdir(parents=True, exist_ok=True)
        name = f"events.out.tfevents.{int(time.time())}.{platform.node()}.{os.getpid()}.{purge_step}"
        self._file = open(folder / name, "ab")  # noqa: SIM115 (open as long as the run)
        self._records = RecordWriter(self._file)
        self._add(Event(wall_time=time.time(), file_version="brain.Event:2"))
        self._add(Event(wall_time=time.time(), step=purge_step, session_log=SessionLog(status=SessionLog.START)))
        self._file.flush()

    def add(self, values: Mapping[str, float], step: int) -> None:
        """One point on each of the curves that ``values`` names."""
        points = [Summary.Value(tag=name, simple_value=value) for name, value in values.items()]
        self._add(Event(wall_time=time.time(), step=step, summary=Summary(value=points)))
        self._file.flush()

    def close(self) -> None:
        self._file.close()

    def _add(self, event: Event) -> None:
        self._records.write(event.SerializeToString())
