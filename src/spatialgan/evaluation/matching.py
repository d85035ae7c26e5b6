"""Where the content at a point of one picture is in another, told by a network that had no part in making them."""

from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional as F

from spatialgan.coords import pixel_centers_xy, to_grid
from spatialgan.data.images import to_float, to_uint8
from spatialgan.evaluation.features import resize_antialiased, rgb
from spatialgan.layout import resize_maps
from spatialgan.networks.efficientnet_lite import load_imagenet


class Matcher(Protocol):
    name: str

    def __call__(self, first: Tensor, last: Tensor, points_xy: Tensor) -> Tensor:
        """Where the content at ``points_xy`` (N, 2) of ``first`` is in ``last``, both ``(C, R, R)`` about -1..1.

        Returns:
            (N, 2) in 0..1; NaN where it cannot tell.
        """
        ...


class EfficientNetMatcher:
    """Block matching in features of EfficientNet-Lite2."""

    name = "EfficientNet-Lite2 (ImageNet), blocks of features at 1/4, 1/8"

    def __init__(self, device="cpu", *, stages=(1, 2), weights=(1.0, 1.0), radius=4, scale=4, min_score=0.0, min_margin=0.06, rival=4):
        self._network = load_imagenet("lite2").to(device=device, memory_format=torch.channels_last)
        self.device = device
        self.stages, self.weights, self.radius, self.scale = stages, weights, radius, scale
        self.min_score, self.min_margin, self.rival = min_score, min_margin, rival

    @torch.no_grad()
    def features(self, image: Tensor) -> Tensor:
        r = image.shape[-1]
        x = to_float(resize_antialiased(rgb(to_uint8(image[None])).to(self.device), max(256, self.scale * r)))
        maps = self._network(x)
        out = []
        for s, w in zip(self.stages, self.weights, strict=True):
            m = resize_maps(maps[s], r)
            m = m - m.mean(dim=(2, 3), keepdim=True)
            out.append(F.normalize(m, dim=1) * w)
        return torch.cat(out, dim=1)  # (1, F, R, R)

    def score_map(self, first, last, point):
        a, b = self.features(first), self.features(last)
        return self._score(a, b, point)

    def _score(self, a, b, point):
        r = a.shape[-1]
        n = self.radius
        steps = torch.arange(-n, n + 1) / r
        offs = torch.stack(torch.meshgrid(steps, steps, indexing="xy"), -1)  # (k, k, 2)
        pts = point + offs
        ok = ((pts >= 0) & (pts <= 1)).all(-1).float()[None, None]
        t = F.grid_sample(a, to_grid(pts)[None], padding_mode="border", align_corners=False) * ok
        norm = sum(w * w for w in self.weights)
        num = F.conv2d(b, t, padding=n)
        # places of the block outside the other picture do not count
        cnt = F.conv2d(torch.ones(1, 1, r, r), ok, padding=n)
        s = num / norm / cnt.clamp_min(1)
        enough = cnt >= 0.5 * ok.sum()
        return torch.where(enough, s, -1.0)[0, 0]

    def __call__(self, first, last, points):
        a, b = self.features(first), self.features(last)
        return torch.stack([self._find(self._score(a, b, p)) for p in points])

    def _find(self, s):
        r = s.shape[-1]
        i = int(s.argmax())
        y, x = divmod(i, r)
        grid = pixel_centers_xy(r, r)
        far = (grid - grid[y, x]).norm(dim=-1) > self.rival / r
        margin = s[y, x] - s[far].max()
        self.last = (float(s[y, x]), float(margin))
        if s[y, x] < self.min_score or margin < self.min_margin:
            return torch.full((2,), float("nan"))
        xy = grid[y, x].clone()
        for d, (lo, hi, pos) in enumerate((((y, x - 1), (y, x + 1), x), ((y - 1, x), (y + 1, x), y))):
            if 0 < pos < r - 1:
                l, c, h = s[lo], s[y, x], s[hi]
                curv = l + h - 2 * c
                if l > -1 and h > -1 and curv < 0:
                    xy[d] += (0.5 * (l - h) / curv).clamp(-0.5, 0.5) / r
        self.last = (float(s[y, x]), float(margin))
        return xy
