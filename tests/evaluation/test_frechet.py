"""Fréchet distances against closed forms, and the cache of reference features."""

import math
from pathlib import Path

import pytest
import torch
from fakes import MeanColour, tiny_model

from spatialgan.data.images import ImageDataset
from spatialgan.errors import SpatialGANError
from spatialgan.evaluation.frechet import (
    Gaussian,
    Point,
    RunningGaussian,
    cache_key,
    extrapolate,
    frechet_distance,
    frechet_of_model,
    reference_statistics,
    sample_counts,
    symmetric_sqrt,
)


def gaussian(mean: list[float], covariance: torch.Tensor) -> Gaussian:
    return Gaussian(torch.tensor(mean, dtype=torch.float64), covariance.double(), 100)


def measured(features: torch.Tensor, batch: int) -> Gaussian:
    running = RunningGaussian()
    for part in features.split(batch):
        running.add(part)
    return running.gaussian()


def random_covariance(size: int, seed: int) -> torch.Tensor:
    a = torch.randn(size, size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return a @ a.T + 0.1 * torch.eye(size, dtype=torch.float64)


def rotation(size: int) -> torch.Tensor:
    a = torch.randn(size, size, generator=torch.Generator().manual_seed(7), dtype=torch.float64)
    return torch.linalg.qr(a).Q


def test_commuting_gaussians_have_a_closed_form() -> None:
    # |mu|^2 + sum (sd_a - sd_b)^2, also when both are turned alike.
    sd_a, sd_b, q = torch.tensor([1.0, 2.0, 3.0]).double(), torch.tensor([4.0, 0.5, 3.0]).double(), rotation(3)
    a = gaussian([1.0, -2.0, 0.0], q @ torch.diag(sd_a**2) @ q.T)
    b = gaussian([0.0, 0.0, 2.0], q @ torch.diag(sd_b**2) @ q.T)
    assert frechet_distance(a, b) == pytest.approx((1 + 4 + 4) + (9 + 2.25 + 0), abs=1e-10)


def test_gaussians_that_do_not_commute() -> None:
    # For 2x2 matrices: tr sqrt(M) = sqrt(tr M + 2 sqrt(det M)).
    s_a, s_b = torch.tensor([[2.0, 0.7], [0.7, 1.0]]).double(), torch.tensor([[1.0, -0.3], [-0.3, 3.0]]).double()
    assert not torch.allclose(s_a @ s_b, s_b @ s_a)
    trace, det = (s_a @ s_b).trace().item(), torch.linalg.det(s_a @ s_b).item()
    expected = 3 + 4 - 2 * math.sqrt(trace + 2 * math.sqrt(det))
    assert frechet_distance(gaussian([0, 0], s_a), gaussian([0, 0], s_b)) == pytest.approx(expected, abs=1e-10)


def test_zero_for_identical_also_without_full_rank() -> None:
    full = gaussian([0.0] * 20, random_covariance(20, 0))
    assert frechet_distance(full, full) == pytest.approx(0, abs=1e-9)
    few = measured(torch.randn(5, 64, generator=torch.Generator().manual_seed(0)) * 100, 5)  # 5 pictures, 64 features
    assert frechet_distance(few, few) == pytest.approx(0, abs=1e-7)


def test_symmetric_in_its_arguments() -> None:
    a, b = gaussian([0.0] * 8, random_covariance(8, 1)), gaussian([1.0] * 8, random_covariance(8, 2))
    assert frechet_distance(a, b) == pytest.approx(frechet_distance(b, a), rel=1e-10)
    assert frechet_distance(a, b) > 8


def test_different_widths_are_refused() -> None:
    with pytest.raises(SpatialGANError, match="2 and of 3 numbers"):
        frechet_distance(gaussian([0, 0], torch.eye(2)), gaussian([0, 0, 0], torch.eye(3)))


def test_symmetric_sqrt_squares_back() -> None:
    matrix = random_covariance(12, 3)
    root = symmetric_sqrt(matrix)
    assert torch.allclose(root @ root, matrix, atol=1e-10)
    assert torch.allclose(root, root.T, atol=1e-12)


@pytest.mark.parametrize("batch", [1, 7, 1000])
def test_running_statistics_do_not_depend_on_the_batch_size(batch: int) -> None:
    # Far from zero: a sum of squares in float32, or without centring, would be wrong here.
    features = torch.randn(1000, 6, generator=torch.Generator().manual_seed(0)) * 1e-2 + 1e3
    ours = measured(features, batch)
    assert ours.count == 1000 and ours.mean.dtype == ours.covariance.dtype == torch.float64
    assert torch.allclose(ours.mean, features.double().mean(dim=0), rtol=1e-13)
    assert torch.allclose(ours.covariance, torch.cov(features.double().T), rtol=1e-8, atol=1e-12)


def test_too_few_or_broken_features_are_refused() -> None:
    running = RunningGaussian()
    running.add(torch.zeros(1, 3))
    with pytest.raises(SpatialGANError, match="at least 2"):
        running.gaussian()
    with pytest.raises(SpatialGANError, match="not finite"):
        running.add(torch.tensor([[0.0, math.nan, 0.0]]))


def test_reference_is_cached_by_content(images_folder: Path, tmp_path: Path) -> None:
    said: list[str] = []
    dataset, cache = ImageDataset.open(images_folder, resolution=32), tmp_path / "cache"
    first, second, third = MeanColour(), MeanColour(), MeanColour()
    made = reference_statistics(dataset, first, cache, log=said.append)
    assert (made.cache, made.gaussian.count, first.num_pictures) == ("miss", 12, 12) and made.images_per_s > 0
    found = reference_statistics(dataset, second, cache, log=said.append)
    assert (found.cache, found.gaussian.count, second.num_pictures) == ("hit", 12, 0) and found.images_per_s is None
    assert torch.equal(found.gaussian.mean, made.gaussian.mean)
    assert torch.equal(found.gaussian.covariance, made.gaussian.covariance)
    assert "miss" in said[0] and "hit" in said[1]
    (images_folder / "00.png").unlink()  # the same path, other files
    changed = ImageDataset.open(images_folder, resolution=32)
    assert reference_statistics(changed, third, cache, log=said.append).cache == "miss"
    assert third.num_pictures == 11


def test_without_cache_nothing_is_written(images_folder: Path, tmp_path: Path) -> None:
    dataset, extractor = ImageDataset.open(images_folder, resolution=32), MeanColour()
    assert reference_statistics(dataset, extractor, None, log=lambda _: None).cache == "off"
    assert {p.name for p in tmp_path.iterdir()} == {"pictures"}


def test_a_damaged_cache_file_is_made_again(images_folder: Path, tmp_path: Path) -> None:
    dataset, extractor = ImageDataset.open(images_folder, resolution=32), MeanColour()
    path = tmp_path / f"{cache_key(dataset, extractor)}.safetensors"
    path.write_bytes(b"cut short")
    assert reference_statistics(dataset, extractor, tmp_path, log=lambda _: None).cache == "miss"
    assert reference_statistics(dataset, extractor, tmp_path, log=lambda _: None).cache == "hit"


@pytest.mark.parametrize("changed", ["name", "weights_hash", "resize"])
def test_cache_key_depends_on_the_whole_feature_network(images_folder: Path, changed: str) -> None:
    dataset, other = ImageDataset.open(images_folder, resolution=32), MeanColour()
    setattr(other, changed, "something else")
    assert cache_key(dataset, other) != cache_key(dataset, MeanColour())


def test_model_is_judged_by_seed_and_against_all_pictures(images_folder: Path) -> None:
    model, dataset = tiny_model(), ImageDataset.open(images_folder, resolution=32)
    done: list[tuple[str, int, int]] = []

    def distance(**options: object) -> float:
        result = frechet_of_model(model, dataset, MeanColour(), use_cache=False, log=lambda _: None, **options)
        assert (result.num_reference, result.cache) == (12, "off")
        return result.distance

    first = distance(num_samples=40, on_progress=lambda *args: done.append(args))
    assert done == [("reference", 12, 12), ("generated", 16, 40), ("generated", 32, 40), ("generated", 40, 40)]
    assert first == distance(num_samples=40) > 0
    assert first != distance(num_samples=40, first_seed=1000)
    assert first != distance(num_samples=40, truncation=0.3)


def test_distance_shrinks_towards_the_models_own_pictures(tmp_path: Path) -> None:
    """Reference pictures that the model made itself are nearer than others of the same colours turned inside out."""
    from PIL import Image

    from spatialgan.data.images import to_uint8
    from spatialgan.evaluation.generated import generate_seeds

    model = tiny_model()
    own = to_uint8(torch.cat(list(generate_seeds(model, range(500, 560))))).permute(0, 2, 3, 1).numpy()
    distances = []
    for name, pictures in (("own", own), ("negative", 255 - own)):
        (tmp_path / name).mkdir()
        for i, picture in enumerate(pictures):
            Image.fromarray(picture).save(tmp_path / name / f"{i}.png")
        dataset = ImageDataset.open(tmp_path / name, resolution=32)
        distances.append(
            frechet_of_model(model, dataset, MeanColour(), num_samples=60, use_cache=False, log=lambda _: None).distance
        )
    assert distances[0] < 0.5 * distances[1]


def test_data_of_another_shape_is_refused(images_folder: Path) -> None:
    dataset = ImageDataset.open(images_folder, resolution=16)
    with pytest.raises(SpatialGANError, match="opened at 16 pixels with 3 channels, the model reads 32"):
        frechet_of_model(tiny_model(), dataset, MeanColour())
    with pytest.raises(SpatialGANError, match="num_samples=1"):
        frechet_of_model(tiny_model(), ImageDataset.open(images_folder, resolution=32), MeanColour(), num_samples=1)
    for truncation in (math.nan, 1e40):  # NaN would draw black pictures, and those have a distance too
        with pytest.raises(SpatialGANError, match="truncation is"):
            frechet_of_model(
                tiny_model(),
                ImageDataset.open(images_folder, resolution=32),
                MeanColour(),
                num_samples=2,
                truncation=truncation,
                use_cache=False,
            )


def test_damaged_pictures_are_counted_and_the_others_measured(images_folder: Path, tmp_path: Path) -> None:
    whole = ImageDataset.open(images_folder, resolution=32)
    expected = measured(MeanColour()(whole.batch(range(1, 12))), 12)
    (images_folder / "00.png").write_bytes((images_folder / "00.png").read_bytes()[:200])
    lazy = ImageDataset.open(images_folder, resolution=32, cache_bytes=0)
    for state in ("miss", "hit"):
        found = reference_statistics(lazy, MeanColour(), tmp_path, log=lambda _: None)
        assert (found.cache, found.num_damaged, found.gaussian.count) == (state, 1, 11)
        assert torch.allclose(found.gaussian.mean, expected.mean)


def test_the_line_through_distances_is_extrapolated() -> None:
    points = [Point(n, 3 + 500 / n) for n in sample_counts(1000)]
    assert [points[0].num_generated, points[-1].num_generated, len(points)] == [100, 1000, 15]
    assert extrapolate(points) == pytest.approx((3, 500))
    with pytest.raises(SpatialGANError, match="19 pictures are too few to extrapolate"):
        sample_counts(19)
    assert len(set(sample_counts(20))) == 15 and sample_counts(20)[0] == 2


def test_extrapolation_takes_off_what_few_samples_add() -> None:
    """Two samples of one distribution: the distance is all bias, which falls as 1 / N."""
    features = torch.randn(4000, 16, generator=torch.Generator().manual_seed(0))
    true = gaussian([0.0] * 16, torch.eye(16))
    points, running = [], RunningGaussian()
    for count in sample_counts(4000):
        running.add(features[running.count : count])
        points.append(Point(count, frechet_distance(true, running.gaussian())))
    assert points[0].distance > 5 * points[-1].distance
    assert abs(extrapolate(points)[0]) < 0.5 * points[-1].distance


def test_model_is_extrapolated_from_pictures_drawn_once(images_folder: Path) -> None:
    model, dataset, extractor = tiny_model(), ImageDataset.open(images_folder, resolution=32), MeanColour()
    options = {"num_samples": 40, "use_cache": False, "log": lambda _: None}
    found = frechet_of_model(model, dataset, extractor, extrapolated=True, **options)
    assert extractor.num_pictures == 12 + 40
    assert [p.num_generated for p in found.extrapolation.points] == sample_counts(40)
    assert found.extrapolation.points[-1].distance == found.distance
    plain = frechet_of_model(model, dataset, MeanColour(), **options)
    assert plain.distance == pytest.approx(found.distance, rel=1e-4) and plain.extrapolation is None
    assert plain.generated_per_s > 0 and plain.reference_per_s > 0


def test_fewer_pictures_than_features_are_warned_of(images_folder: Path) -> None:
    model, dataset = tiny_model(), ImageDataset.open(images_folder, resolution=32)
    options = {"use_cache": False, "log": lambda _: None}
    (warning,) = frechet_of_model(model, dataset, MeanColour(), num_samples=6, **options).warnings
    assert warning.startswith("6 generated pictures for 6 features") and "use more than 6" in warning
    assert frechet_of_model(model, dataset, MeanColour(), num_samples=7, **options).warnings == ()
    few = frechet_of_model(model, dataset, MeanColour(), num_samples=40, extrapolated=True, **options).warnings
    assert len(few) == 1 and few[0].startswith("4 generated")
