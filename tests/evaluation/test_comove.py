"""The Co-move ratio on models that follow by a known share, on constructed pairs, and on a tiny network."""

import json
import math
from dataclasses import replace

import pytest
import torch
from fakes import ColourSegmenter, Halves, SquaresModel, tiny_model

from spatialgan.errors import SpatialGANError
from spatialgan.evaluation import comove
from spatialgan.evaluation.comove import (
    Column,
    CoMove,
    Sample,
    dilated,
    locality,
    measure_comove,
    measure_samples,
    measure_trials,
    nearest,
    object_at,
    stays_in_frame,
    summarize_both,
    summarize_samples,
)
from spatialgan.evaluation.comove_moves import Moves, Trials
from spatialgan.evaluation.response import MAX_DISTANCE
from spatialgan.evaluation.summary import Summary
from spatialgan.seeds import layout_of
from spatialgan.segmenter.segmentation import Instance

SAMPLES = 200


def box(x: int, y: int, feature: tuple[float, ...], label: str = "box", size: int = 4) -> Instance:
    """A square in a picture of 32 pixels, its upper left corner at column x and row y."""
    mask = torch.zeros(32, 32, dtype=torch.bool)
    mask[y : y + size, x : x + size] = True
    return Instance(mask, label, 1.0, torch.tensor(feature))


class Told:
    """A segmenter that says what it is told, whatever it sees."""

    name, weights_hash = "told", ""

    def __init__(self, *found: list[Instance]) -> None:
        self.found = list(found)

    def __call__(self, images: torch.Tensor) -> list[list[Instance]]:
        assert len(images) == len(self.found)
        return self.found


def trials_of(*centers: tuple[float, float], move: tuple[float, float] = (0.25, 0.0), pictures: int = 1) -> Trials:
    """Black pictures of 32 pixels, all with the same move, and down as the unrelated direction; by one protocol."""
    b = len(centers)
    black = torch.zeros(b, 3, 32, 32, dtype=torch.uint8)
    moves = Moves((black,) * pictures, torch.tensor(move).expand(b, 2), torch.tensor([0.0, 1.0]).expand(b, 2))
    return Trials(black, torch.tensor(centers), (moves,))


def measured(trials: list[Trials], segmenter: Told) -> list[Sample]:
    return [sample for (sample,) in measure_trials(trials, segmenter)]


CENTER = (10 / 32, 10 / 32)  # the middle of box(8, 8, ...)


# ---------------------------------------------------------------- models whose ratio is known


def both(result: CoMove) -> tuple[Column, Column]:
    return result.single, result.antithetic


def holds_zero(summary: Summary) -> bool:
    low, high = summary.mean_interval
    return low <= 0 <= high


@pytest.mark.parametrize("follows", [1.0, 0.5, 0.0])
def test_the_ratio_is_the_share_by_which_objects_follow(follows: float) -> None:
    result = measure_comove(SquaresModel(follows), ColourSegmenter(), num_samples=SAMPLES)
    for column in both(result):
        assert column.ratio.mean == pytest.approx(follows, abs=0.02)
        assert abs(column.control.mean) < 0.12 and holds_zero(column.control)
        assert column.identity.mean == pytest.approx(1, abs=0.01) and column.label_changed < 0.01
        assert column.no_object < 0.02 and column.no_match == 0  # of two that overlap, one may hide the other
    assert result.single.no_room == 0 and 0 < result.antithetic.no_room < 0.05


@pytest.mark.parametrize("sampling", ["hierarchical", "independent"])
def test_of_single_object_layouts_the_level_0_centre_is_moved(sampling: str) -> None:
    model = SquaresModel(layout="single", encoding="norm", sampling=sampling)
    for column in both(measure_comove(model, ColourSegmenter(), num_samples=40)):
        assert column.ratio.mean == pytest.approx(1, abs=0.03) and column.no_object == 0


def test_objects_that_land_anywhere_have_a_single_sided_ratio_above_0_and_an_antithetic_one_of_0() -> None:
    """The control does not see that moves lean inwards, chance does."""
    result = measure_comove(SquaresModel(None), ColourSegmenter(), num_samples=500)
    single, antithetic = both(result)
    assert single.ratio.mean_interval[0] > 0.2 and single.chance.mean_interval[0] > 0.2
    assert abs(single.control.mean) < 0.25
    assert single.chance.count == pytest.approx(499, abs=10)  # the first sample has none
    assert holds_zero(antithetic.ratio) and holds_zero(antithetic.chance)
    assert max(abs(antithetic.ratio.mean), abs(antithetic.chance.mean)) < 0.15
    width = [high - low for low, high in (c.chance.mean_interval for c in (single, antithetic))]
    assert width[1] < 0.9 * width[0]


