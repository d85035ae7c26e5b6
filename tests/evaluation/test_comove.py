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
    Pairs,
    Sample,
    dilated,
    draw_pairs,
    locality,
    measure_comove,
    measure_pairs,
    nearest,
    object_at,
    summarize_samples,
)
from spatialgan.evaluation.response import MAX_DISTANCE
from spatialgan.evaluation.segmentation import Instance
from spatialgan.seeds import layout_of

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


def pairs_of(*centers: tuple[float, float], move: tuple[float, float] = (0.25, 0.0)) -> Pairs:
    """Black pictures of 32 pixels, all with the same move, and down as the unrelated direction."""
    b = len(centers)
    black = torch.zeros(b, 3, 32, 32, dtype=torch.uint8)
    return Pairs(black, black.clone(), torch.tensor(centers), torch.tensor(move).expand(b, 2),
                 torch.tensor([0.0, 1.0]).expand(b, 2))


CENTER = (10 / 32, 10 / 32)  # the middle of box(8, 8, ...)


# ---------------------------------------------------------------- models whose ratio is known


@pytest.mark.parametrize("follows", [1.0, 0.5, 0.0])
def test_the_ratio_is_the_share_by_which_objects_follow(follows: float) -> None:
    result = measure_comove(SquaresModel(follows), ColourSegmenter(), num_samples=SAMPLES)
    assert result.ratio.mean == pytest.approx(follows, abs=0.02)
    assert abs(result.control.mean) < 0.12
    low, high = result.control.mean_interval
    assert low <= 0 <= high
    assert result.identity.mean == pytest.approx(1) and result.label_changed == 0
    assert result.no_object < 0.02 and result.no_match == 0  # of two that overlap, one may hide the other's centre


@pytest.mark.parametrize("sampling", ["hierarchical", "independent"])
def test_of_single_object_layouts_the_level_0_centre_is_moved(sampling: str) -> None:
    model = SquaresModel(layout="single", encoding="norm", sampling=sampling)
    result = measure_comove(model, ColourSegmenter(), num_samples=40)
    assert result.ratio.mean == pytest.approx(1, abs=0.03) and result.no_object == 0


def test_chance_tells_what_redrawing_everything_gets() -> None:
    """Objects that land anywhere have a ratio clearly above 0. The control does not see it, chance does."""
    result = measure_comove(SquaresModel(None), ColourSegmenter(), num_samples=600)
    assert result.ratio.mean_interval[0] > 0.2
    assert abs(result.control.mean) < 0.25
    assert result.chance.mean == pytest.approx(result.ratio.mean, abs=0.3)
    assert result.chance.count == pytest.approx(599, abs=10)  # the first sample has none


def test_grey_pictures_are_shown_to_the_segmenter_in_three_channels() -> None:
    model = SquaresModel(image_channels=1)
    result = measure_comove(model, Halves(), num_samples=4)
    assert result.ratio.mean == 0 and result.no_object == 0


