"""One training step: G, then D, as StyleGAN2 takes them, with the alignment loss in G's."""

from dataclasses import dataclass

import torch
from torch import Tensor

from spatialgan.attention import attention_maps
from spatialgan.config import RunConfig
from spatialgan.heatmaps import resize_maps
from spatialgan.layout import Layout
from spatialgan.networks.discriminators import DiscriminatorOutput
from spatialgan.networks.generator import sample_noise, sample_z
from spatialgan.sampling import sample_layout
from spatialgan.streams import random_stream
from spatialgan.training.aids.places import place_loss
from spatialgan.training.aids.reconstruction import Known, known_layout, reconstruct
from spatialgan.training.diffaugment import Augmentation, augment, draw_augmentation, shift_images, visible_pixels
from spatialgan.training.ema import ema_decay, update_ema
from spatialgan.training.losses import (
    alignment_loss,
    attention_iou,
    discriminator_loss,
    generator_loss,
    multi_alignment_loss,
    path_length_penalty,
    r1_penalty,
)
from spatialgan.training.trainee import Trainee

W_MEAN_SHARE = 0.002  # of each batch in the running mean of w, which truncation uses
PATH_MEAN_SHARE = 0.01  # of each batch in the running mean of path lengths
PATH_BATCH_SHARE = 2  # path-length regularisation runs on 1 / this of the batch, as in StyleGAN2


def step_generator(seed: int, num_images_seen: int, device: torch.device, rank: int = 0) -> torch.Generator:
    """The source of everything random in one step: a function of the run's seed, its position and the process."""
    process = f" of process {rank}" if rank > 0 else ""
    return random_stream(seed, f"training step at image {num_images_seen}{process}", device)


def training_step(t: Trainee, reals: Tensor, known: Known | None = None) -> dict[str, Tensor]:
    """One G step and one D step; with ``aids.reconstruct_kimg``, at first one G step of reconstruction alone.

    Args:
        t: changed in place; ``num_images_seen`` grows by the batch.
        reals: (B, C, R, R) in -1..1, on the trainee's device; of several processes, this one's share of the batch.
        known: the same pictures with their codes; needed where ``RunConfig.needs_codes_at`` says so.

    Returns:
        scalars for the record, by name, means over all processes; ``loss/...`` are the terms of the losses.
    """
    random = step_generator(t.config.train.seed, t.num_images_seen, t.device, t.workers.rank)
    assert known is not None or not t.config.needs_codes_at(t.num_images_seen)
    if t.config.reconstructs_at(t.num_images_seen):
        assert known is not None
        stats = reconstruction_step(t, known, random)
    else:
        t.r_optimizer = t.comparison = None  # of no more use, and take memory
        stats = adversarial_step(t, reals, random, known)
    t.workers.average([*stats.values(), t.path_mean, t.generator.mapping.w_mean])
    t.num_images_seen += t.config.train.batch_size
    decay = ema_decay(
        t.config.train.batch_size,
        t.num_images_seen,
        half_life_kimg=t.config.train.ema_half_life_kimg,
        rampup=t.config.train.ema_rampup,
    )
    update_ema(t.ema, t.generator, decay)
    return stats


def adversarial_step(
    t: Trainee, reals: Tensor, random: torch.Generator, known: Known | None = None
) -> dict[str, Tensor]:
    """One G step and one D step, with the regularisation that is due; ``known`` is for the head that sees places."""
    config = t.config
    step = t.num_images_seen // config.train.batch_size
    stats, drawn = generator_step(t, random)
    if config.loss.path_length_weight and step % config.loss.path_length_interval == 0:
        stats |= path_length_step(t, random)
    stats |= discriminator_step(t, reals, random, fakes=drawn if config.aids.reuse_pictures else None, known=known)
    if config.loss.r1_gamma and step % config.loss.r1_interval == 0:
        stats |= r1_step(t, reals, random)
    return stats


@dataclass(frozen=True)
class Term:
    """A term of G's loss."""

    name: str
    """For the record."""
    weight: float
    value: Tensor
    """A scalar, with its graph."""


