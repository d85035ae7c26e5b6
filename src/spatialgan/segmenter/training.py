"""Training of the bundled kind of segmenter on pictures with exact instance masks.

Shapes: N images, B in a batch, h = w = INPUT_SIZE / STRIDE.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from spatialgan.data.decoding import in_threads
from spatialgan.data.images import epoch_indices, to_float
from spatialgan.data.instances import STRUCTURE, AnnotatedImage, ObjectDataset
from spatialgan.devices import move_to
from spatialgan.errors import SpatialGANError
from spatialgan.networks.digest import weights_digest
from spatialgan.segmenter.augmentation import PASTED, degrade, paste_objects, warp
from spatialgan.segmenter.network import BACKBONE_STRIDES, INPUT_SIZE, STRIDE, Classes, Heads, SegmenterNetwork
from spatialgan.segmenter.panoptic import NONE, UNKNOWN, Targets, make_targets
from spatialgan.streams import random_stream
from spatialgan.training.checkpoint import list_checkpoints, load_checkpoint, save_checkpoint
from spatialgan.training.stop_request import StopRequest
from spatialgan.vision.efficientnet_lite import load_imagenet

ALIASES = {"curtain": "window"}  # a curtain is a root object only where its window is out of sight
BACKBONE_LEARNING_RATE, LEARNING_RATE = 3e-4, 2e-3
RESTART_FACTOR = 0.5  # of both, where the training starts from a trained segmenter
WARMUP_SHARE = 0.03
STEPS_PER_CHECKPOINT = 250
CENTER_WEIGHT, OFFSET_WEIGHT = 0.5, 10.0
PRIOR_CORRECTION = 0.5
"""How much of the class weights is taken back at the end: they make rare classes learn, and spill over their edges.
Of 0, 0.5 and 1, 0.5 gave the best mIoU and AP on 120 training pictures."""


@dataclass(frozen=True, eq=False)
class TrainingSet:
    """Pictures and masks in memory."""

    classes: Classes
    images: Tensor
    """uint8 (N, 3, R, R)."""
    ids: Tensor
    """uint8 (N, R, R), numbered anew from 1 in each picture; 0 for none."""
    labels: Tensor
    """int64 (N, PASTED): index of the class of each id; id 0 has that of :data:`NONE`."""
    fingerprint: str
    """Of the set that they are from."""


def read_training_set(dataset: ObjectDataset, on_progress: Callable[[int, int], None] | None = None) -> TrainingSet:
    """Decode a set. Its classes are those that its objects have.

    Raises:
        SpatialGANError: a file is damaged, or there is no class of objects in the set.
    """
    found = {ALIASES.get(root.label, root.label) for roots in dataset.roots for root in roots.values()}
    objects = tuple(sorted(found - {*STRUCTURE, NONE}))
    if not objects:
        raise SpatialGANError(f"there are no objects in the set to learn from, only {', '.join(sorted(found)) or NONE}")
    classes = Classes(objects, (*STRUCTURE, NONE))
    index = {name: i for i, name in enumerate(classes.names)}
    n = dataset.num_images
    images = torch.empty(n, 3, INPUT_SIZE, INPUT_SIZE, dtype=torch.uint8)
    ids = torch.zeros(n, INPUT_SIZE, INPUT_SIZE, dtype=torch.uint8)
    labels = torch.full((n, PASTED), index[NONE])

    def read(row: int) -> AnnotatedImage:
        return dataset[row]

    for row, item in enumerate(in_threads(read, range(n), on_progress)):
        images[row] = item.image
        if len(item.objects) >= PASTED:
            raise SpatialGANError(f"{item.name} has {len(item.objects)} objects; at most {PASTED - 1} are allowed")
        for i, o in enumerate(item.objects, 1):
            ids[row][item.instances == o.id] = i
            labels[row, i] = index[ALIASES.get(o.label, o.label)]
    return TrainingSet(classes, images, ids, labels, dataset.fingerprint)


def class_weights(data: TrainingSet) -> Tensor:
    """Weight of each class in the semantic loss, ``(classes,)``: rare ones count more, but not in full measure."""
    rows = data.labels.gather(1, data.ids.flatten(1)[:, ::64].long())  # every 64th pixel is enough
    counts = torch.bincount(rows.flatten(), minlength=len(data.classes.names)).double()
    share = counts / counts.sum()
    weights = (share.clamp_min(5e-3)).rsqrt()
    return (weights / (weights * share).sum()).float()  # 1 on average over the pixels


def draw_batch(data: TrainingSet, start: int, count: int, seed: int) -> tuple[Tensor, Targets]:
    """The augmented batch that training shows at positions start..start+count-1, and its targets, stacked."""
    rows, _ = epoch_indices(start, count, num_images=len(data.images), seed=seed)
    stream = random_stream(seed, f"segmenter batch {start}")
    images, ids = to_float(data.images[rows]), data.ids[rows].long()
    labels = torch.cat([data.labels[rows], torch.full((count, PASTED), UNKNOWN)], dim=1)
    num_objects = len(data.classes.objects)
    images, ids, labels = paste_objects(images, ids, labels, num_objects, stream)
    images, ids = warp(images, ids, INPUT_SIZE // STRIDE, stream)
    targets = [make_targets(i, known, num_objects) for i, known in zip(ids, labels, strict=True)]
    stacked = (torch.stack([getattr(t, part) for t in targets]) for part in ("semantic", "centers", "offsets"))
    return degrade(images, stream), Targets(*stacked)


@dataclass(frozen=True)
class Losses:
    semantic: Tensor
    centers: Tensor
    offsets: Tensor

    @property
    def total(self) -> Tensor:
        return self.semantic + CENTER_WEIGHT * self.centers + OFFSET_WEIGHT * self.offsets


def segmentation_losses(heads: Heads, targets: Targets, weights: Tensor) -> Losses:
    """Cross entropy; focal loss of the centres (CenterNet, Zhou et al., 2019, Eq. 1); L1 of the offsets in objects."""
    semantic = F.cross_entropy(heads.semantic, targets.semantic, weights, ignore_index=UNKNOWN)
    is_center = targets.centers == 1
    log_p, log_not_p = F.logsigmoid(heads.centers), F.logsigmoid(-heads.centers)
    hit = (2 * log_not_p).exp() * log_p  # (1 - p)^2 log p
    miss = (1 - targets.centers) ** 4 * (2 * log_p).exp() * log_not_p
    centers = -torch.where(is_center, hit, miss).sum() / is_center.sum().clamp_min(1)
    inside = (targets.semantic >= 0) & (targets.semantic < targets.centers.shape[1])  # (B, h, w)
    distance = (heads.offsets - targets.offsets).abs().sum(dim=1)
    offsets = (distance * inside).sum() / inside.sum().clamp_min(1)
    return Losses(semantic, centers, offsets)


def learning_rate_factor(progress: float) -> float:
    """Of the highest learning rate, at ``progress`` 0..1: a short linear rise, then half a cosine down to 0."""
    if progress < WARMUP_SHARE:
        return (progress + 1e-3) / WARMUP_SHARE
    return 0.5 * (1 + math.cos(math.pi * (progress - WARMUP_SHARE) / (1 - WARMUP_SHARE)))


def train_segmenter(
    data: TrainingSet,
    *,
    num_images: int,
    batch: int = 16,
    seed: int = 0,
    start_from: SegmenterNetwork | None = None,
    device: torch.device | str = "cpu",
    checkpoints: Path | None = None,
    on_step: Callable[[int, Losses], None] | None = None,
) -> SegmenterNetwork:
    """Train a network; the same seed gives the same weights on the same machine.

    SIGINT, SIGTERM and SIGHUP end it after the step at hand, with a checkpoint.

    Args:
        data: what to learn from.
        num_images: shown in all.
        batch: shown in a step.
        seed: of the weights, the order and the augmentation.
        start_from: a trained network of the same classes, which is changed; one with a backbone of ImageNet by default.
        device: where to train.
        checkpoints: folder to keep the state of the training in; where it holds one, the training goes on from it.
        on_step: called after each step with (images shown, losses).

    Raises:
        SpatialGANError: the backbone's weights are not installed, the loss is not finite, or the checkpoint is of
            another training.
        KeyboardInterrupt: a signal ended it.
    """
    settings = {
        "num_images": num_images,
        "batch": batch,
        "seed": seed,
        "set_size": len(data.images),
        "data_fingerprint": data.fingerprint,
        "start_from": weights_digest(start_from) if start_from else "ImageNet",
    }
    weights = class_weights(data).to(device)
    network = start_from or _fresh_network(data, seed)
    highest = RESTART_FACTOR if start_from else 1.0
    if start_from:
        _shift_priors(network, weights, PRIOR_CORRECTION)
    move_to(network, device).train().requires_grad_(True)
    own = [p for n, p in network.named_parameters() if not n.startswith("backbone.")]
    groups = [
        {"params": list(network.backbone.parameters()), "highest": highest * BACKBONE_LEARNING_RATE},
        {"params": own, "highest": highest * LEARNING_RATE},
    ]
    optimizer = torch.optim.AdamW(groups, weight_decay=1e-2)
    first = 0 if checkpoints is None else _resume(checkpoints, network, optimizer, settings)
    with StopRequest() as stop:
        for start in range(first, num_images, batch):
            for group in optimizer.param_groups:
                group["lr"] = group["highest"] * learning_rate_factor(start / num_images)
            images, targets = draw_batch(data, start, min(batch, num_images - start), seed)
            targets = Targets(*(t.to(device) for t in (targets.semantic, targets.centers, targets.offsets)))
            losses = _step(network, images.to(device), targets, weights, optimizer)
            shown = start + len(images)
            if not math.isfinite(float(losses.total)):
                raise SpatialGANError(f"the loss is not finite after {start} images; train again with another --seed")
            if on_step is not None:
                on_step(shown, losses)
            stopping = stop.requested  # asked once: a signal that comes later takes one more step
            due = (start // batch) % STEPS_PER_CHECKPOINT == STEPS_PER_CHECKPOINT - 1
            if checkpoints is not None and (due or stopping):
                save_checkpoint(
                    checkpoints,
                    modules={"network": network},
                    optimizers={"adam": optimizer},
                    tensors={},
                    state={**settings, "num_images_seen": shown},
                )
            if stopping:
                raise KeyboardInterrupt
    _shift_priors(network, weights, -PRIOR_CORRECTION)
    return network.eval().requires_grad_(False)


def _fresh_network(data: TrainingSet, seed: int) -> SegmenterNetwork:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return SegmenterNetwork(data.classes, load_imagenet("lite0", strides=BACKBONE_STRIDES))


@torch.no_grad()
def _shift_priors(network: SegmenterNetwork, weights: Tensor, share: float) -> None:
    bias = network.semantic.get_parameter("bias")
    bias += share * weights.log().to(bias.device)


def _resume(
    checkpoints: Path, network: SegmenterNetwork, optimizer: torch.optim.Optimizer, settings: dict[str, Any]
) -> int:
    """Images that the newest checkpoint has seen, after loading it; 0 where there is none."""
    found = list_checkpoints(checkpoints)
    if not found:
        return 0
    state = load_checkpoint(found[-1], modules={"network": network}, optimizers={"adam": optimizer}, tensors={})
    different = [f"{k}={str(state.get(k))[:12]}" for k, v in settings.items() if state.get(k) != v]
    if different:
        raise SpatialGANError(
            f"{found[-1]} is of a training with {', '.join(different)}; use the same settings to go "
            "on, or remove that folder to start anew"
        )
    return state["num_images_seen"]


def _step(
    network: SegmenterNetwork, images: Tensor, targets: Targets, weights: Tensor, optimizer: torch.optim.Optimizer
) -> Losses:
    maps = network.backbone(images.contiguous(memory_format=torch.channels_last))
    # The backbone's depthwise convolutions are slower in bfloat16, the pyramid's dense ones are twice as fast.
    with torch.autocast(images.device.type, torch.bfloat16):
        heads = network.heads(maps)
    losses = segmentation_losses(heads, targets, weights)
    optimizer.zero_grad(set_to_none=True)
    losses.total.backward()
    nn.utils.clip_grad_norm_(network.parameters(), 5.0)
    optimizer.step()
    return Losses(*(loss.detach() for loss in (losses.semantic, losses.centers, losses.offsets)))
