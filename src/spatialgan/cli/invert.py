"""``spatialgan invert``: a photograph as a scene that can be edited. Thin: one function."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from spatialgan.cli.options import (
    ENDINGS,
    Device,
    JsonOption,
    Model,
    Threads,
    check_outputs,
    load_model,
    progress_bar,
    say,
    written,
)
from spatialgan.errors import SpatialGANError

if TYPE_CHECKING:
    from spatialgan.editing.inversion import Inversion


def invert(
    photo: Annotated[Path, typer.Argument(metavar="PHOTO", help="A photograph like those the model was trained on.")],
    model: Model,
    out: Annotated[Path, typer.Option(metavar="F.scene.json", help="The scene: edit --scene, drag --scene, studio.")],
    compare: Annotated[
        Path | None,
        typer.Option(
            metavar="F.png", help="The photograph beside the nearest random picture and what each step has made of it."
        ),
    ] = None,
    box: Annotated[
        str | None,
        typer.Option(metavar="X,Y,W,H", help="Take this part of the photograph: left, top, width, height in 0..1."),
    ] = None,
    candidates: Annotated[int, typer.Option(min=1, help="Random pictures; the search starts from the nearest.")] = 1000,
    steps: Annotated[int, typer.Option(min=0, help="Steps of the fit of heatmaps and codes.")] = 400,
    tune: Annotated[
        int,
        typer.Option(
            min=0, metavar="STEPS", help="Tune the generator itself, too (pivotal tuning; 200 is a good start)."
        ),
    ] = 0,
    json: JsonOption = None,
    device: Device = "auto",
    threads: Threads = None,
) -> None:
    """Find the scene that draws a photograph, so that it can be edited like any other picture."""
    corners = None if box is None else read_box(box)
    outputs = {"--out": out, "--compare": compare, "--json": json}
    check_outputs(
        outputs, {"PHOTO": photo}, endings={**ENDINGS, "--out": (".json", "scenes"), "--compare": (".png", "pictures")}
    )
    from spatialgan.editing.inversion import InvertOptions, InvertStep
    from spatialgan.editing.pictures import image_grid, save_png, to_image
    from spatialgan.evaluation.result_file import result_record, write_result

    gan = load_model(model, device, threads)
    options = InvertOptions(candidates=candidates, steps=steps, tune_steps=tune)
    with progress_bar() as show:

        def told(step: InvertStep) -> None:
            show(step.stage, step.done, step.total)

        found = gan.invert(photo, box=corners, options=options, callback=told)
    found.scene.save(out)
    if compare is not None:
        fits = [fit for fit in (found.nearest, found.codes, found.tuned) if fit is not None]
        pictures = [to_image(found.photo), *(fit.scene.image for fit in fits)]
        save_png(image_grid(pictures, columns=len(pictures)), compare)
    if json is not None:
        write_result(json, result_record("invert", result_values(found), gan, num_samples=1, seed=0))
    say(*summary(found), f"written: {written(outputs)}")


def summary(found: "Inversion") -> list[str]:
    """A line for each step, and what to think of the last."""
    rows = (("nearest random picture", found.nearest), ("heatmaps and codes", found.codes), ("tuned", found.tuned))
    lines = [
        f"{label:<23} PSNR {fit.likeness.psnr_db:5.2f} dB, perceptual distance {fit.likeness.perceptual:.3f} "
        f"({fit.likeness.share:.0%} of a random picture's)"
        for label, fit in rows
        if fit is not None
    ]
    return [*lines, f"{found.final.likeness.words}; {sum(found.seconds.values()):.0f} s"]


def result_values(found: "Inversion") -> dict[str, object]:
    """For the result file."""
    fits = {"nearest": found.nearest, "codes": found.codes, "tuned": found.tuned}
    return {
        **{name: None if fit is None else vars(fit.likeness) for name, fit in fits.items()},
        "seconds": dict(found.seconds),
    }


def read_box(text: str) -> list[float]:
    """``X,Y,W,H`` as numbers; raises SpatialGANError on anything else."""
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise SpatialGANError(f"--box {text}: write X,Y,W,H as in --box 0.2,0.1,0.5,0.5") from None
