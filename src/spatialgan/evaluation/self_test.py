"""Whether the Co-move ratio measures what it says: pictures in which one object was moved by a known vector.

An object is cut out of a picture by its exact mask, the hole is filled from its surroundings, and the object is pasted
over the picture some pixels away. Its ratio is 1, and measured it has to come out as 1.

Objects stay wholly in the frame and clear of all other objects, before and after: what is cut off by an edge, or hidden
behind something, has no middle that anybody could know.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional as F

from spatialgan.coords import centroid_xy, from_pixels, to_pixels
from spatialgan.data.instances import STRUCTURE, AnnotatedImage, ObjectDataset, RootObject
from spatialgan.errors import SpatialGANError
from spatialgan.evaluation.comove import Column, dilated, measure_trials, summarize_samples
from spatialgan.evaluation.comove_moves import LONGEST, SHORTEST, Moves, Trials, across, require_lengths
from spatialgan.segmenter.segmentation import Instance, Segmenter
from spatialgan.streams import random_stream
from spatialgan.vision.features import rgb

TOLERANCE = 0.05  # how far from 1 the mean ratio may lie
EXACT_TOLERANCE = 0.01  # the same with exact masks
MIN_SHARE = 0.5  # of the samples has to be measured
MIN_AREA = 0.01  # of objects, as a share of the picture
HALO_PX = 2  # edges are blurred and JPEGs ring: so much around an object is filled in too, and is free of others


@dataclass(frozen=True, eq=False)
class Displacement:
    """A picture before and after one of its objects was pasted elsewhere."""

    before: AnnotatedImage
    after: AnnotatedImage
    center: Tensor
    """(2,) in 0..1: a point of the object, the nearest to its middle."""
    move: Tensor
    """(2,) in image widths."""


def self_test(
    dataset: ObjectDataset,
    segmenter: Segmenter | None = None,
    *,
    num_samples: int = 200,
    shortest: float = SHORTEST,
    longest: float = LONGEST,
    first_seed: int = 0,
    on_progress: Callable[[int, int], None] | None = None,
) -> Column:
    """The Co-move ratio of objects that were moved by hand, once each: 1, or the segmenter is not up to the measure.

    Args:
        dataset: pictures with exact masks. Sample k takes picture k modulo their number.
        segmenter: None for one that knows the exact masks; then all that is left to go wrong is the measure itself.
        num_samples: displacements.
        shortest: least |v|, in image widths; v is drawn among whole pixels.
        longest: greatest |v|.
        first_seed: of the first displacement.
        on_progress: called with (done, total).

    Raises:
        SpatialGANError: no object of the data set has room to move, or an argument is out of range.
    """
    require_lengths(num_samples, shortest, longest)
    exact = ExactMasks()

    def batches() -> Iterator[Trials]:
        displacements = draw_displacements(dataset, num_samples, shortest, longest, first_seed)
        for done, (seed, d) in enumerate(displacements):
            exact.learn([d.before, d.after])
            v = d.move[None].double()
            moves = Moves((rgb(d.after.image[None]),), v, across(v, [random_stream(seed, "self-test control")]))
            yield Trials(rgb(d.before.image[None]), d.center[None], (moves,))
            if on_progress is not None:
                on_progress(done + 1, num_samples)

    return summarize_samples([[sample for (sample,) in measure_trials(batches(), segmenter or exact)]])


def passes(result: Column, tolerance: float) -> bool:
    """Whether the mean ratio is 1 within ``tolerance``, and was not had from a chosen few."""
    measured = result.ratio
    return measured.mean is not None and abs(measured.mean - 1) <= tolerance and measured.share >= MIN_SHARE


def draw_displacements(
    dataset: ObjectDataset, num_samples: int, shortest: float, longest: float, first_seed: int = 0
) -> Iterator[tuple[int, Displacement]]:
    """(seed, displacement) from picture after picture, round and round; one without a movable object is left out."""
    found = visited = 0
    while found < num_samples:
        if found == 0 and visited == dataset.num_images:
            raise SpatialGANError(
                f"no object of these {visited} pictures covers {MIN_AREA:.0%} of one, lies wholly "
                f"inside and can move by {shortest:g} to {longest:g} image widths; give others"
            )
        seed = first_seed + visited
        displacement = draw_displacement(dataset[visited % dataset.num_images], shortest, longest, seed)
        visited += 1
        if displacement is not None:
            found += 1
            yield seed, displacement


def draw_displacement(picture: AnnotatedImage, shortest: float, longest: float, seed: int) -> Displacement | None:
    """A random object of the picture moved by a random vector, wholly inside before and after; None where none can."""
    candidates = [(o, room_to_move(picture, o, shortest, longest)) for o in movable_objects(picture)]
    choices = [(o, moves) for o, moves in candidates if len(moves) > 0]
    if not choices:
        return None
    stream = random_stream(seed, "self-test")
    chosen, moves = choices[int(torch.randint(len(choices), (), generator=stream))]
    dx, dy = moves[int(torch.randint(len(moves), (), generator=stream))].tolist()
    (mask,) = picture.masks([chosen])
    rows_columns = mask.nonzero()  # (P, 2)
    middle = to_pixels(centroid_xy(mask.double()), *mask.shape)
    xy = rows_columns.flip(1).double()  # (P, 2), x then y
    start = xy[(xy - middle).norm(dim=1).argmin()]  # a bent object may not contain its middle
    center, end = (from_pixels(p, *mask.shape) for p in (start, start + xy.new_tensor([dx, dy])))
    return Displacement(picture, displaced(picture, chosen, dx, dy), center, end - center)


def movable_objects(picture: AnnotatedImage) -> list[RootObject]:
    """The objects that are large enough, do not touch the picture's edge, and are clear of all others."""
    return [o for o in _things(picture) if picture.masks([o]).float().mean() >= MIN_AREA and _is_clear(picture, o)]


