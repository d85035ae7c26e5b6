"""What a run writes for people: statistics, TensorBoard events, progress lines."""

import json
import math
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

from spatialgan.errors import SpatialGANError
from spatialgan.files import write_atomically


class NonFiniteError(SpatialGANError):
    """A loss became infinite or not a number."""


class Averages:
    """Means of named scalars since the last line, without waiting for the device at every step."""

    def __init__(self) -> None:
        self._sums: dict[str, Tensor] = {}
        self._counts: dict[str, int] = {}

    def add(self, values: dict[str, Tensor]) -> None:
        for name, value in values.items():
            v = value.detach().float()
            self._sums[name] = self._sums[name] + v if name in self._sums else v.clone()
            self._counts[name] = self._counts.get(name, 0) + 1

    def take(self) -> dict[str, float]:
        """The means, and start again."""
        means = {name: float(s) / self._counts[name] for name, s in self._sums.items()}
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
    bad = [f"{name}'s {key}" for name, network in networks.items() for key, p in network.named_parameters()
           if not bool(p.isfinite().all())]
    if bad:
        more = f" and {len(bad) - 1} more" if len(bad) > 1 else ""
        raise _stopped(num_images_seen, [f"{bad[0]}{more} holds numbers that are not finite"])


def _stopped(num_images_seen: int, what: list[str]) -> NonFiniteError:
    return NonFiniteError(
        f"training stopped after {num_images_seen / 1000:.1f} kimg: {', '.join(what)}. The last checkpoint and "
        "snapshot are intact; start from the snapshot with --init-from and another --out, with lower train.g_lr and "
        "train.d_lr, a larger loss.r1_gamma or train.precision=float32")


class Record:
    """``stats.jsonl``, TensorBoard events where it is installed, and a line for the terminal."""

    def __init__(self, out: Path, *, num_images_seen: int, total_nimg: int, report: Callable[[str], None]):
        self.path = out / "stats.jsonl"
        self.total_nimg, self.report = total_nimg, report
        self._keep_until(num_images_seen)
        self._time, self._nimg = time.monotonic(), num_images_seen
        self._board = None
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            report("TensorBoard is not installed (pip install 'spatialgan[train]'); statistics go to stats.jsonl alone")
        else:
            self._board = SummaryWriter(str(out / "tensorboard"), purge_step=num_images_seen + 1)

    def _keep_until(self, num_images_seen: int) -> None:
        """Drop lines of steps that will be run again, and a last line cut short by a kill."""
        if not self.path.exists():
            return
        lines = []
        for line in self.path.read_text(errors="replace").splitlines():
            try:
                if json.loads(line)["num_images_seen"] <= num_images_seen:
                    lines.append(line + "\n")
            except (ValueError, KeyError, TypeError):
                continue
        write_atomically(self.path, lambda p: p.write_text("".join(lines)))

    def write(self, means: dict[str, float], num_images_seen: int) -> None:
        """One line of statistics."""
        now = time.monotonic()
        speed = (num_images_seen - self._nimg) / max(now - self._time, 1e-9)
        self._time, self._nimg = now, num_images_seen
        with self.path.open("a") as f:
            values = {k: float(f"{v:.6g}") for k, v in means.items()}
            line = {"num_images_seen": num_images_seen, "images_per_sec": round(speed, 2), **values}
            f.write(json.dumps(line) + "\n")
        if self._board is not None:
            for name, value in {**means, "images_per_sec": speed}.items():
                self._board.add_scalar(name, value, num_images_seen)
        eta_sec = max(0, self.total_nimg - num_images_seen) / max(speed, 1e-9)
        shown = "  ".join(f"{name.split('/')[-1]} {value:.3f}"
                          for name, value in means.items() if name.startswith("loss/"))
        self.report(f"{num_images_seen / 1000:8.1f} / {self.total_nimg / 1000:g} kimg  {speed:6.1f} img/s  "
                    f"ETA {format_duration(eta_sec)}  {shown}")

    def pause_clock(self) -> "_Pause":
        """A context whose time (sample grids, files) does not count against images/s."""
        return _Pause(self)

    def close(self) -> None:
        if self._board is not None:
            self._board.close()


class _Pause:
    def __init__(self, record: Record):
        self.record = record

    def __enter__(self) -> None:
        self.start = time.monotonic()

    def __exit__(self, *_: object) -> None:
        self.record._time += time.monotonic() - self.start


def format_duration(seconds: float) -> str:
    """``1d 04h``, ``3h 20m``, ``12m 05s`` or ``7s``."""
    s = int(seconds)
    if s >= 86400:
        return f"{s // 86400}d {s % 86400 // 3600:02d}h"
    if s >= 3600:
        return f"{s // 3600}h {s % 3600 // 60:02d}m"
    return f"{s // 60}m {s % 60:02d}s" if s >= 60 else f"{s}s"
