"""``spatialgan eval fid``, ``fd``, ``kid`` and ``pr``: how near a model's pictures are to real ones."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from spatialgan.cli.feature_options import FeaturesOption, WeightsOption, open_features
from spatialgan.cli.measured import BATCH, SamplesOption, SeedOption
from spatialgan.cli.options import Device, JsonOption, Model, Threads, load_model, progress_bar, say
from spatialgan.cli.quality import open_split
from spatialgan.errors import SpatialGANError

if TYPE_CHECKING:
    from spatialgan.api import SpatialGAN
    from spatialgan.data.images import ImageDataset
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
    loaded = load_model(model, device, threads, batch=BATCH)
    extractor = open_features("inception", weights, loaded.device)
    if not _is_standard(extractor):
        say("note: these are not Inception's published weights; the value is a Fréchet distance, and no FID")
    _frechet(
        "fid" if _is_standard(extractor) else "fd",
        loaded,
        data,
        extractor,
        samples=samples,
        split=split,
        seed=seed,
        truncation=truncation,
        extrapolate=extrapolate,
        use_cache=not no_cache,
        json=json,
    )


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
    loaded = load_model(model, device, threads, batch=BATCH)
    extractor = open_features(features, weights, loaded.device)
    _frechet(
        "fd",
        loaded,
        data,
        extractor,
        samples=samples,
        split=split,
        seed=seed,
        truncation=truncation,
        extrapolate=extrapolate,
        use_cache=not no_cache,
        json=json,
    )


def _is_standard(extractor: "FeatureExtractor") -> bool:
    """Whether these are the features that FID and KID are defined on."""
    from spatialgan.vision.inception import InceptionFeatures

    return isinstance(extractor, InceptionFeatures) and extractor.published


def _frechet(
    metric: str,
    model: "SpatialGAN",
    data: Path,
    extractor: "FeatureExtractor",
    *,
    samples: int,
    split: Split,
    seed: int,
    truncation: float,
    extrapolate: bool,
    use_cache: bool,
    json: Path | None,
) -> None:
    from spatialgan.evaluation.frechet import frechet_of_model

    dataset = open_split(data, model, split, cache_bytes=0)
    with progress_bar() as show:
        result = frechet_of_model(
            model,
            dataset,
            extractor,
            num_samples=samples,
            first_seed=seed,
            truncation=truncation,
            extrapolated=extrapolate,
            use_cache=use_cache,
            on_progress=show,
            log=say,
        )
    say(
        f"{'FID' if metric == 'fid' else 'Fréchet distance'} {result.distance:.3f} ({result.num_generated} generated, "
        f"{result.num_reference} real, {extractor.name}; {result.generated_per_s:.1f} images/s)"
    )
    if result.extrapolation is not None:
        say(f"{result.extrapolation.distance:.3f} by extrapolation to infinitely many generated pictures")
    for warning in result.warnings:
        say(f"warning: {warning}")
    skipped = _say_skipped(dataset, result.num_damaged)
    _write(
        json,
        metric,
        {**asdict(result), "split": split, "num_skipped": skipped},
        model,
        data,
        dataset,
        extractor,
        samples=samples,
        seed=seed,
        truncation=truncation,
    )


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

    loaded = load_model(model, device, threads, batch=BATCH)
    extractor = open_features(features, weights, loaded.device)
    dataset = open_split(data, loaded, split, cache_bytes=0)
    if subset_size > min(samples, dataset.num_images):
        raise SpatialGANError(
            f"{samples} generated and {dataset.num_images} real pictures are too few for subsets of {subset_size}; "
            "give more, or a smaller --subset-size"
        )
    real, drawn = _both(loaded, dataset, extractor, samples, seed, truncation)
    metric = "kid" if _is_standard(extractor) else "kd"
    result = kernel_distance(real.features, drawn.features, num_subsets=subsets, subset_size=subset_size, seed=seed)
    say(
        f"{'KID' if metric == 'kid' else 'kernel distance'} {result.mean:.5f}, standard deviation {result.std:.5f} "
        f"over {subsets} subsets of {subset_size} ({_of(real, drawn, extractor)})"
    )
    values = {**asdict(result), **_counts(real, drawn), "split": split}
    values["num_skipped"] = _say_skipped(dataset, real.num_damaged)
    _write(json, metric, values, loaded, data, dataset, extractor, samples=samples, seed=seed, truncation=truncation)


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

    loaded = load_model(model, device, threads, batch=BATCH)
    extractor = open_features(features, weights, loaded.device)
    dataset = open_split(data, loaded, split, cache_bytes=0)
    count = min(samples, dataset.num_images)
    real, drawn = _both(loaded, dataset, extractor, count, seed, truncation)
    result = precision_recall(real.features, drawn.features)
    say(f"precision {result.precision:.3f}, recall {result.recall:.3f} ({_of(real, drawn, extractor)})")
    values = {**asdict(result), **_counts(real, drawn), "split": split}
    values["num_skipped"] = _say_skipped(dataset, real.num_damaged)
    _write(json, "pr", values, loaded, data, dataset, extractor, samples=count, seed=seed, truncation=truncation)


def _both(
    model: "SpatialGAN",
    dataset: "ImageDataset",
    extractor: "FeatureExtractor",
    samples: int,
    seed: int,
    truncation: float,
) -> "tuple[PictureFeatures, PictureFeatures]":
    """Features of at most ``samples`` real pictures, and of so many generated ones."""
    from spatialgan.evaluation.picture_features import generated_features, real_features

    with progress_bar() as show:
        real = real_features(dataset, extractor, count=samples, on_progress=show)
        seeds = range(seed, seed + samples)
        return real, generated_features(model, extractor, seeds, truncation=truncation, on_progress=show)


def _of(real: "PictureFeatures", drawn: "PictureFeatures", extractor: "FeatureExtractor") -> str:
    return (
        f"{len(drawn.features)} generated, {len(real.features)} real, {extractor.name}; "
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


def _say_skipped(dataset: "ImageDataset", num_damaged: int) -> int:
    """What a result leaves out: files and folders that could not be listed, and damaged ones among those read."""
    skipped = len(dataset.skipped) + num_damaged
    if num_damaged:
        say(f"note: {num_damaged} damaged pictures left out; spatialgan data check lists them")
    return skipped


def _write(
    json: Path | None,
    metric: str,
    values: dict[str, Any],
    model: "SpatialGAN",
    data: Path,
    dataset: "ImageDataset",
    extractor: "FeatureExtractor",
    *,
    samples: int,
    seed: int,
    truncation: float,
) -> None:
    from spatialgan.evaluation.result_file import result_record, write_result

    if json is not None:
        record = result_record(
            metric,
            values,
            model,
            num_samples=samples,
            seed=seed,
            truncation=truncation,
            data=data,
            dataset=dataset,
            extractor=extractor,
        )
        write_result(json, record)