def test_the_same_seeds_give_the_same_result_in_batches_of_any_size(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(first_seed: int) -> comove.CoMove:
        return measure_comove(SquaresModel(), ColourSegmenter(), num_samples=20, first_seed=first_seed)

    first, other = run(5), run(500)
    monkeypatch.setattr(comove, "BATCH_SIZE", 3)
    assert run(5) == first != other


def test_on_a_tiny_network_with_progress_and_json() -> None:
    done: list[tuple[int, int]] = []
    result = measure_comove(tiny_model(layout="multi", encoding="multi"), Halves(), num_samples=18,
                            on_progress=lambda *a: done.append(a))
    assert done[0] == (1, 18) and done[-1] == (18, 18)
    assert result.ratio.mean == 0 and result.identity.mean == 1 and result.no_object == 0
    assert result.locality.mean is not None and result.locality.mean > 0
    text = json.loads(json.dumps(result.to_json(), allow_nan=False))
    assert text["num_samples"] == 18 and text["no_match"] == 0 and text["ratio"]["count"] == 18
    assert set(text) >= {"control", "chance", "locality", "identity", "chance_identity", "label_changed"}


# ---------------------------------------------------------------- moves


def test_moves_have_their_lengths_and_stay_inside_and_only_one_centre_moves() -> None:
    model = SquaresModel()
    pairs = draw_pairs(model, model.config.model, range(64), 0.1, 0.3)
    (z_before, before, noise_before), (z_after, after, noise_after) = model.calls
    assert torch.equal(z_before, z_after)
    assert all(torch.equal(a, b) for a, b in zip(noise_before, noise_after, strict=True))
    shift = (after.centers - before.centers).double()  # (B, 3, 2)
    moved = shift.norm(dim=-1) > 0
    assert (moved.sum(dim=1) == 1).all() and moved.any(dim=0).all()  # one in each picture, and each somewhere
    assert torch.allclose(shift.sum(dim=1), pairs.moves, atol=1e-6)
    assert torch.equal(before.centers[moved], pairs.centers)
    end = pairs.centers + pairs.moves
    assert (end >= 0).all() and (end <= 1).all()
    lengths = pairs.moves.norm(dim=1)
    assert lengths.min() >= 0.1 - 1e-6 and lengths.max() <= 0.3 + 1e-6 and lengths.std() > 0.04
    assert len({(bool(x > 0), bool(y > 0)) for x, y in pairs.moves}) == 4


def test_the_control_is_at_right_angles_to_the_moves_to_either_side() -> None:
    """Drawn freely, they leaned against the moves of seeds 0 to 499, and the control was below 0."""
    pairs = draw_pairs(SquaresModel(), SquaresModel().config.model, range(64), 0.1, 0.3)
    (vx, vy), (ux, uy) = pairs.moves.T, pairs.unrelated.T
    assert torch.allclose(pairs.unrelated.norm(dim=1), torch.ones(64, dtype=torch.float64))
    assert (ux * vx + uy * vy).abs().max() < 1e-12
    left = vx * uy - vy * ux > 0
    assert 0.3 < float(left.double().mean()) < 0.7


def test_a_single_objects_levels_all_move_alike() -> None:
    model = SquaresModel(layout="single", encoding="norm")
    pairs = draw_pairs(model, model.config.model, range(8), 0.2, 0.2)
    (_, before, _), (_, after, _) = model.calls
    assert torch.allclose(after.centers - before.centers, pairs.moves.float()[:, None].expand(-1, 7, -1), atol=1e-6)


@pytest.mark.parametrize(("own", "asked", "measured"), [(0.0, None, 0.0), (0.0, 1.0, 1.0), (1.0, None, 1.0),
                                                        (1.0, 0.0, 0.0)])
def test_layouts_are_the_models_own_or_as_far_apart_as_is_asked(own: float, asked: float | None,
                                                               measured: float) -> None:
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
    (sample,) = measure_pairs([pairs_of(CENTER)], told)
    assert sample.ratio == pytest.approx(0.5)
    assert sample.control == pytest.approx(-0.25)  # up is against the unrelated direction, down
    assert sample.identity == pytest.approx(0.8)
    assert sample.has_object and sample.has_match and sample.same_label and sample.label == "box"
    assert math.isnan(sample.chance) and math.isnan(sample.locality)  # no picture before it, and nothing changed


def test_an_object_is_matched_by_its_looks_whatever_its_place_and_class() -> None:
    told = Told([box(8, 8, (1.0, 0.0))], [box(8, 8, (0.0, 1.0)), box(24, 8, (1.0, 0.1), "lamp")])
    (sample,) = measure_pairs([pairs_of(CENTER)], told)
    assert sample.ratio == pytest.approx(2) and not sample.same_label


def test_chance_matches_in_the_sample_before_also_over_batches() -> None:
    def at(x: int) -> list[Instance]:
        return [box(x, 8, (1.0, 0.0))]

    class InTurn(Told):
        def __call__(self, images: torch.Tensor) -> list[list[Instance]]:
            return [self.found.pop(0) for _ in images]

    batches = [pairs_of(CENTER, CENTER), pairs_of(CENTER)]
    samples = list(measure_pairs(batches, InTurn(at(8), at(8), at(10), at(16), at(8), at(12))))
    assert [s.ratio for s in samples] == pytest.approx([0.25, 1.0, 0.5])
    assert math.isnan(samples[0].chance)
    assert [s.chance for s in samples[1:]] == pytest.approx([0.25, 1.0])
    assert samples[1].chance_identity == pytest.approx(1)


def test_what_cannot_be_measured_is_counted_and_left_out() -> None:
    red = box(8, 8, (1.0, 0.0))
    told = Told([red], [], [red], [red],  # before: an object, nothing at all, an object, and one elsewhere
                [box(16, 8, (1.0, 0.0))], [red], [], [red])
    samples = list(measure_pairs([pairs_of(CENTER, CENTER, CENTER, (0.9, 0.9))], told))
    result = summarize_samples(samples)
    assert (result.no_object, result.no_match, result.label_changed) == (0.5, 0.25, 0.0)
    assert (result.ratio.count, result.ratio.share, result.ratio.mean) == (1, 0.25, 1.0)
    assert result.ratio.share + result.no_object + result.no_match == 1
    assert result.chance.count == 1  # of the third, matched in the second's picture; the first has no picture before it


def test_matches_of_another_class_are_told_as_a_share_of_all() -> None:
    told = Told([box(8, 8, (1.0,))], [], [box(8, 8, (1.0,), "lamp")], [])
    result = summarize_samples(list(measure_pairs([pairs_of(CENTER, CENTER)], told)))
    assert result.label_changed == 0.5 and result.ratio.mean == 0


def test_the_ratio_is_told_by_the_objects_class_the_most_frequent_first() -> None:
    def sample(label: str, ratio: float) -> Sample:
        return Sample(ratio=ratio, has_object=True, has_match=True, label=label)

    unmatched = Sample(has_object=True, label="lamp")
    result = summarize_samples([sample("bed", 0.5), sample("window", 1.0), sample("window", 0.8), Sample(), unmatched])
    assert [*result.by_class] == ["window", "bed"]
    assert result.by_class["window"].mean == pytest.approx(0.9) and result.by_class["window"].count == 2
    assert result.to_json()["by_class"]["bed"]["mean"] == pytest.approx(0.5)


def test_nothing_measured_at_all() -> None:
    result = summarize_samples(list(measure_pairs([pairs_of(CENTER)], Told([], []))))
    assert result.no_object == 1 and result.ratio.mean is None and result.ratio.mean_interval is None


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
    result = measure_comove(model, ColourSegmenter(), num_samples=10)
    assert result.locality.mean == 0 and result.locality.count == 10  # the background stays as it is

    class Flicker(SquaresModel):
        def generate(self, *args: object, **options: object) -> torch.Tensor:
            return super().generate(*args, **options) + 0.1 * (len(self.calls) % 2)

    assert measure_comove(Flicker(), ColourSegmenter(), num_samples=10).locality.mean > 0.02


# ---------------------------------------------------------------- mistakes


@pytest.mark.parametrize(("settings", "reason"), [
    ({"encoding": "none"}, "tiny has no heatmap.*N/A"),
    ({"sampling": "noise"}, "rasters without centres"),
])
def test_models_without_a_handle_are_refused(settings: dict[str, str], reason: str) -> None:
    with pytest.raises(SpatialGANError, match=reason):
        measure_comove(tiny_model(**settings), Halves(), num_samples=2)


@pytest.mark.parametrize("options", [{"num_samples": 0}, {"shortest": 0.0}, {"longest": MAX_DISTANCE + 0.01},
                                     {"shortest": 0.3, "longest": 0.2}, {"shortest": math.nan}])
def test_arguments_out_of_range(options: dict[str, float]) -> None:
    with pytest.raises(SpatialGANError, match="1 sample or more"):
        measure_comove(SquaresModel(), ColourSegmenter(), **options)
