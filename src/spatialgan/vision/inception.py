"""The Inception network of the standard FID: Inception v3 as TensorFlow's file of 2015-12-05 has it (Szegedy et al.,
2016; Heusel et al., 2017), whose weights torch-fidelity publishes for PyTorch.

It differs from the paper's Inception v3 in two poolings: averages leave the padding out of their count, and the last
block takes the maximum. Batch normalisation is folded into the convolutions. Nothing is downloaded here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from spatialgan.devices import move_to
from spatialgan.errors import SpatialGANError
from spatialgan.files import file_hash, require_file
from spatialgan.vision.features import rgb

WEIGHTS_NAME = "weights-inception-2015-12-05-6726825d.pth"
WEIGHTS_URL = f"https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/{WEIGHTS_NAME}"
WEIGHTS_SHA256 = "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2"
INPUT_SIZE = 299
NUM_FEATURES = 2048
BATCH_NORM_EPS = 1e-3

Pool = Literal["average", "maximum", "halve"]
"""Over 3x3: at every place, the average without the padding, or the maximum; or the maximum at every second place."""


@dataclass(frozen=True)
class Conv:
    """A convolution of a branch, with the name it has in the weights' file."""

    name: str
    channels: int
    height: int
    width: int
    halves: bool = False
    """Stride 2 without padding; otherwise the size stays."""


Branch = Sequence[Conv | tuple[Conv, Conv] | Pool]
"""What follows one another; of a pair, both take the same input and their outputs are put together."""


class Folded(nn.Conv2d):
    """``relu(conv(x))``, batch normalisation folded in."""

    def forward(self, input: Tensor) -> Tensor:
        return F.relu(super().forward(input))


class Mixed(nn.Module):
    """Branches side by side, their outputs put together as channels."""

    def __init__(self, in_channels: int, branches: Sequence[Branch]):
        super().__init__()
        self.branches = branches
        self.out_channels = 0
        for branch in branches:
            c = in_channels
            for step in branch:
                if isinstance(step, str):
                    continue
                convs = step if isinstance(step, tuple) else (step,)
                for conv in convs:
                    self.add_module(conv.name, _folded(c, conv))
                c = sum(conv.channels for conv in convs)
            self.out_channels += c

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self._along(branch, x) for branch in self.branches], dim=1)

    def _along(self, branch: Branch, x: Tensor) -> Tensor:
        for step in branch:
            if isinstance(step, str):
                x = _pool(x, step)
            elif isinstance(step, tuple):
                x = torch.cat([self.get_submodule(conv.name)(x) for conv in step], dim=1)
            else:
                x = self.get_submodule(step.name)(x)
        return x


