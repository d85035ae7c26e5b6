"""How a signal ends a run: after the step at hand."""

import signal
from types import FrameType


class StopRequest:
    """While active, SIGINT, SIGTERM, SIGHUP (a terminal that closes) and Windows' SIGBREAK ask for a stop, and do not
    kill the process in the middle of a step."""

    def __init__(self) -> None:
        self.requested = False

    def _handle(self, signum: int, frame: FrameType | None) -> None:
        self.requested = True

    def __enter__(self) -> "StopRequest":
        self._old = {}
        for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK"):
            s = getattr(signal, name, None)  # Windows has no SIGHUP, others have no SIGBREAK
            if s is None or (name == "SIGHUP" and signal.getsignal(s) == signal.SIG_IGN):  # as under nohup
                continue
            try:
                self._old[s] = signal.signal(s, self._handle)
            except ValueError:  # only the main thread may take signals; elsewhere the caller stops the run
                break
        return self

    def __exit__(self, *_: object) -> None:
        for s, handler in self._old.items():
            signal.signal(s, handler)
