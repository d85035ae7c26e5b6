"""Files of other programs as models: where the user says, or once for all in the user's cache."""

import os
import shutil
from pathlib import Path

import pytest
import torch
from parity import FIXTURES, TOLERANCE, draw, error, expected

from spatialgan import SpatialGAN, SpatialGANError
from spatialgan.api import find_weights
from spatialgan.files import user_cache_dir
from spatialgan.importing.converting import converted, import_model
from spatialgan.studio.model_list import Models

PATH = FIXTURES / "ada-style.pkl"


@pytest.fixture
def source(tmp_path):
    return Path(shutil.copy(PATH, tmp_path / "faces.pkl"))


def test_an_imported_model_draws_the_same_as_its_file_and_keeps_its_noise(tmp_path):
    model = SpatialGAN.from_pretrained(import_model(PATH, tmp_path / "faces"), device="cpu")
    arrays = expected("ada-style")
    assert error(draw(model, arrays["z"]), arrays["image"]) < TOLERANCE
    assert model.discriminator is not None and model.name == "faces"
    assert model.config.train.batch_size == 64 and model.card["imported_from"] == "ada-style.pkl"


def test_a_name_with_dots_is_converted(tmp_path):
    source = Path(shutil.copy(PATH, tmp_path / "faces.discriminator.pkl"))
    assert converted(source).exists() and SpatialGAN.from_pretrained(source, device="cpu").discriminator is not None


def test_saved_in_half_precision_noise_stays(tmp_path):
    SpatialGAN.from_pretrained(import_model(PATH, tmp_path / "a"), device="cpu").save(tmp_path / "b")
    half = SpatialGAN.from_pretrained(tmp_path / "b.safetensors", device="cpu")
    arrays = expected("ada-style")
    assert error(draw(half, arrays["z"]), arrays["image"]) < 0.02


def test_a_foreign_file_is_a_model_anywhere_and_converted_once(source, capsys):
    model = SpatialGAN.from_pretrained(source, device="cpu")
    assert f"converting {source}, once" in capsys.readouterr().err
    weights = find_weights(source)
    stamp = weights.stat().st_mtime_ns
    assert SpatialGAN.from_pretrained(source, device="cpu").weights_hash == model.weights_hash
    assert find_weights(source).stat().st_mtime_ns == stamp and capsys.readouterr().err == ""
    assert weights.is_relative_to(user_cache_dir("imported")) and weights.name == "faces.safetensors"
    scene = Models([str(source)], device="cpu").load(str(source)).sample(3)
    assert scene.image.size == (64, 64)


def test_the_content_decides_what_is_converted_and_not_the_name(source, tmp_path):
    first = converted(source)
    assert converted(Path(shutil.copy(source, tmp_path / "other.pkl"))) == first
    shutil.copy(FIXTURES / "stylegan3-style.pkl", source)
    assert converted(source) != first


def test_what_a_kill_left_is_converted_anew(source):
    weights = converted(source)
    weights.with_suffix(".json").unlink()
    again = converted(source)
    assert again.with_suffix(".json").exists()
    assert [p.name for p in again.parent.parent.iterdir()] == [again.parent.name]  # nothing partial is left


def test_a_refused_file_leaves_nothing_in_the_cache(tmp_path):
    (tmp_path / "a.pkl").write_bytes(b"nonsense")
    with pytest.raises(SpatialGANError, match="no pickle"):
        SpatialGAN.from_pretrained(tmp_path / "a.pkl")
    assert not user_cache_dir("imported").exists()


def test_a_cache_that_cannot_be_written_is_named(source):
    cache = user_cache_dir("imported")
    cache.parent.mkdir(parents=True)
    cache.write_text("in the way")
    with pytest.raises(SpatialGANError, match=r"cannot be converted into the cache .*exists; give .*--out"):
        converted(source)


def test_another_process_that_was_faster_is_no_error(source, monkeypatch):
    replace = os.replace

    def second(partial: Path, folder: Path) -> None:
        if partial.is_dir():
            shutil.copytree(partial, folder)
        replace(partial, folder)

    monkeypatch.setattr("spatialgan.files.os.replace", second)
    assert converted(source).exists()


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(SpatialGANError, match="there is no file"):
        import_model(tmp_path / "a.pkl", tmp_path / "b")


def test_all_scenes_of_an_imported_model_have_its_noise(source):
    model = SpatialGAN.from_pretrained(source, device="cpu")
    ws = model.sample(1)
    noise = model.generator.noise()
    z = ws.z[None]
    for given in (noise, tuple(torch.zeros_like(n) for n in noise)):
        assert torch.equal(model.generate(z, None, given), model.generate(z, None, noise))
    assert not torch.equal(model.generate(z, None, None), model.generate(z, None, noise))
