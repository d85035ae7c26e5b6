"""Resampling: by two with the [1, 3, 3, 1] filter of StyleGAN2 (Karras et al., 2020), from stock convolutions; and
pictures to any size."""

from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional as F


@lru_cache(maxsize=64)
def fir_kernel(channels: int, gain: float, dtype: torch.dtype, device: torch.device) -> Tensor:
    """The outer product of [1, 3, 3, 1] / 8 with itself, once a channel: ``(C, 1, 4, 4)``, sum ``gain``."""
    with torch.inference_mode(False):  # what the cache keeps must serve a training step, too
        k = torch.tensor([1.0, 3.0, 3.0, 1.0], dtype=torch.float32)
        k = torch.outer(k, k) * (gain / 64)
        return k.to(dtype=dtype, device=device).expand(channels, 1, 4, 4).contiguous()


def blur(x: Tensor, *, padding: int, gain: float = 1.0) -> Tensor:
    """FIR filter of ``(B, C, H, W)`` with ``padding`` zeros on all sides: 2 makes the map one larger, 1 one smaller."""
    c = x.shape[1]
    dtype = torch.get_autocast_dtype(x.device.type) if torch.is_autocast_enabled(x.device.type) else x.dtype
    return F.conv2d(x, fir_kernel(c, gain, dtype, x.device), padding=padding, groups=c)


def upsample2(x: Tensor) -> Tensor:
    """``(B, C, H, W) -> (B, C, 2H, 2W)``: zeros between the samples, then the filter with gain 4."""
    # The filter's four phases are 1/4, 3/4: bilinear interpolation, but with zeros outside the image instead of copies.
    # A one-pixel border of zeros gives interpolation the same neighbours.
    h, w = x.shape[-2:]
    y = F.interpolate(F.pad(x, (1, 1, 1, 1)), scale_factor=2, mode="bilinear", align_corners=False)
    return y[:, :, 2 : 2 * h + 2, 2 : 2 * w + 2]


def downsample2(x: Tensor) -> Tensor:
    """``(B, C, H, W) -> (B, C, H/2, W/2)``: the filter, then every second sample."""
    # A strided depthwise convolution would do both at once, but its backward pass is many times slower on CPUs.
    return blur(x, padding=1)[:, :, ::2, ::2]


def up_kernel(weight: Tensor) -> Tensor:
    """``(C_out, C_in, 3, 3) -> (C_in, C_out, 3, 3)``: a convolution's weight as :func:`conv_up2` takes it."""
    # A transposed convolution is a convolution of the input with zeros in between, with the kernel turned round.
    return weight.flip((2, 3)).transpose(0, 1)


def conv_up2(x: Tensor, kernel: Tensor) -> Tensor:
    """3x3 convolution of x up-sampled by two: ``(B, C_in, H, W) -> (B, C_out, 2H, 2W)``, by an :func:`up_kernel`."""
    y = F.conv_transpose2d(x, kernel, stride=2)  # (B, C_out, 2H + 1, 2W + 1)
    return blur(y, padding=1, gain=4.0)


def conv_down2(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """3x3 convolution of the filtered x, at every second sample: ``(B, C_in, H, W) -> (B, C_out, H/2, W/2)``."""
    return F.conv2d(blur(x, padding=2), weight, bias, stride=2)  # (B, C_in, H + 1, W + 1) on the way


def resize_images(images: Tensor, size: int) -> Tensor:
    """``(B, C, R, R) -> (B, C, size, size)``, bilinear, without aliasing when smaller."""
    if images.shape[-1] == size:
        return images
    return F.interpolate(images, size=(size, size), mode="bilinear", antialias=images.shape[-1] > size)
