"""The training loop: the same command again continues a run exactly where its last checkpoint was."""

import json
from collections.abc import Callable, Generator
from contextlib import closing, nullcontext, suppress
from pathlib import Path

import torch
from torch import Tensor

from spatialgan.config import RunConfig
from spatialgan.data.images import ImageDataset, Views, to_float
from spatialgan.data.read_ahead import read_ahead
from spatialgan.data.sources import unread_note
from spatialgan.errors import SpatialGANError
from spatialgan.files import file_hash, is_inside, user_path, write_atomically
from spatialgan.locks import locked
from spatialgan.model import save_model
from spatialgan.settings import to_dict
from spatialgan.snapshots import SNAPSHOTS, remove_old_snapshots
from spatialgan.terminal import printable
from spatialgan.threads import check_threads, threads_for, threads_restored, use_threads
from spatialgan.training.aids.codes import Codes, check_size
from spatialgan.training.aids.codes_file import codes_of
from spatialgan.training.aids.reconstruction import known_pictures
from spatialgan.training.checkpoint import list_checkpoints
from spatialgan.training.distributed import Workers, require_shares, workers_of_environment
from spatialgan.training.growing import load_or_grow
from spatialgan.training.resuming import (
    CODES,
    CONFIG,
    check_folder,
    note_changes,
    recorded_threads,
    resume,
    write_checkpoint,
)
from spatialgan.training.sample_grids import write_samples
from spatialgan.training.stats_log import Averages, Record, check_finite
from spatialgan.training.step import training_step
from spatialgan.training.stop_request import StopRequest
from spatialgan.training.trainee import Trainee, make_trainee

SKIPPED = "skipped.txt"
BUSY = "another process is training in {}; wait for it to end, or give another --out"
FEW_PICTURES = 500  # below which a run says so
BATCHES_AHEAD = 2  # that are decoded during a step, of a set that is not in memory
CALIBRATION_IMAGES = 256  # real pictures that the projected discriminator measures its features on


def train(
    config: RunConfig,
    *,
    data: str | Path,
    out: str | Path,
    device: str = "auto",
    init_from: str | None = None,
    threads: int | None = None,
    report: Callable[[str], None] = print,
) -> bool:
    """Train, or go on training, in the folder ``out``.

    Writes ``config.json``, ``codes.safetensors`` (where it needs them; a copy for later runs goes to the user's
    cache), ``stats.jsonl``, TensorBoard events, ``samples/``, ``snapshots/`` (EMA generator and D, for users) and
    ``checkpoint/`` (for going on). SIGINT, SIGTERM and SIGHUP end the run after the step at hand, with a checkpoint;
    before the first step there is nothing to save. One process at a time trains in a folder.

    Args:
        config: all choices.
        data: folder, zip or LMDB of pictures.
        out: a new folder, or that of a run with the same configuration.
        device: auto, cpu, cuda, ...
        init_from: a model to take the first weights from (fine-tuning), of this size or smaller; no part in going on.
        threads: of the CPU; None: as OMP_NUM_THREADS says, or as the run was begun, or as many as pay off.
        report: gets a line of text now and then.

    Returns:
        whether the run is complete; False where a signal ended it.

    Raises:
        SpatialGANError: data or folder do not fit; the message says how.
        NonFiniteError: a loss term is not finite.
    """
    check_threads(threads)
    with workers_of_environment(device) as (workers, chosen), threads_restored():
        require_shares(config, workers.count)
        report = _steady(report) if workers.is_first else _silent
        out = user_path(out)
        try:
            dataset = _open_data(config, data, out, report)
            with locked(out, BUSY.format(out)) if workers.is_first else nullcontext():
                return _train(config, dataset, out, chosen, init_from, threads, report, workers)
        except KeyboardInterrupt:  # from the first step on, _loop waits for the one at hand to end
            report("stopped before the first step; the same command starts or continues the run")
            return False


def _silent(_: str) -> None:
    """In place of a report: of several processes, one talks."""


def _steady(report: Callable[[str], None]) -> Callable[[str], None]:
    """A report that no run ends for, where the terminal or the program that reads it is gone."""

    def say(line: str) -> None:
        with suppress(OSError):
            report(line)

    return say


