from dataclasses import replace

import pytest
import torch
from tiny_run import tiny_config

from spatialgan.api import SpatialGAN
from spatialgan.errors import SpatialGANError
from spatialgan.model import save_model
from spatialgan.networks.discriminators import make_discriminator
from spatialgan.networks.discriminators.residual import ResidualDiscriminator
from spatialgan.networks.generator import Generator, sample_noise, sample_z
from spatialgan.networks.resample import downsample2, upsample2
from spatialgan.sampling import sample_layout
from spatialgan.streams import random_stream
from spatialgan.training.growing import grow_discriminator, grow_generator, load_or_grow
from spatialgan.training.loop import train
from spatialgan.training.step import training_step
from spatialgan.training.trainee import make_trainee

SMALL = tiny_config().model
LARGE = replace(SMALL, resolution=64, channel_base=512)
SMALL = replace(SMALL, channel_base=512)


def quiet(_):
    pass


@pytest.fixture(autouse=True)
def weights():
    torch.manual_seed(0)


def test_the_grown_generator_draws_the_same_pictures_upsampled():
    small, large = Generator(SMALL), Generator(LARGE)
    for p in small.parameters():  # noise and biases, too, which start at 0
        p.data += 0.1 * torch.randn_like(p)
    grow_generator(small, large)
    random = random_stream(0, "test")
    z, layout, noise = sample_z(LARGE, 3, random), sample_layout(LARGE, 3, random), sample_noise(LARGE, 3, random)
    with torch.no_grad():
        torch.testing.assert_close(large(z, layout, noise).image, upsample2(small(z, layout, noise[:-2]).image))


@pytest.mark.parametrize("channels", [1, 3])
def test_the_grown_discriminator_judges_pictures_as_the_small_one_judges_them_downsampled(channels):
    small = ResidualDiscriminator(replace(SMALL, image_channels=channels))
    large = ResidualDiscriminator(replace(LARGE, image_channels=channels))
    for p in small.parameters():
        p.data += 0.1 * torch.randn_like(p)
    grow_discriminator(small, large)
    images = torch.rand(4, channels, 64, 64) * 2 - 1
    with torch.no_grad():
        a, b = small(downsample2(images)), large(images)
    torch.testing.assert_close(a.logits, b.logits, rtol=1e-4, atol=1e-5)
    for size in (4, 8, 16):
        torch.testing.assert_close(a.features[size], b.features[size], rtol=1e-4, atol=1e-5)


def test_all_of_the_new_block_learns(tmp_path):
    config = replace(tiny_config(loss={"r1_gamma": 0.0}), model=LARGE)
    small = replace(config, model=SMALL)
    save_model(tmp_path / "small", small, Generator(SMALL), ResidualDiscriminator(SMALL), card={})
    t = make_trainee(config, torch.device("cpu"))
    load_or_grow(config, t.generator, t.discriminator, tmp_path / "small.safetensors")
    new = [*t.generator.blocks[-1].named_parameters(), *t.discriminator.blocks[0].named_parameters()]
    before = [p.detach().clone() for _, p in new]
    for _ in range(2):  # in the first, what follows is still silent
        training_step(t, torch.rand(4, 3, 64, 64) * 2 - 1)
    for old, (name, p) in zip(before, new, strict=True):
        assert (p != old).float().mean() > 0.5, name


def test_the_new_layers_come_from_the_seed_of_the_run(tmp_path):
    config = replace(tiny_config(), model=LARGE)
    small = replace(config, model=SMALL)
    save_model(tmp_path / "small", small, Generator(SMALL), ResidualDiscriminator(SMALL), card={})

    def grown(seed):
        torch.rand(seed + 1)  # wherever the global stream stands
        g, d = Generator(LARGE), ResidualDiscriminator(LARGE)
        load_or_grow(replace(config, train=replace(config.train, seed=seed)), g, d, tmp_path / "small.safetensors")
        return torch.cat([p.flatten() for n in (g, d) for p in n.state_dict().values()])

    assert torch.equal(grown(0), grown(0)) and not torch.equal(grown(0), grown(1))


