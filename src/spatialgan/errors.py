"""The one exception for mistakes that a user can put right, and the check that raises it."""

from spatialgan.terminal import bounded


class SpatialGANError(Exception):
    """A wrong argument, file or field, told in one sentence that names it and says what would be right.

    The command line prints the sentence and exits with code 2; everything else is a bug and keeps its traceback.
    Whatever it quotes, from files and from people, it stays one line, with no control characters and of bounded length.
    """

    def __init__(self, sentence: str):
        super().__init__(bounded(sentence))


def require(condition: bool, message: str) -> None:
    """Raise SpatialGANError with ``message`` unless ``condition``."""
    if not condition:
        raise SpatialGANError(message)
