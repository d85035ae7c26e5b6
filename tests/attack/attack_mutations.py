"""Bad inputs out of good ones: bytes and JSON values, changed at random. The same generator makes the same input."""

import copy
import json
import math
from random import Random
from typing import Any, Literal, get_args, get_origin, get_type_hints

from spatialgan.config import RunConfig

DEEP, HUGE, TWICE = "@deep@", "@huge@", "@twice@"  # stand in the value for what json.dumps does not write
ODD_TEXTS = (
    "",
    " ",
    "\x00",
    "a\nb",
    "\x1b[2J\x1b]0;x\x07",
    "\ud800",
    "é\u202eb",
    "..",
    "~",
    "/",
    "x" * 5000,
    "NaN",
    "1",
    "-1",
    "0x10",
    "\uff11\uff12",
    "1_000",
    "null",
    "%s{0}",
    "none",
    "multi",
    "auto",
)
ODD_NUMBERS = (
    0,
    -1,
    1,
    2,
    3,
    255,
    256,
    2**31 - 1,
    2**31,
    2**32,
    2**53 + 1,
    2**63 - 1,
    2**63,
    -(2**63),
    2**64,
    10**30,
    10**400,
    0.5,
    -0.0,
    5e-324,
    1e-30,
    1e30,
    1e38,
    1e39,
    1.7e308,
    math.nan,
    math.inf,
    -math.inf,
)
NEAR_NUMBERS = (0, 1, 2, 3, 4, 5, 7, 8, 16, 17, 32, 64, 128, 1024, -1, 0.1, 0.5, 0.9, 1.5, 1e-6, 1e6, 1e9)
NEAR_TEXTS = tuple(
    sorted(
        {
            word
            for section in get_type_hints(RunConfig).values()  # choices of any field
            for hint in get_type_hints(section).values()
            if get_origin(hint) is Literal
            for word in get_args(hint)
            if isinstance(word, str)
        }
    )
)
NUMBER_WORDS = (
    "0",
    "1",
    "-1",
    "0.5",
    "1e5",
    "1e39",
    "1e400",
    "-1e400",
    "nan",
    "inf",
    "-inf",
    "1_0",
    "٣",
    "0x1",
    "",
    " 1",
    "1.",
    ".5",
    "+1",
    "--1",
    "9" * 30,
    "9" * 5000,
    "1e-400",
    "0.0000001",
    "true",
    "None",
)


def bad_bytes(random: Random, data: bytes, other: bytes = b"") -> bytes:
    """``data`` with one to four changes: cut short, flipped, overwritten, repeated, spliced with ``other``."""
    for _ in range(random.choice((1, 1, 2, 4))):
        data = _changed(random, bytearray(data), other or data)
    return data


def _changed(random: Random, data: bytearray, other: bytes) -> bytes:
    if not data:
        return random.randbytes(random.choice((0, 1, 100)))
    # Headers are where the lengths are: half of the changes go there.
    at = (
        random.randrange(min(len(data), random.choice((16, 64, 512))))
        if random.random() < 0.5
        else random.randrange(len(data))
    )
    kind = random.randrange(8)
    if kind == 0:
        return bytes(data[:at])
    if kind == 1:
        data[at] ^= 1 << random.randrange(8)
    elif kind == 2:
        value = random.choice((0, 1, 0x7F, 0x80, 0xFF))
        data[at : at + random.choice((1, 2, 4, 8))] = bytes([value]) * random.choice((1, 2, 4, 8))
    elif kind == 3:
        data[at:at] = random.randbytes(random.choice((1, 4, 100)))
    elif kind == 4:
        del data[at : at + random.choice((1, 4, 100, 10000))]
    elif kind == 5:
        start = random.randrange(len(other))
        data[at:] = other[start:]
    elif kind == 6:
        data[at:at] = data[at : at + random.choice((4, 100, 10000))] * random.choice((1, 3))
    else:
        for _ in range(random.choice((4, 32, 256))):
            data[random.randrange(len(data))] = random.randrange(256)
    return bytes(data)


def bad_value(random: Random) -> Any:
    """A value that few fields want."""
    return random.choice(
        (
            lambda: random.choice(ODD_NUMBERS),
            lambda: random.choice(ODD_NUMBERS),
            lambda: random.choice(ODD_TEXTS),
            lambda: random.choice(
                (None, True, False, [], {}, [[]], [None], {"": None}, {"a": {"b": []}}, [1, "2", None])
            ),
            lambda: [random.choice(ODD_NUMBERS)] * random.choice((1, 2, 3, 100, 10000)),
            lambda: random.choice((DEEP, HUGE, TWICE)),
        )
    )()


