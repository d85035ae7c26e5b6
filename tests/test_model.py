import json
import os
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from spatialgan.api import SpatialGAN, find_weights
from spatialgan.config import LossConfig, ModelConfig, RunConfig
from spatialgan.devices import choose_device
from spatialgan.editing.scene import Scene
from spatialgan.errors import SpatialGANError
from spatialgan.files import file_hash
from spatialgan.layout import Layout
from spatialgan.model import FORMAT_VERSION, OPENS_FIRST, add_to_card, bundled_models, read_card, save_model
from spatialgan.networks.discriminators import make_discriminator
from spatialgan.networks.generator import Generator, sample_noise, sample_z
from spatialgan.sampling import sample_layout

Tiny = Callable[..., ModelConfig]
INPUTS = tuple[torch.Tensor, object, tuple[torch.Tensor, ...]]


@pytest.fixture
def model(tiny: Tiny) -> SpatialGAN:
    config = RunConfig(model=tiny())
    g = Generator(config.model)
    with torch.no_grad():
        g.mapping.w_mean.normal_()
        for n, p in g.named_parameters():
            if n.endswith("noise_strength"):
                p.fill_(0.1)
    return SpatialGAN(config, g, make_discriminator(config.model), name="pets", card={"data": "drawn"})


def inputs(model: SpatialGAN, batch: int = 2, seed: int = 0) -> INPUTS:
    c, g = model.config.model, torch.Generator().manual_seed(seed)
    return sample_z(c, batch, g), sample_layout(c, batch, g), sample_noise(c, batch, g)


def edit_card(path: Path, **changes: object) -> None:
    card = path.with_suffix(".json")
    data = json.loads(card.read_text()) | changes
    data.pop("card_sha256", None)  # as the message says that who edits a card has to
    card.write_text(json.dumps(data))


# Files


def test_round_trip(model: SpatialGAN, tmp_path: Path):
    path = model.save(tmp_path / "pets")
    assert path == tmp_path / "pets.safetensors"
    loaded = SpatialGAN.from_pretrained(path, device="cpu")
    assert loaded.config == model.config
    assert loaded.card == {"data": "drawn"}
    assert loaded.name == "pets"
    assert loaded.weights_hash == file_hash(path)
    for a, b in ((model.generator, loaded.generator), (model.discriminator, loaded.discriminator)):
        theirs = b.state_dict()
        assert set(a.state_dict()) == set(theirs)
        for n, t in a.state_dict().items():
            assert theirs[n].dtype == t.dtype == torch.float32
            torch.testing.assert_close(theirs[n], t, rtol=2**-11, atol=2**-24)  # half precision's rounding, and no more
    z, layout, noise = inputs(model)
    torch.testing.assert_close(
        loaded.generate(z, layout, noise), model.generate(z, layout, noise), rtol=0.02, atol=0.02
    )


def test_repr_says_what_it_draws(model: SpatialGAN):
    assert repr(model) == f"SpatialGAN({model.name}, 32x32, layout=single, encoding=norm, on cpu)"


def test_float32_files_are_exact(model: SpatialGAN, tmp_path: Path):
    loaded = SpatialGAN.from_pretrained(model.save(tmp_path / "pets", dtype=torch.float32), device="cpu")
    for n, t in model.generator.state_dict().items():
        assert torch.equal(loaded.generator.state_dict()[n], t)


def test_saving_what_was_loaded_gives_the_same_bytes(model: SpatialGAN, tmp_path: Path):
    first = model.save(tmp_path / "a" / "pets.safetensors")
    second = SpatialGAN.from_pretrained(first, device="cpu").save(tmp_path / "b" / "pets")
    names = sorted(p.name for p in first.parent.iterdir())
    assert names == ["pets.discriminator.safetensors", "pets.json", "pets.safetensors"]
    assert sorted(p.name for p in second.parent.iterdir()) == names
    for n in names:
        assert (tmp_path / "a" / n).read_bytes() == (tmp_path / "b" / n).read_bytes(), n


