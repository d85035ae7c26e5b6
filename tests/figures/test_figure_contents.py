"""What each figure shows, and the numbers behind it, on tiny random models."""

import json

import pytest
import torch
from figure_models import small_model

from spatialgan.data.images import ImageDataset
from spatialgan.errors import SpatialGANError
from spatialgan.figures.attention import NOISES, figure_3, figure_13
from spatialgan.figures.content import Chart, Grid
from spatialgan.figures.editing import AMOUNTS, MOVE, STYLES, figure_5, figure_9, figure_10, figure_12
from spatialgan.figures.generator import SHARES, figure_14, impulse, receptive_field

MULTI = {"layout": "multi", "encoding": "multi"}


def test_figure_3_has_real_pictures_beside_generated_ones(images_folder) -> None:
    dataset = ImageDataset.open(images_folder, resolution=32)
    figure = figure_3(small_model(), [0, 1], dataset=dataset, num_samples=3)
    (grid,) = figure.parts
    assert grid.column_names == ("real", "real", "generated", "generated")
    assert grid.row_names == ("picture", "16 x 16", "8 x 8", "4 x 4") and {len(row) for row in grid.rows} == {4}
    assert figure.values["real"]["peaks"]["4 x 4"]["count"] == 3
    assert set(figure_3(small_model(), [0], num_samples=2).values) == {"generated"}


def test_figure_13_measures_against_the_clean_map_and_over_snapshots(images_folder) -> None:
    snapshots = [small_model(seed, kimg=10.0 * seed) for seed in (1, 2)] + [small_model(kimg=30.0)]
    dataset = ImageDataset.open(images_folder, resolution=32)
    figure = figure_13(snapshots[-1], [0, 1, 2], snapshots=snapshots, dataset=dataset, num_samples=4)
    noise, training = figure.values["noise"], figure.values["training"]
    assert [row["std"] for row in noise] == list(NOISES) and figure.values["pictures"] == "real"
    assert noise[0]["8 x 8"]["mean"] == pytest.approx(1) and noise[-1]["8 x 8"]["mean"] < 0.999
    assert [row["kimg"] for row in training] == [10.0, 20.0, 30.0]
    assert training[-1]["4 x 4"]["mean"] == pytest.approx(1) and training[0]["4 x 4"]["mean"] < 0.999
    assert "first snapshot, 10 kimg" in figure.values["bad"]["source"]
    charts = [part for part in figure.parts if isinstance(part, Chart)]
    assert len(figure.parts) == 5 and [line.dashed for line in charts[0].lines] == [False, False, False, True]


def test_figure_13_of_a_single_model_draws_bad_pictures_by_truncation() -> None:
    figure = figure_13(small_model(), [0], num_samples=2)
    assert len(figure.parts) == 3 and "truncation of 2" in figure.values["bad"]["source"]
    assert "training" not in figure.values and figure.values["pictures"] == "generated"


def test_figure_5_keeps_the_layout_and_changes_the_style() -> None:
    model = small_model()
    figure = figure_5(model, [3, 4], num_styles=3, num_samples=2)
    (grid,) = figure.parts
    assert [len(row) for row in grid.rows] == [4, 4]
    assert grid.rows[0][1].image.tobytes() == model.sample(3).image.tobytes()
    assert len({picture.image.tobytes() for picture in grid.rows[0]}) == 4
    assert set(figure.values["attention_alike"]["4 x 4"]) == {"same layout", "another layout"}
    assert figure_5(small_model(with_discriminator=False), [3], num_samples=2).values == {}


def test_figure_10_moves_a_centre_of_each_level() -> None:
    model = small_model()
    figure = figure_10(model, [0, 1], num_samples=2)
    level_0 = figure.parts[1]
    for seed, (before, after) in enumerate(zip(*level_0.rows, strict=True)):
        ((start, end),) = before.arrows
        assert start == pytest.approx(model.sample(seed).layout.level_centers(0)[0].tolist())
        assert abs(end[0] - start[0]) == pytest.approx(MOVE) and end[1] == start[1] and after.rings == (end,)
        assert before.image.tobytes() == model.sample(seed).image.tobytes() != after.image.tobytes()
    moves = figure.values["moves"]
    assert list(moves) == ["level 0", "level 1", "level 2"]
    assert all(0 < move["inside"]["mean"] < 1 and move["outside"]["mean"] >= 0 for move in moves.values())


def test_figure_9_moves_removes_and_restyles_objects() -> None:
    model = small_model(**MULTI)
    figure = figure_9(model, [0, 1], num_samples=3)
    moved, removed, restyled = figure.parts
    assert len(removed.rows[0]) == len(AMOUNTS) and len(restyled.rows[0]) == STYLES + 1
    assert removed.rows[0][0].image.tobytes() == model.sample(0).image.tobytes() == moved.rows[0][0].image.tobytes()
    for name in ("moved", "removed", "restyled"):
        change = figure.values[name]
        assert change["inside"]["mean"] > change["outside"]["mean"] > 0, name
    plain_styles = figure_9(small_model(layout="multi", encoding="norm"), [0], num_samples=2)
    assert set(plain_styles.values) == {"moved", "removed"}