def _folded(in_channels: int, conv: Conv) -> Folded:
    padding = (0, 0) if conv.halves else (conv.height // 2, conv.width // 2)
    return Folded(in_channels, conv.channels, (conv.height, conv.width), 2 if conv.halves else 1, padding)


def _pool(x: Tensor, pool: Pool) -> Tensor:
    if pool == "average":
        return F.avg_pool2d(x, 3, stride=1, padding=1, count_include_pad=False)
    return F.max_pool2d(x, 3, stride=2) if pool == "halve" else F.max_pool2d(x, 3, stride=1, padding=1)


def _at_35(pool_channels: int) -> list[Branch]:
    return [
        [Conv("branch1x1", 64, 1, 1)],
        [Conv("branch5x5_1", 48, 1, 1), Conv("branch5x5_2", 64, 5, 5)],
        [Conv("branch3x3dbl_1", 64, 1, 1), Conv("branch3x3dbl_2", 96, 3, 3), Conv("branch3x3dbl_3", 96, 3, 3)],
        ["average", Conv("branch_pool", pool_channels, 1, 1)],
    ]


def _from_35_to_17() -> list[Branch]:
    return [
        [Conv("branch3x3", 384, 3, 3, halves=True)],
        [
            Conv("branch3x3dbl_1", 64, 1, 1),
            Conv("branch3x3dbl_2", 96, 3, 3),
            Conv("branch3x3dbl_3", 96, 3, 3, halves=True),
        ],
        ["halve"],
    ]


def _at_17(inner: int) -> list[Branch]:
    return [
        [Conv("branch1x1", 192, 1, 1)],
        [Conv("branch7x7_1", inner, 1, 1), Conv("branch7x7_2", inner, 1, 7), Conv("branch7x7_3", 192, 7, 1)],
        [
            Conv("branch7x7dbl_1", inner, 1, 1),
            Conv("branch7x7dbl_2", inner, 7, 1),
            Conv("branch7x7dbl_3", inner, 1, 7),
            Conv("branch7x7dbl_4", inner, 7, 1),
            Conv("branch7x7dbl_5", 192, 1, 7),
        ],
        ["average", Conv("branch_pool", 192, 1, 1)],
    ]


def _from_17_to_8() -> list[Branch]:
    return [
        [Conv("branch3x3_1", 192, 1, 1), Conv("branch3x3_2", 320, 3, 3, halves=True)],
        [
            Conv("branch7x7x3_1", 192, 1, 1),
            Conv("branch7x7x3_2", 192, 1, 7),
            Conv("branch7x7x3_3", 192, 7, 1),
            Conv("branch7x7x3_4", 192, 3, 3, halves=True),
        ],
        ["halve"],
    ]


def _at_8(pool: Pool) -> list[Branch]:
    return [
        [Conv("branch1x1", 320, 1, 1)],
        [Conv("branch3x3_1", 384, 1, 1), (Conv("branch3x3_2a", 384, 1, 3), Conv("branch3x3_2b", 384, 3, 1))],
        [
            Conv("branch3x3dbl_1", 448, 1, 1),
            Conv("branch3x3dbl_2", 384, 3, 3),
            (Conv("branch3x3dbl_3a", 384, 1, 3), Conv("branch3x3dbl_3b", 384, 3, 1)),
        ],
        [pool, Conv("branch_pool", 192, 1, 1)],
    ]


MIXED = {
    "Mixed_5b": _at_35(32),
    "Mixed_5c": _at_35(64),
    "Mixed_5d": _at_35(64),
    "Mixed_6a": _from_35_to_17(),
    "Mixed_6b": _at_17(128),
    "Mixed_6c": _at_17(160),
    "Mixed_6d": _at_17(160),
    "Mixed_6e": _at_17(192),
    "Mixed_7a": _from_17_to_8(),
    "Mixed_7b": _at_8("average"),
    "Mixed_7c": _at_8("maximum"),
}


class InceptionNetwork(nn.Module):
    """Frozen; modules have the names of the weights' file."""

    def __init__(self) -> None:
        super().__init__()
        self.Conv2d_1a_3x3 = Folded(3, 32, 3, stride=2)
        self.Conv2d_2a_3x3 = Folded(32, 32, 3)
        self.Conv2d_2b_3x3 = Folded(32, 64, 3, padding=1)
        self.Conv2d_3b_1x1 = Folded(64, 80, 1)
        self.Conv2d_4a_3x3 = Folded(80, 192, 3)
        c = 192
        for name, branches in MIXED.items():
            mixed = Mixed(c, branches)
            self.add_module(name, mixed)
            c = mixed.out_channels
        self.requires_grad_(False)

    def forward(self, images: Tensor) -> Tensor:
        """float32 pictures ``(B, 3, 299, 299)``, -1..1 => ``(B, 2048)``: ``pool3``, averages over the last 8x8 map."""
        x = self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(images)))
        x = self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(_pool(x, "halve")))
        x = _pool(x, "halve")
        for name in MIXED:
            x = self.get_submodule(name)(x)
        return x.mean(dim=(2, 3))


