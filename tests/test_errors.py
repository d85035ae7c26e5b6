"""The one exception, whatever it quotes."""

import pytest

from spatialgan.data.decoding import BadImageError
from spatialgan.errors import SpatialGANError
from spatialgan.settings import with_settings
from spatialgan.terminal import MAX_LENGTH
from spatialgan.training.presets import preset


@pytest.mark.parametrize(
    "error, text",
    [
        (SpatialGANError("a\nerror: b\x1b[2J"), "a\\nerror: b\\x1b[2J"),
        (BadImageError("a\nb.png", "is \ud800"), "a\\nb.png: is \\ud800"),
        (SpatialGANError("caf\u00e9 \\x1b"), "caf\u00e9 \\x1b"),
    ],
)
def test_it_is_one_line_of_printable_characters(error: SpatialGANError, text: str):
    assert str(error) == text
    assert str(SpatialGANError(str(error))) == text  # quoted once more it stays


@pytest.mark.parametrize("length", [MAX_LENGTH, MAX_LENGTH + 1, 10 * MAX_LENGTH, 1_000_000])
@pytest.mark.parametrize("letter", ["x", "\n"])
def test_it_is_of_bounded_length_and_keeps_its_ends(length: int, letter: str):
    text = str(SpatialGANError(f"begin {letter * (length - 10)} end"))
    assert len(text) <= MAX_LENGTH
    assert text.startswith("begin ") and text.endswith(" end")
    assert (" ... " in text) == (length > MAX_LENGTH or letter == "\n")


def test_a_short_sentence_is_whole():
    assert str(SpatialGANError("x" * MAX_LENGTH)) == "x" * MAX_LENGTH


def test_words_of_a_setting_do_not_make_lines():
    with pytest.raises(SpatialGANError) as caught:
        with_settings(preset("tiny"), ["model.encoding=a\nb\x1b[2J" + "x" * 10_000])
    assert str(caught.value).isprintable() and len(str(caught.value)) <= MAX_LENGTH