def _is_clear(picture: AnnotatedImage, chosen: RootObject) -> bool:
    (mask,) = picture.masks([chosen])
    at_edge = mask[0].any() or mask[-1].any() or mask[:, 0].any() or mask[:, -1].any()
    return not (at_edge or (dilated(mask, HALO_PX) & _others(picture, chosen)).any())


def room_to_move(picture: AnnotatedImage, chosen: RootObject, shortest: float, longest: float) -> Tensor:
    """All displacements ``(n, 2)`` in whole pixels, x then y, that keep an object clear of the edge and all others."""
    (mask,) = picture.masks([chosen])
    height, width = mask.shape
    columns, rows = mask.any(dim=0).nonzero().flatten().tolist(), mask.any(dim=1).nonzero().flatten().tolist()
    dx = torch.arange(1 - columns[0], width - 1 - columns[-1])
    dy = torch.arange(1 - rows[0], height - 1 - rows[-1])
    moves = torch.cartesian_prod(dx, dy)  # (n, 2)
    zero = moves.new_zeros(2).double()
    lengths = (from_pixels(moves.double(), height, width) - from_pixels(zero, height, width)).norm(dim=1)
    # How many pixels of others lie under the object, for all displacements at once: a correlation, by Fourier. It is
    # circular, so that a negative displacement is a negative index.
    taken = dilated(_others(picture, chosen), HALO_PX).double()
    overlap = torch.fft.irfft2(torch.fft.rfft2(taken) * torch.fft.rfft2(mask.double()).conj(), s=(height, width))
    free = overlap[moves[:, 1], moves[:, 0]] < 0.5
    return moves[(lengths >= shortest) & (lengths <= longest) & free]


def _things(picture: AnnotatedImage) -> list[RootObject]:
    return [o for o in picture.objects if o.label not in STRUCTURE]


def _others(picture: AnnotatedImage, chosen: RootObject) -> Tensor:
    """Where all other objects are, ``(H, W)`` bool."""
    return picture.masks([o for o in _things(picture) if o.id != chosen.id]).any(dim=0)


def displaced(picture: AnnotatedImage, chosen: RootObject, dx: int, dy: int) -> AnnotatedImage:
    """The picture with an object ``dx`` pixels further right and ``dy`` further down, in front of what is there."""
    (mask,) = picture.masks([chosen])
    behind = fill_hole(picture.image, dilated(mask, HALO_PX))
    instances = picture.instances.masked_fill(mask, 0)
    there = mask.roll((dy, dx), dims=(0, 1))  # nothing is rolled over the edge, see room_to_move
    image = torch.where(there, picture.image.roll((dy, dx), dims=(1, 2)), behind)
    instances = instances.masked_fill(there, chosen.id)
    present = set(instances.unique().tolist())
    return replace(
        picture, image=image, instances=instances, objects=tuple(o for o in picture.objects if o.id in present)
    )


def fill_hole(image: Tensor, hole: Tensor) -> Tensor:
    """A uint8 picture ``(C, H, W)`` whose ``hole`` (H, W) continues what lies around it, smoothly."""
    known = (~hole).float()[None, None]  # (1, 1, H, W)
    filled = _pulled(image[None].float() * known, known)[0].round().clamp(0, 255).to(torch.uint8)
    return torch.where(hole, filled, image)


def _pulled(sums: Tensor, weights: Tensor) -> Tensor:
    """``sums / weights`` where something is known, and elsewhere averages at the finest scale where something is."""
    known = weights > 0
    here = sums / weights.clamp_min(1e-6)
    if known.all() or min(weights.shape[-2:]) == 1:
        return here
    halves = (F.avg_pool2d(t, 2, ceil_mode=True) for t in (sums, weights))
    coarse = F.interpolate(_pulled(*halves), size=weights.shape[-2:], mode="bilinear")
    return torch.where(known, here, coarse)


class ExactMasks:
    """A segmenter that was told the answers. It knows pictures by their pixels; features are colours."""

    name = "the data set's exact masks"
    weights_hash = ""
    device = torch.device("cpu")

    def __init__(self) -> None:
        self._known: dict[bytes, AnnotatedImage] = {}

    def learn(self, pictures: Sequence[AnnotatedImage]) -> None:
        """Know these pictures, and no others any more."""
        self._known = {_key(rgb(p.image[None])[0]): p for p in pictures}

    def __call__(self, images: Tensor) -> list[list[Instance]]:
        pictures = [self._known[_key(image)] for image in images]
        objects = [_things(p) for p in pictures]
        masks = [p.masks(o) for p, o in zip(pictures, objects, strict=True)]
        return [
            [Instance(m, o.label, 1.0, f) for o, m, f in zip(*found, strict=True)]
            for found in zip(objects, masks, self.features(images, masks), strict=True)
        ]

    def features(self, images: Tensor, masks: list[Tensor]) -> list[Tensor]:
        """For ``(n, H, W)`` masks of each picture ``(n, 7)``."""
        return [
            torch.stack([_colours(image[:, m]) for m in found]) if len(found) else torch.zeros(0, 7)
            for image, found in zip(images, masks, strict=True)
        ]


def _colours(pixels: Tensor) -> Tensor:
    """uint8 (3, P) => (7,), of length 1."""
    x = pixels.double() / 255
    # With the 1, colours that differ in brightness only still differ in direction.
    return F.normalize(torch.cat([x.mean(dim=1), x.std(dim=1, correction=0), x.new_ones(1)]), dim=0).float()


def _key(image: Tensor) -> bytes:
    return hashlib.sha256(image.contiguous().numpy().tobytes()).digest()
