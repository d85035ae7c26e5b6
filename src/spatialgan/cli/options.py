"""What the commands share: options that mean the same everywhere, and the progress bar."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from spatialgan.errors import SpatialGANError
from spatialgan.terminal import printable

if TYPE_CHECKING:
    from spatialgan.api import SpatialGAN
    from spatialgan.editing.scene import Scene

Model = Annotated[
    str,
    typer.Option(
        "--model",
        metavar="NAME|PATH",
        help="A bundled model, a .safetensors file, the folder of a model or a run, or "
        "another program's StyleGAN2 (.pkl, .pt).",
    ),
]
ModelOfScene = Annotated[
    str | None,
    typer.Option(
        "--model",
        metavar="NAME|PATH",
        help="A bundled model, a .safetensors file, the folder of a model or a run, or "
        "another program's StyleGAN2 (.pkl, .pt). A scene names its own, where that "
        "is bundled.",
    ),
]
Seed = Annotated[int | None, typer.Option(metavar="S", min=0, help="Start from this random picture.")]
SceneFile = Annotated[Path | None, typer.Option(metavar="F.scene.json", help="Start from this saved scene.")]
Threads = Annotated[
    int | None,
    typer.Option(
        "--threads",
        metavar="N",
        min=1,
        help="CPU threads. Without it: OMP_NUM_THREADS, or as many as pay off for layers of this size.",
    ),
]
Device = Annotated[str, typer.Option("--device", help="auto, cpu, cuda, cuda:1 or mps.")]

Scale = Annotated[
    float | None,
    typer.Option(
        help="Enlarge pictures by this factor. Without it, PNGs stay as they are, and small pictures in grids and GIFs "
        "become about 256 pixels wide."
    ),
]
Mp4 = Annotated[Path | None, typer.Option(metavar="F.mp4", help="The same animation as a video; needs ffmpeg.")]
LayoutSeed = Annotated[int | None, typer.Option(metavar="S", min=0, help="Take the layout of this seed.")]
Truncation = Annotated[
    float | None, typer.Option(help="Below 1, as in 0.7, pictures are more typical, and more alike.")
]


def told_early(path: Path | None) -> Path | None:
    """Refuse a place that cannot be written while nothing has been computed yet."""
    if path is not None:
        from spatialgan.files import require_writable

        require_writable(path)
    return path


JsonOption = Annotated[Path | None, typer.Option("--json", help="Write the result file here.", callback=told_early)]


def check_start(
    model: str | None, seed: int | None, scene: Path | None, layout_seed: int | None, truncation: float | None
) -> None:
    """Whether an edit has one picture to start from, and a model to draw it with."""
    if (seed is None) == (scene is None):
        raise SpatialGANError("give either --seed or --scene")
    if scene is not None and (layout_seed is not None or truncation is not None):
        raise SpatialGANError("--layout-seed and --truncation go with --seed; a scene brings its own")
    if scene is None and model is None:
        raise SpatialGANError("give --model beside --seed; spatialgan models lists the bundled ones")


def load_model(source: str | Path, device: str, threads: int | None, *, batch: int = 1) -> "SpatialGAN":
    """A model, and from here on as many CPU threads as pay off for pictures of it, ``batch`` at once."""
    from spatialgan.api import SpatialGAN
    from spatialgan.threads import check_threads, threads_for, use_threads

    check_threads(threads)
    gan = SpatialGAN.from_pretrained(source, device=device)
    use_threads(threads, usual=threads_for(gan.config.model, batch=batch))
    return gan


def open_start(
    model: str | None,
    seed: int | None,
    scene: Path | None,
    layout_seed: int | None,
    truncation: float | None,
    device: str,
    threads: int | None,
) -> "Scene":
    """The picture that an edit starts from, as :func:`check_start` has found it to be given."""
    from spatialgan.editing.scene_file import bundled_model_of

    if scene is not None:
        return load_model(bundled_model_of(scene) if model is None else model, device, threads).load_scene(scene)
    assert model is not None and seed is not None
    gan = load_model(model, device, threads)
    return gan.sample(seed, layout_seed=layout_seed, truncation=1.0 if truncation is None else truncation)


ENDINGS = {
    "--out": (".png", "pictures"),
    "--heatmaps": (".png", "pictures"),
    "--compare": (".png", "pictures"),
    "--gif": (".gif", "animations"),
    "--mp4": (".mp4", "videos"),
}


def check_outputs(outputs: Mapping[str, Path | None], inputs: Mapping[str, Path | None]) -> None:
    """Whether the files' names fit what will be written to them, none is named twice, and each can be written, before
    any of it is drawn. Both by option; a saved scene may take the place of the one that is read."""
    from spatialgan.files import require_distinct, require_ending, require_writable

    given = {option: path for option, path in outputs.items() if path is not None}
    for option, path in given.items():
        if option in ENDINGS:
            require_ending(path, *ENDINGS[option])
    require_distinct(given)
    for option, path in inputs.items():
        kept = {name: other for name, other in given.items() if (name, option) != ("--save-scene", "--scene")}
        require_distinct({option: path, **kept})
    if "--mp4" in given:
        from spatialgan.editing.video import require_encoder

        require_encoder()
    for path in given.values():
        require_writable(path)


def or_one(value: float | None) -> float:
    """An option's value, or 1 where it was not given."""
    return 1.0 if value is None else value


def say(*lines: str) -> None:
    """Print lines, of which names of files may be a part."""
    for line in lines:
        typer.echo(printable(line))


@contextmanager
def progress_bar() -> Iterator[Callable[[str, int, int], None]]:
    """Yields ``show(what, done, total)``: a bar on the error stream, with one row for each thing that is counted."""
    from rich.console import Console
    from rich.progress import MofNCompleteColumn, Progress, TaskID, TimeRemainingColumn

    columns = (*Progress.get_default_columns()[:-1], MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        rows: dict[str, TaskID] = {}

        def show(what: str, done: int, total: int) -> None:
            if what not in rows:
                rows[what] = bar.add_task(what, total=total)
            bar.update(rows[what], completed=done)

        yield show
