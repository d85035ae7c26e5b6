"""What the commands share: options that mean the same everywhere, and the progress bar."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from spatialgan.errors import SpatialGANError
from spatialgan.terminal import printable

if TYPE_CHECKING:
    from spatialgan.api import SpatialGAN
    from spatialgan.editing.scene import Scene

STOPPED = 130  # exit code of a run that a signal ended, as shells have it for Ctrl-C: what was to follow it does not
Model = Annotated[
    str,
    typer.Option(
        "--model",
        metavar="NAME|PATH|hf://OWNER/NAME",
        help="A bundled model, a .safetensors file, the folder of a model or a run, "
        "another program's StyleGAN2 (.pkl, .pt), or a repository of the Hugging Face Hub.",
    ),
]
ModelOfScene = Annotated[
    str | None,
    typer.Option(
        "--model",
        metavar="NAME|PATH|hf://OWNER/NAME",
        help="A bundled model, a .safetensors file, the folder of a model or a run, "
        "another program's StyleGAN2 (.pkl, .pt), or a repository of the Hugging Face Hub. A scene names "
        "its own, where that is bundled.",
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


def writable(path: Path | None) -> Path | None:
    """Refuse a place that cannot be written while nothing has been computed yet."""
    if path is not None:
        from spatialgan.files import require_writable

        require_writable(path)
    return path


def writable_json(path: Path | None) -> Path | None:
    """:func:`writable`, and only under a name that says what will be in it."""
    if path is not None:
        from spatialgan.files import require_ending

        require_ending(path, ".json", "results")
    return writable(path)


JsonOption = Annotated[Path | None, typer.Option("--json", help="Write the result file here.", callback=writable_json)]


@dataclass(frozen=True)
class Start:
    """The picture that an edit or a drag starts from, as the options name it; raises SpatialGANError unless they name
    one picture, and a model to draw it with."""

    model: str | None
    seed: int | None
    scene: Path | None
    layout_seed: int | None
    truncation: float | None

    def __post_init__(self) -> None:
        if (self.seed is None) == (self.scene is None):
            raise SpatialGANError("give either --seed or --scene")
        if self.scene is not None and (self.layout_seed is not None or self.truncation is not None):
            raise SpatialGANError("--layout-seed and --truncation go with --seed; a scene brings its own")
        if self.scene is None and self.model is None:
            raise SpatialGANError("give --model beside --seed; spatialgan models list shows the bundled ones")

    def open(self, device: str, threads: int | None) -> "Scene":
        """The picture, of a model on that device."""
        from spatialgan.editing.scene_file import bundled_model_of

        if self.scene is not None:
            source = bundled_model_of(self.scene) if self.model is None else self.model
            return load_model(source, device, threads).load_scene(self.scene)
        assert self.model is not None and self.seed is not None
        gan = load_model(self.model, device, threads)
        return gan.sample(self.seed, layout_seed=self.layout_seed, truncation=or_one(self.truncation))


def load_model(source: str | Path, device: str, threads: int | None, *, batch: int = 1) -> "SpatialGAN":
    """A model, and from here on as many CPU threads as pay off for pictures of it, ``batch`` at once."""
    from spatialgan.api import SpatialGAN, find_weights
    from spatialgan.threads import check_threads, threads_for, use_threads

    check_threads(threads)
    gan = SpatialGAN.load(find_weights(source), device=device)
    use_threads(threads, usual=threads_for(gan.config.model, batch=batch))
    return gan


ENDINGS = {  # of what options name
    "--out": (".png", "pictures"),
    "--heatmaps": (".png", "pictures"),
    "--grid": (".png", "pictures"),
    "--gif": (".gif", "animations"),
    "--mp4": (".mp4", "videos"),
    "--json": (".json", "results"),
    "--save-scene": (".json", "scenes"),
}


def check_outputs(
    outputs: Mapping[str, Path | None],
    inputs: Mapping[str, Path | None],
    *,
    endings: Mapping[str, tuple[str, str]] = ENDINGS,
) -> None:
    """Whether the files' names fit what will be written to them, none is named twice, and each can be written, before
    any of it is drawn. Both by option; a saved scene may take the place of the one that is read."""
    from spatialgan.files import require_distinct, require_ending, require_writable

    given = {option: path for option, path in outputs.items() if path is not None}
    for option, path in given.items():
        if option in endings:
            require_ending(path, *endings[option])
    require_distinct(given)
    for option, path in inputs.items():
        kept = {name: other for name, other in given.items() if (name, option) != ("--save-scene", "--scene")}
        require_distinct({option: path, **kept})
    if "--mp4" in given:
        from spatialgan.editing.video import require_encoder

        require_encoder()
    for path in given.values():
        require_writable(path)


def written(outputs: Mapping[str, Path | None]) -> str:
    """The files that a command was asked for, by option, in words."""
    return ", ".join(str(path) for path in outputs.values() if path is not None)


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
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        rows: dict[str, TaskID] = {}

        def show(what: str, done: int, total: int) -> None:
            if what not in rows:
                rows[what] = bar.add_task(what, total=total)
            bar.update(rows[what], completed=done)

        yield show
