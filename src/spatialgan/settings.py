"""Configurations as JSON values, as files of them or TOML, and as the ``section.field=value`` words of ``--set``."""

import json
import sys
import tomllib
from dataclasses import asdict, fields, is_dataclass, replace
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from spatialgan.config import RunConfig, describe
from spatialgan.errors import SpatialGANError, require
from spatialgan.files import MAX_JSON_BYTES, read_bytes, read_json, user_path

T = TypeVar("T")
MAX_WHOLE = 2**63 - 1  # what the libraries below count with


def to_dict(config: Any) -> dict[str, Any]:
    """A config as plain JSON values."""
    return json.loads(json.dumps(asdict(config)))


def from_dict(cls: type[T], values: dict[str, Any], *, where: str = "config") -> T:
    """A config of type ``cls`` from JSON values; missing fields take their defaults.

    Raises:
        SpatialGANError: a field is unknown or of the wrong type; the message names it and lists the valid ones.
    """
    hints = _hints(cls, values, where)
    return cls(**{k: _coerce(hints[k], v, f"{where}.{k}") for k, v in values.items()})


def _hints(cls: type, values: Any, where: str, kind: str = "JSON object") -> dict[str, Any]:
    """The types of the fields of ``cls``; raises SpatialGANError unless all of ``values`` are among them."""
    require(isinstance(values, dict), f"{where} must be a {kind}, not {type(values).__name__}")
    hints = get_type_hints(cls)
    unknown = sorted(set(values) - set(hints))
    require(not unknown, f"{where} has no field {', '.join(unknown)}; it has: {', '.join(hints)}")
    return hints


MOVED = {
    "train.reconstruct_kimg": "aids.reconstruct_kimg",
    "train.reuse_pictures": "aids.reuse_pictures",
}
GONE = {
    "aids": {"reconstruct_weight"},
    "loss": {"reconstruct_weight", "align_empty", "comove_weight", "comove_distance", "comove_size", "carry_share"},
    "data": {"shift"},
    "train": {"blur_std", "blur_kimg"},
}  # they said how a model was trained, not what it is
GONE_SWITCHES = (
    "aids.reconstruct_weight",
    "loss.reconstruct_weight",
    "loss.comove_weight",
    "loss.carry_share",
    "data.shift",
    "train.blur_std",
)  # what the others belonged to


FORMER_PARTS = ("coordinates_gated", "background_mapping")


def is_earlier(values: Any) -> bool:
    """Whether a run with this configuration, as JSON values, is of an earlier version, which trained otherwise."""
    if not isinstance(values, dict) or "loss" not in values:
        return False
    if "aids" not in values:
        return True  # format 1
    return isinstance(values["aids"], dict) and bool(values["aids"].get("reconstruct_weight"))


def upgraded(values: dict[str, Any]) -> dict[str, Any]:
    """The configuration in a model file of this or an earlier format, as JSON values, in today's fields.

    In format 1, attention had one form and sign, and distances one mean; format 2 had parts of the generator that were
    found not to pay. What is malformed is left for :func:`from_dict`.

    Raises:
        SpatialGANError: the model has such a part.
    """
    if not isinstance(values, dict) or not all(isinstance(section, dict) for section in values.values()):
        return values
    new = {name: {k: v for k, v in section.items() if k not in GONE.get(name, ())} for name, section in values.items()}
    new["model"] = _without_former_parts(new.get("model", {}))
    if "aids" in values:
        return new
    new["loss"] = {"align_mean": "all", "attention": "sum", "attention_sign": "real"} | new.get("loss", {})
    for old, now in MOVED.items():
        (section, name), (other, renamed) = old.split("."), now.split(".")
        if name in new.get(section, {}):
            new.setdefault(other, {})[renamed] = new[section].pop(name)
    return new


def _without_former_parts(model: dict[str, Any]) -> dict[str, Any]:
    for name in FORMER_PARTS:
        require(model.get(name) in (None, False), f"it has model.{name}, which this version no longer has")
    return {k: v for k, v in model.items() if k not in (*FORMER_PARTS, "constant")}


def read_changes(path: Path) -> dict[str, dict[str, Any]]:
    """What a configuration file sets, by section and field.

    Args:
        path: TOML with a table for each section, or JSON: the ``config.json`` of a run's folder, or the folder, what
            ``--dry-run`` prints, or a model's card. Whole configurations may be of earlier versions.

    Raises:
        SpatialGANError: it cannot be read, or a field is unknown or of the wrong type; the message names both.
    """
    path = user_path(path)
    path = path / "config.json" if path.is_dir() else path
    require(path.exists(), f"--config: there is no file or folder {path}")
    if path.suffix == ".toml":
        values, kind = _read_toml(path), "table"
    elif path.suffix == ".json":
        values, kind = _read_configuration(path), "JSON object"
    else:
        raise SpatialGANError(f"--config {path}: give a file that ends in .toml, or a run's folder or config.json")
    sections = _hints(RunConfig, values, str(path), kind)
    changes = {}
    for section, given in values.items():
        where = f"{path}: {section}"
        hints = _hints(sections[section], given, where, kind)
        changes[section] = {k: _coerce(hints[k], v, f"{where}.{k}") for k, v in given.items()}
    return changes


