"""Checkpoints: all that a run needs to go on bit by bit, in one safetensors file without pickle."""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.optim import Optimizer

from spatialgan.errors import SpatialGANError
from spatialgan.files import write_atomically

NUM_KEPT = 2


def save_checkpoint(folder: Path, *, modules: dict[str, nn.Module], optimizers: dict[str, Optimizer],
                    tensors: dict[str, Tensor], state: dict[str, Any]) -> Path:
    """Write ``folder/NNNNNNNNN.safetensors`` and remove all but the newest two.

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
    write_atomically(path, lambda p: save_file(stored, p, metadata={"state": json.dumps(state)}))
    for old in list_checkpoints(folder)[:-NUM_KEPT]:
        old.unlink()
    return path


def list_checkpoints(folder: Path) -> list[Path]:
    """A run's checkpoints, oldest first."""
    return sorted(folder.glob("[0-9]*.safetensors"))


def load_checkpoint(path: Path, *, modules: dict[str, nn.Module], optimizers: dict[str, Optimizer],
                    tensors: dict[str, Tensor]) -> dict[str, Any]:
    """Copy a checkpoint into networks, optimisers and tensors; returns the JSON state.

    Everything is read to the CPU and copied over, so that resuming needs no more memory of the device than starting.

    Raises:
        SpatialGANError: the file is damaged or of another architecture; the message names it.
    """
    try:
        with safe_open(path, framework="pt", device="cpu") as f:
            stored = {name: f.get_tensor(name) for name in f.keys()}  # noqa: SIM118 (safe_open is no dict)
            state = json.loads(f.metadata()["state"])
        for name, module in modules.items():
            prefix = f"module.{name}."
            module.load_state_dict({k.removeprefix(prefix): t for k, t in stored.items() if k.startswith(prefix)})
        for name, optimizer in optimizers.items():
            _load_optimizer(optimizer, {k.removeprefix(f"optimizer.{name}."): t for k, t in stored.items()
                                        if k.startswith(f"optimizer.{name}.")})
        for name, tensor in tensors.items():
            tensor.copy_(stored[f"tensor.{name}"])
    except torch.OutOfMemoryError:
        raise  # the file is as good as before
    except (SafetensorError, OSError, KeyError, ValueError, RuntimeError, TypeError) as e:
        raise SpatialGANError(f"the checkpoint {path} cannot be resumed from: {str(e).splitlines()[0]}; "
                              "delete it to go on from the one before") from None
    return state


def _load_optimizer(optimizer: Optimizer, moments: dict[str, Tensor]) -> None:
    """Set each parameter's moments, in the memory order of the parameter: other orders can differ in the last bit."""
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    for key, value in moments.items():
        index, _, name = key.partition(".")
        p = parameters[int(index)]
        if name == "step":  # a fused optimiser counts on the parameter's device, another on the CPU
            value = value.to(p.device if optimizer.defaults.get("fused") else "cpu")
        else:
            value = torch.empty_like(p, memory_format=torch.preserve_format).copy_(value)
        optimizer.state[p][name] = value
