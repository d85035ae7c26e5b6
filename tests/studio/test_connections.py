"""Connections that wait for ever: they get a deadline, and they make room for others. Traffic stays on 127.0.0.1."""

import asyncio
import importlib.util
import logging
import resource
import socket
import sys
import threading
import time
from functools import partial
from pathlib import Path

import pytest
import uvicorn
from websockets.sync.client import connect

from spatialgan.studio import connections
from spatialgan.studio.connections import BoundedProtocol, connection_limit
from spatialgan.studio.logs import Throttle
from spatialgan.studio.server import listen, server_config

GET = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n"
_spec = importlib.util.spec_from_file_location("half_open", Path(__file__).parents[1] / "attack/half_open.py")
half_open = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(half_open)


async def app(scope, receive, send):
    """Answers /slow after a second, /large with what nobody takes, and echoes over a WebSocket."""
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        while (message := await receive())["type"] == "websocket.receive":
            await send({"type": "websocket.send", "text": message["text"]})
        return
    if scope["path"] == "/slow":
        await asyncio.sleep(1)
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": [(b"connection", b"keep-alive")]})
    for i in range(2000 if scope["path"] == "/large" else 1):
        await send({"type": "http.response.body", "body": b"x" * (65536 if i else 2), "more_body": True})
    await send({"type": "http.response.body", "body": b""})


