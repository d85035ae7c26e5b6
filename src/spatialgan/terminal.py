"""What reaches a terminal: names of files and words from files may hold anything, also orders to the terminal."""

import sys


def printable(text: str) -> str:
    """``text`` as one line without control characters: each stands as Python would write it, as in ``\\x1b``."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in text)


def tolerate_any_name() -> None:
    """Let the standard output show a ``?`` for what its encoding does not have, in place of ending the program."""
    reconfigure = getattr(sys.stdout, "reconfigure", None)
    if reconfigure is not None:  # a notebook's or a test's may have none
        reconfigure(errors="replace")
