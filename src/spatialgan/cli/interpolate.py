"""`spatialgan interpolate`: the way from picture to picture."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from spatialgan.cli.generate import read_seeds
from spatialgan.cli.options import (
    Device,
    ModelOfScene,
    Mp4,
    Scale,
    Threads,
    Truncation,
    check_outputs,
    load_model,
    or_one,
    say,
)
from spatialgan.errors import SpatialGANError

MAX_FRAMES = 10_000  # of one command: they are kept in memory


def interpolate(
    model: ModelOfScene = None,
    seeds: Annotated[str | None, typer.Option(metavar="LIST", help="Pictures to pass, as in 3,8,12.")] = None,
    scene: Annotated[
        list[Path] | None, typer.Option(metavar="F.scene.json", help="Saved scenes to pass instead; may be repeated.")
    ] = None,
    frames: Annotated[
        int, typer.Option(min=1, help="From each picture to the next; that one is the last of them.")
    ] = 24,
    space: Annotated[
        Literal["w", "z"], typer.Option("--in", help="w: straight, between the layers' styles; z: along great circles.")
    ] = "w",
    loop: Annotated[bool, typer.Option("--loop", help="Return to the first picture.")] = False,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Folder for the frames, 0000.png and so on.")] = None,
    gif: Annotated[Path | None, typer.Option(metavar="F.gif", help="An animation.")] = None,
    mp4: Mp4 = None,
    grid: Annotated[
        Path | None,
        typer.Option(metavar="F.png", help="All frames as one picture, a row from each picture to the next."),
    ] = None,
    fps: Annotated[float, typer.Option(min=0.1, max=50, help="Frames per second of animations.")] = 15,
    truncation: Truncation = None,
    scale: Scale = None,
    device: Device = "auto",
    threads: Threads = None,
) -> None:
    """Go from picture to picture: styles and layouts change little by little, the noise stays the first one's."""
    if (seeds is None) == (not scene):
        raise SpatialGANError("give either --seeds or --scene, two of them or more")
    numbers, files = read_seeds(seeds) if seeds is not None else [], scene or []
    if len(numbers) + len(files) < 2:
        raise SpatialGANError("an interpolation goes between two pictures or more; give another one")
    count = frames * (len(numbers) + len(files) - (0 if loop else 1)) + (0 if loop else 1)
    if count > MAX_FRAMES:
        raise SpatialGANError(f"{count:,} frames are too many; use at most {MAX_FRAMES:,}")
    if files and truncation is not None:
        raise SpatialGANError("--truncation goes with --seeds; scenes bring their own")
    if numbers and model is None:
        raise SpatialGANError("give --model beside --seeds; spatialgan models list shows the bundled ones")
    outputs = {"--gif": gif, "--mp4": mp4, "--grid": grid}
    if out is None and not any(outputs.values()):
        raise SpatialGANError("give --gif, --mp4, --grid or --out for what is drawn")
    check_outputs(outputs, {f"--scene ({i + 1})": file for i, file in enumerate(files)})
    from spatialgan.editing.interpolation import walk
    from spatialgan.editing.pictures import enlarged_size, grid_size, image_grid, save_gif, save_png
    from spatialgan.editing.rendering import render_scenes
    from spatialgan.editing.scene_file import bundled_model_of
    from spatialgan.editing.video import save_mp4

    gan = load_model(model if model is not None else bundled_model_of(files[0]), device, threads)
    columns = frames if loop else frames + 1
    if grid is not None:  # one too large is refused before all its pictures are drawn
        r = gan.config.model.resolution
        grid_size(count, columns, *enlarged_size((r, r), scale))
    ends = [gan.sample(seed, truncation=or_one(truncation)) for seed in numbers] + [gan.load_scene(f) for f in files]
    images = render_scenes(walk(ends, frames, loop=loop, space=space))
    if out is not None:
        for i, image in enumerate(images):
            save_png(image, out / f"{i:04d}.png", scale=or_one(scale))
    if gif is not None:
        save_gif(images, gif, fps, scale=scale)
    if mp4 is not None:
        save_mp4(images, mp4, fps, scale=scale)
    if grid is not None:
        save_png(image_grid(images, columns=columns, scale=scale), grid)
    written = ", ".join(str(p) for p in (out, gif, mp4, grid) if p is not None)
    say(f"{len(images)} frames: {written}")