def generator_step(t: Trainee, random: torch.Generator) -> tuple[dict[str, Tensor], Tensor]:
    """Make pictures, look at them through D once, and follow both its verdict and its attention.

    Returns:
        scalars for the record, and the pictures (B, C, R, R), without a graph.
    """
    micro = t.micro_batch
    count = t.batch_size // micro
    parts, drawn = [], []
    for p in t.d_parameters:
        p.requires_grad_(False)  # D is not updated here [paper]: its weights' gradients would be work for nothing
    t.g_optimizer.zero_grad(set_to_none=True)
    for _ in range(count):
        layout, images = draw_pictures(t, micro, random, update_w_mean=True)
        terms, seen = generator_terms(t, layout, images, random)
        total = sum((term.weight * term.value for term in terms), start=torch.zeros((), device=t.device))
        (total / count).backward()
        parts.append({term.name: term.value.detach() for term in terms} | seen)
        drawn.append(images.detach())
    t.workers.step(t.g_optimizer)
    for p in t.d_parameters:
        p.requires_grad_(True)
    return _means(parts), torch.cat(drawn)


def generator_terms(
    t: Trainee, layout: Layout, images: Tensor, random: torch.Generator
) -> tuple[list[Term], dict[str, Tensor]]:
    """The terms of G's loss, and scalars for the record.

    Args:
        t: who asks.
        layout: of the pictures.
        images: (B, C, R, R), drawn from it.
        random: for augmentation.
    """
    loss, a = t.config.loss, draw(t.config, len(images), random)
    seen_by_d = augment(images, a)  # in float32, as in D's step
    with autocast(t):
        output = t.discriminator(seen_by_d)
    terms, seen = [Term("loss/G", 1.0, generator_loss(output.logits, loss.adversarial))], {}
    if loss.align != "none":
        value, seen = align(t.config, output, layout, a)
        terms.append(Term("loss/align", loss.align_weight, value))
    if t.places is not None:
        with autocast(t):
            seen_places = t.places(output.scales)
        value = place_loss(seen_places, layout, a, t.config.model.resolution)
        terms.append(Term("loss/places", t.config.aids.place_weight, value))
    return terms, seen


def align(
    config: RunConfig, output: DiscriminatorOutput, layout: Layout, a: Augmentation
) -> tuple[Tensor, dict[str, Tensor]]:
    """The alignment loss summed over levels; by level, attention's overlap with the heatmap and share of empty maps.

    D's attention is that of the augmented picture: heatmaps move with it, and what G did not draw does not count.
    """
    loss, size = config.loss, config.model.resolution
    total, stats = torch.zeros((), device=output.logits.device, dtype=torch.float32), {}
    heatmaps: dict[int, Tensor] = {}
    visible = visible_pixels(a, output.logits.shape[0], size)
    attention = attention_maps(output, levels=loss.align_levels, form=loss.attention, sign=loss.attention_sign)
    for level, coarse in attention.items():
        seen = resize_maps(coarse, size)
        source = min(level, len(layout.levels) - 1)  # multi-object layouts have one level for all
        if source not in heatmaps:
            complete = layout.level_map(source, size)[:, None]  # (B, 1, R, R)
            maps = [complete, layout.heatmaps(source, size)] if loss.align == "multi" else [complete]
            candidates = torch.cat(maps, dim=1)
            heatmaps[source] = candidates if a.shift_px is None else shift_images(candidates, a.shift_px)
        candidates = heatmaps[source]
        if loss.align == "multi":
            term = multi_alignment_loss(seen, candidates, tau=loss.align_tau, mean=loss.align_mean, visible=visible)
        else:
            term = alignment_loss(seen, candidates[:, 0], tau=loss.align_tau, mean=loss.align_mean, visible=visible)
        total = total + term
        with torch.no_grad():
            stats[f"iou/level{level}"] = attention_iou(seen, candidates[:, 0])
            stats[f"empty/level{level}"] = (seen.amax(dim=(1, 2)) == 0).float().mean()
    return total, stats