def test_objects_that_are_always_in_the_same_places_have_no_antithetic_ratio_at_all() -> None:
    fixed = torch.tensor([[0.4, 0.5], [0.5, 0.5], [0.6, 0.5]])
    single, antithetic = both(
        measure_comove(SquaresModel(lambda start, _: fixed - start), ColourSegmenter(), num_samples=300)
    )
    assert single.ratio.mean_interval[0] > 0.2 and single.chance.mean_interval[0] > 0.2
    for summary in (antithetic.ratio, antithetic.chance, antithetic.control):
        assert summary.mean == pytest.approx(0) and summary.mean_interval == pytest.approx((0, 0))


def test_an_object_that_goes_to_the_right_alone_goes_half_of_the_way_in_every_sample() -> None:
    samples = measure_samples(
        SquaresModel(lambda _, move: move * (move[..., :1] > 0)), ColourSegmenter(), num_samples=40
    )
    single, antithetic = (
        [r for r in ratios if not math.isnan(r)]
        for ratios in zip(*((s.ratio, a.ratio) for s, a in samples), strict=True)
    )
    assert antithetic == pytest.approx([0.5] * len(antithetic), abs=0.13)  # half a pixel of six, twice
    assert {round(r) for r in single} == {0, 1}


def test_what_drifts_whatever_is_moved_does_not_follow() -> None:
    drift = torch.tensor([0.2, 0.0])
    samples = measure_samples(SquaresModel(lambda _, move: drift.expand_as(move)), ColourSegmenter(), num_samples=40)
    assert [a.ratio for _, a in samples if a.has_match] == pytest.approx([0] * sum(a.has_match for _, a in samples))
    assert max(abs(s.ratio) for s, _ in samples if s.has_match) > 0.5


def test_grey_pictures_are_shown_to_the_segmenter_in_three_channels() -> None:
    model = SquaresModel(image_channels=1)
    for column in both(measure_comove(model, Halves(), num_samples=4)):
        assert column.ratio.mean == 0 and column.no_object == 0


