"""The response on models whose response is known, and on a tiny network."""

import json
import math

import numpy as np
import pytest
import torch
from fakes import BlobDetector, BlobMatcher, BlobModel, NoMatcher, tiny_model

from spatialgan.errors import SpatialGANError
from spatialgan.evaluation.response import MAX_DISTANCE, draw_pairs, measure_response, moved_whole
from spatialgan.layout import Layout
from spatialgan.sampling import sample_layout

SEEDS = 200


class NoDetector:
    name = "none"

    def __call__(self, image: np.ndarray) -> None:
        return None


class MiddleDetector:
    """Always sure, always of the same place."""

    name = "middle"

    def __call__(self, image: np.ndarray) -> tuple[float, float]:
        return 0.5, 0.5


@pytest.mark.parametrize("channels", [3, 1])
def test_a_model_that_follows_exactly_has_response_one(channels: int) -> None:
    measures = measure_response(
        BlobModel(channels=channels), num_seeds=SEEDS, detector=BlobDetector(), matcher=NoMatcher()
    ).measures
    for name in ("detector", "attention_1"):
        expected = 1.0 if name == "detector" else 0.5
        assert measures[name].response.median == pytest.approx(expected, rel=0.02)
        assert abs(measures[name].control.mean) < 0.15
    assert measures["detector"].response.mean == pytest.approx(1.0, rel=0.02)
    low, high = measures["detector"].control.mean_interval
    assert low < 0 < high


def test_the_matcher_follows_what_is_drawn_at_the_centre() -> None:
    exact = measure_response(BlobModel(), num_seeds=SEEDS, detector=NoDetector(), matcher=BlobMatcher())
    found = exact.measures["matcher"].response
    assert found.mean == pytest.approx(1.0, abs=0.05) and found.share > 0.9 and exact.matcher == "blob"
    assert abs(exact.measures["matcher"].control.mean) < 0.15
    # A blob that stays where z has put it is seldom at the centre; where it is, it does not follow.
    still = measure_response(BlobModel(0.0), num_seeds=SEEDS, detector=NoDetector(), matcher=BlobMatcher(6))
    found = still.measures["matcher"].response
    assert 0 < found.share < 0.1 and found.mean == pytest.approx(0, abs=1e-6)


def test_by_default_features_of_efficientnet_are_matched() -> None:
    response = measure_response(BlobModel(), num_seeds=8, detector=NoDetector())
    found = response.measures["matcher"].response
    assert found.share > 0.5 and found.median == pytest.approx(1.0, abs=0.1) and "EfficientNet" in response.matcher


@pytest.mark.parametrize("follows", [0.0, 0.5])
def test_a_model_that_follows_less_has_less(follows: float) -> None:
    response = measure_response(BlobModel(follows), num_seeds=SEEDS, detector=BlobDetector(), matcher=NoMatcher())
    assert response.measures["detector"].response.mean == pytest.approx(follows, abs=0.02)
    assert response.measures["attention_0"].response.mean == pytest.approx(follows, abs=0.05)
    assert (response.pixels_changed.mean > 0) == (follows > 0)


def test_a_detector_that_sees_nothing_move_gives_zero() -> None:
    response = measure_response(BlobModel(), num_seeds=16, detector=MiddleDetector(), matcher=NoMatcher())
    assert response.measures["detector"].response.mean == 0
    assert response.measures["detector"].response.share == 1


def test_seeds_without_an_answer_do_not_count() -> None:
    response = measure_response(BlobModel(), num_seeds=SEEDS, detector=BlobDetector(), matcher=NoMatcher())
    found = response.measures["detector"].response
    assert 0.2 < found.share < 0.8 and found.count == round(found.share * SEEDS)  # blobs near the edge are refused
    empty = response.measures["attention_2"].response  # its maps are all zero
    assert (empty.count, empty.share, empty.mean, empty.median_interval) == (0, 0.0, None, None)


def test_measures_without_discriminator() -> None:
    response = measure_response(
        BlobModel(with_discriminator=False), num_seeds=8, detector=NoDetector(), matcher=NoMatcher()
    )
    assert list(response.measures) == ["detector", "matcher"] and response.measures["detector"].response.count == 0


def test_the_same_seeds_give_the_same_result() -> None:
    runs = [
        measure_response(BlobModel(), num_seeds=20, detector=BlobDetector(), matcher=NoMatcher(), first_seed=s)
        for s in (5, 5, 500)
    ]
    assert runs[0] == runs[1] != runs[2]