def test_files_hold_no_pickle(model: SpatialGAN, tmp_path: Path):
    """A safetensors file starts with the length of its JSON header and the header."""
    path = model.save(tmp_path / "pets")
    for p in (path, path.with_suffix(".discriminator.safetensors")):
        raw = p.read_bytes()
        size = int.from_bytes(raw[:8], "little")
        header = json.loads(raw[8 : 8 + size])
        header.pop("__metadata__", None)
        assert {entry["dtype"] for entry in header.values()} == {"F16"}
        assert max(entry["data_offsets"][1] for entry in header.values()) == len(raw) - 8 - size  # and nothing after
    assert json.loads(path.with_suffix(".json").read_text())["weights_sha256"] == file_hash(path)


def test_files_are_readable_as_the_umask_says(model: SpatialGAN, tmp_path: Path):
    old = os.umask(0o027)
    try:
        path = model.save(tmp_path / "pets")
    finally:
        os.umask(old)
    assert path.stat().st_mode & 0o777 == 0o640


def test_names_with_dots(model: SpatialGAN, tmp_path: Path):
    path = model.save(tmp_path / "pets-v1.5")
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "pets-v1.5.discriminator.safetensors",
        "pets-v1.5.json",
        "pets-v1.5.safetensors",
    ]
    loaded = SpatialGAN.from_pretrained(path, device="cpu")
    assert loaded.name == "pets-v1.5"
    assert loaded.discriminator is not None


def test_a_card_can_be_given(model: SpatialGAN, tmp_path: Path):
    path = model.save(tmp_path / "pets", card={"terms": "CC0"})
    assert SpatialGAN.from_pretrained(path, device="cpu").card == {"terms": "CC0"}


def test_networks_in_training_stay_in_training(model: SpatialGAN, tmp_path: Path):
    g = Generator(model.config.model)
    path = save_model(tmp_path / "x", model.config, g, None, card={})
    assert g.training
    assert all(p.requires_grad for p in g.parameters())
    assert SpatialGAN.from_pretrained(path, device="cpu").discriminator is None


@pytest.mark.parametrize(
    "changes", [{"layout": "multi", "encoding": "multi"}, {"encoding": "none"}, {"encoding": "flatten"}]
)
def test_other_kinds_round_trip(tiny: Tiny, tmp_path: Path, changes: dict):
    align = "none" if changes["encoding"] == "none" else "single"
    config = RunConfig(model=tiny(**changes), loss=LossConfig(align=align))
    model = SpatialGAN(config, Generator(config.model))
    loaded = SpatialGAN.from_pretrained(model.save(tmp_path / "m"), device="cpu")
    z, layout, noise = inputs(model)
    torch.testing.assert_close(
        loaded.generate(z, layout, noise), model.generate(z, layout, noise), rtol=0.02, atol=0.02
    )


# Finding


def test_from_folder_with_one_model(model: SpatialGAN, tmp_path: Path):
    model.save(tmp_path / "pets")
    assert find_weights(tmp_path) == tmp_path / "pets.safetensors"
    assert SpatialGAN.from_pretrained(str(tmp_path), device="cpu").name == "pets"


def test_from_run_folder_takes_the_newest_snapshot(model: SpatialGAN, tmp_path: Path):
    for n in ("000009", "000010", "000002"):
        model.save(tmp_path / "run" / "snapshots" / n)
    assert SpatialGAN.from_pretrained(tmp_path / "run", device="cpu").name == "000010"
    assert find_weights(tmp_path / "run" / "snapshots").name == "000010.safetensors"
    assert find_weights(tmp_path / "run" / "snapshots" / "000002.safetensors").name == "000002.safetensors"


def test_bundled_models_have_their_card():
    for name, path in bundled_models().items():
        assert find_weights(name) == path
        assert path.with_suffix(".json").exists()
    assert next(iter(bundled_models())) == OPENS_FIRST


def test_a_card_takes_more_and_the_weights_stay(model: SpatialGAN, tmp_path: Path):
    path = model.save(tmp_path / "pets", card={"kimg": 3, "data": "pets"})
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir() if p.suffix != ".json"}
    add_to_card(path.with_suffix(".json"), {"measured": {"fd": 1.5}, "data": "cats"})
    config, card = read_card(path.with_suffix(".json"))
    assert (config, card) == (model.config, {"kimg": 3, "data": "cats", "measured": {"fd": 1.5}})
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir() if p.suffix != ".json"} == before


