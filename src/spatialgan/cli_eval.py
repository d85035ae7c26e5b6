"""``spatialgan eval``: measure a trained model. Thin: each command calls one function and writes one result file."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from spatialgan.cli_options import Device, JsonOption, Model, progress_bar, say
from spatialgan.errors import SpatialGANError

if TYPE_CHECKING:
    from spatialgan.evaluation.comove import Column, CoMove
    from spatialgan.evaluation.comove_study import Study
    from spatialgan.evaluation.segmentation import Segmenter
    from spatialgan.evaluation.summary import Summary

app = typer.Typer(no_args_is_help=True, help="Measure a trained model; each number with all it depends on, as JSON.")

SamplesOption = Annotated[int, typer.Option("--samples", min=1, help="Pictures, or pairs of pictures, to generate.")]
SHOWN_CLASSES = 3  # of objects, in the terminal; the result file has all
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
    dataset = ImageDataset.open(data, resolution=config.data_resolution, channels=config.model.image_channels,
                                fit=config.data.fit, holdout=config.data.holdout, split=split)
    if dataset.skipped:
        name, reason = dataset.skipped[0]
        say(f"note: {len(dataset.skipped)} unusable, skipped, e.g. {name}: {reason}")
    extractor = EfficientNetLite2Features(loaded.device)
    with progress_bar() as show:
        result = frechet_of_model(loaded, dataset, extractor, num_samples=samples, first_seed=seed,
                                  truncation=truncation, use_cache=not no_cache, on_progress=show, log=say)
    typer.echo(f"Fréchet distance {result.distance:.3f} ({result.num_generated} generated, "
               f"{result.num_reference} real, {extractor.name})")
    if json is not None:
        values = {**asdict(result), "split": split, "num_skipped": len(dataset.skipped)}
        write_result(json, result_record("fd", values, loaded, num_samples=samples, seed=seed, truncation=truncation,
                                         data=data, dataset=dataset, extractor=extractor))


@app.command()
def attention(
    model: Model,
    samples: SamplesOption = 500,
    data: Annotated[Path | None, typer.Option(
        "--data", metavar="PATH", help="A folder or zip of real pictures with instance masks: how much does the "
                                       "discriminator look at their objects? At most --samples of them.")] = None,
    split: Annotated[Literal["train", "test", "all"], typer.Option(
        help="With --data: test are those of the model's own pictures that its training held out; all has those that "
             "it was trained on, too.")] = "all",
    form: Annotated[Literal["channel", "sum"] | None, typer.Option(
        help="Of attention: GradCAM's ReLU on each channel, or on their sum; by default as in the model's training.",
        show_default=False)] = None,
    sign: Annotated[Literal["real", "fake"] | None, typer.Option(
        help="What attention looks for; by default as in the model's training.", show_default=False)] = None,
    seed: SeedOption = 0,
    json: JsonOption = None,
    device: Device = "auto",
) -> None:
    """Where the discriminator looks: its focus on heatmaps, and with --data on the objects of real pictures.

    1: no more than elsewhere; 2: twice as much. Beside it, the same attention on the next picture's heatmaps or
    objects, and what it would be if attention were equal to them.
    """
    from spatialgan.config import LEVEL_RESOLUTIONS
    from spatialgan.data.objects import ObjectDataset
    from spatialgan.evaluation.attention_focus import measure_focus
    from spatialgan.evaluation.result import result_record, write_result
    from spatialgan.model import SpatialGAN

    if data is None and split != "all":
        raise SpatialGANError(f"--split {split} is of --data; give both")
    loaded = SpatialGAN.from_pretrained(model, device=device)
    config, dataset = loaded.config, None
    if data is not None:
        dataset = ObjectDataset.open(data, resolution=config.data_resolution, channels=config.model.image_channels,
                                     fit=config.data.fit, holdout=config.data.holdout, split=split)
    with progress_bar() as show:
        result = measure_focus(loaded, num_samples=samples, first_seed=seed, dataset=dataset, form=form, sign=sign,
                               on_progress=show)
    shown = [("heatmaps", result.heatmaps), *([("objects", result.objects)] if result.objects else []),
             *list(result.by_class.items())[:SHOWN_CLASSES]]
    for name, levels in shown:
        for px, focus in zip(LEVEL_RESOLUTIONS, levels, strict=True):
            _print_line(f"{name} {px}x{px}", focus.own,
                        f"on the next picture's {_number(focus.next.mean)}, if equal {_number(focus.equal.mean)}; "
                        f"{focus.own.count} pictures, {focus.empty:.0%} of the maps empty".replace("%", " %"))
    if json is not None:
        values = {**result.to_json(), "split": None if data is None else split}
        write_result(json, result_record("attention", values, loaded, num_samples=samples, seed=seed, data=data,
                                         dataset=dataset))


@app.command()
def comove(
    model: Annotated[list[str] | None, typer.Option(
        "--model", metavar="NAME|PATH", help="As in the other commands; several times for trainings of one recipe: "
                                             "intervals are over them, too.")] = None,
    samples: Annotated[int, typer.Option("--samples", min=1, help="Pictures with a centre to move, of a set.")] = 500,
    repeats: Annotated[int, typer.Option(
        min=1, help="Sets of samples of each model; each has the seeds that follow those of the one before.")] = 1,
    shortest: Annotated[float, typer.Option(help="Least length of a move, in image widths.")] = 0.1,
    longest: Annotated[float, typer.Option(help="Greatest length of a move, in image widths.")] = 0.3,
    object_spacing: Annotated[float | None, typer.Option(
        help="Least distance of the centres of multi-object layouts, in sums of standard deviations, 0 to 10: 0 draws "
             "them as the paper does; by default as in training.")] = None,
    segmenter: Annotated[str | None, typer.Option(
        metavar="NAME|FILE", help="rooms or floors, which are bundled; maskrcnn, torchvision's, for photographs; or a "
                                  "file of `eval train-segmenter`. By default the one of the model's own data set, "
                                  "or else rooms.", show_default=False)] = None,
    self_test: Annotated[bool, typer.Option(
        "--self-test", help="Measure objects that were moved by hand in the pictures of --data, in place of a model. "
                            "Exits with 1 where the ratio does not come out as 1.")] = False,
    data: Annotated[Path | None, typer.Option(
        "--data", metavar="PATH", help="With --self-test: a folder or zip of pictures with instance masks.")] = None,
    resolution: Annotated[int | None, typer.Option(
        min=16, max=1024,
        help="With --self-test: bring the pictures to this size, as a model draws them; their own by default.")] = None,
    holdout: Annotated[int, typer.Option(
        help="With --self-test: only every this-many-th picture, those held out of training; 0 takes all.")] = 0,
    seed: SeedOption = 0,
    json: JsonOption = None,
    device: Device = "auto",
) -> None:
    """Co-move ratio: how far an object goes along when its sub-heatmap is moved; 1 exactly, 0 not at all.

    The object is the segmented instance that contains the centre; after the move, the one that looks most like it.
    Antithetic: the mean of moves by v and -v, and chance is 0. Single-sided: the paper's, and chance is above 0.
    """
    if self_test:
        if model or data is None or object_spacing is not None or repeats > 1:
            raise SpatialGANError("--self-test needs --data, pictures with instance masks, and no --model, --repeats "
                                  "or --object-spacing")
        finder = _segmenter(segmenter or "rooms", device)
        _comove_self_test(data, resolution, holdout, finder, samples, shortest, longest, seed, json)
        return
    if not model or data is not None or resolution is not None or holdout:
        raise SpatialGANError("give --model, or --self-test with --data, to which --resolution and --holdout belong")
    from spatialgan.evaluation.comove_study import measure_study
    from spatialgan.evaluation.result import result_record, write_result
    from spatialgan.evaluation.segmentation import segmenter_of
    from spatialgan.model import SpatialGAN

    models = [SpatialGAN.from_pretrained(m, device=device) for m in model]
    own = segmenter_of(models[0].card)
    finder = _segmenter(segmenter or own or "rooms", device)
    with progress_bar() as show:
        study = measure_study(models, finder, num_samples=samples, repeats=repeats, shortest=shortest, longest=longest,
                              object_spacing=object_spacing, first_seed=seed,
                              on_progress=lambda done, total: show("samples", done, total))
    _print_study(study)
    config = models[0].config.model
    if segmenter is None and own is None:
        typer.echo("note: the segmenter rooms finds what is in bedrooms; of other pictures the figures say nothing: "
                   "give --segmenter, maskrcnn is for photographs; `eval response` is for models of one object",
                   err=True)
    if json is not None:
        spacing = config.object_spacing if object_spacing is None else object_spacing
        values = {**study.to_json(), "shortest": shortest, "longest": longest, "object_spacing": spacing}
        metric, only = ("comove", models[0]) if len(models) == 1 else ("comove-models", None)
        write_result(json, result_record(metric, values, only, num_samples=study.result.single.num_samples, seed=seed,
                                         segmenter=finder))


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
        plain = [{"name": m.name, "weights_sha256": m.weights_hash} for m in models[1:]]
        values = {"matcher": matcher.name, "baseline": plain[0] if plain else None,
                  "rows": [row.to_json() for row in rows]}
        write_result(json, result_record("drag", values, loaded, num_samples=scenes, seed=seed))


def _comove_self_test(data: Path, resolution: int | None, holdout: int, segmenter: "Segmenter", samples: int,
                      shortest: float, longest: float, seed: int, json: Path | None) -> None:
    from spatialgan.data.objects import ObjectDataset
    from spatialgan.evaluation.result import result_record, write_result
    from spatialgan.evaluation.self_test import EXACT_TOLERANCE, TOLERANCE, passes, self_test

    dataset = ObjectDataset.open(data, resolution=resolution, holdout=holdout, split="test" if holdout else "all")
    values: dict[str, Any] = {"shortest": shortest, "longest": longest, "resolution": resolution, "holdout": holdout}
    passed = True
    for name, finder, tolerance in (("exact masks", None, EXACT_TOLERANCE), ("segmenter", segmenter, TOLERANCE)):
        with progress_bar() as show:
            result = self_test(dataset, finder, num_samples=samples, shortest=shortest, longest=longest,
                               first_seed=seed, on_progress=lambda done, total, show=show: show("pairs", done, total))
        good = passes(result, tolerance)
        _print_column(name, result)
        _print_context(result)
        _print_classes(result)
        typer.echo(f"{name}: {'passed' if good else 'FAILED'}; the mean has to be 1 within {tolerance:.0%}")
        values[name.replace(" ", "_")] = {**result.to_json(), "tolerance": tolerance, "passed": good}
        passed = passed and good
    if json is not None:
        write_result(json, result_record("comove-self-test", values, segmenter, num_samples=samples, seed=seed,
                                         data=data, dataset=dataset))
    if not passed:
        raise typer.Exit(1)


def _segmenter(name: str, device: str) -> "Segmenter":
    from spatialgan.evaluation import segmentation

    if name == "maskrcnn":
        return segmentation.MaskRCNNSegmenter(device=device)
    return segmentation.PanopticSegmenter(name, device=device)


def _print_study(study: "Study") -> None:
    """Both columns with chance beside each, also by class, and what each model and each set of samples has."""
    both = study.result
    _print_column("antithetic", both.antithetic)
    _print_column("single-sided", both.single)
    _print_context(both.antithetic)
    _print_classes(both.antithetic, both.single)
    for m in study.models:
        if len(study.models) > 1:
            _print_both(m.model["name"], m.result)
        if len(m.sets) > 1:
            for s in m.sets:
                _print_both(f"  seeds from {s.first_seed}", s.result)
            _print_spread("sets", m.set_spread)
    if len(study.models) > 1:
        _print_spread("models", study.model_spread)


def _print_column(name: str, column: "Column") -> None:
    _print_line(name, column.ratio, f"chance {_with_interval(column.chance)}; measured in {column.ratio.share:.0%}")


def _print_context(column: "Column") -> None:
    _print_line("control", column.control, "across the moves: about 0")
    _print_line("locality", column.locality, "change outside over change inside")
    _print_line("identity", column.identity, f"by chance {_number(column.chance_identity.mean)}")
    room = f"no room to move in {column.no_room:.1%}, " if column.no_room > 0 else ""
    typer.echo(f"{room}no object at the centre in {column.no_object:.1%}, none to match in {column.no_match:.1%}, "
               f"matched with another class in {column.label_changed:.1%} of {column.num_samples}")


def _print_classes(column: "Column", single: "Column | None" = None) -> None:
    for label, summary in list(column.by_class.items())[:SHOWN_CLASSES]:
        note = f"chance {_with_interval(column.chance_by_class[label])}; the ratio of {summary.count}"
        if single is not None and label in single.by_class:
            note += _beside(single.by_class[label], single.chance_by_class[label])
        _print_line(f"  {label}", summary, note)


def _print_both(name: str, result: "CoMove") -> None:
    ours, papers = result.antithetic, result.single
    _print_line(name, ours.ratio, f"chance {_with_interval(ours.chance)}{_beside(papers.ratio, papers.chance)}")


def _print_spread(what: str, spread: dict[str, float | None]) -> None:
    typer.echo(f"standard deviation of the {what}' means: antithetic {_number(spread['antithetic'])}, "
               f"single-sided {_number(spread['single'])}")


def _beside(ratio: "Summary", chance: "Summary") -> str:
    return f"; single-sided {_number(ratio.mean)}, chance {_number(chance.mean)}"


def _print_line(name: str, summary: "Summary", note: str) -> None:
    typer.echo(f"{name:<15} mean {_with_interval(summary)}, median {_number(summary.median)}; {note}")


def _with_interval(summary: "Summary") -> str:
    low, high = summary.mean_interval or (None, None)
    return f"{_number(summary.mean)} ({_number(low)} to {_number(high)})"


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:.3f}"
