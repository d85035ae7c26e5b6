"""``spatialgan eval fid``, ``fd``, ``kid`` and ``pr``: how near a model's pictures are to real ones."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from spatialgan.cli.eval.feature_options import FeaturesOption, WeightsOption, open_features
from spatialgan.cli.eval.measured import BATCH, SamplesOption, SeedOption, open_split
from spatialgan.cli.options import Device, JsonOption, Model, Threads, load_model, progress_bar, say
from spatialgan.errors import SpatialGANError

if TYPE_CHECKING:
    from spatialgan.api import SpatialGAN
    from spatialgan.data.images import ImageDataset
    from spatialgan.evaluation.frechet import FrechetResult
    from spatialgan.evaluation.picture_features import PictureFeatures
    from spatialgan.vision.features import FeatureExtractor

Data = Annotated[Path, typer.Option("--data", metavar="PATH", help="Folder, zip or LMDB of real pictures.")]
Split = Annotated[
    Literal["train", "test", "all"],
    typer.Option(help="Real pictures to compare with: those of the model's training, those it held out, or both."),
]
Truncation = Annotated[float, typer.Option(help="1 for none.")]
NoCache = Annotated[bool, typer.Option("--no-cache", help="Compute the real pictures' features anew.")]
Extrapolate = Annotated[
    bool,
    typer.Option(
        "--extrapolate",
        help="The distance to infinitely many generated pictures too, from 15 numbers of pictures up to --samples.",
    ),
]


@dataclass(frozen=True)
class Comparison:
    """What each of the commands compares: a model's pictures with real ones, in features of a network."""

    model: "SpatialGAN"
    data: Path
    dataset: "ImageDataset"
    """The split of ``data``, decoded as it is read."""
    extractor: "FeatureExtractor"
    samples: int
    split: Split
    seed: int
    truncation: float

    @property
    def is_standard(self) -> bool:
        """Whether these are the features that FID and KID are defined on."""
        from spatialgan.vision.inception import InceptionFeatures

        return isinstance(self.extractor, InceptionFeatures) and self.extractor.published

    def features(self, count: int) -> "tuple[PictureFeatures, PictureFeatures]":
        """Of at most ``count`` real pictures, and of as many generated ones."""
        from spatialgan.evaluation.picture_features import generated_features, real_features

        with progress_bar() as show:
            real = real_features(self.dataset, self.extractor, count=count, on_progress=show)
            seeds = range(self.seed, self.seed + count)
            drawn = generated_features(self.model, self.extractor, seeds, truncation=self.truncation, on_progress=show)
        return real, drawn

    def record(self, metric: str, values: dict[str, Any], *, num_samples: int) -> dict[str, Any]:
        """The result as JSON values; says what it leaves out: damaged pictures among those read. It counts them
        together with files and folders that could not be listed."""
        from spatialgan.evaluation.result_file import result_record

        damaged = values["num_damaged"]
        if damaged:
            say(f"note: {damaged} damaged pictures left out; spatialgan data check lists them")
        return result_record(
            metric,
            {**values, "split": self.split, "num_skipped": len(self.dataset.skipped) + damaged},
            self.model,
            num_samples=num_samples,
            seed=self.seed,
            truncation=self.truncation,
            data=self.data,
            dataset=self.dataset,
            extractor=self.extractor,
        )

    def write(self, json: Path | None, metric: str, values: dict[str, Any], *, num_samples: int) -> None:
        """The result file, if one is wanted."""
        from spatialgan.evaluation.result_file import write_result

        record = self.record(metric, values, num_samples=num_samples)
        if json is not None:
            write_result(json, record)


def open_comparison(
    model: str,
    data: Path,
    features: str,
    weights: Path | None,
    samples: int,
    split: Split,
    seed: int,
    truncation: float,
    device: str,
    threads: int | None,
) -> Comparison:
    """What the options name; raises SpatialGANError where it cannot be had."""
    loaded = load_model(model, device, threads, batch=BATCH)
    extractor = open_features(features, weights, loaded.device)
    dataset = open_split(data, loaded, split, cache_bytes=0)
    return Comparison(loaded, data, dataset, extractor, samples, split, seed, truncation)


def fid(
    model: Model,
    data: Data,
    weights: WeightsOption = None,
    samples: SamplesOption = 50_000,
    split: Split = "all",
    seed: SeedOption = 0,
    truncation: Truncation = 1.0,
    extrapolate: Extrapolate = False,
    no_cache: NoCache = False,
    json: JsonOption = None,
    device: Device = "auto",
    threads: Threads = None,
) -> None:
    """FID as in the paper: 50,000 generated pictures against all real ones, unmirrored, in features of Inception.

    Lower is better. Compare only where the number of pictures, the data set and its size in pixels are equal.
    Memory does not grow with the number of pictures.
    """
    compared = open_comparison(model, data, "inception", weights, samples, split, seed, truncation, device, threads)
    if not compared.is_standard:
        say("note: these are not Inception's published weights; the value is a Fréchet distance, not FID")
    metric = "fid" if compared.is_standard else "fd"
    _frechet(metric, compared, extrapolate=extrapolate, use_cache=not no_cache, json=json)