def test_not_found(model: SpatialGAN, tmp_path: Path):
    with pytest.raises(SpatialGANError, match=r"there is no model .*nowhere"):
        find_weights(tmp_path / "nowhere")
    with pytest.raises(SpatialGANError, match=r"holds no model.*snapshots"):
        find_weights(tmp_path)
    (tmp_path / "run" / "checkpoint").mkdir(parents=True)
    (tmp_path / "run" / "config.json").write_text("{}")
    with pytest.raises(SpatialGANError, match="run holds no snapshot yet: a run writes one every"):
        find_weights(tmp_path / "run")
    path = model.save(tmp_path / "pets")
    with pytest.raises(SpatialGANError, match="not a generator's weights"):
        find_weights(path.with_suffix(".json"))
    with pytest.raises(SpatialGANError, match="not a generator's weights"):
        find_weights(path.with_suffix(".discriminator.safetensors"))
    model.save(tmp_path / "cats")
    with pytest.raises(SpatialGANError, match=r"holds 2 models.*cats.safetensors, pets.safetensors"):
        find_weights(tmp_path)


# Files that do not fit


@pytest.fixture
def saved(model: SpatialGAN, tmp_path: Path) -> Path:
    return model.save(tmp_path / "pets")


def refused(path: Path) -> str:
    with pytest.raises(SpatialGANError) as e:
        SpatialGAN.from_pretrained(path, device="cpu")
    return str(e.value)