def _read_configuration(path: Path) -> Any:
    """A configuration that stands alone or beside other things, as JSON values; a whole one in today's fields."""
    values = read_json(path)
    if isinstance(values, dict) and isinstance(values.get("config"), dict):
        values = values["config"]
    if not _is_whole(values):
        return values
    for switch in GONE_SWITCHES:
        section, name = switch.split(".")
        given = values.get(section)
        value = given.get(name) if isinstance(given, dict) else None
        require(not value, f"{path}: {switch} is {value!s:.40}, and this version no longer has it")
    try:
        return upgraded(values)
    except SpatialGANError as e:
        raise SpatialGANError(f"{path}: {e}") from None


def _is_whole(values: Any) -> bool:
    """Whether these are all settings of a run, not some: the fields that every version has are there."""
    known = {"model": "resolution", "data": "mirror", "loss": "adversarial", "train": "kimg"}
    return isinstance(values, dict) and all(
        isinstance(values.get(section), dict) and name in values[section] for section, name in known.items()
    )


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(read_bytes(path, MAX_JSON_BYTES).decode("utf-8-sig"))
    except (ValueError, RecursionError) as e:
        reason = "it is nested too deeply" if isinstance(e, RecursionError) else e
        raise SpatialGANError(f"{path} is not TOML: {reason}") from None


def with_settings(config: RunConfig, settings: list[str], *, file: Path | None = None) -> RunConfig:
    """``config`` with what a file sets, and above it ``section.field=value`` strings as ``--set`` gives them: all at
    once, since either alone may be a contradiction."""
    changes = {} if file is None else read_changes(file)
    for setting in settings:
        path, equals, text = setting.partition("=")
        section, dot, name = path.partition(".")
        require(bool(equals and dot), f"--set {setting}: write section.field=value, for example train.batch_size=32")
        sections = [f.name for f in fields(config)]
        require(section in sections, f"--set {setting}: there is no section {section}; use {', '.join(sections)}")
        hints = get_type_hints(type(getattr(config, section)))
        require(name in hints, f"--set {setting}: {section} has no field {name}; it has: {', '.join(hints)}")
        changes.setdefault(section, {})[name] = _parse(hints[name], text, f"--set {setting}")
    return replace(config, **{s: replace(getattr(config, s), **values) for s, values in changes.items()})


def _parse(hint: Any, text: str, where: str) -> Any:
    """A command-line word as a value of type ``hint``."""
    if get_origin(hint) is tuple and not text.lstrip().startswith("["):  # a list as --dry-run shows it is JSON
        return _coerce(hint, [_parse(get_args(hint)[0], t.strip(), where) for t in text.split(",") if t.strip()], where)
    if hint is str or (get_origin(hint) is Literal and isinstance(get_args(hint)[0], str)):
        return _coerce(hint, text, where)
    try:
        value = json.loads(text.lower())
    except (ValueError, RecursionError):
        raise SpatialGANError(f"{where}: {text!r} is not {describe(hint)}") from None
    return _coerce(hint, value, where)


def _coerce(hint: Any, value: Any, where: str) -> Any:
    """``value``, read from JSON, as type ``hint``."""
    if isinstance(hint, type) and is_dataclass(hint):
        return from_dict(hint, value, where=where)
    if get_origin(hint) is tuple and isinstance(value, list | tuple):
        return tuple(_coerce(get_args(hint)[0], v, where) for v in value)
    if get_origin(hint) is Literal:
        # Compared with their types, for True == 1.0 == 1.
        same = any(type(a) is type(value) and a == value for a in get_args(hint))
        require(same, f"{where} is {value!r}; use {describe(hint)}")
        return value
    if hint is not float and isinstance(value, int) and abs(value) > MAX_WHOLE:
        raise SpatialGANError(f"{where} is a whole number of {value.bit_length()} bits; use one of at most 63")
    if hint is float and isinstance(value, int | float) and not isinstance(value, bool):
        require(abs(value) <= sys.float_info.max, f"{where} is {value}; use a finite number")
        return float(value)
    right = isinstance(value, hint) if isinstance(hint, type) else False
    require(right and (hint is bool or not isinstance(value, bool)), f"{where}: {value!r} is not {describe(hint)}")
    return value