class InceptionFeatures:
    """``pool3`` of the Inception network, as FID and KID are defined on it: a :class:`FeatureExtractor`.

    Args:
        weights: the file that torch-fidelity publishes, or another of its format; None looks for it by
            its own name, :data:`WEIGHTS_NAME`, in the working folder and where torch-fidelity keeps it.
        device: where the network runs.

    Raises:
        SpatialGANError: there is no such file, which the message tells where to get, or it is of another network.
    """

    name = "Inception v3 (TensorFlow, 2015-12-05), pool3"
    resize = "299x299, bilinear as in TensorFlow 1 (upper left pixels coincide, no antialiasing), in float32"

    def __init__(self, weights: Path | str | None = None, *, device: torch.device | str = "cpu"):
        path = find_weights() if weights is None else Path(weights)
        self.device = torch.device(device)
        self._network = move_to(load_inception(path), self.device)
        self.weights_hash = file_hash(path)

    @property
    def published(self) -> bool:
        """Whether the weights are the published ones: with no others is a Fréchet distance the FID."""
        return self.weights_hash == WEIGHTS_SHA256

    @torch.no_grad()
    def __call__(self, images: Tensor) -> Tensor:
        """uint8 pictures ``(B, 3, H, W)``, or grey ``(B, 1, H, W)``, => float32 ``(B, 2048)``, on the CPU."""
        x = resize_like_tensorflow(rgb(images).to(self.device).float(), INPUT_SIZE)
        x = (x - 128) / 128  # -1..0.992, as the graph has it
        return self._network(x.contiguous(memory_format=torch.channels_last)).cpu()


def find_weights() -> Path:
    """The published weights in the working folder or in torch.hub's; raises SpatialGANError where in neither."""
    for folder in (Path(), Path(torch.hub.get_dir()) / "checkpoints"):
        if (folder / WEIGHTS_NAME).is_file():
            return folder / WEIGHTS_NAME
    raise SpatialGANError(
        f"Inception's weights are not here; get {WEIGHTS_URL} and name the file with --weights, or put it into the "
        "working folder"
    )


def load_inception(path: Path) -> InceptionNetwork:
    """The network with a file's weights, frozen, on the CPU; raises SpatialGANError where they do not fit."""
    require_file(path)
    try:
        published = torch.load(path, map_location="cpu", weights_only=True)
    except Exception:  # nearly any, on a file that is damaged or holds more than tensors
        raise SpatialGANError(f"{path} holds no PyTorch weights; give Inception's, {WEIGHTS_NAME}") from None
    network = InceptionNetwork()
    try:
        if not isinstance(published, dict):
            raise TypeError
        network.load_state_dict(_fold(published, network))
    except (RuntimeError, KeyError, TypeError, AttributeError):
        raise SpatialGANError(f"{path} holds weights of another network; give Inception's, {WEIGHTS_NAME}") from None
    return network.eval()


def _fold(published: dict[str, Tensor], network: InceptionNetwork) -> dict[str, Tensor]:
    """``y = g (conv(x) - mean) / sd + b`` turned into each convolution's weight and bias."""
    folded: dict[str, Tensor] = {}
    for name, module in network.named_modules():
        if isinstance(module, Folded):
            gain, bias, mean, variance = (
                published[f"{name}.bn.{key}"].double() for key in ("weight", "bias", "running_mean", "running_var")
            )
            gain = gain * (variance + BATCH_NORM_EPS).rsqrt()
            folded[f"{name}.weight"] = published[f"{name}.conv.weight"].double() * gain[:, None, None, None]
            folded[f"{name}.bias"] = bias - mean * gain
    return folded


def resize_like_tensorflow(images: Tensor, size: int) -> Tensor:
    """Float pictures ``(B, C, H, W)`` => ``(B, C, size, size)``, as TensorFlow 1 resized: bilinear, without
    antialiasing, output pixel i at ``i * W / size``, which puts the whole picture off by up to half a pixel."""
    return _resize_along(_resize_along(images, size, dim=3), size, dim=2)


def _resize_along(x: Tensor, size: int, dim: int) -> Tensor:
    n = x.shape[dim]
    places = torch.arange(size, dtype=torch.float32, device=x.device) * (n / size)
    low = places.long()
    share = (places - low).view([-1 if d == dim else 1 for d in range(x.dim())])
    return torch.lerp(x.index_select(dim, low), x.index_select(dim, (low + 1).clamp_max(n - 1)), share)