def test_a_model_is_saved_at_home(tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    config = RunConfig(model=tiny())
    path = SpatialGAN(config, Generator(config.model), make_discriminator(config.model)).save("~/pets")
    assert path == tmp_path / "pets.safetensors"
    assert SpatialGAN.from_pretrained("~/pets.safetensors", device="cpu").discriminator is not None


def test_missing_json_is_named(saved: Path):
    saved.with_suffix(".json").unlink()
    assert f"{saved.with_suffix('.json')} is missing" in refused(saved)


def test_broken_json_is_named(saved: Path):
    for content in (b"{", b"\xff\xfe\x00", b"", b"[1, 2]", b"3", b"[" * 100_000):
        saved.with_suffix(".json").write_bytes(content)
        assert "pets.json" in refused(saved)


@pytest.mark.parametrize("version", [None, 0, FORMAT_VERSION + 1, "1", [1]])
def test_other_format_is_named(saved: Path, version: object):
    edit_card(saved, format_version=version)
    message = refused(saved)
    assert f"pets.json: format_version is {version}" in message
    assert f"reads 1 to {FORMAT_VERSION}" in message


def test_files_of_format_1_are_read_as_trained_with_the_sum(saved: Path):
    config = json.loads(saved.with_suffix(".json").read_text())["config"]
    del config["loss"]["attention"], config["loss"]["attention_sign"], config["aids"]
    config["loss"]["align_empty"], config["train"]["reconstruct_kimg"] = "relative", 20.0
    edit_card(saved, config=config, format_version=1)
    loaded = SpatialGAN.from_pretrained(saved)
    assert (loaded.config.loss.attention, loaded.config.loss.attention_sign) == ("sum", "real")
    assert loaded.config.aids.reconstruct_kimg == 20


def test_files_of_format_2_draw_the_same_picture(tmp_path: Path):
    """Their constant could be one value for all pixels, and coordinates were weighted by a 1x1 convolution."""
    parts = {"layout": "multi", "encoding": "multi", "coordinates_max_resolution": 8}
    config = RunConfig(model=ModelConfig(resolution=32, channel_base=128, channel_max=16, **parts))
    generator = Generator(config.model)
    generator.blocks[0].const.data[:] = generator.blocks[0].const.data[:, :1, :1].clone()
    saved = SpatialGAN(config, generator).save(tmp_path / "new", dtype=torch.float32)
    old = load_file(saved)
    old["blocks.0.const"] = old["blocks.0.const"][:, :1, :1].contiguous()
    for n in (n for n in old if ".place." in n):
        old[n] = old[n].T[:, :, None, None].contiguous()
    path = tmp_path / "old.safetensors"
    save_file(old, path)
    card = json.loads(saved.with_suffix(".json").read_text())
    model = card["config"]["model"] | {"constant": "uniform", "coordinates_gated": False, "background_mapping": False}
    text = {"format_version": 2, "config": card["config"] | {"model": model}}
    path.with_suffix(".json").write_text(json.dumps(text))
    a, b = (SpatialGAN.from_pretrained(p).sample(3).tensor for p in (saved, path))
    assert torch.equal(a, b)
    text["config"]["model"]["background_mapping"] = True
    path.with_suffix(".json").write_text(json.dumps(text))
    assert "it has model.background_mapping, which this version no longer has" in refused(path)


def test_attention_is_what_the_model_was_trained_with_unless_another_is_asked_for(model: SpatialGAN):
    images = model.sample(0).tensor[None]
    loss = replace(model.config.loss, attention="sum", attention_sign="fake")
    other = SpatialGAN(replace(model.config, loss=loss), model.generator, model.discriminator)
    assert not torch.equal(model.attention(images), other.attention(images))
    torch.testing.assert_close(model.attention(images, form="sum", sign="fake"), other.attention(images))
    torch.testing.assert_close(other.sample(0).attention(), other.attention(images)[0])


def test_a_card_with_numbers_for_names_is_read_back(model: SpatialGAN, tmp_path: Path):
    path = model.save(tmp_path / "runs", card={"runs": {2: "a", 10: "b"}})
    assert SpatialGAN.from_pretrained(path).card["runs"] == {"2": "a", "10": "b"}


def test_unknown_field_of_the_configuration_is_named(saved: Path):
    config = json.loads(saved.with_suffix(".json").read_text())["config"]
    config["model"]["depth"] = 3
    edit_card(saved, config=config)
    message = refused(saved)
    assert "pets.json: config.model" in message
    assert "depth" in message
    assert "resolution" in message


def test_a_value_out_of_range_is_named_with_its_file(saved: Path):
    config = json.loads(saved.with_suffix(".json").read_text())["config"]
    config["model"]["resolution"] = 65
    edit_card(saved, config=config)
    assert refused(saved).startswith(f"{saved.with_suffix('.json')}: model.resolution is 65")


def test_a_card_is_an_object(saved: Path):
    edit_card(saved, card=["cats"])
    assert "pets.json: card must be a JSON object, not list" in refused(saved)


def test_weights_that_are_not_finite_are_named(saved: Path):
    tensors = load_file(saved)
    tensors["mapping.w_mean"].fill_(torch.nan)
    save_file(tensors, saved)
    assert "mapping.w_mean holds numbers that are not finite" in refused(saved)


def test_missing_tensor_is_named(saved: Path):
    tensors = load_file(saved)
    tensors.pop("mapping.layers.0.bias")
    save_file(tensors, saved)
    message = refused(saved)
    assert "pets.safetensors" in message
    assert "mapping.layers.0.bias is missing" in message


def test_superfluous_tensor_is_named(saved: Path):
    save_file(load_file(saved) | {"more": torch.zeros(1)}, saved)
    assert "more is not part of the model" in refused(saved)


def test_wrong_shape_is_named_with_both_shapes(saved: Path):
    tensors = load_file(saved)
    tensors["mapping.w_mean"] = torch.zeros(3)
    save_file(tensors, saved)
    assert "mapping.w_mean has shape (3,) instead of (16,)" in refused(saved)


def test_wrong_configuration_names_a_few_tensors_only(saved: Path):
    config = json.loads(saved.with_suffix(".json").read_text())["config"]
    config["model"]["w_dim"] = 8
    edit_card(saved, config=config)
    message = refused(saved)
    assert "does not fit its configuration" in message
    assert message.count("instead of") == 3
    assert "more" in message


@pytest.mark.parametrize("damage", ["cut", "garbage", "empty", "pickle"])
def test_corrupt_files_are_named(saved: Path, damage: str):
    raw = saved.read_bytes()
    if damage == "pickle":
        torch.save({"a": torch.zeros(2)}, saved)
    else:
        saved.write_bytes({"cut": raw[: len(raw) // 2], "garbage": b"x" * 1000, "empty": b""}[damage])
    assert f"{saved} is not readable as safetensors" in refused(saved)


def test_corrupt_discriminator_is_named(saved: Path):
    second = saved.with_suffix(".discriminator.safetensors")
    second.write_bytes(b"nothing")
    assert f"{second} is not readable" in refused(saved)


# Writing


def test_weights_that_outgrow_the_disk_are_named(model: SpatialGAN, tmp_path: Path):
    resource = pytest.importorskip("resource")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))  # safetensors reports it by an error of its own
    try:
        with pytest.raises(SpatialGANError, match=r"pets\.safetensors cannot be written"):
            model.save(tmp_path / "pets")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert list(tmp_path.iterdir()) == []


def test_a_failing_save_leaves_the_old_model(model: SpatialGAN, saved: Path, monkeypatch: pytest.MonkeyPatch):
    before = saved.read_bytes()

    def fail(tensors: dict, path: Path) -> None:
        path.write_bytes(b"half")
        raise OSError("disk full")

    monkeypatch.setattr("spatialgan.model.save_file", fail)
    with torch.no_grad():
        model.generator.mapping.w_mean.add_(1)
    with pytest.raises(SpatialGANError, match="disk full"):
        model.save(saved)
    assert saved.read_bytes() == before
    SpatialGAN.from_pretrained(saved, device="cpu")


# Pictures


def test_generate_is_deterministic(model: SpatialGAN):
    z, layout, noise = inputs(model)
    a = model.generate(z, layout, noise)
    assert torch.equal(a, model.generate(z, layout, noise))
    assert not torch.equal(a, model.generate(*inputs(model, seed=1)))
    assert a.shape == (2, 3, 32, 32)
    assert not a.requires_grad


def test_generate_truncates(model: SpatialGAN):
    z, layout, noise = inputs(model)
    full, half = (model.generate(z, layout, noise, truncation=t) for t in (1.0, 0.5))
    assert (full - half).abs().max() > 0.01
    other = torch.randn_like(z)
    torch.testing.assert_close(
        model.generate(z, layout, noise, truncation=0), model.generate(other, layout, noise, truncation=0)
    )


def test_plain_stylegan2_needs_no_layout(tiny: Tiny):
    config = tiny(encoding="none")
    run = RunConfig(model=config, loss=LossConfig(align="none"))
    model = SpatialGAN(run, Generator(config))
    z, _, noise = inputs(model)
    assert model.generate(z, Layout(), noise).shape == (2, 3, 32, 32)


def test_attention(model: SpatialGAN):
    z, layout, noise = inputs(model, batch=3)
    images = model.generate(z, layout, noise)
    maps = model.attention(images)
    assert maps.shape == (3, 3, 32, 32)
    assert ((maps >= 0) & (maps <= 1)).all()
    assert model.attention(images, 16).shape == (3, 3, 16, 16)


def test_attention_needs_the_discriminator(model: SpatialGAN):
    alone = SpatialGAN(model.config, model.generator, name="pets")
    with pytest.raises(SpatialGANError, match=r"pets\.discriminator\.safetensors"):
        alone.attention(torch.zeros(1, 3, 32, 32))


# Devices


@pytest.mark.parametrize("device", ["nonsense", "cpu:cpu", "cuda:x", "cuda:99", "meta"])
def test_unknown_devices_are_named(device: str, saved: Path):
    with pytest.raises(SpatialGANError, match=f"PyTorch finds no device '{device}' here; use auto, cpu"):
        choose_device(device)
    with pytest.raises(SpatialGANError, match=f"PyTorch finds no device '{device}' here; use auto, cpu"):
        SpatialGAN.from_pretrained(saved, device=device)


def test_auto_is_a_device_that_works(model: SpatialGAN):
    device = choose_device("auto")
    assert torch.zeros(1, device=device).device.type == device.type
    assert model.to(device).device.type == device.type
    assert choose_device(torch.device("cpu")) == torch.device("cpu")


def test_weights_of_another_save_are_refused(saved: Path):
    tensors = load_file(saved)
    tensors["mapping.w_mean"].add_(1)
    save_file(tensors, saved)
    assert "is not the file that pets.json describes" in refused(saved)


# In other programs


@pytest.fixture
def float64() -> Iterator[Callable[[bool], None]]:
    """Sets torch's default to float64, or back."""
    yield lambda on: torch.set_default_dtype(torch.float64 if on else torch.float32)
    torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"layout": "multi", "encoding": "multi", "coordinates_max_resolution": 8},
        {"layout": "multi", "encoding": "flatten", "impulse_noise": 0.1},
        {"sampling": "release", "processing": "release"},
    ],
)
def test_another_default_dtype_draws_the_same_pictures(tiny: Tiny, tmp_path: Path, float64, changes: dict):
    config = RunConfig(model=tiny(**changes))
    path = SpatialGAN(config, Generator(config.model), make_discriminator(config.model)).save(tmp_path / "m")
    pictures = []
    for on in (False, True):
        float64(on)
        scene = SpatialGAN.from_pretrained(path, device="cpu").sample(3)
        if "impulse_noise" not in changes:
            scene = scene.move(0, dx=0.1).resize(0, 1.2).rotate(0, 20).stretch(0, 1.1, 0.9).move_to(0, 0.4, 0.5)
        if changes.get("encoding") == "multi":
            scene = scene.add(0.3, 0.3, 0.1, 5).duplicate(0, 0.1, 0.1).restyle(1, 7)
        attention = scene.attention()
        scene = Scene.from_json(scene.model, scene.to_json())
        if not changes:
            scene = scene.drag([((0.4, 0.5), (0.5, 0.5))], max_steps=2).scene
        scene.heatmaps()
        pictures.append((scene.tensor, attention))
    for a, b in zip(*pictures, strict=True):
        assert a.dtype == b.dtype == torch.float32
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