@pytest.fixture
def serve_app(monkeypatch):
    """Serves the app with short deadlines; yields a function that returns the server's port."""
    for name in ("HEADER_S", "BODY_S", "SEND_S"):
        monkeypatch.setattr(connections, name, 0.4)
    running = []

    def begin(most: int = 100) -> int:
        listener = listen("127.0.0.1", 0)
        config = uvicorn.Config(
            app,
            http=partial(BoundedProtocol, most=most),
            ws="websockets-sansio",
            lifespan="off",
            log_level="warning",
            timeout_keep_alive=30,
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        running.append((server, thread, listener))
        return listener.getsockname()[1]

    yield begin
    for server, thread, listener in running:
        server.should_exit = True
        thread.join(10)
        listener.close()


def ask(port: int, data: bytes = b"") -> socket.socket:
    one = socket.create_connection(("127.0.0.1", port), timeout=10)
    one.sendall(data)
    return one


def is_closed_after(one: socket.socket, drip: bytes = b"") -> float:
    """Seconds until the server closes the connection, while a byte comes now and then."""
    begun = time.monotonic()
    one.settimeout(0.05)
    while time.monotonic() - begun < 5:
        try:
            if drip:
                one.sendall(drip)
            if not one.recv(65536):
                break
        except TimeoutError:
            continue
        except OSError:
            break
    return time.monotonic() - begun


@pytest.mark.parametrize(
    ("data", "drip"),
    [
        (b"", b""),
        (GET, b""),
        (GET + b"X: ", b"x"),
        (b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000\r\n\r\n", b"x"),
        (GET + b"\r\n", b""),
        (GET + b"\r\n" + GET, b""),
        (GET + b"\r\n" + GET + b"X: ", b"x"),
    ],
    ids=[
        "nothing",
        "half a header",
        "a header drop by drop",
        "a body drop by drop",
        "no second request",
        "half a second request",
        "a second request drop by drop",
    ],
)
def test_a_request_that_does_not_end_is_ended(serve_app, data, drip):
    assert 0.3 < is_closed_after(ask(serve_app(), data), drip) < 3


def test_who_waits_for_an_answer_and_who_has_a_page_open_stays(serve_app):
    port = serve_app()
    slow = ask(port, b"GET /slow HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
    with connect(f"ws://127.0.0.1:{port}/") as page:
        assert slow.recv(100).startswith(b"HTTP/1.1 200")
        time.sleep(0.5)
        page.send("still here")
        assert page.recv() == "still here"


def test_who_takes_nothing_is_ended(serve_app):
    one = ask(serve_app(), b"GET /large HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    time.sleep(1.5)
    one.settimeout(2)
    taken = 0
    while piece := _recv(one):
        taken += len(piece)
    assert taken < 64 << 20  # of 128 MB


def _recv(one: socket.socket) -> bytes:
    try:
        return one.recv(1 << 20)
    except ConnectionError:
        return b""


def test_the_oldest_that_waits_makes_room_and_the_busy_do_not(serve_app, monkeypatch):
    monkeypatch.setattr(connections, "HEADER_S", 30)
    port = serve_app(most=3)
    busy = ask(port, b"GET /slow HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    old = ask(port, GET)
    time.sleep(0.1)
    young = ask(port, GET)
    time.sleep(0.1)
    new = ask(port, GET + b"\r\n")
    assert new.recv(100).startswith(b"HTTP/1.1 200")
    assert is_closed_after(old) < 3
    assert busy.recv(100).startswith(b"HTTP/1.1 200")
    young.sendall(b"\r\n")
    assert young.recv(100).startswith(b"HTTP/1.1 200")


def test_where_all_are_busy_a_newcomer_is_told(serve_app):
    port = serve_app(most=2)
    busy = [ask(port, b"GET /slow HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n") for _ in range(2)]
    time.sleep(0.1)
    told = ask(port, GET + b"\r\n").recv(1000)
    assert told.startswith(b"HTTP/1.1 503") and b'{"error": "the studio has no room' in told
    assert all(one.recv(100).startswith(b"HTTP/1.1 200") for one in busy)


@pytest.mark.parametrize(
    ("soft", "hard", "limit", "raised"),
    [
        (256, 256, 160, 256),
        (256, 100_000, 512, 4096),
        (64, 64, 16, 64),
        (8192, 8192, 512, 8192),
        (resource.RLIM_INFINITY, resource.RLIM_INFINITY, 512, resource.RLIM_INFINITY),
    ],
)
def test_as_many_connections_as_there_are_descriptors_for(monkeypatch, soft, hard, limit, raised):
    now = [(soft, hard)]
    monkeypatch.setattr(resource, "getrlimit", lambda which: now[-1])
    monkeypatch.setattr(resource, "setrlimit", lambda which, limits: now.append(limits))
    assert connection_limit() == limit and now[-1][0] == raised


def test_without_descriptor_limits_there_is_a_limit_all_the_same(monkeypatch):
    monkeypatch.setitem(sys.modules, "resource", None)
    assert connection_limit() == connections.MOST_CONNECTIONS


def test_uvicorn_runs_with_these_limits(monkeypatch):
    config = server_config(app)
    config.load()
    assert config.http_protocol_class.func is BoundedProtocol and config.backlog == connections.BACKLOG


@pytest.fixture(scope="module")
def narrow(tmp_path_factory):
    """The port and the log of a studio, in a process of its own, that may open few files."""
    log = tmp_path_factory.mktemp("studio") / "log"
    with half_open.studio(log, descriptors=256) as port:
        yield port, log


@pytest.mark.parametrize("kind", half_open.KINDS)
def test_four_hundred_half_open_requests_keep_nobody_out(narrow, kind):
    """Before there were limits: none of a visitor's requests was answered, and the log grew by 2 to 3 MB a second."""
    outcome = half_open.besiege(*narrow, 400, 4, kind)
    assert outcome["answered"] == outcome["requests"], outcome
    assert outcome["log_bytes"] < 10_000


# ------------------------------------------------------------- the log


def test_what_is_said_often_is_counted():
    now = [0.0]
    throttle = Throttle(3, clock=lambda: now[0])

    def said(message: str, *args: object) -> str | None:
        record = logging.LogRecord("uvicorn.error", logging.WARNING, "", 0, message, args, None)
        return record.getMessage() if throttle.filter(record) else None

    assert [said("no %s", i) for i in range(5)] == ["no 0", "no 1", "no 2", None, None]
    assert said("another") == "another"
    now[0] = 61
    assert said("no %s", 5) == "no 5 (2 more like it were left out)"
    assert said("no %s", 6) == "no 6"
    for i in range(100_000):
        said(f"kind {i}")
    assert len(throttle._kinds) <= 200


def test_bad_requests_do_not_fill_the_log(narrow):
    port, log = narrow
    before = len(log.read_text())
    for _ in range(200):
        with ask(port, b"\x16\x03\x01 this is not HTTP\r\n\r\n") as one:
            one.recv(100)
    assert half_open.visit(port) is not None
    text = log.read_text()[before:]
    assert 1 <= text.count("Invalid HTTP request") <= 10 and len(text) < 5000
