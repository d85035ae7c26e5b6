"""The one exception for mistakes that a user can put right."""

from spatialgan.terminal import printable

MAX_LENGTH = 2000  # characters of a sentence: a value that is quoted may have millions


class SpatialGANError(Exception):
    """A wrong argument, file or field, told in one sentence that names it and says what would be right.

    The command line prints the sentence and exits with code 2; everything else is a bug and keeps its traceback.
    Whatever it quotes, from files and from people, it stays one line, with no control characters and of bounded length.
    """

    def __init__(self, sentence: str):
        text = printable(sentence[: 4 * MAX_LENGTH] + sentence[4 * MAX_LENGTH :][-4 * MAX_LENGTH :])
        half = MAX_LENGTH // 2
        super().__init__(text if len(text) <= MAX_LENGTH else f"{text[: half - 2]} ... {text[-half + 3 :]}")
