"""What a try may do: return, or refuse with one sentence, soon and in little memory."""

import contextlib
import io
import re
import signal
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from typing import Any

from spatialgan.cli import main
from spatialgan.errors import SpatialGANError

MAX_CPU_S = 5.0
MAX_WALL_S = 20.0  # beside others on a machine; what waits for ever ends here
MAX_GROWTH_BYTES = 1.5e9
MAX_SENTENCE = 4000  # characters; two paths may be long
EXIT_CODES = (0, 1, 2)
ESCAPES = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\ud800-\udfff]")  # all but the end of a line


class TooLong(BaseException):
    """A try that does not end by itself."""


class Refused(Exception):
    """A command line ended with 1 or 2, as it should."""


def judge(call: Callable[[], Any]) -> tuple[str, str]:
    """``accepted``, ``refused`` or ``failure``, and what was said."""
    start, cpu, before = time.monotonic(), time.process_time(), _memory(reset=True)
    try:
        with _alarm(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            outcome = _outcome(call)
    except TooLong:
        return "failure", f"no end within {MAX_WALL_S:g} s"
    cpu, growth = time.process_time() - cpu, _memory() - before
    if outcome[0] != "failure" and (cpu > MAX_CPU_S or time.monotonic() - start > MAX_WALL_S):
        return "failure", f"{cpu:.1f} s of work"
    if outcome[0] != "failure" and growth > MAX_GROWTH_BYTES:
        return "failure", f"{growth / 1e9:.1f} GB of memory"
    return outcome


def _outcome(call: Callable[[], Any]) -> tuple[str, str]:
    try:
        call()
    except SpatialGANError as e:
        text = str(e)
        if not text or not text.isprintable() or len(text) > MAX_SENTENCE:
            return "failure", f"no sentence of one line ({len(text)} characters): {text[:200]!r}"
        return "refused", text
    except Refused as e:
        return "refused", str(e)
    except Exception as e:
        last = traceback.extract_tb(e.__traceback__)[-1]
        own = [f for f in traceback.extract_tb(e.__traceback__) if "spatialgan" in f.filename] or [last]
        where = f"{own[-1].filename.rpartition('spatialgan/')[2]}:{own[-1].lineno}"
        return "failure", f"{type(e).__name__} at {where}: {str(e)[:200]!r}"
    return "accepted", ""


def command(*words: str) -> None:
    """A command line of ours in this process; raises Refused where it ends as a refusal should."""
    out = io.TextIOWrapper(io.BytesIO(), "utf-8", newline="")
    err = io.TextIOWrapper(io.BytesIO(), "utf-8", "backslashreplace", newline="")  # as sys.stderr
    code: Any = 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main(list(words))
        except SystemExit as e:
            code = e.code or 0
    told, complained = _written(out), _written(err)
    said = told + complained
    if code not in EXIT_CODES or "Traceback" in said or ESCAPES.search(said):
        raise AssertionError(f"exit code {code}: {said[-300:]}")
    errors = [line for line in complained.splitlines() if line.startswith("error: ")]
    if errors and (len(errors) != 1 or len(errors[0]) > MAX_SENTENCE):
        raise AssertionError(f"no sentence of one line: {said[-300:]}")
    if code:
        raise Refused(complained)


def _written(stream: io.TextIOWrapper) -> str:
    stream.flush()
    return stream.buffer.getvalue().decode()


@contextlib.contextmanager
def _alarm() -> Iterator[None]:
    """Raise TooLong in the main thread after a while."""

    def ring(*_: object) -> None:
        raise TooLong

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, MAX_WALL_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _memory(*, reset: bool = False) -> float:
    """The most bytes that this process had since the last reset; where there is none, since its start."""
    if reset:
        with contextlib.suppress(OSError), open("/proc/self/clear_refs", "w") as f:
            f.write("5")
    with contextlib.suppress(OSError, TypeError), open("/proc/self/status") as f:
        return int(re.search(r"VmHWM:\s+(\d+) kB", f.read())[1]) * 1024.0
    import resource  # not on Windows

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak * (1.0 if sys.platform == "darwin" else 1024.0)
