"""Requests that never end, against a studio of 127.0.0.1 that may open few files: can others still reach it?

    python tests/attack/half_open.py --connections 400 --descriptors 256 --seconds 10

Prints one line of JSON: how many of a visitor's requests were answered, the slowest, and the bytes of the server's log.
"""

import argparse
import contextlib
import json
import os
import re
import resource
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

START = b"POST /api/v1/sessions HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: "  # a header without an end
BODY = b"POST /api/v1/sessions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000\r\n\r\n{"  # a body without an end
NOTHING = b""
KINDS = {"header": START, "body": BODY, "nothing": NOTHING}


@contextlib.contextmanager
def studio(log: Path, *, descriptors: int, words: tuple[str, ...] = ()) -> Iterator[int]:
    """A studio in a process of its own, that may open so many files; yields its port."""
    limit = (descriptors, descriptors)
    with open(log, "wb") as errors:
        server = subprocess.Popen(
            [
                sys.executable,
                "-u",
                "-c",
                "from spatialgan.cli import main; main()",
                "studio",
                "--no-browser",
                "--port",
                "0",
                "--device",
                "cpu",
                *words,
            ],
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env=dict(os.environ),
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, limit),
        )
        try:
            yield int(re.search(r":(\d+)/", server.stdout.readline()).group(1))
        finally:
            server.terminate()
            server.wait(30)


def visit(port: int, timeout_s: float = 3.0) -> float | None:
    """Seconds that the page takes to come; None where it does not."""
    begun = time.monotonic()
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=timeout_s) as answer:
            answer.read()
    except (OSError, urllib.error.URLError):
        return None
    return time.monotonic() - begun


def attack(port: int, connections: int, seconds: float, start: bytes) -> list[float | None]:
    """Keep so many requests open for some seconds, a byte each now and then; the times of a visitor's requests, two or
    more."""
    held: list[socket.socket] = []
    times: list[float | None] = []
    until = time.monotonic() + seconds
    try:
        while time.monotonic() < until or len(times) < 2:  # one round can take longer on a machine that does much else
            for _ in range(connections - len(held)):
                with contextlib.suppress(OSError):
                    held.append(socket.create_connection(("127.0.0.1", port), timeout=0.2))
                    held[-1].sendall(start)
            times.append(visit(port))
            for one in list(held):  # still there? a byte more
                try:
                    one.sendall(b"x" if start else b"")
                    one.setblocking(False)
                    if one.recv(1000) == b"":
                        raise ConnectionError
                except BlockingIOError:
                    pass
                except OSError:
                    held.remove(one)
                    one.close()
            time.sleep(0.2)
    finally:
        for one in held:
            one.close()
    return times


def besiege(port: int, log: Path, connections: int, seconds: float, kind: str) -> dict:
    """The attack on a studio that writes that log, with its outcome."""
    written, before = log.stat().st_size, visit(port, 30)
    times = attack(port, connections, seconds, KINDS[kind])
    answered = [t for t in times if t is not None]
    return {
        "kind": kind,
        "reachable_before": before is not None,
        "requests": len(times),
        "answered": len(answered),
        "slowest_s": round(max(answered, default=0), 3),
        "log_bytes": log.stat().st_size - written,
    }


def run(connections: int, descriptors: int, seconds: float, kind: str, words: tuple[str, ...] = ()) -> dict:
    """The attack on a studio of its own."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        with studio(log, descriptors=descriptors, words=words) as port:
            return besiege(port, log, connections, seconds, kind)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--connections", type=int, default=400)
    parser.add_argument("--descriptors", type=int, default=256)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--kind", choices=KINDS, default="header")
    given = parser.parse_args()
    print(json.dumps(run(given.connections, given.descriptors, given.seconds, given.kind)))