# Cards that ask for too much, and bits that change


@pytest.mark.parametrize(
    "field",
    ["channel_base", "channel_max", "w_dim", "z_dim", "mapping_layers", "num_objects", "heatmap_kernel", "resolution"],
)
@pytest.mark.parametrize("value", [10**9 + 1, 2**70])
def test_a_card_that_asks_for_any_size_is_refused(saved: Path, field: str, value: int):
    config = json.loads(saved.with_suffix(".json").read_text())["config"]
    config["model"][field] = value
    edit_card(saved, config=config)
    assert f"model.{field} is " in refused(saved)


def test_a_card_that_asks_for_much_is_refused_before_it_is_built(saved: Path):
    config = json.loads(saved.with_suffix(".json").read_text())["config"]
    config["model"] |= {
        "channel_base": 1 << 20,
        "channel_max": 16384,
        "w_dim": 16384,
        "z_dim": 16384,
        "mapping_layers": 64,
    }  # 130 GB
    edit_card(saved, config=config)
    started = time.monotonic()
    assert "pets.safetensors does not fit its configuration" in refused(saved)
    assert time.monotonic() - started < 20


def test_integers_are_no_weights(saved: Path):
    tensors = load_file(saved)
    tensors["mapping.w_mean"] = torch.ones(16, dtype=torch.int8)
    save_file(tensors, saved)
    assert "mapping.w_mean is of torch.int8 instead of torch.float32" in refused(saved)