def bad_json(random: Random, value: Any) -> Any:
    """``value`` with one to four changes anywhere in it, as a new value; :func:`dumped` writes it."""
    value = copy.deepcopy(value)
    for _ in range(random.choice((1, 1, 1, 2, 4))):
        spots = list(_spots(value))
        if not spots or random.random() < 0.03:
            return bad_value(random)
        by_depth = [s for s in spots if s[2] == random.randrange(6)]  # else long lists would take all changes
        parent, key, _ = random.choice(by_depth or spots)
        _change_at(random, parent, key, spots)
    return value


def _change_at(random: Random, parent: Any, key: Any, spots: list[tuple[Any, Any, int]]) -> None:
    kind, old = random.randrange(14), parent[key]
    if kind == 0:
        del parent[key]
    elif kind == 1 and isinstance(parent, dict):
        parent[random.choice((*ODD_TEXTS, key.upper(), key + "s"))] = parent.pop(key)
    elif kind == 2 and isinstance(parent, list):
        parent[key:key] = [old] * random.choice((1, 2, 1000))
    elif kind == 3:
        other, name, _ = random.choice(spots)
        parent[key] = copy.deepcopy(other[name])
    elif kind == 4 and type(old) in (int, float) and abs(old) < 1e300:
        parent[key] = random.choice((-old, old + 1, old * 1000, old / 3, str(old), [old], float(old)))
    elif kind == 4 and isinstance(old, str) and old:
        at = random.randrange(len(old))
        parent[key] = random.choice((old[:at], old + old, old[:at] + random.choice(ODD_TEXTS) + old[at:], [old]))
    elif kind == 5 and isinstance(parent, dict):
        parent[random.choice(ODD_TEXTS)] = bad_value(random)
    elif kind > 7:
        parent[key] = near_value(random, old)
    else:
        parent[key] = bad_value(random)


def near_value(random: Random, old: Any) -> Any:
    """Another value of the same type, which may pass."""
    if isinstance(old, bool) or old is None:
        return not old
    if isinstance(old, int | float) and abs(old) < 1e300:
        return random.choice((random.choice(NEAR_NUMBERS), old + 1, old * 2, old / 2, old * 1.01, -old))
    if isinstance(old, str):
        return random.choice(NEAR_TEXTS)
    return old[: len(old) // 2] if isinstance(old, list) else random.choice(NEAR_NUMBERS)


def _spots(value: Any, depth: int = 0) -> Any:
    """(parent, key, depth) of all that is in a value."""
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        yield value, key, depth
        yield from _spots(value[key], depth + 1)


def dumped(random: Random, value: Any) -> bytes:
    """JSON of a value of :func:`bad_json`; now and then the text is damaged, too."""
    text = json.dumps(value, ensure_ascii=random.random() < 0.8)
    depth = random.choice((300, 2000, 200_000))
    text = text.replace(f'"{DEEP}"', "[" * depth + "]" * depth).replace(f'"{HUGE}"', "9" * random.choice((400, 5000)))
    text = text.replace(f'"{TWICE}"', '{"a": 1, "a": [1e999, -1e999, NaN]}')
    data = text.encode("utf-8", "surrogatepass")
    return bad_bytes(random, data) if random.random() < 0.15 else data


def bad_word(random: Random, *forms: str) -> str:
    """One of the forms, as in ``0:0.2,-0.1``, with numbers and marks changed."""
    word = random.choice(forms)
    for _ in range(random.choice((0, 1, 1, 1, 2))):
        at = random.randrange(len(word) + 1)
        parts = word.replace(":", ",").split(",")
        word = random.choice(
            (
                word.replace(random.choice(parts), random.choice(NUMBER_WORDS), 1),
                word[:at] + word[at + 1 :],
                word[:at] + random.choice(":,.-;e \n\x1b\ud800\u00e9") + word[at:],
                word[:at] + random.choice(ODD_TEXTS) + word[at:],
                *[word.replace(random.choice(parts), str(random.choice(NEAR_NUMBERS)), 1)] * 4,
            )
        )[:20000]
    return word
