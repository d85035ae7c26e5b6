"""``spatialgan eval comove``: do objects follow their heatmaps?"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from spatialgan.cli.eval.measured import BATCH, SeedOption, number, print_line, with_interval
from spatialgan.cli.options import Device, JsonOption, Threads, load_model, progress_bar
from spatialgan.errors import SpatialGANError
from spatialgan.threads import available_cores, use_threads

if TYPE_CHECKING:
    from spatialgan.evaluation.comove import Column, CoMove
    from spatialgan.evaluation.comove_study import Study
    from spatialgan.evaluation.summary import Summary
    from spatialgan.segmenter.segmentation import Segmenter

SHOWN_CLASSES = 3  # of objects, in the terminal; the result file has all


def comove(
    model: Annotated[
        list[str] | None,
        typer.Option(
            "--model",
            metavar="NAME|PATH",
            help="As in the other commands; repeat it for several trainings of one recipe: intervals cover them, too.",
        ),
    ] = None,
    samples: Annotated[int, typer.Option("--samples", min=1, help="Pictures with a centre to move, of a set.")] = 500,
    repeats: Annotated[
        int,
        typer.Option(
            min=1, help="Sets of samples of each model; each has the seeds that follow those of the one before."
        ),
    ] = 1,
    shortest: Annotated[float, typer.Option(help="Least length of a move, in image widths.")] = 0.1,
    longest: Annotated[float, typer.Option(help="Greatest length of a move, in image widths.")] = 0.3,
    object_spacing: Annotated[
        float | None,
        typer.Option(
            help="Least distance of the centres of multi-object layouts, in sums of standard deviations, 0 to 10: 0 "
            "draws them independently, as the paper does; by default as in training."
        ),
    ] = None,
    segmenter: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|FILE",
            help="rooms or floors, which are bundled; maskrcnn, torchvision's, for photographs; or a "
            "file of `eval train-segmenter`. By default the one of the model's own data set, "
            "or else rooms.",
            show_default=False,
        ),
    ] = None,
    self_test: Annotated[
        bool,
        typer.Option(
            "--self-test",
            help="Instead of a model, measure objects of --data's pictures that are moved by known distances. "
            "Exits with 1 where the ratio does not come out as 1.",
        ),
    ] = False,
    data: Annotated[
        Path | None,
        typer.Option(
            "--data", metavar="PATH", help="With --self-test: a folder or zip of pictures with instance masks."
        ),
    ] = None,
    resolution: Annotated[
        int | None,
        typer.Option(
            min=16,
            max=1024,
            help="With --self-test: bring the pictures to this size, as a model draws them; their own by default.",
        ),
    ] = None,
    holdout: Annotated[
        int,
        typer.Option(help="With --self-test: take every Nth picture only, those held out of training; 0 takes all."),
    ] = 0,
    seed: SeedOption = 0,
    json: JsonOption = None,
    device: Device = "auto",
    threads: Threads = None,
) -> None:
    """Co-move ratio: how far an object follows when its sub-heatmap is moved; 1 exactly, 0 not at all.

    The object is the segmented instance that contains the centre; after the move, the one that looks most like it.
    Antithetic: the mean of moves by v and -v, and chance is 0. Single-sided: the paper's, and chance is above 0.
    """
    if self_test:
        if model or data is None or object_spacing is not None or repeats > 1:
            raise SpatialGANError(
                "--self-test needs --data, pictures with instance masks, and no --model, --repeats or --object-spacing"
            )
        use_threads(threads, usual=1)
        finder = _segmenter(segmenter or "rooms", device, threads)
        _comove_self_test(data, resolution, holdout, finder, samples, shortest, longest, seed, json)
        return
    if not model or data is not None or resolution is not None or holdout:
        raise SpatialGANError("give --model, or --self-test with --data, to which --resolution and --holdout belong")
    from spatialgan.evaluation.comove_study import measure_study
    from spatialgan.evaluation.result_file import result_record, write_result
    from spatialgan.segmenter.segmentation import segmenter_of

    models = [load_model(m, device, threads, batch=BATCH) for m in model]
    own = segmenter_of(models[0].card)
    finder = _segmenter(segmenter or own or "rooms", device, threads)
    with progress_bar() as show:
        study = measure_study(
            models,
            finder,
            num_samples=samples,
            repeats=repeats,
            shortest=shortest,
            longest=longest,
            object_spacing=object_spacing,
            first_seed=seed,
            on_progress=lambda done, total: show("samples", done, total),
        )
    _print_study(study)
    config = models[0].config.model
    if segmenter is None and own is None:
        typer.echo(
            "note: the segmenter rooms finds what is in bedrooms; of other pictures the figures say nothing: "
            "give --segmenter, maskrcnn is for photographs; `eval response` is for models of one object",
            err=True,
        )
    if json is not None:
        spacing = config.object_spacing if object_spacing is None else object_spacing
        values = {**study.to_json(), "shortest": shortest, "longest": longest, "object_spacing": spacing}
        metric, only = ("comove", models[0]) if len(models) == 1 else ("comove-models", None)
        write_result(
            json,
            result_record(
                metric, values, only, num_samples=study.result.single.num_samples, seed=seed, segmenter=finder
            ),
        )


def _comove_self_test(
    data: Path,
    resolution: int | None,
    holdout: int,
    segmenter: "Segmenter",
    samples: int,
    shortest: float,
    longest: float,
    seed: int,
    json: Path | None,
) -> None:
    from spatialgan.data.instances import ObjectDataset
    from spatialgan.evaluation.result_file import result_record, write_result
    from spatialgan.evaluation.self_test import EXACT_TOLERANCE, TOLERANCE, passes, self_test

    dataset = ObjectDataset.open(data, resolution=resolution, holdout=holdout, split="test" if holdout else "all")
    values: dict[str, Any] = {"shortest": shortest, "longest": longest, "resolution": resolution, "holdout": holdout}
    passed = True
    for name, finder, tolerance in (("exact masks", None, EXACT_TOLERANCE), ("segmenter", segmenter, TOLERANCE)):
        with progress_bar() as show:
            result = self_test(
                dataset,
                finder,
                num_samples=samples,
                shortest=shortest,
                longest=longest,
                first_seed=seed,
                on_progress=lambda done, total, show=show: show("pairs", done, total),
            )
        good = passes(result, tolerance)
        _print_column(name, result)
        _print_context(result)
        _print_classes(result)
        typer.echo(f"{name}: {'passed' if good else 'FAILED'}; the mean has to be 1 within {tolerance:.0%}")
        values[name.replace(" ", "_")] = {**result.to_json(), "tolerance": tolerance, "passed": good}
        passed = passed and good
    if json is not None:
        write_result(
            json,
            result_record(
                "comove-self-test", values, segmenter, num_samples=samples, seed=seed, data=data, dataset=dataset
            ),
        )
    if not passed:
        raise typer.Exit(1)


def _segmenter(name: str, device: str, threads: int | None) -> "Segmenter":
    from spatialgan.segmenter import segmentation

    if name == "maskrcnn":
        use_threads(threads, usual=available_cores())  # much larger than any of our networks
        return segmentation.MaskRCNNSegmenter(device=device)
    return segmentation.PanopticSegmenter(name, device=device)


def _print_study(study: "Study") -> None:
    """Both columns with chance beside each, also by class, and what each model and each set of samples has."""
    both = study.result
    _print_column("antithetic", both.antithetic)
    _print_column("single-sided", both.single)
    _print_in_frame(both)
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
    print_line(name, column.ratio, f"chance {with_interval(column.chance)}; measured in {column.ratio.share:.0%}")


def _print_in_frame(result: "CoMove") -> None:
    """Of the objects that no edge cuts off."""
    ours, papers = result.antithetic, result.single
    note = f"chance {with_interval(ours.chance_in_frame)}; the antithetic ratio of {ours.ratio_in_frame.count} objects"
    print_line("in frame", ours.ratio_in_frame, f"{note}{_beside(papers.ratio_in_frame, papers.chance_in_frame)}")


def _print_context(column: "Column") -> None:
    print_line("control", column.control, "across the moves: about 0")
    print_line("locality", column.locality, "change outside over change inside")
    print_line("identity", column.identity, f"by chance {number(column.chance_identity.mean)}")
    room = f"no room to move in {column.no_room:.1%}, " if column.no_room > 0 else ""
    typer.echo(
        f"{room}no object at the centre in {column.no_object:.1%}, none to match in {column.no_match:.1%}, "
        f"matched with another class in {column.label_changed:.1%} of {column.num_samples}"
    )


def _print_classes(column: "Column", single: "Column | None" = None) -> None:
    for label, summary in list(column.by_class.items())[:SHOWN_CLASSES]:
        note = f"chance {with_interval(column.chance_by_class[label])}; the ratio of {summary.count}"
        if single is not None and label in single.by_class:
            note += _beside(single.by_class[label], single.chance_by_class[label])
        print_line(f"  {label}", summary, note)


def _print_both(name: str, result: "CoMove") -> None:
    ours, papers = result.antithetic, result.single
    print_line(name, ours.ratio, f"chance {with_interval(ours.chance)}{_beside(papers.ratio, papers.chance)}")


def _print_spread(what: str, spread: dict[str, float | None]) -> None:
    typer.echo(
        f"standard deviation of the {what}' means: antithetic {number(spread['antithetic'])}, "
        f"single-sided {number(spread['single'])}"
    )


def _beside(ratio: "Summary", chance: "Summary") -> str:
    return f"; single-sided {number(ratio.mean)}, chance {number(chance.mean)}"
