"""``spatialgan eval``: measure a trained model. Thin: each command calls one function and writes one result file."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from spatialgan.cli_options import Device, Model, progress_bar

if TYPE_CHECKING:
    from spatialgan.evaluation.summary import Summary

app = typer.Typer(no_args_is_help=True, help="Measure a trained model; each number with all it depends on, as JSON.")

JsonOption = Annotated[Path | None, typer.Option("--json", help="Write the result file here.")]
SamplesOption = Annotated[int, typer.Option("--samples", min=1, help="Pictures, or pairs of pictures, to generate.")]
SeedOption = Annotated[int, typer.Option("--seed", min=0, help="Seed of the first picture; the others follow it.")]


@app.callback()
def _group() -> None:
    """Without this, Typer would drop the name of an only command."""


@app.command()
def response(
    model: Model,
    samples: SamplesOption = 500,
    distance: Annotated[float, typer.Option(help="How far the level-0 centre moves, in image widths.")] = 0.15,
    seed: SeedOption = 0,
    json: JsonOption = None,
    device: Device = "auto",
) -> None:
    """How far the subject of a single-object model follows when its layout is moved: 1 exactly, 0 not at all.

    The subject is found by OpenCV's cat-face cascade, and by the discriminator's attention where the model has one.
    """
    from spatialgan.evaluation.response import measure_response
    from spatialgan.evaluation.result import result_record, write_result
    from spatialgan.model import SpatialGAN

    loaded = SpatialGAN.from_pretrained(model, device=device)
    with progress_bar() as show:
        result = measure_response(loaded, num_seeds=samples, distance=distance, first_seed=seed,
                                  on_progress=lambda done, total: show("pairs", done, total))
    for name, measure in result.measures.items():
        found, control = measure.response.share, _number(measure.control.mean)
        _print_line(name, measure.response, f"found in {found:.0%}; control {control}")
    _print_line("pixels changed", result.pixels_changed, "of the full range")
    if json is not None:
        write_result(json, result_record("response", result.to_json(), loaded, num_samples=samples, seed=seed))


@app.command()
def fd(
    model: Model,
    data: Annotated[Path, typer.Option("--data", help="Folder, zip or LMDB of real pictures.")],
    samples: SamplesOption = 5000,
    split: Annotated[Literal["train", "test", "all"], typer.Option(help="Real pictures to compare with.")] = "train",
    seed: SeedOption = 0,
    truncation: Annotated[float, typer.Option(help="1 for none.")] = 1.0,
    no_cache: Annotated[bool, typer.Option("--no-cache", help="Compute the real pictures' features anew.")] = False,
    json: JsonOption = None,
    device: Device = "auto",
) -> None:
    """Fréchet distance to real pictures in features of EfficientNet-Lite2; lower is better.

    Not comparable with Inception's FID, nor with another number of samples. Fit and hold-out are the model's own.
    """
    from spatialgan.data.images import ImageDataset
    from spatialgan.evaluation.features import EfficientNetLite2Features
    from spatialgan.evaluation.frechet import frechet_of_model
    from spatialgan.evaluation.result import result_record, write_result
    from spatialgan.model import SpatialGAN

    loaded = SpatialGAN.from_pretrained(model, device=device)
    config = loaded.config
    dataset = ImageDataset.open(data, resolution=config.model.resolution, channels=config.model.image_channels,
                                fit=config.data.fit, holdout=config.data.holdout, split=split)
    extractor = EfficientNetLite2Features(loaded.device)
    with progress_bar() as show:
        result = frechet_of_model(loaded, dataset, extractor, num_samples=samples, first_seed=seed,
                                  truncation=truncation, use_cache=not no_cache, on_progress=show, log=typer.echo)
    typer.echo(f"Fréchet distance {result.distance:.3f} ({result.num_generated} generated, "
               f"{result.num_reference} real, {extractor.name})")
    if json is not None:
        values = {**asdict(result), "split": split}
        write_result(json, result_record("fd", values, loaded, num_samples=samples, seed=seed, truncation=truncation,
                                         data=data, dataset=dataset, extractor=extractor))


@app.command()
def drag(
    model: Model,
    scenes: Annotated[int, typer.Option("--scenes", min=1, help="Pictures in which a point is dragged.")] = 100,
    baseline: Annotated[str | None, typer.Option(
        "--baseline", metavar="NAME|PATH", help="A plain StyleGAN2 (encoding=none), dragged by latent.")] = None,
    seed: SeedOption = 0,
    json: JsonOption = None,
    device: Device = "auto",
) -> None:
    """Table II: seconds, steps and distances of all drag modes, judged by features that no drag has seen."""
    from spatialgan.errors import SpatialGANError
    from spatialgan.evaluation.drag_benchmark import run_benchmark, to_markdown
    from spatialgan.evaluation.matching import EfficientNetMatcher
    from spatialgan.evaluation.result import result_record, write_result
    from spatialgan.model import SpatialGAN

    loaded = SpatialGAN.from_pretrained(model, device=device)
    models = [loaded]
    if baseline is not None:
        models.append(SpatialGAN.from_pretrained(baseline, device=device))
        if models[1].config.model.encoding != "none":
            raise SpatialGANError(f"--baseline {baseline} has encoding={models[1].config.model.encoding}; "
                                  "name a plain StyleGAN2, a model with encoding=none")
    matcher = EfficientNetMatcher(loaded.device)
    rows = []
    with progress_bar() as show:
        for m in models:
            rows += run_benchmark(m, matcher, num_scenes=scenes, first_seed=seed,
                                  on_progress=lambda done, total, name=m.name: show(f"drags of {name}", done, total))
    typer.echo(to_markdown(rows))
    if json is not None:
        values = {"matcher": matcher.name, "rows": [row.to_json() for row in rows]}
        write_result(json, result_record("drag", values, loaded, num_samples=scenes, seed=seed))


def _print_line(name: str, summary: "Summary", note: str) -> None:
    low, high = summary.mean_interval or (None, None)
    typer.echo(f"{name:<15} mean {_number(summary.mean)} ({_number(low)} to {_number(high)}), "
               f"median {_number(summary.median)}; {note}")


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:.3f}"