def test_two_steps_at_once(tmp_path):
    config = replace(tiny_config(), model=replace(LARGE, resolution=128, channel_base=1024))
    small = replace(config, model=replace(config.model, resolution=32))
    g, d = Generator(small.model), ResidualDiscriminator(small.model)
    save_model(tmp_path / "small", small, g, d, card={}, dtype=torch.float32)
    large_g, large_d = Generator(config.model), ResidualDiscriminator(config.model)
    load_or_grow(config, large_g, large_d, tmp_path / "small.safetensors")
    images = torch.rand(4, 3, 128, 128) * 2 - 1
    with torch.no_grad():
        torch.testing.assert_close(
            large_d(images).logits, d(downsample2(downsample2(images))).logits, rtol=1e-4, atol=1e-5
        )


def test_a_run_starts_from_a_smaller_one(tmp_path, pictures):
    config = replace(tiny_config(train={"kimg": 0.004, "g_lr": 1e-12}), model=SMALL)
    train(config, data=pictures, out=tmp_path / "small", device="cpu", report=quiet)
    train(
        replace(config, model=LARGE),
        data=pictures,
        out=tmp_path / "large",
        device="cpu",
        init_from=str(tmp_path / "small"),
        report=quiet,
    )
    small, large = (SpatialGAN.from_pretrained(tmp_path / n) for n in ("small", "large"))
    random = random_stream(0, "test")
    z, layout = sample_z(LARGE, 2, random), sample_layout(LARGE, 2, random)
    torch.testing.assert_close(large.generate(z, layout), upsample2(small.generate(z, layout)), atol=0.02, rtol=0)


def test_what_cannot_be_grown_is_refused(tmp_path):
    config = replace(tiny_config(), model=LARGE)
    small = replace(config, model=SMALL)
    save_model(tmp_path / "large", config, Generator(LARGE), None, card={})
    save_model(tmp_path / "alone", small, Generator(SMALL), None, card={})
    other = replace(SMALL, channel_max=8)
    save_model(tmp_path / "other", replace(small, model=other), Generator(other), ResidualDiscriminator(other), card={})
    with pytest.raises(SpatialGANError, match="64 pixels; a run of 32 can start from a smaller"):
        load_or_grow(small, Generator(SMALL), ResidualDiscriminator(SMALL), tmp_path / "large.safetensors")
    with pytest.raises(SpatialGANError, match=r"alone\.discriminator\.safetensors is missing"):
        load_or_grow(config, Generator(LARGE), ResidualDiscriminator(LARGE), tmp_path / "alone.safetensors")
    with pytest.raises(SpatialGANError, match=r"add --set model\.channel_max=8$"):
        load_or_grow(config, Generator(LARGE), ResidualDiscriminator(LARGE), tmp_path / "other.safetensors")
    for changes, sentence in (
        ({"processing": "fine"}, "model.processing=fine heatmaps"),
        ({"processing": "release"}, "model.processing=release heatmaps"),
        ({"discriminator": "projected"}, "only models that were trained with model.disc"),
    ):
        loss = replace(config.loss, r1_gamma=0.0, adversarial="hinge")
        stored, run = (replace(config, model=replace(m, **changes), loss=loss) for m in (SMALL, LARGE))
        save_model(tmp_path / "kind", stored, Generator(SMALL), None, card={})
        with pytest.raises(SpatialGANError, match=sentence):
            load_or_grow(run, Generator(LARGE), ResidualDiscriminator(LARGE), tmp_path / "kind.safetensors")
    thin = replace(LARGE, channel_base=256)
    with pytest.raises(SpatialGANError, match=r"train both models with a larger model\.channel_base"):
        grow_discriminator(ResidualDiscriminator(replace(SMALL, channel_base=256)), ResidualDiscriminator(thin))


