"""What makes a run go on exactly where its last checkpoint was."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from spatialgan.config import RunConfig
from spatialgan.data.images import ImageDataset
from spatialgan.errors import SpatialGANError
from spatialgan.files import file_hash, read_json
from spatialgan.settings import from_dict, is_earlier, to_dict, upgraded
from spatialgan.training.checkpoint import DamagedCheckpointError, load_checkpoint, save_checkpoint
from spatialgan.training.stats_log import Averages, check_finite_weights
from spatialgan.training.trainee import Trainee

CONFIG, CODES = "config.json", "codes.safetensors"
MOST_NAMED = 4  # settings in which runs differ
# May change when a run goes on.
FREE_FIELDS = ("kimg", "log_kimg", "sample_kimg", "snapshot_kimg", "keep_snapshots", "checkpoint_kimg")


def differences(a: RunConfig, b: RunConfig) -> dict[str, tuple[Any, Any]]:
    """What makes them two trainings, by name as in ``train.batch_size``: the value in a, and in b. How long they are,
    and when they write what, does not."""
    first, second = to_dict(a), to_dict(b)
    return {
        f"{section}.{name}": (value, second[section][name])
        for section, values in first.items()
        for name, value in values.items()
        if value != second[section][name] and not (section == "train" and name in FREE_FIELDS)
    }


def check_folder(out: Path, config: RunConfig) -> None:
    """Whether the run folder is new, or belongs to a run of this configuration."""
    path = out / CONFIG
    if path.exists():
        stored = read_json(path)
        if is_earlier(stored):
            raise SpatialGANError(
                f"{out} holds a run of an earlier version, which trained otherwise; start a new run, "
                f"with --init-from {out} where that has a model"
            )
        # Read as a configuration, so that fields which did not exist when the run was started take their defaults.
        different = differences(config, from_dict(RunConfig, upgraded(stored), where=str(path)))
        if different:
            names = list(different)
            more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
            raise SpatialGANError(
                f"{out} holds a run with other settings ({', '.join(names[:MOST_NAMED])}{more}; they are in its "
                f"{CONFIG}); give the same settings to go on, or another --out to start anew"
            )
    elif out.exists() and any(not p.name.startswith(".") for p in out.iterdir()):  # a kill may leave temporary files
        raise SpatialGANError(f"{out} is not empty and holds no run; give --out a new folder")


def resume(
    t: Trainee, checkpoints: list[Path], dataset: ImageDataset, report: Callable[[str], None]
) -> dict[str, Any] | None:
    """Take up the newest checkpoint, or where that is damaged the one before; returns its state, None where there are
    none.

    Raises:
        SpatialGANError: there are none that can be read, or the run was trained with other data.
    """
    if not checkpoints:
        return None
    *before, newest = checkpoints
    try:
        state = load_checkpoint(newest, **_parts(t))
    except DamagedCheckpointError as e:
        if not before:
            raise
        report(f"the checkpoint {newest} is damaged, and the run goes on from the one before: {e}")
        return resume(t, before, dataset, report)
    if state["data_fingerprint"] != dataset.fingerprint:
        raise SpatialGANError(
            "the data are not those that this run was started with; give the same --data, "
            "or another --out and --init-from to train on with new data"
        )
    t.num_images_seen = state["num_images_seen"]
    return state


def recorded_threads(state: dict[str, Any]) -> int | None:
    """The number of threads that a run had when its checkpoint was written; None where that is not known."""
    threads = state["arithmetic"].get("threads")
    return threads if type(threads) is int else None  # a file may hold anything


def note_changes(t: Trainee, state: dict[str, Any], report: Callable[[str], None]) -> None:
    """Say what is not as it was before the checkpoint, and bits depend on."""
    now = _arithmetic(t)
    changed = [
        f"{name} {old} before and {now[name]} now"
        for name, old in state["arithmetic"].items()
        if name in now and now[name] != old
    ]
    if changed:
        report(f"note: {', '.join(changed)}; what follows may differ in its last bits from a run without this change")


def _arithmetic(t: Trainee) -> dict[str, Any]:
    """What the last bits of sums depend on besides the configuration."""
    return {
        "threads": torch.get_num_threads(),
        "processes": t.workers.count,
        "device": t.device.type,
        "torch": torch.__version__,
    }


def _parts(t: Trainee) -> dict[str, dict]:
    """What a checkpoint holds besides the position."""
    optimizers = {"generator": t.g_optimizer, "discriminator": t.d_optimizer}
    if t.r_optimizer is not None:
        optimizers["reconstruction"] = t.r_optimizer
    modules = {"generator": t.generator, "discriminator": t.discriminator, "ema": t.ema}
    if t.places is not None:
        modules["places"] = t.places
    return {
        "modules": modules,
        "optimizers": optimizers,
        "tensors": {"path_mean": t.path_mean},
    }


def write_checkpoint(t: Trainee, out: Path, dataset: ImageDataset, averages: Averages) -> None:
    head = {} if t.places is None else {"the head for places": t.places}
    check_finite_weights({"G": t.generator, "D": t.discriminator, **head}, t.num_images_seen)
    state = {
        "num_images_seen": t.num_images_seen,
        "data_fingerprint": dataset.fingerprint,
        "config": to_dict(t.config),
        "codes_hash": file_hash(out / CODES) if (out / CODES).exists() else None,
        "averages": averages.state(),
        "arithmetic": _arithmetic(t),
    }
    save_checkpoint(out / "checkpoint", **_parts(t), state=state)
