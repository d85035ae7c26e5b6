"""``spatialgan drag``: pull points of a picture to where they should be. Thin: one function, then its files."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from spatialgan.cli.options import (
    Device,
    LayoutSeed,
    ModelOfScene,
    Mp4,
    Scale,
    SceneFile,
    Seed,
    Start,
    Threads,
    Truncation,
    check_outputs,
    or_one,
    say,
    written,
)
from spatialgan.errors import SpatialGANError

if TYPE_CHECKING:
    from PIL.Image import Image

    from spatialgan.editing.drag import Handle


def drag(
    handle: Annotated[
        list[str],
        typer.Option(
            metavar="X,Y:X,Y",
            help="Where a point is, and where it should be, in 0..1 from the upper left. May be repeated.",
        ),
    ],
    out: Annotated[Path, typer.Option(metavar="F.png", help="The picture afterwards.")],
    model: ModelOfScene = None,
    seed: Seed = None,
    scene: SceneFile = None,
    mode: Annotated[
        Literal["hybrid", "joint", "pixels", "latent"],
        typer.Option(
            help="hybrid: move the heatmaps, then refine; joint: styles and heatmap centres in turns; "
            "pixels: styles and heatmap pixels; latent: styles alone, as DragGAN."
        ),
    ] = "hybrid",
    mask: Annotated[
        Path | None, typer.Option(metavar="F.png", help="A picture of the same size: what is painted white may change.")
    ] = None,
    mask_weight: Annotated[
        float | None, typer.Option(min=0, help="With --mask: how strongly the rest is held back, usually 20.")
    ] = None,
    steps: Annotated[int, typer.Option(min=0, help="The maximum number of steps.")] = 200,
    gif: Annotated[
        Path | None, typer.Option(metavar="F.gif", help="Animate the drag up to the step that is kept, with handles.")
    ] = None,
    mp4: Mp4 = None,
    json: Annotated[Path | None, typer.Option(metavar="F.json", help="Write every step's numbers.")] = None,
    heatmaps: Annotated[
        Path | None, typer.Option(metavar="F.png", help="Draw what the drag does to the heatmaps.")
    ] = None,
    save_scene: Annotated[Path | None, typer.Option(metavar="F.scene.json", help="Save the scene afterwards.")] = None,
    layout_seed: LayoutSeed = None,
    truncation: Truncation = None,
    scale: Scale = None,
    device: Device = "auto",
    threads: Threads = None,
) -> None:
    """Pull points of a picture to where they should be."""
    pairs = [read_handle(text) for text in handle]
    start = Start(model, seed, scene, layout_seed, truncation)
    outputs = {
        "--out": out,
        "--gif": gif,
        "--mp4": mp4,
        "--json": json,
        "--heatmaps": heatmaps,
        "--save-scene": save_scene,
    }
    check_outputs(outputs, {"--mask": mask, "--scene": scene})
    if mask_weight is not None and mask is None:
        raise SpatialGANError("--mask-weight goes with --mask, which says what may change")
    from spatialgan.editing.drag import DragOptions
    from spatialgan.editing.drag.views import drag_frames, heatmap_figure, require_heatmaps, save_trace
    from spatialgan.editing.pictures import save_gif, save_png
    from spatialgan.editing.video import save_mp4

    before = start.open(device, threads)
    if heatmaps is not None:
        require_heatmaps(before)
    size = before.model.config.model.resolution
    result = before.drag(
        pairs,
        mask=None if mask is None else read_mask_file(mask, size),
        mode=mode,
        max_steps=steps,
        options=DragOptions() if mask_weight is None else DragOptions(mask_weight=mask_weight),
    )
    save_png(result.scene.image, out, scale=or_one(scale))
    if save_scene is not None:
        result.scene.save(save_scene)
    frames = [] if gif is None and mp4 is None else drag_frames(result, scale=scale)
    if gif is not None:
        save_gif(frames, gif, scale=1)
    if mp4 is not None:
        save_mp4(frames, mp4, scale=1)
    if json is not None:
        save_trace(result, json)
    if heatmaps is not None:
        save_png(heatmap_figure(result), heatmaps)
    unit = "step" if result.steps == 1 else "steps"
    say(
        f"{result.stop_reason.replace('_', ' ')} after {result.steps} {unit} in {result.seconds:.1f} s"
        f"{kept_note(result.steps, result.kept_step)}; "
        f"{result.distance:.1%} of the width from the target: {written(outputs)}"
    )


def kept_note(steps: int, kept: int) -> str:
    """What is to be said where the last step is not the one that is kept."""
    if kept == steps:
        return ""
    return f"; step {kept} was the best and is kept" if kept else "; no step was better: the picture stays as it was"


def read_handle(text: str) -> "Handle":
    """``X,Y:X,Y`` as a pair of points; raises SpatialGANError on anything else."""
    try:
        (x, y), (to_x, to_y) = (map(float, point.split(",")) for point in text.split(":"))
    except ValueError:
        raise SpatialGANError(f"--handle {text}: write X,Y:X,Y as in --handle 0.4,0.5:0.55,0.5") from None
    return (x, y), (to_x, to_y)


def read_mask_file(path: Path, resolution: int) -> "Image":
    """A mask's picture; raises SpatialGANError naming the file where it is no picture, or not of that size."""
    from spatialgan.data.decoding import MAX_FILE_BYTES, open_image
    from spatialgan.editing.drag.checks import painted_picture
    from spatialgan.files import read_bytes, user_path

    path = user_path(path)
    return painted_picture(open_image(read_bytes(path, MAX_FILE_BYTES), str(path)), resolution, str(path))