def test_figure_12_shows_what_drags_make_of_heatmaps() -> None:
    done: list[tuple[int, int]] = []
    figure = figure_12(small_model(), [0], num_samples=2, max_steps=2, on_progress=lambda *d: done.append(d))
    assert [part.row_names for part in figure.parts] == [("picture", "4 x 4", "8 x 8", "16 x 16")] * 2
    assert done == [(1, 2), (2, 2)]
    assert set(figure.values) == {"pixels", "joint"}
    for levels in figure.values.values():
        assert [row["level"] for row in levels] == [0, 1, 2]
        # Against the drag's own start: rasters differ from Gaussians before anything is dragged.
        assert all(row["mean_change"]["mean"] < 0.05 and row["changed"]["count"] == 2 for row in levels)


def test_figure_14_shows_features_of_every_size_beside_a_baselines() -> None:
    baseline = small_model(1, encoding="none")
    figure = figure_14(small_model(), [0, 1], baseline=baseline, num_samples=3)
    own, other = figure.parts
    sizes = ("4 x 4", "8 x 8", "16 x 16", "32 x 32")
    assert own.column_names == ("picture", "heatmap", *sizes) and other.column_names == ("picture", *sizes)
    assert own.rows[0][2].image.size == (4, 4) and own.rows[0][-1].image.size == (32, 32)
    assert set(figure.values) == {"model", "baseline"}
    focus = figure.values["model"]["attention"]["8 x 8"]
    assert focus["beyond"]["mean"] == pytest.approx(focus["own"]["mean"] - focus["next"]["mean"])


def test_impulse_noise_changes_pictures_more_and_more() -> None:
    figure = impulse(small_model(), [0], num_samples=3)
    grid, chart = figure.parts
    assert isinstance(grid, Grid) and len(grid.rows[0]) == len(SHARES) and isinstance(chart, Chart)
    changes = [row["change"]["mean"] for row in figure.values["shares"]]
    assert changes[0] == 0 and 0 < changes[1] < changes[-1]


def test_impulse_noise_with_distances(images_folder) -> None:
    class Means:
        name, weights_hash, resize = "means", "2" * 64, "none"

        def __call__(self, images: torch.Tensor) -> torch.Tensor:
            return torch.cat([images.float().mean(dim=(2, 3)), images.float().std(dim=(2, 3))], dim=1)

    model = small_model()
    dataset = ImageDataset.open(images_folder, resolution=32)
    figure = impulse(model, [0], dataset=dataset, extractor=Means(), num_samples=4)
    distances = [row["distance"] for row in figure.values["shares"]]
    assert len(figure.parts) == 3 and len(set(distances)) == len(SHARES)
    assert model.config.model.impulse_noise == 0


def reach(**settings: object) -> dict[str, float]:
    layers = receptive_field(small_model(**settings), num_samples=2).values["layers"]
    return {name: layer["rms_distance"] for name, layer in layers.items()}


def test_the_receptive_field_grows_with_kernel_dilation_and_coarse_processing() -> None:
    coarse, fine = reach(), reach(processing="fine")
    assert list(coarse) == ["4 x 4", "8 x 8", "16 x 16"]
    assert coarse["4 x 4"] > coarse["8 x 8"] > coarse["16 x 16"]  # as many pixels of a smaller map
    assert all(fine[name] < coarse[name] for name in ("4 x 4", "8 x 8"))
    assert reach(heatmap_kernel=5)["16 x 16"] > coarse["16 x 16"]
    assert reach(heatmap_dilation=2)["16 x 16"] > coarse["16 x 16"]
    # Two convolutions of 3 see 5 pixels, from the middle's pixel, which is half a pixel off.
    assert coarse["16 x 16"] < 3 * 2**0.5 / 16


@pytest.mark.parametrize("settings", [{"encoding": "concat"}, {"processing": "release", "encoded_max_resolution": 32}])
def test_receptive_fields_of_other_encoders(settings: dict[str, object]) -> None:
    assert all(0 < value < 0.75 for value in reach(**settings).values())


@pytest.mark.parametrize(
    ("make", "settings", "message"),
    [
        (figure_9, {}, "single-object layouts, whose edits are figure 10"),
        (figure_10, MULTI, "multi-object layouts, whose edits are figure 9"),
        (figure_5, {"encoding": "none"}, "encoding=none"),
        (figure_12, {"encoding": "none"}, "encoding=none"),
        (impulse, {"encoding": "none"}, "encoding=none"),
        (figure_3, {"with_discriminator": False}, "discriminator"),
    ],
)
def test_models_without_what_a_figure_shows(make, settings, message) -> None:
    with pytest.raises(SpatialGANError, match=message):
        make(small_model(**settings), [0])


def test_receptive_fields_need_an_encoder() -> None:
    with pytest.raises(SpatialGANError, match="encoding=multi, without a heatmap encoder"):
        receptive_field(small_model(**MULTI))


def test_values_are_json() -> None:
    json.dumps(figure_3(small_model(), [0], num_samples=2).values, allow_nan=False)
