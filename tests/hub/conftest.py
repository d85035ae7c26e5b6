"""A stand-in for the Hub, which the library talks with in place of the real one, and a tiny model for it."""

import importlib.util
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hub_server import OWNERS_TOKEN, StandIn, StoredRepo, stand_in
from huggingface_hub import close_session, constants

from spatialgan.cli import main

_spec = importlib.util.spec_from_file_location("tiny_models", Path(__file__).parents[1] / "editing/tiny_models.py")
tiny_models = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(tiny_models)


@pytest.fixture(scope="module")
def server() -> Iterator[StandIn]:
    with stand_in() as hub:
        yield hub


@pytest.fixture
def hub(server, tmp_path, monkeypatch) -> Iterator[StandIn]:
    """The stand-in, empty, and a user who has no token and nothing in the cache."""
    url = server.url
    StandIn.__init__(server)
    server.url = url
    monkeypatch.delenv("HF_TOKEN", raising=False)
    for name, value in {
        "ENDPOINT": url,
        "HUGGINGFACE_CO_URL_TEMPLATE": url + "/{repo_id}/resolve/{revision}/{filename}",
        "HF_HUB_CACHE": str(tmp_path / "hub-cache"),
        "HF_TOKEN_PATH": str(tmp_path / "no-token"),
        "HF_HUB_OFFLINE": False,
        "HF_HUB_DISABLE_XET": True,  # the real Hub's storage, which the library falls back from
    }.items():
        monkeypatch.setattr(constants, name, value)
    yield server
    close_session()


@pytest.fixture
def owner(monkeypatch) -> None:
    monkeypatch.setenv("HF_TOKEN", OWNERS_TOKEN)


@pytest.fixture(scope="session")
def model_files(tmp_path_factory) -> dict[str, bytes]:
    """Those of a tiny model, by name."""
    weights = tiny_models.make_model().save(tmp_path_factory.mktemp("model") / "tiny")
    return {path.name: path.read_bytes() for path in weights.parent.iterdir()}


@pytest.fixture
def stored(hub, model_files) -> StoredRepo:
    """``ann/tiny`` on the Hub, with other files beside."""
    repo = hub.repos["ann/tiny"] = StoredRepo()
    repo.commit(
        model_files
        | {
            "README.md": b"# Tiny\n",
            "samples.png": b"PNG",
            "run.pkl": b"cos\nsystem\n",
            "old/other.safetensors": b"x",
            "pytorch_model.bin": b"x",
            "config.py": b"raise SystemExit",
        }
    )
    return repo


@pytest.fixture
def run(capsys) -> Callable[..., tuple[int, str, str]]:
    """The command line: its exit code, and what it printed and said."""

    def run(*arguments: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as stopped:
            main([str(a) for a in arguments])
        out, err = capsys.readouterr()
        return stopped.value.code or 0, out, err

    return run