def test_numbers_too_large_for_float32_are_named(saved: Path):
    tensors = load_file(saved)
    tensors["mapping.w_mean"] = torch.full((16,), 1e300, dtype=torch.float64)
    save_file(tensors, saved)
    assert "mapping.w_mean holds numbers that are not finite" in refused(saved)


def test_every_changed_bit_is_refused(saved: Path):
    rng = random.Random(0)
    for ending in (".safetensors", ".discriminator.safetensors", ".json"):
        path = saved.with_suffix(ending)
        whole = path.read_bytes()
        header = range(0, min(len(whole), 400), 7)
        for at in [*header, *(rng.randrange(len(whole)) for _ in range(60)), len(whole) - 2]:
            data = bytearray(whole)
            data[at] ^= 1 << rng.randrange(8)
            path.write_bytes(data)
            if ending == ".json" and _same_json(data, whole):
                continue
            assert saved.stem in refused(saved), (ending, at)
        path.write_bytes(whole)
    assert SpatialGAN.from_pretrained(saved, device="cpu").discriminator is not None


def _same_json(data: bytes, whole: bytes) -> bool:
    """As of ``1e-05`` and ``1E-05``."""
    try:
        return json.loads(data) == json.loads(whole)
    except ValueError:
        return False


def test_older_cards_without_digests_are_read(saved: Path):
    card = saved.with_suffix(".json")
    data = json.loads(card.read_text())
    del data["card_sha256"], data["discriminator_sha256"]
    card.write_text(json.dumps(data))
    assert SpatialGAN.from_pretrained(saved, device="cpu").discriminator is not None


def test_a_named_pipe_for_a_file_is_not_waited_for(saved: Path):
    for ending in (".discriminator.safetensors", ".json"):
        path = saved.with_suffix(ending)
        path.rename(path.with_suffix(".kept"))
        os.mkfifo(path)
        assert f"{path} is not readable: it is a named pipe" in refused(saved)
        path.with_suffix(".kept").rename(path)
