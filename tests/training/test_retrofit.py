"""A plain StyleGAN2 that learns to read heatmaps: its pictures, what learns, the whole run, what is refused."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tiny_run import tiny_config
from typer.testing import CliRunner

from spatialgan.api import SpatialGAN
from spatialgan.cli.commands import app
from spatialgan.config import AidsConfig, ModelConfig, RunConfig
from spatialgan.errors import SpatialGANError
from spatialgan.model import save_model
from spatialgan.networks.discriminators.residual import ResidualDiscriminator
from spatialgan.networks.generator import Generator, sample_noise, sample_z
from spatialgan.sampling import sample_layout
from spatialgan.streams import random_stream
from spatialgan.training.growing import load_or_grow
from spatialgan.training.presets import preset
from spatialgan.training.retrofit import READERS, with_architecture_of
from spatialgan.training.step import training_step
from spatialgan.training.trainee import make_trainee

PLAIN = tiny_config(loss={"align": "none"})
PLAIN = replace(PLAIN, model=replace(PLAIN.model, encoding="none"))
KINDS = {"retrofit-single": "norm", "retrofit-indoor": "multi"}
SMALL = ("train.batch_size=4", "train.precision=float32", "loss.r1_gamma=0.1", "model.minibatch_std_group=4")


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    g, d = Generator(PLAIN.model), ResidualDiscriminator(PLAIN.model)
    for p in g.parameters():
        p.data += 0.1 * torch.randn_like(p)  # noise and biases, too, which start at 0
    return save_model(tmp_path / "plain", PLAIN, g, d, card={}, dtype=torch.float32)


def retrofit_config(name: str, source: Path) -> RunConfig:
    config = with_architecture_of(preset(name), source)
    small = replace(config.train, batch_size=4, precision="float32")
    return replace(config, model=replace(config.model, minibatch_std_group=4), train=small, aids=AidsConfig())


@pytest.mark.parametrize("name", KINDS)
def test_pictures_are_the_plain_models_whatever_the_heatmaps(plain: Path, name: str):
    config = retrofit_config(name, plain)
    assert config.model.encoding == KINDS[name] and config.model.channel_base == PLAIN.model.channel_base
    g, d = Generator(config.model), ResidualDiscriminator(config.model)
    load_or_grow(config, g, d, plain)
    random = random_stream(0, "test")
    z, noise = sample_z(config.model, 3, random), sample_noise(config.model, 3, random)
    source = SpatialGAN.from_pretrained(plain)
    with torch.no_grad():
        expected = source.generator(z[:, -1:], sample_layout(PLAIN.model, 3, random), noise).image
        for _ in range(2):
            image = g(z, sample_layout(config.model, 3, random), noise).image
            torch.testing.assert_close(image, expected, rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(d(image).logits, source.discriminator(image).logits)


@pytest.mark.parametrize("name", KINDS)
def test_heatmaps_matter_after_a_few_steps(plain: Path, name: str):
    config = retrofit_config(name, plain)
    t = make_trainee(config, torch.device("cpu"))
    load_or_grow(config, t.generator, t.discriminator, plain)
    for _ in range(3):
        training_step(t, torch.rand(4, 3, 32, 32) * 2 - 1)
    random = random_stream(0, "test")
    z = sample_z(config.model, 2, random)
    with torch.no_grad():
        a, b = (t.generator(z, sample_layout(config.model, 2, random), None).image for _ in range(2))
    assert float((a - b).abs().mean()) > 1e-4


@pytest.mark.parametrize("name", KINDS)
def test_every_reader_of_heatmaps_learns(plain: Path, name: str):
    config = retrofit_config(name, plain)
    t = make_trainee(config, torch.device("cpu"))
    load_or_grow(config, t.generator, t.discriminator, plain)
    new = [(n, p) for n, p in t.generator.named_parameters() if any(reader in n for reader in READERS)]
    before = [p.detach().clone() for _, p in new]
    for _ in range(2):  # in the first, what comes before the residual's convolution is still silent
        training_step(t, torch.rand(4, 3, 32, 32) * 2 - 1)
    assert new
    for old, (weight, p) in zip(before, new, strict=True):
        assert (p != old).float().mean() > 0.5, weight


@pytest.mark.parametrize("name", KINDS)
def test_the_whole_run(plain: Path, pictures: Path, tmp_path: Path, monkeypatch, name: str):
    run = tmp_path / "run"
    words = ["train", "--preset", name, "--init-from", str(plain), "--data", str(pictures)]
    reconstruct = ("aids.reconstruct_kimg=0.004",) if name == "retrofit-indoor" else ()
    words += [word for s in (*SMALL, *reconstruct) for word in ("--set", s)]
    words += ["--out", str(run), "--kimg", "0.008", "--device", "cpu"]
    assert CliRunner().invoke(app, words).exit_code == 0
    plain.unlink()  # the same command again finds that it is done, and needs no source
    monkeypatch.setenv("HOME", str(tmp_path))
    for again in (words, [w for w in words if w not in ("--init-from", str(plain))]):
        result = CliRunner().invoke(app, ["~/run" if w == str(run) else w for w in again])
        assert result.exit_code == 0, result.output
    stored = json.loads((run / "config.json").read_text())
    stored = stored.get("config", stored)["model"]
    assert stored["encoding"] == KINDS[name] and stored["resolution"] == 32 and stored["w_dim"] == PLAIN.model.w_dim
    scene = SpatialGAN.from_pretrained(run).sample(seed=0)
    assert scene.layout.has_centers and not torch.equal(scene.tensor, scene.move(0, dx=0.2).tensor)


def test_truncation_leaves_objects_what_they_have_besides():
    config = replace(PLAIN.model, layout="multi", encoding="multi", styles="learned")
    generator = Generator(config)
    mapping = generator.mapping
    assert mapping.object is not None and mapping.apart is not None
    mapping.object.data.fill_(3.0)
    mapping.apart.data.fill_(1.0)
    w = mapping(torch.randn(4000, config.num_styles, config.z_dim))
    mapping.follow_mean(w, 1.0)
    far = (w.mean(dim=0) - mapping.means()).abs().amax(dim=1)  # of each style's own mean
    assert far.shape == (config.num_styles,) and far.max() < 0.2
    z, layout = torch.randn(2, config.num_styles, config.z_dim), sample_layout(config, 2, random_stream(0, "test"))
    with torch.no_grad():
        truncated = generator.ws(z, layout, truncation=0.0)[:, 0]
    torch.testing.assert_close(truncated, mapping.means().expand(2, -1, -1))


def test_a_grey_one_does_without_reconstruction(tmp_path: Path):
    grey = RunConfig(model=replace(PLAIN.model, image_channels=1), loss=PLAIN.loss)
    source = save_model(tmp_path / "grey", grey, Generator(grey.model), None, card={})
    assert preset("retrofit-indoor").aids.reconstruct_kimg > 0
    assert with_architecture_of(preset("retrofit-indoor"), source).aids.reconstruct_kimg == 0


def refused(config: ModelConfig, source: Path) -> str:
    with pytest.raises(SpatialGANError) as error:
        load_or_grow(RunConfig(model=config), Generator(config), ResidualDiscriminator(config), source)
    return str(error.value)


def test_what_cannot_be_retrofitted_is_refused(plain: Path, tmp_path: Path):
    with pytest.raises(SpatialGANError, match="add --init-from with a plain StyleGAN2"):
        with_architecture_of(preset("retrofit-single"), None)
    model = retrofit_config("retrofit-single", plain).model
    assert refused(replace(model, w_dim=8), plain).endswith("add --set model.w_dim=16")
    assert "can enter it without a change" in refused(replace(model, encoding="concat"), plain)
    multi = retrofit_config("retrofit-indoor", plain).model
    assert "model.styles=learned" in refused(replace(multi, styles="own"), plain)
    assert "coordinates_max_resolution=0" in refused(replace(multi, coordinates_max_resolution=8), plain)
    alone = save_model(tmp_path / "alone", PLAIN, Generator(PLAIN.model), None, card={})
    assert "has no discriminator" in refused(model, alone)
    seeing = RunConfig(model=replace(PLAIN.model, encoding="norm"))
    steered = save_model(tmp_path / "steered", seeing, Generator(seeing.model), None, card={})
    with pytest.raises(SpatialGANError, match="reads heatmaps already"):
        with_architecture_of(preset("retrofit-single"), steered)


def test_the_discriminator_is_the_plain_models_too(tmp_path: Path):
    model = replace(PLAIN.model, discriminator="combined", projected_input=64)
    combined = RunConfig(model=model, loss=PLAIN.loss)
    source = save_model(tmp_path / "combined", combined, Generator(model), None, card={})
    found = with_architecture_of(preset("retrofit-single"), source).model
    assert (found.discriminator, found.projected_input) == ("combined", 64)
