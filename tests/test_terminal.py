"""What reaches a terminal."""

import io
import sys

import pytest

from spatialgan.terminal import printable, tolerate_any_name


@pytest.mark.parametrize(
    "text, shown",
    [
        ("plain caf\u00e9 \u732b.png", "plain caf\u00e9 \u732b.png"),
        ("a\x1b[2Jb", "a\\x1b[2Jb"),
        ("a\nerror: b", "a\\nerror: b"),
        ("caf\udce9", "caf\\udce9"),
        ("\u202egnp.exe", "\\u202egnp.exe"),
        ("\x9b31m\x7f\x00", "\\x9b31m\\x7f\\x00"),
    ],
)
def test_names_give_no_orders(text: str, shown: str):
    assert printable(text) == shown
    shown.encode()


def test_an_encoding_without_a_letter_shows_a_question_mark(monkeypatch: pytest.MonkeyPatch):
    data = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(data, encoding="cp1252"))
    tolerate_any_name()
    print("\u732b.jpg", flush=True)
    assert data.getvalue().split() == [b"?.jpg"]
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    tolerate_any_name()
