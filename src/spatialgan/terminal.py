"""What reaches a terminal: names of files and words from files may hold anything, also orders to the terminal."""

import sys

MAX_LENGTH = 2000  # characters of a sentence: a value that is quoted may have millions


def printable(text: str) -> str:
    """``text`` as one line without control characters: each stands as Python would write it, as in ``\\x1b``."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in text)


def bounded(text: str) -> str:
    """``text`` as :func:`printable`; of one longer than :data:`MAX_LENGTH` the beginning and the end."""
    shown = printable(text[:MAX_LENGTH] + text[MAX_LENGTH:][-MAX_LENGTH:])
    half = MAX_LENGTH // 2
    return shown if len(shown) <= MAX_LENGTH else f"{shown[: half - 2]} ... {shown[-half + 3 :]}"


def tolerate_any_name() -> None:
    """Let the standard output show a ``?`` for what its encoding does not have, in place of ending the program."""
    reconfigure = getattr(sys.stdout, "reconfigure", None)
    if reconfigure is not None:  # a notebook's or a test's may have none
        reconfigure(errors="replace")
