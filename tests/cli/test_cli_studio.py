"""``spatialgan studio``: what it hands on, and what it tells at once."""

import socket

import pytest
from typer.testing import CliRunner

from spatialgan.cli.commands import app
from spatialgan.errors import SpatialGANError
from spatialgan.studio.access import Access


def run(*words: object):
    return CliRunner().invoke(app, ["studio", *map(str, words)])


def test_it_hands_on_what_it_was_given(monkeypatch):
    calls = []
    monkeypatch.setattr("spatialgan.studio.server.serve", lambda models, **rest: calls.append((models, rest)))
    assert run("--no-browser", "--port", 0, "--device", "cpu").exit_code == 0
    assert run("--model", "cats-64", "--host", "0.0.0.0", "--threads", 1).exit_code == 0
    (models, rest), (_, other) = calls
    assert "cats-64" in models.offers and callable(rest.pop("report"))
    assert rest == {"access": Access(), "port": 0, "open_browser": False, "threads": None}
    assert (other["access"], other["port"], other["open_browser"], other["threads"]) == (
        Access("0.0.0.0"),
        7860,
        True,
        1,
    )


def test_who_may_use_it(monkeypatch):
    calls = []
    monkeypatch.setattr("spatialgan.studio.server.serve", lambda models, **rest: calls.append(rest["access"]))
    assert (
        run(
            "--allow-host",
            "a.example",
            "--allow-host",
            "b.example",
            "--proxy",
            "10.0.0.0/8",
            "--prefix",
            "/x",
            "--rate",
            5,
        ).exit_code
        == 0
    )
    assert calls.pop() == Access(names=("a.example", "b.example"), proxies=("10.0.0.0/8",), prefix="/x", rate=5)
    monkeypatch.setenv("SPATIALGAN_TOKEN", "from the".replace(" ", "-"))
    assert run().exit_code == 0 and calls.pop().token == "from-the"
    assert run("--token", "of-the-line").exit_code == 0 and calls.pop().token == "of-the-line"


def test_mistakes_are_told_before_anything_starts():
    with pytest.raises(SpatialGANError, match="there is no model dogs"):
        raise run("--model", "dogs", "--no-browser").exception
    for words, message in (
        ("--token short", "8 or more"),
        ("--proxy x", "use an address or a network"),
        ("--prefix /a/../b", "use a path such as /studio"),
        ("--rate -1", "--rate is -1"),
        ("--allow-host http://a.example", "use a name alone"),
        ("--allow-host a.example:80", "use a name alone"),
        ("--allow-host [", "use a name alone"),
    ):
        with pytest.raises(SpatialGANError, match=message):
            raise run("--no-browser", *words.split()).exception
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(SpatialGANError, match=f"port {port} is in use"):
            raise run("--port", port, "--no-browser").exception