def fd(
    model: Model,
    data: Data,
    features: FeaturesOption = "lite2",
    weights: WeightsOption = None,
    samples: SamplesOption = 5000,
    split: Split = "train",
    seed: SeedOption = 0,
    truncation: Truncation = 1.0,
    extrapolate: Extrapolate = False,
    no_cache: NoCache = False,
    json: JsonOption = None,
    device: Device = "auto",
    threads: Threads = None,
) -> None:
    """Fréchet distance to real pictures in features of any network, EfficientNet-Lite2 by default; lower is better.

    Not comparable with Inception's FID, nor with another number of samples. Fit and hold-out are the model's own.
    """
    compared = open_comparison(model, data, features, weights, samples, split, seed, truncation, device, threads)
    _frechet("fd", compared, extrapolate=extrapolate, use_cache=not no_cache, json=json)


def distance_of(
    compared: Comparison,
    *,
    extrapolate: bool = False,
    use_cache: bool = True,
    log: Callable[[str], None] = say,
) -> "FrechetResult":
    """The Fréchet distance, with a progress bar; ``log`` is told where the real pictures' features come from."""
    from spatialgan.evaluation.frechet import frechet_of_model

    with progress_bar() as show:
        return frechet_of_model(
            compared.model,
            compared.dataset,
            compared.extractor,
            num_samples=compared.samples,
            first_seed=compared.seed,
            truncation=compared.truncation,
            extrapolated=extrapolate,
            use_cache=use_cache,
            on_progress=show,
            log=log,
        )


def _frechet(metric: str, compared: Comparison, *, extrapolate: bool, use_cache: bool, json: Path | None) -> None:
    result = distance_of(compared, extrapolate=extrapolate, use_cache=use_cache)
    say(
        f"{'FID' if metric == 'fid' else 'Fréchet distance'} {result.distance:.3f} ({result.num_generated} generated, "
        f"{result.num_reference} real, {compared.extractor.name}; {result.generated_per_s:.1f} images/s)"
    )
    if result.extrapolation is not None:
        say(f"{result.extrapolation.distance:.3f} by extrapolation to infinitely many generated pictures")
    for warning in result.warnings:
        say(f"warning: {warning}")
    compared.write(json, metric, asdict(result), num_samples=compared.samples)


def kid(
    model: Model,
    data: Data,
    features: FeaturesOption = "lite2",
    weights: WeightsOption = None,
    samples: SamplesOption = 10_000,
    subsets: Annotated[int, typer.Option(min=1, help="Random subsets, over which the mean is taken.")] = 100,
    subset_size: Annotated[int, typer.Option(min=2, help="Pictures of each kind in a subset.")] = 1000,
    split: Split = "all",
    seed: SeedOption = 0,
    truncation: Truncation = 1.0,
    json: JsonOption = None,
    device: Device = "auto",
    threads: Threads = None,
) -> None:
    """Kernel distance to real pictures, with --features inception the KID; unbiased, so also for few pictures.

    Lower is better. At most as many real pictures as generated ones. Both sets of features are kept in memory.
    """
    from spatialgan.evaluation.kernel_distance import kernel_distance

    compared = open_comparison(model, data, features, weights, samples, split, seed, truncation, device, threads)
    available = compared.dataset.num_images
    if subset_size > min(samples, available):
        raise SpatialGANError(
            f"{samples} generated and {available} real pictures are too few for subsets of {subset_size}; "
            "give more, or a smaller --subset-size"
        )
    real, drawn = compared.features(samples)
    result = kernel_distance(real.features, drawn.features, num_subsets=subsets, subset_size=subset_size, seed=seed)
    metric, title = ("kid", "KID") if compared.is_standard else ("kd", "kernel distance")
    say(
        f"{title} {result.mean:.5f}, standard deviation {result.std:.5f} "
        f"over {subsets} subsets of {subset_size} ({_of(real, drawn, compared)})"
    )
    compared.write(json, metric, {**asdict(result), **_counts(real, drawn)}, num_samples=samples)


def pr(
    model: Model,
    data: Data,
    features: FeaturesOption = "lite2",
    weights: WeightsOption = None,
    samples: SamplesOption = 2000,
    split: Split = "train",
    seed: SeedOption = 0,
    truncation: Truncation = 1.0,
    json: JsonOption = None,
    device: Device = "auto",
    threads: Threads = None,
) -> None:
    """Precision and recall: how many pictures look real, how much of what is real is drawn.

    As many real pictures as generated ones; compare only where their number and the features are equal. Both sets of
    features are kept in memory.
    """
    from spatialgan.evaluation.precision_recall import precision_recall

    compared = open_comparison(model, data, features, weights, samples, split, seed, truncation, device, threads)
    count = min(samples, compared.dataset.num_images)
    real, drawn = compared.features(count)
    result = precision_recall(real.features, drawn.features)
    say(f"precision {result.precision:.3f}, recall {result.recall:.3f} ({_of(real, drawn, compared)})")
    compared.write(json, "pr", {**asdict(result), **_counts(real, drawn)}, num_samples=count)


def _of(real: "PictureFeatures", drawn: "PictureFeatures", compared: Comparison) -> str:
    return (
        f"{len(drawn.features)} generated, {len(real.features)} real, {compared.extractor.name}; "
        f"{drawn.images_per_s:.1f} images/s"
    )


def _counts(real: "PictureFeatures", drawn: "PictureFeatures") -> dict[str, Any]:
    return {
        "num_generated": len(drawn.features),
        "num_reference": len(real.features),
        "num_features": real.features.shape[1],
        "num_damaged": real.num_damaged,
        "generated_per_s": drawn.images_per_s,
        "reference_per_s": real.images_per_s,
    }