def test_a_model_of_the_releases_encoder_goes_on_at_its_own_size_alone(tmp_path):
    config = tiny_config(model={"processing": "release", "encoded_max_resolution": 32})
    old, new = Generator(config.model), Generator(config.model)
    save_model(tmp_path / "old", config, old, None, card={}, dtype=torch.float32)
    load_or_grow(config, new, ResidualDiscriminator(config.model), tmp_path / "old.safetensors")
    assert all(torch.equal(a, b) for a, b in zip(old.state_dict().values(), new.state_dict().values(), strict=True))
    fine = replace(config, model=replace(config.model, processing="fine"))
    with pytest.raises(SpatialGANError, match=r"add --set model\.processing=release$"):
        load_or_grow(fine, Generator(fine.model), ResidualDiscriminator(fine.model), tmp_path / "old.safetensors")


@pytest.mark.parametrize("size", ["its own", "smaller"])
def test_a_residual_discriminator_becomes_a_part_of_a_combined_one(tmp_path, size):
    source = LARGE if size == "its own" else SMALL
    config = replace(tiny_config(), model=source)
    old = ResidualDiscriminator(source)
    save_model(tmp_path / "old", config, Generator(source), old, card={}, dtype=torch.float32)
    run = replace(config, model=replace(LARGE, discriminator="combined"))
    new = make_discriminator(run.model)
    heads = {k: v.clone() for k, v in new.projected.state_dict().items()}
    load_or_grow(run, Generator(run.model), new, tmp_path / "old.safetensors")
    images = torch.rand(4, 3, 64, 64) * 2 - 1
    if size == "its own":
        torch.testing.assert_close(new.residual(images).logits, old(images).logits)
    else:
        grown = ResidualDiscriminator(LARGE)
        load_or_grow(replace(run, model=LARGE), Generator(LARGE), grown, tmp_path / "old.safetensors")
        torch.testing.assert_close(new.residual(images).logits, grown(images).logits)
    assert all(torch.equal(v, heads[k]) for k, v in new.projected.state_dict().items())


def test_of_a_combined_discriminator_the_residual_part_grows(tmp_path):
    config = replace(tiny_config(), model=replace(SMALL, discriminator="combined"))
    old = make_discriminator(config.model)
    old.calibrate(torch.rand(4, 3, 32, 32) * 2 - 1)
    save_model(tmp_path / "old", config, Generator(SMALL), old, card={}, dtype=torch.float32)
    run = replace(config, model=replace(LARGE, discriminator="combined"))
    new = make_discriminator(run.model)
    new.calibrate(torch.rand(4, 3, 64, 64) * 2 - 1)
    load_or_grow(run, Generator(run.model), new, tmp_path / "old.safetensors")
    images = torch.rand(4, 3, 64, 64) * 2 - 1
    with torch.no_grad():
        a, b = new.residual(images).logits, old.residual(downsample2(images)).logits
    torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)
    assert all(torch.equal(v, old.projected.state_dict()[k]) for k, v in new.projected.state_dict().items())


@pytest.mark.parametrize("size", [SMALL, LARGE])
def test_a_run_may_start_from_a_model_with_constant_noise_without_having_it(size, tmp_path):
    config = tiny_config()
    stored = replace(config, model=replace(SMALL, noise="constant"))
    source = Generator(stored.model)
    discriminator = make_discriminator(stored.model)
    save_model(tmp_path / "m", stored, source, discriminator, card={}, dtype=torch.float32)
    for noise in ("random", "constant"):
        run = replace(config, model=replace(size, noise=noise))
        generator = Generator(run.model)
        load_or_grow(run, generator, make_discriminator(run.model), tmp_path / "m.safetensors")
        own = generator.state_dict()
        assert all(torch.equal(own[n], t) for n, t in source.state_dict().items() if noise == "constant" or n in own)
        assert (generator.noise is not None) == (noise == "constant")


def test_a_run_with_constant_noise_may_start_from_a_model_without(tmp_path):
    config = replace(tiny_config(), model=SMALL)
    save_model(tmp_path / "m", config, Generator(SMALL), make_discriminator(SMALL), card={}, dtype=torch.float32)
    run = replace(config, model=replace(SMALL, noise="constant"))
    generator = Generator(run.model)
    before = generator.noise()[0].clone()
    load_or_grow(run, generator, make_discriminator(run.model), tmp_path / "m.safetensors")
    assert torch.equal(generator.noise()[0], before)