def _open_data(config: RunConfig, data: str | Path, out: Path, report: Callable[[str], None]) -> ImageDataset:
    """The pictures; raises SpatialGANError also where the run would write among them, or them among its own."""
    d = config.data
    dataset = ImageDataset.open(
        data,
        resolution=config.model.resolution,
        channels=config.model.image_channels,
        fit=d.fit,
        mirror=d.mirror,
        holdout=d.holdout,
        split="train",
    )
    for folder in dataset.source.folders:
        if is_inside(out, folder) or is_inside(folder, out):
            raise SpatialGANError(
                f"--out {out} and --data {data} lie one inside the other, and the run's sample grids "
                "would become pictures to train on; give --out a folder outside"
            )
    report(
        f"{dataset.num_images} picture{'' if dataset.num_images == 1 else 's'} in {Path(data).name}"
        + (f", one in {d.holdout} held out" if d.holdout else "")
        + (f", {len(dataset.skipped)} unusable, skipped; see {out / SKIPPED}" if dataset.skipped else "")
    )
    if dataset.source.unread:
        report(unread_note(dataset.source.unread))
    if dataset.num_images < FEW_PICTURES and not (out / CONFIG).exists():
        report("note: these are few pictures, and D will soon know them by heart; a few thousand are usual")
    if config.needs_codes:
        check_size(dataset)
    return dataset


def _train(
    config: RunConfig,
    dataset: ImageDataset,
    out: Path,
    device: torch.device,
    init_from: str | None,
    threads: int | None,
    report: Callable[[str], None],
    workers: Workers,
) -> bool:
    check_folder(out, config)
    t = make_trainee(config, device)
    t.workers = workers
    state = resume(t, list_checkpoints(out / "checkpoint"), dataset, report)
    codes_hash = None if state is None else state.get("codes_hash")
    # Before anything is summed: the last bits depend on it.
    usual = threads_for(config.model, batch=t.micro_batch) if device.type == "cpu" else 1
    report(str(use_threads(threads, usual=usual, recorded=None if state is None else recorded_threads(state))))
    if state is not None:
        note_changes(t, state, report)
        done = t.num_images_seen >= int(config.train.kimg * 1000)
        report(
            f"going on at {t.num_images_seen / 1000:g} kimg"
            if not done
            else f"the run is complete at {t.num_images_seen / 1000:g} kimg; raise --kimg to train on"
        )
    else:
        if (out / CONFIG).exists():
            report("there is no checkpoint yet: starting from the beginning")
        _start(t, dataset, init_from)
        if init_from is not None and config.aids.reconstruct_kimg > 0:
            report(
                f"the first {config.aids.reconstruct_kimg:g} kimg only reconstruct; to leave them out, add "
                "--set aids.reconstruct_kimg=0"
            )
    workers.copy_from_first(t.tensors)  # what was measured on real pictures may differ in its last bits
    # Not before all has been seen to fit: a folder that was claimed in vain would refuse the corrected command.
    if workers.is_first:
        write_atomically(out / CONFIG, lambda p: p.write_text(json.dumps(to_dict(config), indent=1) + "\n"))
    if dataset.skipped and workers.is_first:
        lines = [printable(f"{name}: {reason}") + "\n" for name, reason in dataset.skipped]
        write_atomically(out / SKIPPED, lambda p: p.write_text("".join(lines), encoding="utf-8"))
    codes = None
    if config.needs_codes_at(t.num_images_seen) and t.num_images_seen < config.train.kimg * 1000:
        if config.train.kimg <= config.aids.reconstruct_kimg:
            report(f"all of this run is reconstruction; D begins to learn at {config.aids.reconstruct_kimg:g} kimg")
        if not workers.is_first:
            workers.wait()
        codes = codes_of(dataset, config.model, out / CODES, t.device, report, own_hash=codes_hash)
        if workers.is_first:
            workers.wait()  # the others read what this one has made
        if codes_hash is not None and codes_hash != file_hash(out / CODES):
            raise SpatialGANError(
                f"{out / CODES} does not hold the codes that this run was started with; put its own "
                "file back, or delete it to have it made anew; if it was just made, an earlier "
                f"version found other codes: start a new run, with --init-from {out}"
            )
    return _loop(t, dataset, codes, out, report, Averages(None if state is None else state["averages"]))


