"""What a run writes for people: statistics, TensorBoard events, progress lines."""

import errno
import json
import math
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from spatialgan.errors import SpatialGANError
from spatialgan.files import parse_json, require_file, write_atomically


class NonFiniteError(SpatialGANError):
    """A loss became infinite or not a number."""


class Averages:
    """Means of named scalars since the last line, without waiting for the device at every step."""

    def __init__(self, state: Mapping[str, Any] | None = None) -> None:
        """With the ``state`` of an earlier one, to continue from; raises SpatialGANError where that is not one."""
        self._sums: dict[str, Tensor] = {}
        self._counts: dict[str, int] = {}
        for name, entry in (state or {}).items():
            if not (
                isinstance(entry, list)
                and len(entry) == 2
                and type(entry[0]) is float
                and type(entry[1]) is int
                and entry[1] > 0
            ):
                raise SpatialGANError(f"the checkpoint's average {name} is {entry!r:.40}, not a sum and a count")
            self._sums[name] = torch.tensor(entry[0], dtype=torch.float32)
            self._counts[name] = entry[1]

    def add(self, values: dict[str, Tensor]) -> None:
        for name, value in values.items():
            v = value.detach().float()
            self._sums[name] = self._sums[name].to(v.device) + v if name in self._sums else v.clone()
            self._counts[name] = self._counts.get(name, 0) + 1

    def state(self) -> dict[str, list[float | int]]:
        """The sum and the count of each, exactly, as JSON values."""
        return {name: [float(s), self._counts[name]] for name, s in self._sums.items()}

    def means(self) -> dict[str, float]:
        """The means so far."""
        return {name: float(s) / self._counts[name] for name, s in self._sums.items()}

    def take(self) -> dict[str, float]:
        """The means, and start again."""
        means = self.means()
        self._sums, self._counts = {}, {}
        return means


def check_finite(values: dict[str, Tensor], num_images_seen: int) -> None:
    """Stop a run that has gone wrong.

    Raises:
        NonFiniteError: naming the terms and when.
    """
    if values and not bool(torch.stack([v.detach().float() for v in values.values()]).isfinite().all()):
        bad = [f"{name} is {float(v)}" for name, v in values.items() if not math.isfinite(float(v))]
        raise _stopped(num_images_seen, bad)


def check_finite_weights(networks: dict[str, nn.Module], num_images_seen: int) -> None:
    """Before a checkpoint is written: finite losses can have gradients that are not, which show in the weights first.

    Raises:
        NonFiniteError: naming the weights.
    """
    bad = [
        f"{name}'s {key}"
        for name, network in networks.items()
        for key, p in network.named_parameters()
        if not bool(p.isfinite().all())
    ]
    if bad:
        more = f" and {len(bad) - 1} more" if len(bad) > 1 else ""
        raise _stopped(num_images_seen, [f"{bad[0]}{more} holds numbers that are not finite"])


def _stopped(num_images_seen: int, what: list[str]) -> NonFiniteError:
    return NonFiniteError(
        f"training stopped after {num_images_seen / 1000:.1f} kimg: {', '.join(what)}. What was written before "
        "is intact; start from a snapshot with --init-from, or anew, with another --out, lower train.g_lr and "
        "train.d_lr, a larger loss.r1_gamma or train.precision=float32"
    )


class Record:
    """``stats.jsonl``, TensorBoard events where it is installed, and a line for the terminal.

    None of them is worth a run: what cannot be written is left out, with a note.
    """

    def __init__(
        self,
        out: Path,
        *,
        num_images_seen: int,
        total_nimg: int,
        report: Callable[[str], None],
        unfinished: bool = False,
    ):
        """Go on from ``num_images_seen``; ``unfinished``: the line of that moment was of a part of its steps, and the
        whole one is to come."""
        self.path = out / "stats.jsonl"
        self.total_nimg, self.report = total_nimg, report
        self._told = False
        last = num_images_seen - unfinished
        self._keep_until(last)
        self._time, self._nimg = time.monotonic(), num_images_seen
        self._board = None
        try:
            from spatialgan.training.board import Board
        except ImportError:
            report("TensorBoard is not installed (pip install 'spatialgan[train]'); statistics go to stats.jsonl alone")
            return
        try:
            self._board = Board(out / "tensorboard", purge_step=last + 1)
        except OSError as e:
            self._leave_board(e)

    def _keep_until(self, num_images_seen: int) -> None:
        """Drop lines of steps that will be run again, and a last line cut short by a kill."""
        if not self.path.exists():
            return
        require_file(self.path)
        lines = []
        for line in self.path.read_text(errors="replace").splitlines():
            try:
                if parse_json(line)["num_images_seen"] <= num_images_seen:
                    lines.append(line + "\n")
            except (ValueError, KeyError, TypeError):
                continue
        write_atomically(self.path, lambda p: p.write_text("".join(lines)))

    def write(self, means: dict[str, float], num_images_seen: int) -> None:
        """One line of statistics."""
        now = time.monotonic()
        speed = (num_images_seen - self._nimg) / max(now - self._time, 1e-9)
        self._time, self._nimg = now, num_images_seen
        values = {k: float(f"{v:.6g}") for k, v in means.items()}
        self._append({"num_images_seen": num_images_seen, "images_per_sec": round(speed, 2), **values})
        if self._board is not None:
            try:
                self._board.add({**means, "images_per_sec": speed}, num_images_seen)
            except OSError as e:
                self._leave_board(e)
        eta_sec = max(0, self.total_nimg - num_images_seen) / max(speed, 1e-9)
        shown = "  ".join(
            f"{name.split('/')[-1]} {value:.3f}" for name, value in means.items() if name.startswith("loss/")
        )
        self.report(
            f"{num_images_seen / 1000:8.1f} / {self.total_nimg / 1000:g} kimg  {speed:6.1f} img/s  "
            f"ETA {format_duration(eta_sec)}  {shown}"
        )

    @contextmanager
    def pause_clock(self) -> Iterator[None]:
        """A context whose time (sample grids, files) does not count against images/s."""
        start = time.monotonic()
        try:
            yield
        finally:
            self._time += time.monotonic() - start

    def close(self) -> None:
        if self._board is not None:
            try:
                self._board.close()
            except OSError as e:
                self._leave_board(e)

    def _append(self, line: dict[str, Any]) -> None:
        """A line of the file: all of it, or nothing."""
        try:
            with self.path.open("ab", buffering=0) as f:
                data, before = (json.dumps(line) + "\n").encode(), f.tell()
                if f.write(data) != len(data):
                    f.truncate(before)
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as e:
            if not self._told:
                self.report(f"{self.path} cannot be written: {e.strerror}; training goes on without its statistics")
            self._told = True  # once: it would be said at every line

    def _leave_board(self, error: OSError) -> None:
        self._board = None
        self.report(f"TensorBoard's events cannot be written: {error.strerror or error}; training goes on without them")


def format_duration(seconds: float) -> str:
    """``1d 04h``, ``3h 20m``, ``12m 05s`` or ``7s``."""
    s = int(seconds)
    if s >= 86400:
        return f"{s // 86400}d {s % 86400 // 3600:02d}h"
    if s >= 3600:
        return f"{s // 3600}h {s % 3600 // 60:02d}m"
    return f"{s // 60}m {s % 60:02d}s" if s >= 60 else f"{s}s"
