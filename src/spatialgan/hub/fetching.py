"""Models of the Hub in the cache of its library, where they are brought once, and in folders.

Only files of known names are fetched, weights as safetensors and text, never pickles, and none that is larger than such
files are.
"""

import re
import shutil
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from spatialgan.errors import SpatialGANError
from spatialgan.files import MAX_JSON_BYTES, user_path, written_whole
from spatialgan.hub.repository import Repository, hub_api, hub_library, is_out_of_reach, told_in_words
from spatialgan.model import CARD, DISCRIMINATOR, WEIGHTS

README, SAMPLES = "README.md", "samples.png"  # what people see of a repository
MAX_WEIGHTS_BYTES = 4 << 30  # the largest StyleGAN2 has a tenth of it
MAX_PAGE_BYTES = 32 << 20  # of what people see
PLAIN_NAME = re.compile(r"\w[\w.-]*", re.ASCII)  # in no folder, and no pattern for other names
ASK_S = 10  # after which the Hub is out of reach


def fetched(repo: Repository, *, page: bool = False) -> Path:
    """The generator's weights in the cache, with what belongs to them beside.

    Where the Hub cannot be reached, or must not (``HF_HUB_OFFLINE``), it is what the cache has.

    Args:
        repo: what to fetch.
        page: also what people see of it, :data:`README` and :data:`SAMPLES`.

    Raises:
        SpatialGANError: it is not a model of ours, or cannot be fetched.
    """
    hub = hub_library()
    with told_in_words(repo):
        try:
            info = hub_api().model_info(repo.id, revision=repo.revision, files_metadata=True, timeout=ASK_S)
        except Exception as e:
            if not is_out_of_reach(e):
                raise
            return _cached(repo, e, page)
        sizes = {file.rfilename: file.size for file in info.siblings or ()}
        name = model_in(sizes, repo)
        limits = {file: limit for file, limit in _limits(name, page).items() if file in sizes}
        _check_sizes(repo, sizes, limits)
        folder = Path(hub.snapshot_download(repo.id, revision=repo.revision, allow_patterns=list(limits)))
        for file in limits:
            size = (folder / file).stat().st_size if (folder / file).exists() else -1
            _check_sizes(repo, {file: size}, {file: limits[file]})  # the Hub need not have told it before
            if size < 0 or sizes[file] not in (None, size):
                raise SpatialGANError(f"{file} of {repo} is not as long as the Hub says it is; try again")
        return folder / f"{name}{WEIGHTS}"


def pulled(repo: Repository, out: Path) -> Path:
    """The generator's weights in ``out``, a folder that is new or empty, with all that belongs to them.

    Raises:
        SpatialGANError: as :func:`fetched`, or the folder has something in it, or cannot be written.
    """
    target = user_path(out)
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise SpatialGANError(f"{out} is not empty; give a new folder")
    weights = fetched(repo, page=True)
    try:
        with written_whole(target) as partial:
            partial.mkdir()
            for file in _limits(weights.stem, page=True):
                if (weights.parent / file).exists():
                    shutil.copyfile(weights.parent / file, partial / file)  # in the cache they are links
            if target.is_dir():
                target.rmdir()
    except OSError as e:
        raise SpatialGANError(f"{out} cannot be written: {e.strerror or e}") from None
    return target / weights.name


def models_in(files: Iterable[str]) -> list[str]:
    """The names of the models among a repository's files: weights that have their card beside them."""
    there = set(files)
    stems = [f.removesuffix(WEIGHTS) for f in there if f.endswith(WEIGHTS) and not f.endswith(DISCRIMINATOR)]
    return sorted(stem for stem in stems if PLAIN_NAME.fullmatch(stem) and f"{stem}{CARD}" in there)


def model_in(files: Iterable[str], repo: Repository) -> str:
    """The name of the one model among a repository's files; raises SpatialGANError where there is none, or more."""
    names = models_in(files)
    if not names:
        raise SpatialGANError(f"{repo} is no SpatialGAN model: it has no NAME{WEIGHTS} with its NAME{CARD}")
    if len(names) > 1:
        raise SpatialGANError(f"{repo} holds {len(names)} models ({', '.join(names[:8])}); a repository is for one")
    return names[0]


def _limits(name: str, page: bool) -> dict[str, int]:
    """The files that are fetched of a model, and how many bytes each may have."""
    limits = {f"{name}{end}": MAX_WEIGHTS_BYTES for end in (WEIGHTS, DISCRIMINATOR)} | {f"{name}{CARD}": MAX_JSON_BYTES}
    return limits | (dict.fromkeys((README, SAMPLES), MAX_PAGE_BYTES) if page else {})


def _check_sizes(repo: Repository, sizes: Mapping[str, int | None], limits: Mapping[str, int]) -> None:
    for file, limit in limits.items():
        size = sizes[file] or 0
        if size > limit:
            raise SpatialGANError(
                f"{file} of {repo} has {size / 1e6:,.0f} MB, more than the {limit / 1e6:,.0f} MB that are fetched"
            )


def _cached(repo: Repository, reason: Exception, page: bool) -> Path:
    """As :func:`fetched`, of the cache alone; raises ``reason`` where it has nothing."""
    from huggingface_hub import constants, errors, snapshot_download

    def snapshot(files: list[str]) -> Path:
        return Path(snapshot_download(repo.id, revision=repo.revision, allow_patterns=files, local_files_only=True))

    try:
        folder = snapshot([])
        name = model_in((p.name for p in folder.iterdir() if p.is_file()), repo)
        snapshot(list(_limits(name, page)))  # raises where the Hub had more of them than have come
    except (errors.LocalEntryNotFoundError, SpatialGANError):
        raise reason from None
    if not constants.HF_HUB_OFFLINE:
        print(f"note: the Hub cannot be reached; {repo} is taken from the cache", file=sys.stderr)
    return folder / f"{name}{WEIGHTS}"
