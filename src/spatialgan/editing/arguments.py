"""Numbers that callers hand to an edit, checked in one place so that all complain alike."""

import math
import operator
import reprlib
from typing import Any

from spatialgan.errors import SpatialGANError

MAX_SEED = 2**31 - 1  # that a request may bring: all clients' numbers hold it
MAX_EXACT = 2**53 - 1  # beyond, programs that read JSON's numbers as doubles, such as browsers, would round
LARGEST = 1e6  # of any number: far beyond what an edit can mean, and nothing that follows overflows
_short = reprlib.Repr()
_short.maxstring = _short.maxlong = _short.maxother = 60
_short.maxlevel = 3


def shown(value: Any) -> str:
    """``value`` for a sentence: its repr, shortened where it is long."""
    return _short.repr(value)


def whole(value: Any, name: str) -> int:
    """``value`` as an int; raises SpatialGANError naming it where it is no whole number, or beyond MAX_EXACT."""
    try:
        number = operator.index(value)
    except TypeError:
        raise SpatialGANError(f"{name} is {shown(value)}; use a whole number") from None
    if abs(number) > MAX_EXACT:
        raise SpatialGANError(f"{name} is a number of {number.bit_length()} bits; use a whole number of at most 53")
    return number


def seed_number(value: Any, name: str = "seed") -> int:
    """``value`` as an int of at least 0; raises SpatialGANError for anything else."""
    number = whole(value, name)
    if number < 0:
        raise SpatialGANError(f"{name} is {shown(number)}; use a whole number from 0")
    return number


def finite(value: Any, name: str) -> float:
    """``value`` as a float; raises SpatialGANError where it is no number, infinite, NaN or beyond LARGEST."""
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        given = f"a number of {value.bit_length()} bits" if isinstance(value, int) else shown(value)
        raise SpatialGANError(f"{name} is {given}; use a finite number")
    if abs(number) > LARGEST:
        raise SpatialGANError(f"{name} is {number:g}; use a number from {-LARGEST:,.0f} to {LARGEST:,.0f}")
    return number


def positive(value: Any, name: str) -> float:
    """``value`` as a float above 0; raises SpatialGANError for anything else."""
    number = finite(value, name)
    if number <= 0:
        raise SpatialGANError(f"{name} is {number}; use a number above 0")
    return number
