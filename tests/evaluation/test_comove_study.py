"""The Co-move ratio over several sets of samples and several trainings of one recipe."""

import pytest
from fakes import ColourSegmenter, SquaresModel

from spatialgan.errors import SpatialGANError
from spatialgan.evaluation.comove import measure_comove
from spatialgan.evaluation.comove_study import measure_study


def training(follows: float, weights: str = "", **settings: object) -> SquaresModel:
    model = SquaresModel(follows, **settings)
    model.name = f"follows-{follows}"
    model.weights_hash = weights or str(follows)
    return model


def test_of_one_set_of_one_model_it_is_that_ones_ratio() -> None:
    study = measure_study([training(0.5)], ColourSegmenter(), num_samples=20, first_seed=3)
    assert study.result == measure_comove(SquaresModel(0.5), ColourSegmenter(), num_samples=20, first_seed=3)
    text = study.to_json()
    assert {name: text[name] for name in study.result.to_json()} == study.result.to_json()
    assert text["set_spread"] == {"single": None, "antithetic": None} and "models" not in text
    (alone,) = text["sets"]
    assert alone["first_seed"] == 3 and alone["antithetic"]["ratio"] == text["antithetic"]["ratio"]


def test_each_set_is_measured_on_the_seeds_after_those_of_the_one_before() -> None:
    done: list[tuple[int, int]] = []
    (result,) = measure_study(
        [training(0.5)],
        ColourSegmenter(),
        num_samples=12,
        repeats=3,
        first_seed=5,
        on_progress=lambda *a: done.append(a),
    ).models
    assert done == [(i, 36) for i in range(1, 37)]
    for found, seed in zip(result.sets, (5, 17, 29), strict=True):
        alone = measure_comove(SquaresModel(0.5), ColourSegmenter(), num_samples=12, first_seed=seed)
        assert (found.first_seed, found.result) == (seed, alone)
    pooled, together = (
        result.result.single,
        measure_comove(SquaresModel(0.5), ColourSegmenter(), num_samples=36, first_seed=5).single,
    )
    assert pooled.ratio == together.ratio
    assert pooled.chance.count == together.chance.count - 2  # the first of each set has none
    assert 0 < result.set_spread["antithetic"] < 0.1


def test_intervals_over_trainings_say_how_far_these_differ() -> None:
    models = [training(share) for share in (0.2, 0.6, 1.0)]
    study = measure_study(models, ColourSegmenter(), num_samples=60)
    for column in (study.result.single, study.result.antithetic):
        low, high = column.ratio.mean_interval
        assert column.ratio.mean == pytest.approx(0.6, abs=0.03) and column.num_samples == 180
        assert low == pytest.approx(0.2, abs=0.05) and high == pytest.approx(1.0, abs=0.05)
    for model, share in zip(study.models, (0.2, 0.6, 1.0), strict=True):
        low, high = model.result.antithetic.ratio.mean_interval
        assert low < share + 0.03 and high > share - 0.03 and high - low < 0.1
    assert study.model_spread["antithetic"] == pytest.approx(0.4, abs=0.03)
    text = study.to_json()
    assert [(m["name"], m["sets"][0]["first_seed"]) for m in text["models"]] == [
        ("follows-0.2", 0),
        ("follows-0.6", 60),
        ("follows-1.0", 120),
    ]
    assert text["ratio"]["mean"] == study.result.single.ratio.mean


@pytest.mark.parametrize(
    ("models", "reason"),
    [
        ([], "give a model"),
        ([training(0.2), training(0.2)], "follows-0.2 and follows-0.2 have the same weights"),
        (
            [training(0.2), training(0.4, object_spacing=1.0)],
            "follows-0.2 and follows-0.4 are not of one recipe: model.object_spacing is 0.0 and 1.0",
        ),
    ],
)
def test_models_that_are_not_trainings_of_one_recipe(models: list[SquaresModel], reason: str) -> None:
    with pytest.raises(SpatialGANError, match=reason):
        measure_study(models, ColourSegmenter(), num_samples=2)
    assert all(not model.calls for model in models)


def test_no_sets() -> None:
    with pytest.raises(SpatialGANError, match="repeats=0: use 1 set"):
        measure_study([training(0.2)], ColourSegmenter(), num_samples=2, repeats=0)
