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
    assert encoded.model.encoding == preset(name).model.encoding and aligned.loss.align == preset(name).model.layout
    assert (plain.train, plain.loss) == (encoded.train, encoded.loss) and not aligned.needs_codes
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


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("cats-64", "fd"),
        ("cats-64", "response"),
        ("cats-64", "drag"),
        ("floors-64", "fd-floors"),
        ("floors-64", "comove"),
        ("floors-64", "drag-floors"),
    ],
)
def test_the_cards_of_bundled_models_have_todays_figures(model: str, name: str):
    result = json.loads((Path(__file__).parents[1] / f"docs/results/{name}.json").read_text())
    card = json.loads((ship.ZOO / f"{model}.json").read_text())
    assert card["weights_sha256"] == result["model"]["weights_sha256"]
    assert card["card"]["measured"][result["metric"]] == ship.measured(result)


def test_the_card_of_cats_says_which_handles_act():
    result = json.loads((Path(__file__).parents[1] / "docs/results/handles.json").read_text())
    card = json.loads((ship.ZOO / "cats-64.json").read_text())
    assert card["weights_sha256"] == result["model"]["weights_sha256"]
    said = [(h["level"], h["point"], h["effect"], h["acts"]) for h in card["card"]["handles"]]
    assert said == [(h["level"], h["point"], h["effect"], h["acts"]) for h in result["values"]["handles"]]
    assert [h["acts"] for h in card["card"]["handles"]] == [True] + 6 * [False]
    assert all(h["reach"] is None for h in card["card"]["handles"])  # half of D cannot say


def test_the_figures_of_a_card_are_those_asked_for():
    def of(metric: str, **values: object) -> dict[str, object]:
        return ship.measured({"metric": metric, "values": values, "num_samples": 9})

    def mean(m: float) -> dict[str, object]:
        return {"mean": m, "mean_interval": [m, m], "median": 7, "share": m / 2, "count": 5}

    assert of("fd", distance=2.5, num_generated=10, num_reference=20) == {
        "distance": 2.5,
        "pictures": 10,
        "real_pictures": 20,
    }
    means = {"ratio": 0.6, "ratio_in_frame": 0.9, "chance": 0.1, "locality": 0.2}
    both_ways = {**{name: mean(m) for name, m in means.items()}, "no_object": 0.3, "label_changed": 0.4}
    comove = of("comove", ratio=mean(1), num_samples=9, antithetic=both_ways)
    assert {k: comove[k]["mean"] for k in means} == means
    assert (comove["nothing_there"], comove["label_changed"], comove["pairs"], comove["in_frame"]) == (0.3, 0.4, 9, 5)
    response = of("response", measures={"detector": {"response": mean(0.8), "control": mean(0.1)}})
    assert (response["response"]["mean"], response["control"]["mean"], response["found_in_both"]) == (0.8, 0.1, 0.4)
    rows = [
        {"method": m, "distance": d, "cpu_seconds": {"median": d}, "success_without_noise": {"mean": 2 * d}}
        for m in ("latent", "hybrid")
        for d in (0.1, 0.2)
    ]
    assert of("drag", rows=rows) == {"mode": "hybrid", "distance": 0.2, "arrived": 0.4, "cpu_seconds": 0.2}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model": {"weights_sha256": "0"}}, "of other weights"),
        ({"values": {"object_spacing": 0.0}}, "of other layouts"),
    ],
)
def test_a_card_refuses_what_is_of_something_else(changes, message, tmp_path: Path):
    weights = json.loads((ship.ZOO / "floors-64.json").read_text())["weights_sha256"]
    result = {"metric": "comove", "model": {"weights_sha256": weights}, "values": {}}
    (tmp_path / "r.json").write_text(json.dumps({**result, **changes}))
    with pytest.raises(SystemExit, match=message):
        ship.add_measured("floors-64", [tmp_path / "r.json"])


def test_a_card_has_no_figures_of_other_results():
    with pytest.raises(SystemExit, match="no figures of segmenter"):
        ship.measured({"metric": "segmenter", "values": {}})