def _loop(
    t: Trainee, dataset: ImageDataset, codes: Codes | None, out: Path, report: Callable[[str], None], averages: Averages
) -> bool:
    c = t.config.train
    total_nimg = int(c.kimg * 1000)
    if not t.workers.is_first:
        return _follow(t, dataset, codes)
    record = Record(
        out,
        num_images_seen=t.num_images_seen,
        total_nimg=total_nimg,
        report=report,
        unfinished=bool(averages.state()) and t.num_images_seen < total_nimg,
    )
    if t.num_images_seen == 0:
        with record.pause_clock():
            write_samples(t, out / "samples" / "000000000.png")
    with StopRequest() as stop, closing(real_batches(t, dataset)) as batches:
        for batch in batches:
            start = t.num_images_seen
            averages.add(_step(t, dataset, codes, batch))
            # Asked once: a signal that comes later takes one more step, and is saved.
            stopping = t.workers.any(stop.requested, t.device)
            last = t.num_images_seen >= total_nimg or stopping

            def due(kimg: float, start: int = start, last: bool = last) -> bool:
                every = max(1, round(kimg * 1000))
                return last or t.num_images_seen // every > start // every

            if due(c.log_kimg, last=False):
                record.write(averages.take(), t.num_images_seen)
            elif last:  # of the steps so far: a run that goes on has the whole line in its place
                record.write(averages.means(), t.num_images_seen)
            with record.pause_clock():
                if due(c.sample_kimg):
                    write_samples(t, out / "samples" / f"{t.num_images_seen:09d}.png")
                if due(c.checkpoint_kimg):
                    write_checkpoint(t, out, dataset, averages)
                if due(c.snapshot_kimg):
                    _write_snapshot(t, out, dataset)
            if stopping:
                report(f"stopped at {t.num_images_seen / 1000:.1f} kimg; the same command goes on from here")
                break
        else:
            report(
                f"done; to see what it draws: "
                f"spatialgan generate --model {out} --seeds 0-15 --grid --out {out / 'grid'}"
            )
        record.close()
    return t.num_images_seen >= total_nimg


def real_batches(t: Trainee, dataset: ImageDataset, *, ahead: int = BATCHES_AHEAD) -> Generator[tuple[Views, Tensor]]:
    """What the steps from here to the run's end are shown, of each batch this process's share: views, and pictures as
    uint8 (B, C, R, R) on the CPU.

    Where the set is not in memory, a thread decodes the next ``ahead`` batches during a step; 0: each step its own.
    To be closed. Raises BadImageError in the step that would be shown a damaged file.
    """
    config, offset = t.config, t.workers.rank * t.batch_size

    def read(start: int) -> tuple[Views, Tensor]:
        views = dataset.views(start + offset, t.batch_size, seed=config.train.seed)
        return views, dataset.batch(views.indices, views.flips)

    starts = range(t.num_images_seen, int(config.train.kimg * 1000), config.train.batch_size)
    return read_ahead(read, starts, ahead=ahead if dataset.images is None else 0)


def _step(t: Trainee, dataset: ImageDataset, codes: Codes | None, batch: tuple[Views, Tensor]) -> dict[str, Tensor]:
    """One training step on real pictures."""
    views, pictures = batch
    start, reals = t.num_images_seen, to_float(pictures.to(t.device))  # sent as uint8: a quarter of the traffic
    known = None if codes is None or not t.config.needs_codes_at(start) else known_pictures(codes, reals, views)
    stats = training_step(t, reals, known)
    check_finite(stats, t.num_images_seen)
    return stats


def _follow(t: Trainee, dataset: ImageDataset, codes: Codes | None) -> bool:
    """The loop of a process that is not the first: the same steps, and no files."""
    total_nimg = int(t.config.train.kimg * 1000)
    with StopRequest() as stop, closing(real_batches(t, dataset)) as batches:
        for batch in batches:
            _step(t, dataset, codes, batch)
            if t.workers.any(stop.requested, t.device):
                break
    return t.num_images_seen >= total_nimg


def _start(t: Trainee, dataset: ImageDataset, init_from: str | None) -> None:
    """First weights: random, or another model's; and the projected discriminator's look at the data."""
    if t.discriminator.needs_statistics:
        count = min(CALIBRATION_IMAGES, dataset.num_images)
        reals = dataset.shown(0, count, seed=t.config.train.seed)
        t.discriminator.calibrate(to_float(reals).to(t.device))
    if init_from is not None:
        load_or_grow(t.config, t.generator, t.discriminator, init_from)
        t.ema.load_state_dict(t.generator.state_dict())


def _write_snapshot(t: Trainee, out: Path, dataset: ImageDataset) -> None:
    card = {
        "kimg": t.num_images_seen / 1000,
        "data_fingerprint": dataset.fingerprint,
        "num_training_images": dataset.num_images,
        "data_set": dataset.name,
    }
    path = save_model(out / SNAPSHOTS / f"{t.num_images_seen:09d}", t.config, t.ema, t.discriminator, card=card)
    if t.config.train.keep_snapshots > 0:
        remove_old_snapshots(path, keep=t.config.train.keep_snapshots)
