"""`spatialgan edit`: edits in the order given."""

from pathlib import Path
from typing import Annotated

import typer

from spatialgan.cli.edit_options import notes_on, read_edit, with_edits
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


@with_edits
def edit(
    edits: list[tuple[str, str]],
    out: Annotated[Path, typer.Option(metavar="F.png", help="The edited picture.")],
    model: ModelOfScene = None,
    seed: Seed = None,
    scene: SceneFile = None,
    layout_seed: LayoutSeed = None,
    truncation: Truncation = None,
    save_scene: Annotated[Path | None, typer.Option(metavar="F.scene.json", help="Save the edited scene.")] = None,
    gif: Annotated[Path | None, typer.Option(metavar="F.gif", help="Animate the edits, there and back.")] = None,
    mp4: Mp4 = None,
    scale: Scale = None,
    device: Device = "auto",
    threads: Threads = None,
) -> None:
    """Edit a picture. Edits apply in the order given.

    I is an object's number, or in single-object models a level; L.P is one centre of a level, as in --move 2.1:0.05,0.
    """
    changes = [read_edit(option, text) for option, text in edits]
    start = Start(model, seed, scene, layout_seed, truncation)
    outputs = {"--out": out, "--gif": gif, "--mp4": mp4, "--save-scene": save_scene}
    check_outputs(outputs, {"--scene": scene})
    from spatialgan.editing.interpolation import animate
    from spatialgan.editing.pictures import save_gif, save_png
    from spatialgan.editing.rendering import render_scenes
    from spatialgan.editing.video import save_mp4

    steps = [start.open(device, threads)]
    for apply in changes:
        steps.append(apply(steps[-1]))
    save_png(steps[-1].image, out, scale=or_one(scale))
    for note in notes_on(steps):
        typer.echo(f"note: {note}", err=True)
    if steps[0].layout.kind == "multi":
        for i in range(steps[0].num_objects, steps[-1].num_objects):
            typer.echo(f"object {i} is new")
    if save_scene is not None:
        steps[-1].save(save_scene)
    frames = [] if gif is None and mp4 is None else render_scenes(animate(steps))
    if gif is not None:
        save_gif(frames, gif, scale=scale)
    if mp4 is not None:
        save_mp4(frames, mp4, scale=scale)
    say(f"{len(edits)} {'edit' if len(edits) == 1 else 'edits'}: {written(outputs)}")
