"""``spatialgan eval snapshots``: how near to real pictures each snapshot of a run is."""

from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from spatialgan.cli.eval.feature_options import FeaturesOption, WeightsOption
from spatialgan.cli.eval.measured import BATCH, SamplesOption, SeedOption
from spatialgan.cli.eval.realism import Data, Split, distance_of, open_comparison
from spatialgan.cli.options import Device, Threads, load_model, say
from spatialgan.errors import SpatialGANError

if TYPE_CHECKING:
    from spatialgan.cli.eval.realism import Comparison


def snapshots(
    run: Annotated[Path, typer.Option("--run", metavar="DIR", help="The folder of a run.")],
    data: Data,
    features: FeaturesOption = "lite2",
    weights: WeightsOption = None,
    samples: SamplesOption = 5000,
    split: Split = "train",
    seed: SeedOption = 0,
    device: Device = "auto",
    threads: Threads = None,
) -> None:
    """Fréchet distance of each snapshot of a run, and which is nearest to the real pictures.

    Results are kept in the run's folder, in distances.jsonl: the same command again measures only what is new. The run
    may go on meanwhile; train.keep_snapshots never deletes the nearest.
    """
    from spatialgan.files import user_path
    from spatialgan.model import check_hashes
    from spatialgan.snapshots import SNAPSHOTS, add_distance, key_of, measure_of, read_distances, whole_models

    folder = user_path(run)
    found = whole_models(folder / SNAPSHOTS)
    if not found:
        raise SpatialGANError(f"{run} holds no snapshots; name the folder of a run that has written some")
    measured: list[tuple[float, Path]] = []
    warnings: list[str] = []
    compared = open_comparison(str(found[-1]), data, features, weights, samples, split, seed, 1.0, device, threads)
    wanted = measure_of(_record(compared, {"num_damaged": 0}))
    for path in found:
        if not path.exists():  # the run goes on, and has deleted it
            continue
        key = (path.stem, check_hashes(path))
        known = [line for line in read_distances(folder) if measure_of(line) == wanted and key_of(line) == key]
        line = known[-1] if known else None
        if line is None:
            compared = replace(compared, model=load_model(str(path), device, threads, batch=BATCH))
            line = _record(compared, asdict(distance_of(compared, log=_silent if measured else say)))
            add_distance(folder, line)
        say(f"{line['model']['kimg'] or 0:9g} kimg  {line['values']['distance']:.3f}")
        measured.append((line["values"]["distance"], path))
        warnings = line["values"]["warnings"]
    for warning in warnings:
        say(f"warning: {warning}")
    if measured:
        say(f"the nearest: {min(measured)[1]}")


def _silent(_: str) -> None:
    """In place of a log: what holds for all is said once."""


def _record(compared: "Comparison", values: dict[str, Any]) -> dict[str, Any]:
    return compared.record("fid" if compared.is_standard else "fd", values, num_samples=compared.samples)
