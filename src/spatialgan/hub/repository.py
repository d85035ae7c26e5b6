"""Repositories of the Hub: their names, the library that talks with it, and in words what went wrong there."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING

from spatialgan import __version__
from spatialgan.errors import SpatialGANError

if TYPE_CHECKING:
    from huggingface_hub import HfApi

SCHEME = "hf://"
PART = r"[A-Za-z0-9_](?:[\w.-]{0,94}[A-Za-z0-9_])?"  # what the Hub allows
FORM = re.compile(rf"hf://({PART}/{PART})(?:@([\w./-]+))?", re.ASCII)
LOGIN = "set HF_TOKEN, or run: hf auth login"


@dataclass(frozen=True)
class Repository:
    """A repository of a model, ``hf://owner/name``, and which of its states, ``@revision``."""

    id: str
    """``owner/name``."""
    revision: str | None = None
    """A branch, a tag or a commit; None for the main branch."""

    def __str__(self) -> str:
        return f"{SCHEME}{self.id}" + ("" if self.revision is None else f"@{self.revision}")

    @property
    def name(self) -> str:
        """Without its owner."""
        return self.id.split("/")[1]


def repository(text: str) -> Repository:
    """The repository that ``hf://owner/name`` or ``hf://owner/name@revision`` names; raises SpatialGANError."""
    match = FORM.fullmatch(text)
    if match is None or re.search(r"--|\.\.|\.git$", match[1]):
        raise SpatialGANError(
            f"{text} names no repository; write hf://owner/name, or hf://owner/name@revision for one of its states"
        )
    return Repository(match[1], match[2])


def hub_library() -> ModuleType:
    """``huggingface_hub``, which nothing else needs; raises SpatialGANError where it is not installed."""
    try:
        import huggingface_hub
    except ImportError:
        raise SpatialGANError(
            f"models of the Hub ({SCHEME}owner/name) need huggingface_hub; run: pip install 'spatialgan[hub]'"
        ) from None
    return huggingface_hub


def hub_api() -> "HfApi":
    """The Hub's interface, with the user's token from the library's usual places."""
    return hub_library().HfApi(library_name="spatialgan", library_version=__version__)


@contextmanager
def told_in_words(repo: Repository) -> Iterator[None]:
    """Make one sentence of whatever goes wrong on the way to the Hub.

    The library raises many kinds of errors, its parts in C and Rust others, and a server that is no Hub makes it fail
    anywhere. None of their messages is repeated: a request may be part of them, and with it the user's token.
    """
    try:
        yield
    except SpatialGANError:
        raise
    except Exception as e:
        raise SpatialGANError(_sentence(e, repo)) from None


def is_out_of_reach(error: Exception) -> bool:
    """Whether the Hub cannot be asked at present: it may not, nobody answers, or it fails itself."""
    from huggingface_hub import constants, errors

    if isinstance(error, errors.HfHubHTTPError):
        return error.response.status_code >= 500
    return constants.HF_HUB_OFFLINE or isinstance(error, _http_error() | errors.OfflineModeIsEnabled)


def _http_error() -> type[Exception]:
    """What the library's HTTP client raises, which is httpx or httpx2, by the library's version."""
    from huggingface_hub import errors

    return errors.HTTPError  # pyright: ignore[reportPrivateImportUsage]  it has no public home


def _sentence(error: BaseException, repo: Repository) -> str:
    from huggingface_hub import constants, errors

    hub, cause = re.sub(r"//[^/]*@", "//", constants.ENDPOINT), error.__cause__  # without a password
    if isinstance(error, errors.LocalEntryNotFoundError | RuntimeError) and cause is not None:
        return _sentence(cause, repo)  # what the library says of it is less
    if constants.HF_HUB_OFFLINE or isinstance(error, errors.OfflineModeIsEnabled):
        return f"{repo} is not whole in the cache {constants.HF_HUB_CACHE}, and HF_HUB_OFFLINE forbids to fetch it"
    if isinstance(error, ValueError) and isinstance(cause, errors.BadRequestError):
        return f"{hub} does not take the fields of README.md; --license must be one of those that it knows"
    if isinstance(error, errors.RevisionNotFoundError):
        return f"hf://{repo.id} has no revision {repo.revision}; without @{repo.revision} it is the main branch"
    if isinstance(error, errors.GatedRepoError):
        return f"{repo} is given to those who accept its terms; do so on {hub}/{repo.id}, and then {LOGIN}"
    if isinstance(error, errors.RepositoryNotFoundError):
        return f"there is no {repo} on {hub}, or it is private and not for you; where it is, {LOGIN}"
    if isinstance(error, errors.HfHubHTTPError):
        return _refusal(error.response.status_code, repo, hub)
    if isinstance(error, _http_error()):  # of the connection
        return (
            f"{hub} cannot be reached, or the connection broke off ({type(error).__name__}); "
            "try again later: what has arrived is kept"
        )
    if isinstance(error, OSError) and error.errno is not None:
        return f"{error.filename or constants.HF_HUB_CACHE}: {error.strerror}"
    if isinstance(error, OSError | errors.LocalEntryNotFoundError):
        return f"what has arrived of {repo} is not whole; try again"
    return f"{hub} does not answer as the Hub does, or the token is none ({type(error).__name__}, for {repo})"


def _refusal(status: int, repo: Repository, hub: str) -> str:
    if status == 401:
        return f"{hub} does not accept your token for {repo}; {LOGIN}"
    if status == 403:
        return f"{hub} does not let you do this with {repo}; your token may lack the right to write, or be another's"
    if status == 429:
        return f"{hub} has had too many requests; try again later"
    if status >= 500:
        return f"{hub} fails at present ({status}); try again later"
    return f"{hub} refuses {repo} ({status})"