def test_moves_have_their_length_and_stay_inside() -> None:
    model = BlobModel()
    pairs = draw_pairs(model, range(64), 0.3)
    before, after = (layout.level_centers(0)[:, 0] for layout in model.layouts)
    assert torch.allclose(after - before, pairs.moves, atol=1e-6)
    assert torch.allclose(pairs.moves.norm(dim=1), torch.tensor(0.3), atol=1e-6)
    assert (after >= 0).all() and (after <= 1).all()
    unrelated = pairs.unrelated
    assert torch.allclose(unrelated.norm(dim=1), torch.ones(64, dtype=torch.float64))
    quadrants = {(bool(x > 0), bool(y > 0)) for x, y in pairs.moves}
    assert len(quadrants) == 4


def test_pixels_changed_is_a_share_of_the_full_range() -> None:
    class Flash(BlobModel):
        """Black before, and white in every second picture after."""

        def generate(self, z: torch.Tensor, layout: Layout, noise: object, *, truncation: float = 1.0) -> torch.Tensor:
            images = -torch.ones(len(z), 3, 64, 64)
            if self.layouts:
                images[::2] = 1.5  # beyond white is shown as white
            self.layouts.append(layout)
            return images

    response = measure_response(
        Flash(with_discriminator=False), num_seeds=8, detector=NoDetector(), matcher=NoMatcher()
    )
    assert response.pixels_changed.mean == response.pixels_changed.median == 0.5


def test_all_levels_move_alike() -> None:
    model = BlobModel()
    pairs = draw_pairs(model, range(8), 0.15)
    before, after = model.layouts
    assert torch.allclose(after.centers - before.centers, pairs.moves[:, None].expand(-1, 7, -1), atol=1e-6)


def test_all_levels_move_alike_without_hierarchy(rng: torch.Generator) -> None:
    layout = sample_layout(BlobModel(sampling="independent").config.model, 3, rng)
    step = torch.tensor([0.1, -0.05])
    shift = moved_whole(layout, step.expand(3, 2)).centers - layout.centers
    assert torch.allclose(shift, step.expand(3, 7, 2), atol=1e-6)


def test_only_the_layout_differs_within_a_pair() -> None:
    model = tiny_model()
    calls: list[tuple] = []
    generate = model.generate
    model.generate = lambda z, layout, noise: calls.append((z, noise)) or generate(z, layout, noise)
    draw_pairs(model, range(3), 0.15)
    (z_before, noise_before), (z_after, noise_after) = calls
    assert torch.equal(z_before, z_after)
    assert all(torch.equal(a, b) for a, b in zip(noise_before, noise_after, strict=True))


def test_on_a_tiny_network_with_progress_and_json() -> None:
    done: list[tuple[int, int]] = []
    model = tiny_model()
    response = measure_response(
        model, num_seeds=6, detector=MiddleDetector(), matcher=NoMatcher(), on_progress=lambda *a: done.append(a)
    )
    assert done == [(4, 6), (6, 6)]  # batches of one minibatch-std group
    assert list(response.measures) == ["detector", "matcher", "attention_0", "attention_1", "attention_2"]
    assert 0 < response.pixels_changed.mean < 1
    text = json.loads(json.dumps(response.to_json(), allow_nan=False))
    assert text["detector"] == "middle" and text["num_seeds"] == 6 and text["distance"] == 0.15
    assert text["measures"]["detector"]["response"]["mean"] == 0
    assert len(text["measures"]["attention_2"]["control"]["mean_interval"]) == 2


def test_impulse_noise_is_left_out() -> None:
    clean, noisy = tiny_model(), tiny_model(impulse_noise=0.3)
    a, b = (
        measure_response(m, num_seeds=4, detector=NoDetector(), matcher=NoMatcher()).pixels_changed.mean
        for m in (clean, noisy)
    )
    assert a == b


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"encoding": "none"}, "no heatmap"),
        ({"layout": "multi", "encoding": "multi"}, "several objects"),
        ({"sampling": "noise"}, "rasters"),
    ],
)
def test_models_without_a_movable_layout_are_refused(settings: dict[str, str], reason: str) -> None:
    with pytest.raises(SpatialGANError, match=f"tiny cannot be moved.*{reason}"):
        measure_response(tiny_model(**settings), num_seeds=2, detector=NoDetector(), matcher=NoMatcher())


@pytest.mark.parametrize(
    "options", [{"num_seeds": 0}, {"distance": 0.0}, {"distance": MAX_DISTANCE + 0.01}, {"distance": math.nan}]
)
def test_arguments_out_of_range(options: dict[str, float]) -> None:
    with pytest.raises(SpatialGANError, match="1 seed or more"):
        measure_response(tiny_model(), detector=NoDetector(), matcher=NoMatcher(), **options)