def test_the_same_seeds_give_the_same_result_in_batches_of_any_size(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(first_seed: int) -> CoMove:
        return measure_comove(SquaresModel(), ColourSegmenter(), num_samples=20, first_seed=first_seed)

    first, other = run(5), run(500)
    monkeypatch.setattr(comove, "BATCH_SIZE", 3)
    assert run(5) == first != other


def test_on_a_tiny_network_with_progress_and_json() -> None:
    done: list[tuple[int, int]] = []
    result = measure_comove(
        tiny_model(layout="multi", encoding="multi"), Halves(), num_samples=18, on_progress=lambda *a: done.append(a)
    )
    assert done[0] == (1, 18) and done[-1] == (18, 18)
    for column in both(result):
        assert column.ratio.mean == 0 and column.identity.mean == pytest.approx(1) and column.no_object == 0
        assert column.locality.mean is not None and column.locality.mean > 0
    text = json.loads(json.dumps(result.to_json(), allow_nan=False))
    assert text["num_samples"] == 18 and text["no_match"] == 0 and text["ratio"]["count"] == 18
    assert set(text) >= {"control", "chance", "locality", "identity", "chance_identity", "label_changed", "by_class"}
    assert set(text["antithetic"]) == set(text) - {"antithetic"}
    assert text["ratio_in_frame"]["count"] == 0  # halves of a picture touch its edges
    assert text["chance"]["count"] == 17 and set(text["chance_by_class"]) == set(text["by_class"]) == {"left", "right"}


# ---------------------------------------------------------------- layouts


@pytest.mark.parametrize(
    ("own", "asked", "measured"), [(0.0, None, 0.0), (0.0, 1.0, 1.0), (1.0, None, 1.0), (1.0, 0.0, 0.0)]
)
def test_layouts_are_the_models_own_or_as_far_apart_as_is_asked(
    own: float, asked: float | None, measured: float
) -> None:
    model = SquaresModel(object_spacing=own)
    measure_comove(model, ColourSegmenter(), num_samples=3, object_spacing=asked)
    expected = layout_of(replace(model.config.model, object_spacing=measured), 2)
    assert torch.equal(model.calls[0][1].centers[2], expected.centers)


def test_single_object_layouts_have_no_spacing() -> None:
    with pytest.raises(SpatialGANError, match="squares has layouts of one object"):
        measure_comove(SquaresModel(layout="single", encoding="norm"), ColourSegmenter(), object_spacing=0.0)


# ---------------------------------------------------------------- constructed pairs


def test_a_sample_by_hand() -> None:
    """v is 8 pixels to the right; the object goes 4 right and 2 up."""
    told = Told([box(8, 8, (1.0, 0.0)), box(20, 20, (0.0, 1.0))], [box(20, 20, (0.0, 1.0)), box(12, 6, (0.8, 0.6))])
    (sample,) = measured([trials_of(CENTER)], told)
    assert sample.ratio == pytest.approx(0.5)
    assert sample.control == pytest.approx(-0.25)  # up is against the unrelated direction, down
    assert sample.identity == pytest.approx(0.8)
    assert sample.has_object and sample.has_match and sample.same_label and sample.label == "box"
    assert math.isnan(sample.chance) and math.isnan(sample.locality)  # no picture before it, and nothing changed


def test_an_object_is_matched_by_its_looks_whatever_its_place_and_class() -> None:
    told = Told([box(8, 8, (1.0, 0.0))], [box(8, 8, (0.0, 1.0)), box(24, 8, (1.0, 0.1), "lamp")])
    (sample,) = measured([trials_of(CENTER)], told)
    assert sample.ratio == pytest.approx(2) and not sample.same_label


def test_chance_matches_in_the_sample_before_also_over_batches() -> None:
    def at(x: int) -> list[Instance]:
        return [box(x, 8, (1.0, 0.0))]

    class InTurn(Told):
        def __call__(self, images: torch.Tensor) -> list[list[Instance]]:
            return [self.found.pop(0) for _ in images]

    batches = [trials_of(CENTER, CENTER), trials_of(CENTER)]
    samples = measured(batches, InTurn(at(8), at(8), at(10), at(16), at(8), at(12)))
    assert [s.ratio for s in samples] == pytest.approx([0.25, 1.0, 0.5])
    assert math.isnan(samples[0].chance)
    assert [s.chance for s in samples[1:]] == pytest.approx([0.25, 1.0])
    assert samples[1].chance_identity == pytest.approx(1)


def test_an_antithetic_sample_by_hand() -> None:
    """v is 8 pixels to the right. By v the object goes 4 right and 2 up, by -v 2 left and 2 down."""
    told = Told([box(8, 8, (1.0, 0.0))], [box(12, 6, (0.8, 0.6))], [box(6, 10, (0.6, 0.8), "lamp")])
    (sample,) = measured([trials_of(CENTER, pictures=2)], told)
    assert sample.ratio == pytest.approx((4 / 8 + 2 / 8) / 2)
    assert sample.control == pytest.approx((-2 / 8 - 2 / 8) / 2)
    assert sample.identity == pytest.approx(0.7)
    assert sample.has_match and not sample.same_label  # in one picture it is another class


def test_chance_of_antithetic_moves_takes_both_pictures_of_the_last_sample_that_had_room() -> None:
    def at(*columns: int) -> list[list[Instance]]:
        return [[box(x, 8, (1.0, 0.0))] for x in columns]

    trials = trials_of(CENTER, CENTER, CENTER, pictures=2)
    cramped = trials.protocols[0].v.clone()
    cramped[1] = math.nan
    trials = replace(trials, protocols=(replace(trials.protocols[0], v=cramped),))
    samples = measured([trials], Told(*at(8, 8, 8), *at(20, 0, 16), *at(16, 24, 0)))
    assert [s.has_room for s in samples] == [True, False, True]
    assert samples[0].ratio == pytest.approx((12 - 8) / 16) and samples[2].ratio == pytest.approx(1)
    assert math.isnan(samples[0].chance) and samples[2].chance == pytest.approx((12 - 8) / 16)
    assert samples[1] == Sample(has_room=False)
    result = summarize_samples([samples])
    assert (result.no_room, result.no_object, result.ratio.share) == pytest.approx((1 / 3, 0, 2 / 3))


def test_an_object_is_lost_where_one_of_both_pictures_has_none() -> None:
    red = [box(8, 8, (1.0, 0.0))]
    (sample,) = measured([trials_of(CENTER, pictures=2)], Told(red, red, []))
    assert sample.has_object and not sample.has_match and math.isnan(sample.ratio)


def test_what_cannot_be_measured_is_counted_and_left_out() -> None:
    red = box(8, 8, (1.0, 0.0))
    told = Told(
        [red],
        [],
        [red],
        [red],  # before: an object, nothing at all, an object, and one elsewhere
        [box(16, 8, (1.0, 0.0))],
        [red],
        [],
        [red],
    )
    samples = measured([trials_of(CENTER, CENTER, CENTER, (0.9, 0.9))], told)
    result = summarize_samples([samples])
    assert (result.no_object, result.no_match, result.label_changed) == (0.5, 0.25, 0.0)
    assert (result.ratio.count, result.ratio.share, result.ratio.mean) == (1, 0.25, 1.0)
    assert result.ratio.share + result.no_object + result.no_match == 1
    assert result.chance.count == 1  # of the third, matched in the second's picture; the first has no picture before it


def test_matches_of_another_class_are_told_as_a_share_of_all() -> None:
    told = Told([box(8, 8, (1.0,))], [], [box(8, 8, (1.0,), "lamp")], [])
    result = summarize_samples([measured([trials_of(CENTER, CENTER)], told)])
    assert result.label_changed == 0.5 and result.ratio.mean == 0


def test_ratio_and_chance_are_told_by_the_objects_class_the_most_frequent_first() -> None:
    def sample(label: str, ratio: float, chance: float) -> Sample:
        return Sample(ratio=ratio, chance=chance, has_object=True, has_match=True, label=label)

    unmatched = Sample(has_object=True, label="lamp")
    result = summarize_samples(
        [[sample("bed", 0.5, 0.1), sample("window", 1.0, 0.4), sample("window", 0.8, 0.2), Sample(), unmatched]]
    )
    assert [*result.by_class] == [*result.chance_by_class] == ["window", "bed"]
    assert result.by_class["window"].mean == pytest.approx(0.9) and result.by_class["window"].count == 2
    assert result.chance_by_class["window"].mean == pytest.approx(0.3)
    assert result.to_json()["by_class"]["bed"]["mean"] == pytest.approx(0.5)
    assert result.to_json()["chance_by_class"]["bed"]["mean"] == pytest.approx(0.1)


def test_several_trainings_count_alike_and_widen_the_intervals() -> None:
    def training(ratio: float, count: int) -> list[tuple[Sample, Sample]]:
        return [(Sample(ratio=ratio + 0.1), Sample(ratio=ratio))] * count

    result = summarize_both([training(0.2, 10), training(0.6, 30)])
    assert result.antithetic.ratio.mean == pytest.approx(0.4) and result.single.ratio.mean == pytest.approx(0.5)
    assert result.antithetic.ratio.mean_interval == pytest.approx((0.2, 0.6))
    assert result.antithetic.num_samples == 40


def test_nothing_measured_at_all() -> None:
    result = summarize_samples([measured([trials_of(CENTER)], Told([], []))])
    assert result.no_object == 1 and result.ratio.mean is None and result.ratio.mean_interval is None


@pytest.mark.parametrize(
    ("corner", "moves", "stays"),
    [
        ((1, 14), [], True),
        ((0, 14), [], False),
        ((14, 27), [], True),  # of four pixels: the last is the last but one of the picture
        ((14, 28), [], False),
        ((8, 8), [(6.9, 0.0), (-6.9, 0.0)], True),
        ((8, 8), [(7.9, 0.0)], True),
        ((8, 8), [(7.9, 0.0), (-7.9, 0.0)], False),
        ((8, 8), [(0.0, -7.9)], False),
        ((8, 8), [(19.9, 0.0)], False),
    ],
)
def test_an_object_is_in_frame_where_no_edge_cuts_it_off_before_or_after(
    corner: tuple[int, int], moves: list[tuple[float, float]], stays: bool
) -> None:
    moves_px = torch.tensor(moves, dtype=torch.float64).reshape(-1, 2)
    assert stays_in_frame(box(*corner, (1.0,)).mask, moves_px / 32) == stays


def test_the_ratio_in_frame_leaves_out_what_an_edge_cuts_off() -> None:
    """Both go along exactly; of the second, which v takes half out of the picture, half is left to be seen."""
    whole, cut = box(12, 8, (1.0, 0.0)), box(24, 8, (1.0, 0.0))
    after = [box(18, 8, (1.0, 0.0)), box(30, 8, (1.0, 0.0), size=2)], [box(6, 8, (1.0, 0.0)), box(18, 8, (1.0, 0.0))]
    told = Told([whole], [cut], *([i] for images in after for i in images))
    places = (14 / 32, 10 / 32), (26 / 32, 10 / 32)
    samples = measured([trials_of(*places, move=(6 / 32, 0.0), pictures=2)], told)
    result = summarize_samples([samples])
    assert [s.in_frame for s in samples] == [True, False] and samples[1].ratio == pytest.approx((5 + 6) / 12)
    assert result.ratio_in_frame.mean == pytest.approx(1) and result.ratio.mean < 0.97
    assert (result.ratio_in_frame.count, result.ratio_in_frame.share) == (1, 0.5)
    assert result.chance_in_frame.count == 0  # the first sample has no picture before it


def test_the_smallest_instance_at_the_centre_is_the_object() -> None:
    bed, pillow = box(0, 0, (1.0,), size=20), box(8, 8, (1.0,))
    assert object_at([bed, pillow], torch.tensor(CENTER)) is pillow
    assert object_at([bed, pillow], torch.tensor([0.02, 0.1])) is bed
    assert object_at([bed, pillow], torch.tensor([0.9, 0.1])) is None
    assert object_at([], torch.tensor(CENTER)) is None


def test_x_is_right_and_y_is_down_and_the_edges_belong_to_the_picture() -> None:
    mask = torch.zeros(8, 16, dtype=torch.bool)
    mask[7, 15] = True
    corner = Instance(mask, "corner", 1.0, torch.ones(1))
    assert object_at([corner], torch.tensor([1.0, 1.0])) is corner
    assert object_at([corner], torch.tensor([15.1 / 16, 7.1 / 8])) is corner
    assert object_at([corner], torch.tensor([7.1 / 8, 15.1 / 16])) is None
    assert object_at([corner], torch.tensor([0.0, 0.0])) is None


def test_nearest_is_by_euclidean_distance() -> None:
    subject, near, far = box(0, 0, (1.0, 0.0)), box(20, 20, (0.9, 0.3)), box(1, 1, (3.0, 0.0))
    assert nearest(subject, [far, near]) is near
    assert nearest(subject, []) is None


def test_locality_compares_outside_with_inside() -> None:
    old, new = box(8, 8, (1.0,)).mask, box(20, 8, (1.0,)).mask
    change = torch.full((32, 32), 1.0)
    assert locality(change, old, new) == pytest.approx(1)
    place = dilated(old | new, 1)  # 1/32 of 32 pixels
    change[place] = 10.0
    assert locality(change, old, new) == pytest.approx(0.1)
    assert locality(change * place, old, new) == 0
    assert locality(change * ~place, old, new) == math.inf
    assert math.isnan(locality(change * 0, old, new)) and math.isnan(locality(change, ~old, old))


def test_dilation_grows_by_whole_pixels() -> None:
    mask = torch.zeros(9, 9, dtype=torch.bool)
    mask[4, 0] = True
    grown = dilated(mask, 2)
    assert grown.dtype == torch.bool and int(grown.sum()) == 15 and grown[2:7, :3].all()


def test_locality_is_measured_on_the_pictures() -> None:
    model = SquaresModel()
    single, antithetic = both(measure_comove(model, ColourSegmenter(), num_samples=10))
    assert single.locality.mean == antithetic.locality.mean == 0  # the background stays as it is
    assert single.locality.count == 10

    class Flicker(SquaresModel):
        def generate(self, *args: object, **options: object) -> torch.Tensor:
            return super().generate(*args, **options) + 0.1 * (len(self.calls) % 4 == 1)

    assert min(c.locality.mean for c in both(measure_comove(Flicker(), ColourSegmenter(), num_samples=10))) > 0.02


# ---------------------------------------------------------------- mistakes


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"encoding": "none"}, "tiny has no heatmap.*N/A"),
        ({"sampling": "noise"}, "rasters without centres"),
    ],
)
def test_models_without_a_handle_are_refused(settings: dict[str, str], reason: str) -> None:
    with pytest.raises(SpatialGANError, match=reason):
        measure_comove(tiny_model(**settings), Halves(), num_samples=2)


@pytest.mark.parametrize(
    "options",
    [
        {"num_samples": 0},
        {"shortest": 0.0},
        {"longest": MAX_DISTANCE + 0.01},
        {"shortest": 0.3, "longest": 0.2},
        {"shortest": math.nan},
    ],
)
def test_arguments_out_of_range(options: dict[str, float]) -> None:
    with pytest.raises(SpatialGANError, match="1 sample or more"):
        measure_comove(SquaresModel(), ColourSegmenter(), **options)
