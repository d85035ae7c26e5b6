from dataclasses import replace

import torch

from spatialgan.config import ModelConfig
from spatialgan.files import file_hash
from spatialgan.sealed import read_sealed, save_sealed
from spatialgan.training.aids.codes_file import METHOD, cache_key, codes_of

CPU = torch.device("cpu")


def test_a_later_run_takes_the_codes_of_an_earlier_one(rooms, tmp_path):
    config = ModelConfig(resolution=64, channel_base=512, z_dim=4)
    said = []

    def made(run, config=config, cache="cache"):
        said.clear()
        codes = codes_of(rooms, config, tmp_path / f"{run}.safetensors", CPU, said.append, cache_dir=tmp_path / cache)
        return codes, "finding codes" in said[0]

    first, found = made("first")
    assert found and "kept for later runs" in said[-1]
    second, found = made("second")
    kept = next((tmp_path / "cache").iterdir())
    assert not found and said == [f"codes: an earlier run found them for the same pictures and model, {kept}"]
    assert all(torch.equal(a, b) for a, b in zip(vars(first).values(), vars(second).values(), strict=True))
    wider = made("wider", replace(config, z_dim=5))
    assert wider[1] and wider[0].z.shape[-1] == 5
    for cached in (tmp_path / "cache").iterdir():
        cached.write_bytes(b"no codes")
    again, found = made("again")
    assert found and torch.equal(again.z, first.z)  # found anew, they are the same
    assert not made("last")[1]
    (tmp_path / "a file").touch()
    assert made("without", cache="a file")[1]  # nothing can be kept there, and the run has its codes
    assert "later runs have to find them again: " in said[-1] and (tmp_path / "without.safetensors").exists()
    assert [p.suffix for p in (tmp_path / "cache").iterdir()] == [".safetensors"] * 2


def test_a_run_that_has_lost_its_codes_takes_no_others_from_the_cache(rooms, tmp_path):
    """Found on another machine, say, and differing in their last bits."""
    config = ModelConfig(resolution=64, channel_base=512, z_dim=4)
    path, said = tmp_path / "codes.safetensors", []
    first = codes_of(rooms, config, path, CPU, said.append, cache_dir=tmp_path / "cache")
    own_hash = file_hash(path)
    path.unlink()
    codes_of(rooms, config, path, CPU, said.append, own_hash=own_hash, cache_dir=tmp_path / "cache")
    assert file_hash(path) == own_hash and len([line for line in said if line.startswith("finding")]) == 1
    (cached,) = (tmp_path / "cache").iterdir()
    save_sealed({**vars(first), "z": -first.z}, cached, read_sealed(cached)[1])
    path.unlink()
    assert torch.equal(codes_of(rooms, config, path, CPU, own_hash=own_hash, cache_dir=tmp_path / "cache").z, first.z)
    assert file_hash(path) == own_hash
    other = tmp_path / "other.safetensors"  # a new run has no codes of its own yet
    assert torch.equal(codes_of(rooms, config, other, CPU, cache_dir=tmp_path / "cache").z, -first.z)


def test_the_codes_that_are_kept_are_of_these_pictures(rooms, subjects):
    config = ModelConfig(resolution=64, channel_base=512)
    assert cache_key(rooms, config) != cache_key(subjects, config)
    assert cache_key(rooms, config) != cache_key(rooms, replace(config, object_std_max=0.3))
    # Networks may be others, and layouts drawn otherwise: codes of the same pictures are the same.
    assert cache_key(rooms, config) == cache_key(
        rooms, replace(config, object_spacing=1.0, channel_base=512, center_std=0.2)
    )


def test_codes_that_another_method_has_found_are_not_taken(rooms, monkeypatch):
    config = ModelConfig(resolution=64, channel_base=512)
    before = cache_key(rooms, config)
    monkeypatch.setattr("spatialgan.training.aids.codes_file.METHOD", METHOD + 1)
    assert cache_key(rooms, config) != before
