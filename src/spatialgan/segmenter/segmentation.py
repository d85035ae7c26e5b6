"""Segmenters: which objects are in a picture, where, and what they look like, told by somebody who had no part in
training the generator.

An object is a root instance: a bed with its pillows is one. Walls, floors and ceilings are not objects.
"""

import json
from dataclasses import asdict, dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.nn import functional as F

from spatialgan.data.images import to_float
from spatialgan.devices import choose_device, move_to
from spatialgan.errors import SpatialGANError
from spatialgan.files import file_hash, read_json, user_path, write_atomically
from spatialgan.model import CARD, WEIGHTS, load_network, save_weights
from spatialgan.segmenter.network import INPUT_SIZE, Classes, Heads, SegmenterNetwork
from spatialgan.segmenter.panoptic import NONE, find_regions
from spatialgan.vision.features import resize_antialiased, rgb

FORMAT_VERSION = 1
BATCH = 16  # pictures in the network at once, and as many mirror images
SIZES = (INPUT_SIZE, INPUT_SIZE * 3 // 2)  # that pictures are looked at in; the larger one finds small objects better
FEATURE_MAPS = (1, 2)
"""Of Heads.maps: the backbone at 1/4 and 1/8 of the input. Of seven choices these matched fewest objects wrongly among
400 that were displaced by hand in training pictures: 3 of 365. With coarser maps, which see more of the surroundings
than of the object, it was 24."""


@dataclass(frozen=True, eq=False)
class Instance:
    """One object in one picture."""

    mask: Tensor
    """(H, W) bool, at the picture's own size, on the CPU."""
    label: str
    """Its class, such as ``bed``."""
    score: float
    """How sure the segmenter is, in 0..1."""
    feature: Tensor
    """(F,) float32 on the CPU, of length 1: what the object looks like. Compare by cosine (the dot product); by L2
    distance the order is the same."""


class Segmenter(Protocol):
    name: str
    """The network and what it was trained on."""
    weights_hash: str
    """SHA-256 of its weights, in hex."""

    @property
    def device(self) -> torch.device: ...

    def __call__(self, images: Tensor) -> list[list[Instance]]:
        """uint8 pictures ``(B, 3, H, W)`` => the objects of each, the surest first. Masks may overlap."""
        ...

    def features(self, images: Tensor, masks: list[Tensor]) -> list[Tensor]:
        """What given regions look like, such as ground-truth masks.

        Args:
            images: uint8 ``(B, 3, H, W)``.
            masks: of each picture, ``(n_b, H, W)`` bool; none of the regions is empty.

        Returns:
            Of each picture, ``(n_b, F)`` float32, comparable with :attr:`Instance.feature`.
        """
        ...


class PanopticSegmenter:
    """The bundled kind of network: compact, trained on exact masks, used to small and blurred pictures.

    Pictures of any size are looked at in two sizes, and mirrored, inside: 6.5 times the pixels of a single look.
    Masks come back at the picture's own size and do not overlap.
    Instances of less than 0.3 % of the picture are left out.

    Args:
        source: a bundled one's name, or a segmenter's ``.safetensors`` file with its JSON beside it.
        device: auto, cpu, cuda, ...

    Raises:
        SpatialGANError: there is no such file, or it is no segmenter; the message names it.
    """

    def __init__(self, source: str | Path = "rooms", *, device: str | torch.device = "auto"):
        bundled = bundled_segmenters()
        if str(source) not in bundled and not str(source).endswith(WEIGHTS):
            raise SpatialGANError(
                f"there is no segmenter {source}; use {', '.join(bundled)}, or the {WEIGHTS} file "
                "that `eval train-segmenter` wrote"
            )
        path = bundled.get(str(source)) or user_path(source)
        network, self.classes, self.card = load_segmenter(path)
        self.device = choose_device(device)
        self._network = move_to(network.eval().requires_grad_(False), self.device)
        self.name = f"{path.stem} (EfficientNet-Lite0, panoptic heads, parts apart)"
        self.weights_hash = file_hash(path)

    def __call__(self, images: Tensor) -> list[list[Instance]]:
        """uint8 pictures ``(B, 3, H, W)``, or grey ``(B, 1, H, W)`` => the objects of each, the surest first."""
        return [objects for batch in images.split(BATCH) for objects in self.look(batch).instances()]

    def features(self, images: Tensor, masks: list[Tensor]) -> list[Tensor]:
        """What given regions look like; see :meth:`Segmenter.features`."""
        if len(images) != len(masks):
            raise SpatialGANError(
                f"masks of {len(masks)} pictures were given for {len(images)} pictures; give one "
                "tensor (n, H, W) for each"
            )
        found: list[Tensor] = []
        for batch in images.split(BATCH):
            found += self.look(batch).features(dict(enumerate(masks[len(found) : len(found) + len(batch)])))
        return found

    def semantic(self, images: Tensor) -> Tensor:
        """int64 ``(B, H, W)``: at each pixel the index of its class in ``self.classes.names``, on the CPU."""
        return torch.cat([self.look(batch).semantic() for batch in images.split(BATCH)])

    def look(self, images: Tensor) -> "Look":
        """All that the network says of at most :data:`BATCH` pictures, uint8 ``(B, 3, H, W)``: the work is done here,
        once."""
        return Look(self.classes, self._heads(images), (images.shape[-2], images.shape[-1]))

    @torch.no_grad()
    def _heads(self, images: Tensor) -> Heads:
        """Averages over both sizes and the mirror image; features of the smaller size alone."""
        small, large = (averaged(self._network(self._input(images, size))) for size in SIZES)

        def both(part: str) -> Tensor:
            return (enlarged(getattr(small, part), getattr(large, part)) + getattr(large, part)) / 2

        return Heads(both("semantic"), both("centers"), both("offsets"), small.maps)

    def _input(self, images: Tensor, size: int) -> Tensor:
        """Pictures and then their mirror images, ``(2B, 3, size, size)``."""
        x = to_float(resize_antialiased(rgb(images).to(self.device), size))
        return torch.cat([x, x.flip(-1)]).contiguous(memory_format=torch.channels_last)


@dataclass(frozen=True, eq=False)
class Look:
    """What a :class:`PanopticSegmenter` has seen in some pictures."""

    classes: Classes
    heads: Heads
    size: tuple[int, int]
    """Of the pictures, (H, W)."""

    def instances(self) -> list[list[Instance]]:
        """The objects of each picture, the surest first."""
        found = []
        for b in range(len(self.heads.semantic)):
            regions = find_regions(self.heads.semantic[b], self.heads.centers[b], self.heads.offsets[b], self.size)
            features = self._pooled(b, torch.stack([r.mask for r in regions])) if regions else []
            found.append(
                [
                    Instance(r.mask.cpu(), self.classes.names[r.label], r.score, feature)
                    for r, feature in zip(regions, features, strict=True)
                ]
            )
        return found

    def features(self, masks: dict[int, Tensor]) -> list[Tensor]:
        """``(n, F)`` of the regions ``(n, H, W)`` in pictures, by their places."""
        return [self._pooled(b, regions) for b, regions in masks.items()]

    def semantic(self) -> Tensor:
        """As :meth:`PanopticSegmenter.semantic`."""
        classes = F.interpolate(
            self.heads.semantic, size=self.size, mode="bilinear", antialias=True, align_corners=False
        ).argmax(dim=1)
        return classes.cpu()

    def _pooled(self, b: int, masks: Tensor) -> Tensor:
        maps = [self.heads.maps[i][b] for i in FEATURE_MAPS]
        return pooled_features(maps, masks.to(maps[0].device))


def averaged(heads: Heads) -> Heads:
    """Of B pictures followed by the same mirrored: what the network says of both on average, B pictures again."""

    def mean(maps: Tensor) -> Tensor:
        ahead, mirrored = maps.chunk(2)
        return (ahead + mirrored.flip(-1)) / 2

    ahead, mirrored = heads.offsets.chunk(2)
    back = mirrored.flip(-1) * mirrored.new_tensor([-1, 1])[:, None, None]  # left is right in a mirror
    return Heads(mean(heads.semantic), mean(heads.centers), (ahead + back) / 2, tuple(map(mean, heads.maps)))


def enlarged(maps: Tensor, like: Tensor) -> Tensor:
    """``(B, C, h, w)`` => the size of ``like``."""
    return F.interpolate(maps, size=like.shape[-2:], mode="bilinear", align_corners=False)


def pooled_features(maps: list[Tensor], masks: Tensor) -> Tensor:
    """Means of maps ``(C, h, w)`` within masks ``(n, H, W)`` => ``(n, F)``, on the CPU; each map weighs the same."""
    parts = []
    for features in maps:
        cover = F.interpolate(masks[:, None].float(), size=features.shape[-2:], mode="area")[:, 0]  # (n, h, w)
        mean = torch.einsum("nhw,chw->nc", cover, features) / cover.sum(dim=(1, 2))[:, None]
        parts.append(F.normalize(mean, dim=1))
    return F.normalize(torch.cat(parts, dim=1), dim=1).cpu()


class MaskRCNNSegmenter:
    """Mask R-CNN for photographs, as in the paper: torchvision's ``maskrcnn_resnet50_fpn_v2``, trained on COCO.

    Torchvision downloads its weights (177 MB) at the first use. The tests run it on a stand-in with the interface that
    torchvision documents. By hand it was run on the network of torchvision 0.28 with random weights; with COCO's never.

    Args:
        device: auto, cpu, cuda, ...
        min_score: detections below are left out.

    Raises:
        SpatialGANError: torchvision is not installed or does not fit the installed torch.
    """

    name = "Mask R-CNN ResNet-50 FPN v2 (torchvision, COCO)"
    feature_levels = ("0", "1", "2", "3")  # of the feature pyramid, at 1/4 to 1/32 of the enlarged picture

    def __init__(self, *, device: str | torch.device = "auto", min_score: float = 0.5):
        try:
            # An extra that tests do without.
            from torchvision.models.detection import (  # pyright: ignore[reportMissingImports]
                MaskRCNN_ResNet50_FPN_V2_Weights,
                maskrcnn_resnet50_fpn_v2,
            )
        except (ImportError, RuntimeError) as e:  # a torchvision made for another torch fails with RuntimeError
            raise SpatialGANError(
                f"Mask R-CNN needs a torchvision that fits the installed torch ({e}); "
                "run: pip install 'spatialgan[maskrcnn]'"
            ) from None
        weights = MaskRCNN_ResNet50_FPN_V2_Weights.COCO_V1
        self.device = choose_device(device)
        self.min_score = min_score
        self._labels: list[str] = weights.meta["categories"]
        try:
            model = maskrcnn_resnet50_fpn_v2(weights=weights)
        except (OSError, RuntimeError) as e:  # without a network, or of a file that was cut short
            raise SpatialGANError(
                f"the weights of Mask R-CNN cannot be had from {weights.url} ({e}); try again with a connection"
            ) from None
        self._model = model.eval().requires_grad_(False).to(self.device)
        self.weights_hash = file_hash(Path(torch.hub.get_dir()) / "checkpoints" / Path(weights.url).name)

    @torch.no_grad()
    def __call__(self, images: Tensor) -> list[list[Instance]]:
        """uint8 pictures ``(B, 3, H, W)``, or grey ones => the objects of each, the surest first; masks may overlap."""
        found = []
        for image in self._floats(images):
            (detected,) = self._model([image])
            masks = detected["masks"][:, 0] > 0.5  # (n, H, W), from probabilities
            keep = (detected["scores"] >= self.min_score) & masks.any(dim=(1, 2))
            masks, scores, labels = masks[keep], detected["scores"][keep].tolist(), detected["labels"][keep].tolist()
            features = self._features(image, masks)
            found.append(
                [
                    Instance(mask.cpu(), self._labels[label], score, feature)
                    for mask, label, score, feature in zip(masks, labels, scores, features, strict=True)
                ]
            )
        return found

    @torch.no_grad()
    def features(self, images: Tensor, masks: list[Tensor]) -> list[Tensor]:
        """What given regions look like; see :meth:`Segmenter.features`."""
        return [self._features(image, m.to(self.device)) for image, m in zip(self._floats(images), masks, strict=True)]

    def _floats(self, images: Tensor) -> Tensor:
        """float32, 0..1, which is what torchvision's detectors take; they normalise and enlarge inside."""
        return rgb(images).to(self.device).float() / 255

    def _features(self, image: Tensor, masks: Tensor) -> Tensor:
        enlarged, _ = self._model.transform([image])
        height, width = enlarged.image_sizes[0]  # of the picture; to its right and below it is padded to whole strides
        levels = self._model.backbone(enlarged.tensors)
        maps = []
        for name in self.feature_levels:
            level = levels[name][0]  # (C, h, w)
            rows = max(1, round(level.shape[1] * height / enlarged.tensors.shape[2]))
            columns = max(1, round(level.shape[2] * width / enlarged.tensors.shape[3]))
            maps.append(level[:, :rows, :columns])
        return pooled_features(maps, masks)


# ---------------------------------------------------------------- files


def bundled_segmenters() -> dict[str, Path]:
    """The weights that come with the package, by name. They lie apart from the generators, in a folder of their own."""
    folder = Path(str(files("spatialgan"))) / "zoo" / "segmenters"
    return {path.stem: path for path in sorted(folder.glob(f"*{WEIGHTS}"))}


def segmenter_of(model_card: dict[str, Any]) -> str | None:
    """The bundled segmenter that learned from the data set that a model was trained on, by the set's name."""
    own = {name: _read_card(path)[1].get("data") for name, path in bundled_segmenters().items()}
    return next((name for name, data in own.items() if data and data == model_card.get("data_set")), None)


def save_segmenter(path: Path, network: SegmenterNetwork, classes: Classes, card: dict[str, Any]) -> None:
    """Write ``PATH.safetensors``, in float16, and ``PATH.json`` beside it."""
    path = user_path(path)
    check_segmenter_path(path)
    save_weights(network, path, torch.float16)
    text = {
        "format_version": FORMAT_VERSION,
        "kind": "segmenter",
        "weights_sha256": file_hash(path),
        "classes": asdict(classes),
        "card": card,
    }
    write_atomically(path.with_suffix(CARD), lambda p: p.write_text(json.dumps(text, indent=1) + "\n"))


def load_segmenter(path: Path) -> tuple[SegmenterNetwork, Classes, dict[str, Any]]:
    """The network, its classes and its card; raises SpatialGANError naming the file."""
    classes, card = _read_card(path)
    return load_network(lambda: SegmenterNetwork(classes), path), classes, card


def check_segmenter_path(path: Path) -> None:
    """Raise SpatialGANError for a name that no segmenter may be written to."""
    if path.suffix != WEIGHTS:
        raise SpatialGANError(f"{path}: a segmenter's file ends in {WEIGHTS}; give such a name")


def _read_card(path: Path) -> tuple[Classes, dict[str, Any]]:
    if not path.is_file() or path.suffix != WEIGHTS:
        raise SpatialGANError(f"{path} is not a segmenter; give the {WEIGHTS} file that `eval train-segmenter` wrote")
    beside = path.with_suffix(CARD)
    data = read_json(beside)
    if not isinstance(data, dict) or data.get("kind") != "segmenter" or data.get("format_version") != FORMAT_VERSION:
        raise SpatialGANError(f"{beside} does not describe a segmenter of format_version {FORMAT_VERSION}")
    if data.get("weights_sha256") != file_hash(path):
        raise SpatialGANError(
            f"{path} is not the file that {beside.name} describes (weights_sha256); "
            "copy both anew from where they come from"
        )
    try:
        objects, surroundings = (tuple(str(n) for n in data["classes"][k]) for k in ("objects", "surroundings"))
    except (KeyError, TypeError):
        raise SpatialGANError(f"{beside}: classes must hold the lists objects and surroundings") from None
    if NONE not in surroundings:
        raise SpatialGANError(
            f"{beside}: the surroundings are {', '.join(surroundings)}; one of them must be {NONE}, "
            "the class of pixels with no object"
        )
    return Classes(objects, surroundings), data.get("card", {})
