"""The benchmarks, on tiny models and a step or two: that they run, and compare what they say."""

import json
from dataclasses import replace
from pathlib import Path

import drag
import pytest
import retrofit
import ship
import steering
import step_time
import torch

from spatialgan import SpatialGAN
from spatialgan.config import ModelConfig, RunConfig
from spatialgan.networks.generator import Generator
from spatialgan.settings import with_settings
from spatialgan.training.presets import PRESETS, preset

SMALL = ["model.channel_base=128", "model.channel_max=8", "model.minibatch_std_group=2", "train.batch_size=2"]


@pytest.mark.parametrize("name", PRESETS)
def test_step_time_compares_what_differs_in_heatmaps_and_alignment_alone(name: str):
    plain, encoded, aligned = step_time.variants(preset(name)).values()
    assert (plain.model.encoding, plain.loss.align) == ("none", "none")
    assert encoded.loss.align == "none" and encoded.model == aligned.model
    assert encoded.model.encoding == preset(name).model.encoding and aligned.loss == preset(name).loss
    assert (plain.train, plain.loss) == (encoded.train, encoded.loss) and not aligned.reconstructs
    same = {"encoding": "none", "coordinates_max_resolution": 0, "styles": "own"}
    assert replace(encoded.model, **same) == plain.model and plain.model.discriminator == "residual"


def test_step_time_runs():
    table = step_time.measure(with_settings(preset("tiny"), SMALL), torch.device("cpu"), turns=1)
    assert list(table) == ["StyleGAN2", "+ SEL", "+ SEL + alignment"]
    assert all(row["whole step ms"] > 0 for row in table.values())
    assert set(table["+ SEL + alignment"]) > {"over StyleGAN2 %", "over + SEL %", "R1 ms"}


def test_drags_of_all_modes_are_timed():
    config = ModelConfig(resolution=32, z_dim=8, w_dim=8, mapping_layers=1, channel_base=128, channel_max=8)
    table = drag.measure(SpatialGAN(RunConfig(model=config), Generator(config)), num_steps=1)
    assert set(table) == {"hybrid", "joint", "pixels", "latent"}
    assert all(row["step wall ms"] > 0 for row in table.values())


def test_retrofit_compares_three_runs(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(retrofit, "PICTURES", 20)
    monkeypatch.setattr(retrofit, "BATCH", 10)
    monkeypatch.setattr(retrofit, "EfficientNetLite2Features", lambda: lambda images: images.float().mean(dim=(2, 3)))
    monkeypatch.setattr(steering, "NUM_PAIRS", 4)
    study = retrofit.Study(0, steps=2, every=1)
    runs, generators = study.run()
    assert [len(runs[name]["responses"]) for name in ("plain", "retrofit", "scratch")] == [0, 3, 5]
    plain, begun = generators["plain"], runs["retrofit"]["distances"][0]
    assert plain.config.encoding == "none" and generators["retrofit"].config == generators["scratch"].config
    # what is retrofitted begins as the plain model: the same pictures, which do not heed their heatmap
    assert begun["fd"] == runs["plain"]["distances"][-1]["fd"] and runs["retrofit"]["responses"][0]["response"] == 0
    record = {"batch": 16, "steps": 2, "seeds": {"0": runs}}
    response, distance = retrofit.curves(record).parts
    assert response.lines[0].x == (0.032, 0.048, 0.064) and distance.lines[1].x == (0.0, 0.032, 0.064)


@pytest.mark.parametrize("name", ["fd", "fd-floors", "comove", "response", "drag", "drag-floors"])
def test_a_card_has_the_figures_of_a_result(name: str):
    result = json.loads((Path(__file__).parents[1] / f"docs/results/{name}.json").read_text())
    figures = ship.measured(result)
    if result["metric"] == "comove":
        assert figures["ratio"]["mean"] == result["values"]["antithetic"]["ratio"]["mean"]
        assert set(figures) == {"protocol", "ratio", "chance", "locality", "nothing_there", "pairs"}
    elif result["metric"] == "drag":
        assert figures["distance"] == 60 / 256 and 0 <= figures["arrived"] <= 1
    else:
        assert all(value is not None for value in figures.values())


def test_a_card_has_no_figures_of_other_results():
    with pytest.raises(SystemExit, match="no figures of segmenter"):
        ship.measured({"metric": "segmenter", "values": {}})
