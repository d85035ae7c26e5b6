"""Running commands side by side, each a process of one thread."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from spatialgan.errors import SpatialGANError
from spatialgan.reproduction.recipes import Job
from spatialgan.threads import VARIABLE
from spatialgan.training.stop_request import StopRequest

POLL_S = 0.1


def run_jobs(jobs: Sequence[Job], logs: Path, *, processes: int, say: Callable[[str], None]) -> bool:
    """Run jobs, in their order but for those that wait for others.

    What a job prints goes to ``LOGS/NAME.log``. SIGINT, SIGTERM, SIGHUP and Windows' SIGBREAK go on to the processes,
    which save what they have, and are waited for.

    Args:
        jobs: whose commands, run again, go on where they stopped.
        logs: a folder.
        processes: how many at once.
        say: gets a line for each job that begins or ends.

    Returns:
        whether all were run; False where a signal ended it.

    Raises:
        SpatialGANError: jobs failed; all others that do not wait for them have been run.
    """
    logs.mkdir(parents=True, exist_ok=True)
    waiting, running, over, failed = list(jobs), {}, set[str](), list[Job]()
    with StopRequest() as stop:
        while (waiting and not stop.requested) or running:
            open_names = {job.name for job in (*waiting, *running)}
            ready = [job for job in waiting if not job.needs & open_names]
            for job in ready[: 0 if stop.requested else processes - len(running)]:
                waiting.remove(job)
                if job.needs & {other.name for other in failed}:
                    failed.append(job)
                    continue
                say(f"begins: {job.name}")
                running[job] = _start(job, logs)
            if stop.requested:
                for process in running.values():
                    _ask_to_stop(process)  # again and again does no harm: a run ends after the step at hand
            time.sleep(POLL_S)
            for job, process in list(running.items()):
                if process.poll() is None:
                    continue
                del running[job]
                over.add(job.name)
                if process.returncode != 0 and not stop.requested:
                    failed.append(job)
                say(f"{_outcome(process.returncode, stop.requested)}: {job.name} ({len(over)} of {len(jobs)})")
    if failed:
        first = failed[0]
        raise SpatialGANError(
            f"{len(failed)} of {len(jobs)} commands did not succeed; the first is {first.name}, see "
            f"{log_of(first, logs)}"
        )
    return not stop.requested


def log_of(job: Job, logs: Path) -> Path:
    return logs / f"{job.name}.log"


def _outcome(code: int, stopping: bool) -> str:
    return "done" if code == 0 else "stopped" if stopping else "failed"


def _ask_to_stop(process: subprocess.Popen) -> None:
    if sys.platform == "win32":  # where terminate() would kill it
        with suppress(OSError):  # it has just ended
            process.send_signal(signal.CTRL_BREAK_EVENT)
    else:
        process.terminate()


def _start(job: Job, logs: Path) -> subprocess.Popen:
    with open(log_of(job, logs), "ab") as log:
        log.write(f"$ {job.command}\n".encode())
        log.flush()
        return subprocess.Popen(
            [sys.executable, "-m", "spatialgan.cli", *job.words],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**os.environ, VARIABLE: "1"},
            # A Ctrl-C reaches them through this process alone, once.
            start_new_session=True,
            creationflags=subprocess.CREATE_NEW_PROCESS_GROUP if sys.platform == "win32" else 0,
        )
