"""StyleGAN2's generator once more, as Karras et al. (2020) describe it and as slowly as it can be written: picture by
picture, with the modulated kernel in full, and up-sampling on a canvas so wide that no border matters.

Tensors have the names of the official files.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

FIR = torch.outer(torch.tensor([1.0, 3, 3, 1]), torch.tensor([1.0, 3, 3, 1])) / 64


def activated(x: Tensor) -> Tensor:
    return torch.where(x < 0, 0.2 * x, x) * 2**0.5


def mapping(t: dict[str, Tensor], z: Tensor) -> Tensor:
    """(B, z_dim) -> (B, w_dim)."""
    x = z / (z.square().mean(dim=1, keepdim=True) + 1e-8).sqrt()
    for i in range(sum(n.startswith("mapping.fc") and n.endswith("weight") for n in t)):
        weight, bias = t[f"mapping.fc{i}.weight"], t[f"mapping.fc{i}.bias"]
        x = activated(x @ (weight * 0.01 / weight.shape[1] ** 0.5).T + bias * 0.01)
    return x


def up(x: Tensor) -> Tensor:
    """(C, H, W) -> (C, 2H, 2W)."""
    c, h, w = x.shape
    y = torch.zeros(c, 2 * h, 2 * w)
    y[:, ::2, ::2] = x
    return F.conv2d(F.pad(y, (2, 1, 2, 1))[:, None], 4 * FIR[None, None])[:, 0]


def convolved(t: dict[str, Tensor], name: str, x: Tensor, w: Tensor, *, demodulate: bool) -> Tensor:
    """(C, H, W) -> (C', H, W), of a modulated layer."""
    affine, weight = t[f"{name}.affine.weight"], t[f"{name}.weight"]
    style = affine @ w / affine.shape[1] ** 0.5 + t[f"{name}.affine.bias"]
    kernel = weight * style[None, :, None, None] / weight[0].numel() ** 0.5
    if demodulate:
        kernel = kernel / (kernel.square().sum(dim=(1, 2, 3), keepdim=True) + 1e-8).sqrt()
    if name.endswith("conv0"):
        h = x.shape[-1]
        y = F.conv2d(up(F.pad(x, (4, 4, 4, 4)))[None], kernel.flip((2, 3)), padding=1)[0]
        return y[:, 8 : 8 + 2 * h, 8 : 8 + 2 * h]
    return F.conv2d(x[None], kernel, padding=kernel.shape[-1] // 2)[0]


def synthesis(t: dict[str, Tensor], w: Tensor) -> tuple[dict[int, Tensor], Tensor]:
    """One picture's features by resolution, (C, r, r), and the picture, (3, R, R)."""
    x, image, features, r = t["synthesis.b4.const"], None, {}, 4
    while f"synthesis.b{r}.conv1.weight" in t:
        for conv in ("conv0", "conv1")[r == 4 :]:
            name = f"synthesis.b{r}.{conv}"
            y = convolved(t, name, x, w, demodulate=True)
            x = activated(y + t[f"{name}.noise_const"] * t[f"{name}.noise_strength"] + t[f"{name}.bias"][:, None, None])
        features[r] = x
        rgb = f"synthesis.b{r}.torgb"
        y = convolved(t, rgb, x, w, demodulate=False) + t[f"{rgb}.bias"][:, None, None]
        image = y if image is None else up(image) + y
        r *= 2
    return features, image
