"""The server's log: what is said often is said a few times a minute, and then how often it was left out."""

import logging
import time
from collections.abc import Callable
from typing import Any

LINES_A_MINUTE = 5  # of each kind
MOST_KINDS = 200


class Throttle(logging.Filter):
    """Lets the first few records of a kind pass in every minute.

    A kind is a logger's message before it is filled in.
    """

    def __init__(self, lines: int = LINES_A_MINUTE, *, clock: Callable[[], float] = time.monotonic):
        super().__init__()
        self._lines, self._clock = lines, clock
        self._kinds: dict[tuple[str, str], list[float]] = {}  # (begin of its minute, passed, left out)

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether to write the record; tells in it how many there were that were not."""
        kind, now = (record.name, str(record.msg)[:200]), self._clock()
        if kind not in self._kinds and len(self._kinds) >= MOST_KINDS:
            self._kinds.clear()
        seen = self._kinds.setdefault(kind, [now, 0, 0])
        if now - seen[0] >= 60:
            if seen[2]:
                record.msg, record.args = f"{record.getMessage()} ({seen[2]:.0f} more like it were left out)", None
            seen[:] = [now, 0, 0]
        if seen[1] >= self._lines:
            seen[2] += 1
            return False
        seen[1] += 1
        return True


def log_config() -> dict[str, Any]:
    """uvicorn's ``log_config``: warnings and errors of everything in the process to stderr, throttled."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {"throttle": {"()": Throttle}},
        "formatters": {"plain": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "plain", "filters": ["throttle"]}},
        "root": {"handlers": ["stderr"], "level": "WARNING"},
    }