def path_length_step(t: Trainee, random: torch.Generator) -> dict[str, Tensor]:
    """StyleGAN2's lazy path-length regularisation, in float32, on a part of the batch."""
    config = t.config
    batch = max(1, t.batch_size // PATH_BATCH_SHARE)
    micro = min(batch, config.train.micro_batch or batch)
    num_parts = batch // micro
    weight = config.loss.path_length_weight * config.loss.path_length_interval / num_parts
    penalties = []
    t.g_optimizer.zero_grad(set_to_none=True)
    for _ in range(num_parts):
        ws, layout, noise = draw_ws(t, micro, random)
        images = t.generator.synthesize(ws, layout, noise).image
        y = torch.randn(images.shape, generator=random, device=t.device, dtype=torch.float32)
        penalty, mean = path_length_penalty(images, ws, t.path_mean, y, decay=PATH_MEAN_SHARE / num_parts)
        (penalty * weight).backward()
        t.path_mean.copy_(mean.detach())
        penalties.append(penalty.detach())
    t.workers.step(t.g_optimizer)
    return {"loss/path": torch.stack(penalties).mean()}


def discriminator_step(
    t: Trainee, reals: Tensor, random: torch.Generator, *, fakes: Tensor | None = None, known: Known | None = None
) -> dict[str, Tensor]:
    """Tell ``reals`` (B, C, R, R) from generated pictures: ``fakes``, or new ones. Where there is a head for places, it
    learns those of the reals, which are ``known``."""
    micro = t.micro_batch
    chunks = reals.split(micro)
    parts = []
    t.d_optimizer.zero_grad(set_to_none=True)
    for i, chunk in enumerate(chunks):
        with torch.no_grad():
            images = draw_pictures(t, micro, random)[1] if fakes is None else fakes[i * micro : (i + 1) * micro]
        a, b = draw(t.config, micro, random), draw(t.config, micro, random)
        with autocast(t):
            fake, real, scales = verdicts(t, augment(images, a), augment(chunk, b))  # augmented in float32
            seen_places = None if t.places is None else t.places(scales)
        loss = discriminator_loss(real, fake, t.config.loss.adversarial)
        part = {"loss/D": loss.detach(), "D/real": real.detach().mean(), "D/fake": fake.detach().mean()}
        if seen_places is not None:
            assert known is not None
            its = known[i * micro : (i + 1) * micro]
            layout = known_layout(t.config.model, its.centers_xy, its.stds, random)
            value = place_loss(seen_places, layout, b, t.config.model.resolution)
            loss, part = loss + value, part | {"D/places": value.detach()}
        (loss / len(chunks)).backward()
        parts.append(part)
    t.workers.step(t.d_optimizer)
    return _means(parts)


def verdicts(t: Trainee, fakes: Tensor, reals: Tensor) -> tuple[Tensor, Tensor, tuple[Tensor, ...]]:
    """D's logits (B, N) of generated and of real pictures (B, C, R, R), and its scales of the real ones: those of two
    passes in one, an eighth faster.

    D's minibatch statistic groups pictures at equal intervals in the batch. Both kinds take turns, so that each group
    is of one kind; where the batch is no multiple of a group, which a larger batch would then change, there are two
    passes.
    """
    groups = (t.config.model.minibatch_std_group, -1)
    if len(fakes) % groups[0] != 0:
        fake, real = t.discriminator(fakes), t.discriminator(reals)
        return fake.logits, real.logits, real.scales
    both = torch.stack([x.unflatten(0, groups) for x in (fakes, reals)], dim=1)  # (g, 2, B / g, C, R, R)
    output = t.discriminator(both.flatten(0, 2))

    def of_kind(x: Tensor, kind: int) -> Tensor:
        return x.unflatten(0, both.shape[:3])[:, kind].flatten(0, 1)

    return of_kind(output.logits, 0), of_kind(output.logits, 1), tuple(of_kind(m, 1) for m in output.scales)


def r1_step(t: Trainee, reals: Tensor, random: torch.Generator) -> dict[str, Tensor]:
    """R1 on ``reals`` (B, C, R, R), lazily: a step of its own, with the weight of the steps from one to the next."""
    loss, chunks = t.config.loss, reals.split(t.micro_batch)
    parts = []
    t.d_optimizer.zero_grad(set_to_none=True)
    for chunk in chunks:
        images = augment(chunk, draw(t.config, len(chunk), random))
        penalty = r1_penalty(t.discriminator.regularized, images) * (loss.r1_gamma / 2)
        (penalty * loss.r1_interval / len(chunks)).backward()
        parts.append({"loss/R1": penalty.detach()})
    t.workers.step(t.d_optimizer)
    return _means(parts)


def reconstruction_step(t: Trainee, known: Known, random: torch.Generator) -> dict[str, Tensor]:
    """One step of G towards pictures that it knows how to draw; an aid, see :class:`AidsConfig`."""
    starts = range(0, t.batch_size, t.micro_batch)
    optimizer, network, parts = t.r_optimizer, t.comparison, []
    assert optimizer is not None and network is not None  # they are there until the last of these steps
    optimizer.zero_grad(set_to_none=True)
    for start in starts:
        with autocast(t):
            value, ws = reconstruct(t.generator, network, known[start : start + t.micro_batch], random)
        t.generator.mapping.follow_mean(ws[:, 0], W_MEAN_SHARE)
        (value / len(starts)).backward()
        parts.append({"loss/reconstruct": value.detach()})
    t.workers.step(optimizer)
    return _means(parts)


def _means(parts: list[dict[str, Tensor]]) -> dict[str, Tensor]:
    return {name: torch.stack([p[name] for p in parts]).mean() for name in parts[0]}


def draw_ws(t: Trainee, batch: int, random: torch.Generator) -> tuple[Tensor, Layout, tuple[Tensor, ...]]:
    """w (B, num_ws, S, w_dim), layout and noise of ``batch`` new pictures."""
    model, mixing = t.config.model, t.config.loss.style_mixing
    layout = sample_layout(model, batch, random)
    z, noise = sample_z(model, batch, random), sample_noise(model, batch, random)
    ws = t.generator.ws(z, layout)
    if mixing > 0:
        ws = mix_styles(ws, t.generator.ws(sample_z(model, batch, random), layout), mixing, random)
    return ws, layout, noise


def draw_pictures(
    t: Trainee, batch: int, random: torch.Generator, *, update_w_mean: bool = False
) -> tuple[Layout, Tensor]:
    """Generated pictures (B, C, R, R) in float32, and the layouts that went in."""
    with autocast(t):
        ws, layout, noise = draw_ws(t, batch, random)
        images = t.generator.synthesize(ws, layout, noise).image
    if update_w_mean:
        t.generator.mapping.follow_mean(ws[:, 0], W_MEAN_SHARE)
    return layout, images


def mix_styles(ws: Tensor, others: Tensor, probability: float, random: torch.Generator) -> Tensor:
    """With ``probability``, a picture takes the w of ``others`` (B, L, S, D) from a random layer on."""
    b, num_ws = ws.shape[:2]
    first = torch.randint(1, num_ws, (b, 1), generator=random, device=ws.device)
    mixed = torch.rand(b, 1, generator=random, device=ws.device, dtype=torch.float32) < probability
    foreign = mixed & (torch.arange(num_ws, device=ws.device) >= first)  # (B, L)
    return torch.where(foreign[:, :, None, None], others, ws)


def draw(config: RunConfig, batch: int, random: torch.Generator) -> Augmentation:
    """Augmentation parameters as configured; an empty draw leaves pictures as they are."""
    policy = config.train.augment_policy if config.train.augment == "diffaug" else ()
    return draw_augmentation(policy, batch, config.model.resolution, random)


def autocast(t: Trainee) -> torch.autocast:
    return torch.autocast(t.device.type, dtype=torch.bfloat16, enabled=t.config.train.precision == "bfloat16")
