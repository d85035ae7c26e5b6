"""Checkpoints: all that a run needs to go on bit by bit, in one safetensors file without pickle."""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from spatialgan.errors import SpatialGANError
from spatialgan.sealed import UNREADABLE, read_sealed, save_sealed

NUM_KEPT = 2


class DamagedCheckpointError(SpatialGANError):
    """A checkpoint that holds no state: cut short, changed, or no checkpoint at all."""


def save_checkpoint(
    folder: Path,
    *,
    modules: dict[str, nn.Module],
    optimizers: dict[str, Optimizer],
    tensors: dict[str, Tensor],
    state: dict[str, Any],
) -> Path:
    """Write ``folder/NNNNNNNNN.safetensors`` and remove all but it and the one before.

    Args:
        folder: the run's ``checkpoint`` folder.
        modules: networks, by name.
        optimizers: by name; their moments are stored parameter by parameter.
        tensors: further tensors, by name.
        state: JSON values; ``num_images_seen`` names the file.
    """
    stored = {f"tensor.{name}": t for name, t in tensors.items()}
    for name, module in modules.items():
        stored |= {f"module.{name}.{key}": t for key, t in module.state_dict().items()}
    for name, optimizer in optimizers.items():
        for i, moments in optimizer.state_dict()["state"].items():
            stored |= {f"optimizer.{name}.{i}.{key}": t for key, t in moments.items()}
    stored = {name: t.detach().cpu().contiguous() for name, t in stored.items()}
    path = folder / f"{state['num_images_seen']:09d}.safetensors"
    save_sealed(stored, path, {"state": state})
    there = list_checkpoints(folder)
    kept = [p for p in there if p <= path][-NUM_KEPT:]  # what is beyond is damaged: the run went on from before it
    for old in there:
        if old not in kept:
            with suppress(OSError):  # somebody reads it: no reason to end a run
                old.unlink()
    return path


def list_checkpoints(folder: Path) -> list[Path]:
    """A run's checkpoints, oldest first."""
    return sorted(folder.glob("[0-9]*.safetensors"))


def load_checkpoint(
    path: Path, *, modules: dict[str, nn.Module], optimizers: dict[str, Optimizer], tensors: dict[str, Tensor]
) -> dict[str, Any]:
    """Copy a checkpoint into networks, optimisers and tensors; returns the JSON state.

    Everything is read to the CPU and copied over, so that resuming needs no more memory of the device than starting.

    Raises:
        DamagedCheckpointError: the file is damaged; the message names it, and nothing has been copied.
        SpatialGANError: it is of another architecture.
    """
    try:
        stored, values = read_sealed(path)
        state = _checked_state(values)
    except UNREADABLE as e:
        raise DamagedCheckpointError(_refusal(path, e)) from None
    try:
        for name, module in modules.items():
            _load_module(module, _part(stored, f"module.{name}."))
        for name, optimizer in optimizers.items():
            _load_optimizer(optimizer, _part(stored, f"optimizer.{name}."))
        for name, tensor in tensors.items():
            _require_like(f"tensor.{name}", stored[f"tensor.{name}"], tensor)
            tensor.copy_(stored[f"tensor.{name}"])
    except torch.OutOfMemoryError:
        raise  # the file is as good as before
    except UNREADABLE as e:
        raise SpatialGANError(_refusal(path, e)) from None
    return state


def _refusal(path: Path, error: Exception) -> str:
    reason = f"it has no {error}" if isinstance(error, KeyError) else str(error).partition("\n")[0]
    return f"the checkpoint {path} cannot be resumed from: {reason}; delete it to go on from the one before"


def _checked_state(values: dict[str, Any]) -> dict[str, Any]:
    """The state among a checkpoint's values; raises ValueError or KeyError where it is not as :func:`save_checkpoint`
    has written it."""
    state = values["state"]
    if isinstance(state, str):  # as earlier versions stored it, without a digest
        state = json.loads(state)
    if not isinstance(state, dict):
        raise ValueError(f"its state is {type(state).__name__}, not an object")
    seen, data, codes = state["num_images_seen"], state["data_fingerprint"], state.get("codes_hash")
    if type(seen) is not int or not 0 <= seen < 2**63:
        raise ValueError(f"its num_images_seen is {seen!r:.40}, not a whole number")
    if not isinstance(data, str) or not isinstance(codes, str | None):
        raise ValueError("its data_fingerprint or codes_hash is no text")
    for name in ("averages", "arithmetic"):
        if not isinstance(state.setdefault(name, {}), dict):  # earlier versions had none
            raise ValueError(f"its {name} is {type(state[name]).__name__}, not an object")
    return state


def _part(stored: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): t for name, t in stored.items() if name.startswith(prefix)}


def _load_module(module: nn.Module, stored: dict[str, Tensor]) -> None:
    for name, own in module.state_dict().items():
        if name in stored:  # load_state_dict tells what is missing
            _require_like(name, stored[name], own)
    module.load_state_dict(stored)


def _require_like(name: str, stored: Tensor, wanted: Tensor) -> None:
    """Raise ValueError where copying would take one kind of number for another, or one number for many."""
    if (stored.dtype, stored.shape) != (wanted.dtype, wanted.shape):
        raise ValueError(
            f"{name} is of {stored.dtype} and shape {tuple(stored.shape)}, not {wanted.dtype} and {tuple(wanted.shape)}"
        )


def _load_optimizer(optimizer: Optimizer, moments: dict[str, Tensor]) -> None:
    """Set each parameter's moments, in the memory order of the parameter: other orders can differ in the last bit."""
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    for key, value in moments.items():
        index, _, name = key.partition(".")
        p = parameters[int(index)]
        if name == "step":  # a fused optimiser counts on the parameter's device, another on the CPU
            value = value.to(p.device if optimizer.defaults.get("fused") else "cpu")
        else:
            _require_like(key, value, p)
            value = torch.empty_like(p, memory_format=torch.preserve_format).copy_(value)
        optimizer.state[p][name] = value
