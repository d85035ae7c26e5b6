"""Layers with equalised learning rates, and the modulated convolution (Karras et al., 2018 and 2020)."""

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, Self, TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from spatialgan.networks.resample import conv_down2, conv_up2, up_kernel

SLOPE = 0.2  # of leaky ReLU, everywhere
SQRT2 = math.sqrt(2.0)  # keeps the variance of what passes a leaky ReLU near 1
Part = TypeVar("Part", bound=nn.Module)


class Modules(nn.ModuleList, Generic[Part]):
    """``nn.ModuleList`` that says what it holds."""

    if TYPE_CHECKING:

        def __init__(self, modules: Iterable[Part]): ...
        def __iter__(self) -> Iterator[Part]: ...
        def __getitem__(self, index: int) -> Part: ...  # pyright: ignore[reportIncompatibleMethodOverride]


def normalize_second_moment(x: Tensor, eps: float = 1e-8) -> Tensor:
    """Vectors ``(..., D)`` scaled to mean square 1."""
    return x * (x.square().mean(dim=-1, keepdim=True) + eps).rsqrt()


def lrelu(x: Tensor) -> Tensor:
    return F.leaky_relu(x, SLOPE)


class Linear(nn.Module):
    """Fully connected layer ``(..., in) -> (..., out)``; the weight is kept at variance 1 and scaled when used."""

    def __init__(self, in_features: int, out_features: int, *, bias_init: float = 0.0, lr_multiplier: float = 1.0):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(out_features, in_features) / lr_multiplier)
        self.bias = nn.Parameter(torch.full((out_features,), bias_init / lr_multiplier))
        self.weight_gain = lr_multiplier / math.sqrt(in_features)
        self.bias_gain = lr_multiplier

    def forward(self, x: Tensor) -> Tensor:
        # The gain goes into x, which is mostly smaller than the weight.
        return F.linear(x * self.weight_gain, self.weight, self.bias * self.bias_gain)


@dataclass(frozen=True)
class Kernel:
    """A convolution's weight, as it is used."""

    weight: Tensor
    """(C_out, C_in, k, k), scaled; of a convolution that up-samples, as :func:`conv_up2` takes it."""
    power: Tensor | None
    """(C_out, C_in) in float32: the scaled weight's square, summed over its pixels. None where nothing demodulates."""

    @staticmethod
    def of(weight: Tensor, *, demodulate: bool, up: bool = False) -> "Kernel":
        """Of a scaled weight (C_out, C_in, k, k)."""
        power = weight.float().square().sum(dim=(2, 3)) if demodulate else None
        return Kernel(up_kernel(weight) if up else weight, power)


class FixedKernel:
    """A layer's kernel, kept for as long as its weight stays as it is.

    Where wide layers draw one picture at a time, making kernels takes longer than the convolutions do. Of networks in
    training nothing is kept: a fused optimiser changes weights without a trace in their version, by which in-place
    changes are noticed here. So does whoever changes ``weight.data``.
    """

    def __init__(self) -> None:
        # The weight, held so that no other can take its place in memory; its version; kernels by data type and gain.
        self._kept: tuple[Tensor, int, dict[object, Kernel]] | None = None

    def forget(self) -> None:
        """Free the memory."""
        self._kept = None

    def __deepcopy__(self, memo: object) -> "FixedKernel":
        return FixedKernel()  # of another weight

    def of(self, weight: Tensor, gain: float, *, training: bool, demodulate: bool = False, up: bool = False) -> Kernel:
        """The kernel of ``weight * gain``, in the data type that convolutions compute in."""
        if training or torch.compiler.is_compiling() or weight.requires_grad or weight.is_inference():
            return Kernel.of(weight * gain, demodulate=demodulate, up=up)
        kept = self._kept
        if kept is None or (kept[0].data_ptr(), kept[1]) != (weight.data_ptr(), weight._version):
            kept = self._kept = (weight.detach(), weight._version, {})
        kind, dtype, kernels = weight.device.type, weight.dtype, kept[2]
        if torch.is_autocast_enabled(kind) and dtype != torch.float64:  # which it leaves alone
            dtype = torch.get_autocast_dtype(kind)
        if (dtype, gain) not in kernels:
            with torch.inference_mode(False):  # what is kept must serve a drag, too
                kernel = Kernel.of(weight * gain, demodulate=demodulate, up=up)
                # Features are channels last, and a convolution would bring its weight to their memory format each time.
                used = kernel.weight.to(dtype).contiguous(memory_format=torch.channels_last)
                kernels[dtype, gain] = Kernel(used, kernel.power)
        return kernels[dtype, gain]


