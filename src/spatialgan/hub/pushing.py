"""Models of ours as repositories of the Hub."""

import io
from collections.abc import Iterable
from pathlib import Path

from spatialgan.errors import SpatialGANError
from spatialgan.hub.fetching import README, SAMPLES, models_in
from spatialgan.hub.model_page import model_page, sample_sheet
from spatialgan.hub.repository import Repository, hub_api, hub_library, told_in_words
from spatialgan.model import CARD, DISCRIMINATOR, WEIGHTS, Model


def pushed(
    weights: Path, repo: Repository, *, private: bool = False, license: str | None = None, keep_page: bool = False
) -> str:
    """Put a model on the Hub, in one commit; its files are named after the repository, which is made where it is not
    there.

    Args:
        weights: the generator's, with what belongs to them beside.
        repo: where to.
        private: whether only its owner may see it.
        license: see :func:`model_page`.
        keep_page: whether a README.md that is there stays as it is.

    Returns:
        The repository's address.

    Raises:
        SpatialGANError: the files are no model, the repository holds another, or the Hub refuses.
    """
    if hub_library().constants.HF_HUB_OFFLINE:
        raise SpatialGANError(f"HF_HUB_OFFLINE is set, and so nothing can be pushed to {repo}")
    model = Model.load(weights, device="cpu")  # what could not be loaded would be of no use there
    contents = _contents(model, weights, repo, license)
    with told_in_words(repo):
        from huggingface_hub import CommitOperationAdd, CommitOperationDelete

        api = hub_api()
        if repo.revision not in (None, "main"):
            api.model_info(repo.id, revision=repo.revision)  # else an empty repository would be left behind
        address = str(api.create_repo(repo.id, private=private or None, exist_ok=True))  # None: as the owner has it
        info = api.model_info(repo.id, revision=repo.revision)
        there = {file.rfilename for file in info.siblings or ()}
        if private and info.private is False:
            raise SpatialGANError(
                f"{repo} is there already, and public; make it private on {address}, or push elsewhere"
            )
        _require_room(there, repo)
        if keep_page and README in there:
            del contents[README]
        operations = [CommitOperationAdd(name, content) for name, content in contents.items()]
        # Without this model's own, the one of a former model would be taken for it.
        operations += [CommitOperationDelete(file) for file in _files(repo).values() if file in there - set(contents)]
        api.create_commit(repo.id, operations, commit_message=f"Model {repo.name}", revision=repo.revision)
    return address


def _files(repo: Repository) -> dict[str, str]:
    """The model's files there, by their endings."""
    stem = repo.name.replace(".", "-")  # NAME.discriminator would be taken for the second file of a NAME
    return {end: f"{stem}{end}" for end in (WEIGHTS, DISCRIMINATOR, CARD)}


def _contents(model: Model, weights: Path, repo: Repository, license: str | None) -> dict[str, Path | bytes]:
    """What will be in the repository, by name."""
    sheet = io.BytesIO()
    sample_sheet(model).save(sheet, format="PNG")
    parts = {name: weights.with_suffix(end) for end, name in _files(repo).items()}
    page = model_page(model, repo.id, license=license)
    return {name: path for name, path in parts.items() if path.exists()} | {
        README: page.encode(),
        SAMPLES: sheet.getvalue(),
    }


def _require_room(there: Iterable[str], repo: Repository) -> None:
    """Raise SpatialGANError where the repository has a model of another name: two could not be told apart."""
    others = [name for name in models_in(there) if f"{name}{WEIGHTS}" not in _files(repo).values()]
    if others:
        raise SpatialGANError(
            f"{repo} holds another model, {others[0]}{WEIGHTS}; delete its files there, or push to another repository"
        )
