"""``spatialgan eval``: measure a trained model. Thin: each command calls one function and writes one result file."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from spatialgan.cli.eval.comove import SHOWN_CLASSES, comove
from spatialgan.cli.eval.measured import BATCH, SamplesOption, SeedOption, number, print_line
from spatialgan.cli.eval.quality import cost, handles, overfitting
from spatialgan.cli.eval.realism import fd, fid, kid, pr
from spatialgan.cli.eval.segmenter import segmenter, train_segmenter
from spatialgan.cli.eval.snapshots import snapshots
from spatialgan.cli.options import Device, JsonOption, Model, Threads, load_model, progress_bar
from spatialgan.errors import SpatialGANError
from spatialgan.memory import keep_freed_memory

app = typer.Typer(no_args_is_help=True)


@app.callback()
def _measure() -> None:
    """Measure a trained model; --json writes each number with everything it depends on."""
    keep_freed_memory()


@app.command()
def response(
    model: Model,
    samples: SamplesOption = 500,
    distance: Annotated[float, typer.Option(help="How far the level-0 centre moves, in image widths.")] = 0.15,
    seed: SeedOption = 0,
    json: JsonOption = None,
    device: Device = "auto",
    threads: Threads = None,
) -> None:
    """How far the subject of a single-object model follows when its layout is moved: 1 exactly, 0 not at all.

    The subject is found by OpenCV's cat-face cascade, by matching what is drawn at the heatmap's centre, and by the
    discriminator's attention where the model has one.
    """
    from spatialgan.evaluation.response import measure_response
    from spatialgan.evaluation.result_file import result_record, write_result

    loaded = load_model(model, device, threads, batch=BATCH)
    with progress_bar() as show:
        result = measure_response(
            loaded,
            num_seeds=samples,
            distance=distance,
            first_seed=seed,
            on_progress=lambda done, total: show("pairs", done, total),
        )
    for name, measure in result.measures.items():
        found, control = measure.response.share, number(measure.control.mean)
        print_line(name, measure.response, f"found in {found:.0%}; control {control}")
    print_line("pixels changed", result.pixels_changed, "of the full range")
    if json is not None:
        write_result(json, result_record("response", result.to_json(), loaded, num_samples=samples, seed=seed))


@app.command()
def attention(
    model: Model,
    samples: SamplesOption = 500,
    data: Annotated[
        Path | None,
        typer.Option(
            "--data",
            metavar="PATH",
            help="A folder or zip of real pictures with instance masks: how much does the "
            "discriminator look at their objects? At most --samples of them.",
        ),
    ] = None,
    split: Annotated[
        Literal["train", "test", "all"],
        typer.Option(
            help="With --data: test are those of the model's own pictures that its training held out; all has "
            "those that it was trained on, too."
        ),
    ] = "all",
    form: Annotated[
        Literal["channel", "sum"] | None,
        typer.Option(
            help="Of attention: GradCAM's ReLU on each channel, or on their sum; by default as in training.",
            show_default=False,
        ),
    ] = None,
    sign: Annotated[
        Literal["real", "fake"] | None,
        typer.Option(help="What attention looks for; by default as in the model's training.", show_default=False),
    ] = None,
    seed: SeedOption = 0,
    json: JsonOption = None,
    device: Device = "auto",
    threads: Threads = None,
) -> None:
    """Where the discriminator looks: its focus on heatmaps, and with --data on the objects of real pictures.

    1: no more than elsewhere; 2: twice as much. Beside it, the same attention on the next picture's heatmaps or
    objects, and what it would be if attention were equal to them.
    """
    from spatialgan.config import LEVEL_RESOLUTIONS
    from spatialgan.data.instances import ObjectDataset
    from spatialgan.evaluation.attention_focus import measure_focus
    from spatialgan.evaluation.result_file import result_record, write_result

    if data is None and split != "all":
        raise SpatialGANError(f"--split {split} is of --data; give both")
    loaded = load_model(model, device, threads, batch=BATCH)
    config, dataset = loaded.config, None
    if data is not None:
        dataset = ObjectDataset.open(
            data,
            resolution=config.model.resolution,
            channels=config.model.image_channels,
            fit=config.data.fit,
            holdout=config.data.holdout,
            split=split,
        )
    with progress_bar() as show:
        result = measure_focus(
            loaded, num_samples=samples, first_seed=seed, dataset=dataset, form=form, sign=sign, on_progress=show
        )
    shown = [
        ("heatmaps", result.heatmaps),
        *([("objects", result.objects)] if result.objects else []),
        *list(result.by_class.items())[:SHOWN_CLASSES],
    ]
    for name, levels in shown:
        for px, focus in zip(LEVEL_RESOLUTIONS, levels, strict=True):
            print_line(
                f"{name} {px}x{px}",
                focus.own,
                f"on the next picture's {number(focus.next.mean)}, if equal {number(focus.equal.mean)}; "
                f"{focus.own.count} pictures, {focus.empty:.0%} of the maps empty",
            )
    if json is not None:
        values = {**result.to_json(), "split": None if data is None else split}
        write_result(
            json, result_record("attention", values, loaded, num_samples=samples, seed=seed, data=data, dataset=dataset)
        )


app.command()(fid)
app.command()(fd)
app.command()(kid)
app.command()(pr)
app.command()(snapshots)
app.command()(overfitting)
app.command()(handles)
app.command()(cost)
app.command()(comove)


@app.command()
def drag(
    model: Model,
    scenes: Annotated[int, typer.Option("--scenes", min=1, help="Pictures in which a point is dragged.")] = 100,
    baseline: Annotated[
        str | None,
        typer.Option("--baseline", metavar="NAME|PATH", help="A plain StyleGAN2 (encoding=none), dragged by latent."),
    ] = None,
    seed: SeedOption = 0,
    json: JsonOption = None,
    device: Device = "auto",
    threads: Threads = None,
) -> None:
    """Table II: seconds, steps and distances of all drag modes, arrivals decided by features that no drag has seen."""
    from spatialgan.evaluation.drag_benchmark import run_benchmark
    from spatialgan.evaluation.drag_table import drag_table
    from spatialgan.evaluation.result_file import result_record, write_result
    from spatialgan.vision.matching import EfficientNetMatcher

    loaded = load_model(model, device, threads)
    models = [loaded]
    if baseline is not None:
        models.append(load_model(baseline, device, threads))
        if models[1].config.model.encoding != "none":
            raise SpatialGANError(
                f"--baseline {baseline} has encoding={models[1].config.model.encoding}; "
                "name a plain StyleGAN2, a model with encoding=none"
            )
    matcher = EfficientNetMatcher(loaded.device)
    rows = []
    with progress_bar() as show:
        for m in models:
            rows += run_benchmark(
                m,
                matcher,
                num_scenes=scenes,
                first_seed=seed,
                on_progress=lambda done, total, name=m.name: show(f"drags of {name}", done, total),
            )
    plain = [{"name": m.name, "weights_sha256": m.weights_hash} for m in models[1:]]
    values = {"matcher": matcher.name, "baseline": plain[0] if plain else None, "rows": [row.to_json() for row in rows]}
    record = result_record("drag", values, loaded, num_samples=scenes, seed=seed)
    typer.echo("\n".join(drag_table([record])))
    if json is not None:
        write_result(json, record)


app.command()(segmenter)
app.command("train-segmenter")(train_segmenter)