class KernelLayer(nn.Module):
    """A layer with a :class:`FixedKernel`, whose memory it frees when it goes to another device or data type."""

    def __init__(self) -> None:
        super().__init__()
        self.kernel = FixedKernel()

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        self.kernel.forget()
        return super()._apply(fn, recurse)


class Conv(KernelLayer):
    """Convolution with equalised learning rate: ``(B, C_in, H, W) -> (B, C_out, ...)``.

    Activation and down-sampling are optional.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel: int,
        *,
        bias: bool = True,
        dilation: int = 1,
        activate: bool = False,
        down: bool = False,
    ):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(out_channels, in_channels, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(out_channels)) if bias else None
        self.weight_gain = 1 / math.sqrt(in_channels * kernel**2)
        self.dilation, self.activate, self.down = dilation, activate, down

    def forward(self, x: Tensor, gain: float = 1.0) -> Tensor:
        """``gain`` multiplies the result; it and the activation's gain go into the weight, which is smaller than x."""
        if self.activate:
            gain = gain * SQRT2
        weight = self.kernel.of(self.weight, self.weight_gain * gain, training=self.training).weight
        bias = None if self.bias is None else self.bias * gain
        if self.down:
            y = conv_down2(x, weight, bias)
        else:
            padding = self.dilation * (weight.shape[-1] // 2)
            y = F.conv2d(x, weight, bias, padding=padding, dilation=self.dilation)
        return F.leaky_relu_(y, SLOPE) if self.activate else y


@dataclass(frozen=True)
class Scale:
    """What a modulated convolution multiplies its input by."""

    values: Tensor
    """(B, C, 1, 1), one style a picture; or (B, C, h, w), one a pixel."""
    mean_square: Tensor
    """(B, C) in float32: the values' square, averaged over the pixels."""

    @staticmethod
    def of(values: Tensor) -> "Scale":
        """Of values (B, C, h, w); h = w = 1 for one style a picture."""
        return Scale(values, values.float().square().mean(dim=(2, 3)))


def modulated_conv(x: Tensor, kernel: Kernel, scale: Scale, *, up: bool = False, gain: float = 1.0) -> Tensor:
    """Modulated convolution of StyleGAN2, as scale - shared convolution - scale.

    Args:
        x: (B, C_in, H, W) features.
        kernel: shared by the batch. Where it has a power, the result is divided by the norm of the modulated kernel;
            where styles differ from pixel to pixel the norm takes the spatial mean of the squared style [ours].
        scale: the style; one a pixel for SEL_multi (Eq. 3).
        up: up-sample by two.
        gain: multiplies the result.

    Returns:
        (B, C_out, H, W), or twice as high and wide.
    """
    y = x * scale.values.to(x.dtype)
    if up:
        y = conv_up2(y, kernel.weight)
    else:
        y = F.conv2d(y, kernel.weight, padding=kernel.weight.shape[-1] // 2)
    if kernel.power is not None:
        with torch.autocast(x.device.type, enabled=False):  # it would take the product to bfloat16
            power = scale.mean_square @ kernel.power.T  # (B, C_out)
        return y * ((power + 1e-8).rsqrt() * gain).to(y.dtype)[:, :, None, None]
    return y if gain == 1 else y * gain
