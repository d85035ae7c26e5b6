"""``spatialgan studio``: what it hands on, and what it tells at once."""

import socket

import pytest
from typer.testing import CliRunner

from spatialgan.cli import app
from spatialgan.errors import SpatialGANError


def run(*words: object):
    return CliRunner().invoke(app, ["studio", *map(str, words)])


def test_it_hands_on_what_it_was_given(monkeypatch):
    calls = []
    monkeypatch.setattr("spatialgan.studio.server.serve", lambda models, **rest: calls.append((models, rest)))
    assert run("--no-browser", "--port", 0, "--device", "cpu").exit_code == 0
    assert run("--model", "cats-64", "--host", "0.0.0.0").exit_code == 0
    (models, rest), (_, other) = calls
    assert "cats-64" in models.offers and callable(rest.pop("report"))
    assert rest == {"host": "127.0.0.1", "port": 0, "open_browser": False}
    assert (other["host"], other["port"], other["open_browser"]) == ("0.0.0.0", 7860, True)


def test_mistakes_are_told_before_anything_starts():
    with pytest.raises(SpatialGANError, match="there is no model dogs"):
        raise run("--model", "dogs", "--no-browser").exception
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(SpatialGANError, match=f"port {port} is in use"):
            raise run("--port", port, "--no-browser").exception
