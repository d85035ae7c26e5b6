"""``spatialgan eval overfitting``, ``handles`` and ``cost``: what a Fréchet distance does not tell."""

from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from spatialgan.cli.eval.measured import BATCH, SamplesOption, SeedOption, number, open_split
from spatialgan.cli.options import Device, JsonOption, Model, Threads, load_model, progress_bar

Data = Annotated[Path, typer.Option("--data", metavar="PATH", help="The pictures that the model was trained on.")]


def overfitting(
    model: Model,
    data: Data,
    samples: SamplesOption = 500,
    seed: SeedOption = 0,
    json: JsonOption = None,
    device: Device = "auto",
    threads: Threads = None,
) -> None:
    """Whether the discriminator knows its training pictures by heart.

    Its verdict on them, on pictures that were held out, and on generated ones.
    """
    from spatialgan.errors import SpatialGANError
    from spatialgan.evaluation.overfitting import measure_overfitting
    from spatialgan.evaluation.result_file import result_record, write_result

    loaded = load_model(model, device, threads, batch=BATCH)
    if loaded.config.data.holdout == 0:
        raise SpatialGANError(f"{model} held no pictures out of its training; train with --set data.holdout=20")
    train, test = (open_split(data, loaded, split) for split in ("train", "test"))
    result = measure_overfitting(loaded, train, test, num_samples=samples, first_seed=seed)
    typer.echo(
        f"mean logit: {result.train:.3f} of training pictures, {result.held_out:.3f} of held-out ones, "
        f"{result.generated:.3f} of generated ones; r_v {number(result.r_v)}"
    )
    if json is not None:
        record = result_record(
            "overfitting", asdict(result), loaded, num_samples=samples, seed=seed, data=data, dataset=test
        )
        write_result(json, record)


def handles(
    model: Model,
    samples: Annotated[int, typer.Option("--samples", min=1, help="Pictures to move each handle in.")] = 100,
    seed: SeedOption = 0,
    json: JsonOption = None,
    device: Device = "auto",
    threads: Threads = None,
) -> None:
    """What each handle does, and how far it may go.

    How much the picture changes when it moves, and when pictures fall apart by the discriminator's verdict.
    """
    from spatialgan.evaluation.handles import EFFECT_DISTANCE, measure_handles
    from spatialgan.evaluation.result_file import result_record, write_result

    loaded = load_model(model, device, threads, batch=BATCH)
    with progress_bar() as show:
        found = measure_handles(loaded, num_seeds=samples, first_seed=seed, on_progress=partial(show, "moves"))
    for h in found:
        sound = "" if h.reach is None else f", sound up to {h.reach:g} of the width"
        acts = "" if h.acts else ", hardly acts"
        typer.echo(f"{h.level}.{h.point}: {h.effect:.1f} of 255 when moved by {EFFECT_DISTANCE:g}{sound}{acts}")
    if json is not None:
        values = {"handles": [h.to_json() for h in found], "effect_distance": EFFECT_DISTANCE}
        write_result(json, result_record("handles", values, loaded, num_samples=samples, seed=seed))


def cost(
    model: Model,
    steps: Annotated[int, typer.Option(min=1, help="Training steps to time, after two that are not.")] = 32,
    json: JsonOption = None,
    device: Device = "auto",
    threads: Threads = None,
) -> None:
    """What a picture costs: a training step of the model's own configuration, but for reconstruction, and drawing one
    picture at a time.

    On a CPU this process's own CPU time counts, which other work on the computer affects little; compare only what one
    computer has measured with the same number of threads.
    """
    from spatialgan.evaluation.cost import measure_cost
    from spatialgan.evaluation.result_file import result_record, write_result

    loaded = load_model(model, device, threads, batch=BATCH)
    with progress_bar() as show:
        result = measure_cost(loaded, num_steps=steps, on_progress=partial(show, "steps"))
    typer.echo(f"{result.train_ms_per_image:.1f} ms a training picture, {result.draw_ms:.1f} ms to draw one")
    if json is not None:
        write_result(json, result_record("cost", asdict(result), loaded, num_samples=steps, seed=0))
