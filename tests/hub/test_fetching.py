"""Models of the Hub in the cache and in folders: what is fetched, when, and what is said where it is not."""

import errno
import json
import logging
import subprocess
import sys
from pathlib import Path

import pytest
from hub_server import OWNERS_TOKEN, READERS_TOKEN, StoredRepo
from huggingface_hub import constants

from spatialgan import SpatialGAN, SpatialGANError
from spatialgan.hub import fetching
from spatialgan.studio.model_list import Models

NAMES = ["tiny.discriminator.safetensors", "tiny.json", "tiny.safetensors"]


def load(source: str = "hf://ann/tiny") -> SpatialGAN:
    return SpatialGAN.from_pretrained(source, device="cpu")


def test_a_model_is_fetched_once_and_nothing_but_its_files(hub, stored):
    model = load()
    assert (model.name, model.discriminator is not None, model.sample(1).image.size) == ("tiny", True, (32, 32))
    assert sorted(hub.downloads) == NAMES and not hub.tokens
    assert load().weights_hash == model.weights_hash and sorted(hub.downloads) == NAMES


def test_any_command_and_the_studio_take_it(stored, run, tmp_path):
    code, _, _ = run("generate", "--model", "hf://ann/tiny", "--seeds", "1", "--out", tmp_path / "out")
    assert code == 0 and (tmp_path / "out/seed0001.png").exists()
    assert json.loads(run("models", "info", "hf://ann/tiny")[1])["card"] == {}
    assert Models(["hf://ann/tiny"], device="cpu").load("hf://ann/tiny").name == "tiny"


def test_a_revision_is_that_state(hub, stored, model_files):
    first = stored.branches["main"]
    stored.commit({"README.md": b"gone"})
    with pytest.raises(SpatialGANError, match="hf://ann/tiny is no SpatialGAN model"):
        load()
    assert load(f"hf://ann/tiny@{first}").name == "tiny"
    stored.commit({n: c for n, c in model_files.items() if "discriminator" not in n}, "plain")
    assert load("hf://ann/tiny@plain").discriminator is None


def test_a_new_state_of_the_branch_is_fetched(stored, model_files):
    assert load().discriminator is not None
    stored.commit({n: c for n, c in model_files.items() if "discriminator" not in n})
    assert load().discriminator is None


def test_offline_the_cache_is_enough(hub, stored, monkeypatch, capsys):
    load()
    asked = len(hub.requests)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert load().name == "tiny" and len(hub.requests) == asked
    assert "note" not in capsys.readouterr().err


@pytest.mark.parametrize("status", [500, 503])
def test_where_the_hub_fails_the_cache_is_taken_and_that_is_said(hub, stored, status, capsys):
    load()
    hub.status = status
    assert load().name == "tiny"
    assert "note: the Hub cannot be reached; hf://ann/tiny is taken from the cache" in capsys.readouterr().err


def test_where_nobody_answers_the_cache_is_taken(hub, stored, monkeypatch):
    load()
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    assert load().name == "tiny"


def test_offline_half_a_model_is_none(hub, stored, monkeypatch):
    folder = Path(load().name and next(Path(constants.HF_HUB_CACHE).glob("*/snapshots/*")))
    (folder / "tiny.discriminator.safetensors").unlink()
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(SpatialGANError, match=r"hf://ann/tiny is not whole in the cache .*HF_HUB_OFFLINE forbids"):
        load()


def test_pull_brings_a_folder_with_the_page(hub, stored, run, tmp_path):
    code, out, _ = run("pull", "hf://ann/tiny", "--out", tmp_path / "here")
    assert code == 0 and out.strip() == str(tmp_path / "here/tiny.safetensors")
    assert sorted(p.name for p in (tmp_path / "here").iterdir()) == sorted([*NAMES, "README.md", "samples.png"])
    assert not any(p.is_symlink() for p in (tmp_path / "here").iterdir())
    assert SpatialGAN.from_pretrained(tmp_path / "here", device="cpu").discriminator is not None
    assert [p.name for p in tmp_path.iterdir() if "partial" in p.name] == []


def test_pull_takes_an_empty_folder_and_no_other(stored, run, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "full").mkdir()
    (tmp_path / "full/README.md").write_text("mine")
    assert run("pull", "hf://ann/tiny", "--out", tmp_path / "empty")[0] == 0
    for out in ("full", "full/README.md"):
        code, _, err = run("pull", "hf://ann/tiny", "--out", tmp_path / out)
        assert (code, err) == (2, f"error: {tmp_path / out} is not empty; give a new folder\n")
    assert (tmp_path / "full/README.md").read_text() == "mine"


def test_a_full_disk_is_named(stored, run, tmp_path, monkeypatch):
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("spatialgan.hub.fetching.shutil.copyfile", refuse)
    code, _, err = run("pull", "hf://ann/tiny", "--out", tmp_path / "here")
    assert code == 2 and f"error: {tmp_path / 'here'} cannot be written: No space left" in err
    assert not (tmp_path / "here").exists()


def failure(run, source: str = "hf://ann/tiny") -> str:
    code, _, err = run("models", "info", source)
    sentences = [line for line in err.splitlines() if line.startswith("error: ")]
    assert code == 2 and len(sentences) == 1 and "Traceback" not in err
    return sentences[0].removeprefix("error: ")


def test_a_repository_that_is_not_there_and_one_that_is_private_are_told_alike(hub, stored, run, monkeypatch):
    stored.private = True
    for source in ("hf://ann/tiny", "hf://ann/none"):
        assert failure(run, source).startswith(f"there is no {source} on {hub.url}, or it is private and not for you;")
    monkeypatch.setenv("HF_TOKEN", OWNERS_TOKEN)
    assert load().name == "tiny" and hub.tokens == {OWNERS_TOKEN}


def test_other_failures_are_a_sentence_each(hub, stored, run, monkeypatch):
    assert "has no revision v9; without @v9 it is the main branch" in failure(run, "hf://ann/tiny@v9")
    stored.gated = True
    assert f"accept its terms; do so on {hub.url}/ann/tiny" in failure(run)
    stored.gated = False
    for status, words in {
        429: "too many requests",
        503: "fails at present (503)",
        418: "refuses hf://ann/tiny (418)",
    }.items():
        hub.status = status
        assert words in failure(run)
    hub.status, hub.page = None, True
    assert "does not answer as the Hub does" in failure(run)
    hub.page = False
    monkeypatch.setattr(constants, "ENDPOINT", "http://me:secret@127.0.0.1:9")
    assert "http://127.0.0.1:9 cannot be reached, or the connection broke off (ConnectError)" in failure(run)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert "is not whole in the cache" in failure(run)


def test_a_connection_that_breaks_off_once_is_taken_up_again(hub, stored, monkeypatch):
    monkeypatch.setattr("huggingface_hub.file_download.time.sleep", lambda s: None)
    hub.cuts = [True] * 3
    assert load().name == "tiny" and hub.cuts == []


def test_a_connection_that_stays_broken_is_told_and_what_came_is_no_model(hub, stored, run, monkeypatch):
    monkeypatch.setattr("huggingface_hub.file_download.time.sleep", lambda s: None)
    hub.cuts, hub.gone = [True] * 3, True
    assert "connection broke off (RemoteProtocolError); try again later: what has arrived is kept" in failure(run)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert "is not whole in the cache" in failure(run)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    hub.gone = False
    assert load().name == "tiny"


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        ({}, "hf://ann/tiny is no SpatialGAN model: it has no NAME.safetensors with its NAME.json"),
        ({"model.safetensors": b"x", "config.json": b"{}"}, "is no SpatialGAN model"),
        ({"a.pkl": b"x", "a.json": b"{}"}, "is no SpatialGAN model"),
        ({"*.safetensors": b"x", "*.json": b"{}"}, "is no SpatialGAN model"),
        ({"in/a.safetensors": b"x", "in/a.json": b"{}"}, "is no SpatialGAN model"),
        ({f"{n}.{e}": b"{}" for n in "ab" for e in ("json", "safetensors")}, "holds 2 models (a, b)"),
        ({"a.safetensors": b"x", "a.json": b'{"model_type": "bert"}'}, "format_version is None"),
    ],
)
def test_what_is_no_model_of_ours_is_not_fetched(files, sentence, hub, run):
    hub.repos["ann/tiny"] = StoredRepo()
    hub.repos["ann/tiny"].commit(files)
    assert sentence in failure(run)
    assert not [name for name in hub.downloads if name not in ("a.json", "a.safetensors")]


@pytest.mark.parametrize(("name", "size"), [("tiny.safetensors", 5 << 30), ("tiny.json", 17 << 20)])
def test_what_is_too_large_is_not_fetched(name, size, hub, stored, run):
    hub.sizes[name] = size
    assert f"{name} of hf://ann/tiny has {size / 1e6:,.0f} MB, more than the" in failure(run)
    assert hub.downloads == []


def test_what_turns_out_too_large_is_refused(hub, stored, run, monkeypatch):
    hub.sizes["tiny.json"] = None  # the Hub need not tell
    monkeypatch.setattr(fetching, "MAX_JSON_BYTES", 10)
    assert "tiny.json of hf://ann/tiny has 0 MB, more than the" in failure(run)


def test_another_length_than_was_told_is_noticed(hub, stored, run):
    hub.sizes["tiny.safetensors"] = 77
    assert "tiny.safetensors of hf://ann/tiny is not as long as the Hub says it is" in failure(run)


@pytest.mark.parametrize("token", [READERS_TOKEN, "hf_OfNobody", "hf_with\x01a control", "hf_with\u00e9"])
@pytest.mark.parametrize("status", [None, 400, 401, 403, 500])
def test_the_token_is_never_shown(token, status, hub, stored, run, monkeypatch, caplog):
    stored.private, hub.status = True, status
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("HF_TOKEN", token)
    assert token not in failure(run) and "hf_" not in failure(run)
    code, out, err = run("pull", "hf://ann/tiny", "--out", "here")
    assert code == 2
    # At the level of single bytes httpcore tells what the stand-in says, which is the token.
    said = "\n".join(r.getMessage() for r in caplog.records if not r.name.startswith("httpcore"))
    assert token not in out + err + said


def test_a_program_of_its_own_reads_the_usual_variables(hub, stored, tmp_path):
    stored.private = True
    (tmp_path / "home").mkdir()
    (tmp_path / "home/token").write_text(OWNERS_TOKEN)  # as a login leaves it
    environment = {
        "HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path / "home"), "HF_HUB_DISABLE_XET": "1", "PATH": "/usr/bin:/bin",
        "PYTHONPATH": ":".join(sys.path), "HF_HUB_DISABLE_TELEMETRY": "1",
    }  # fmt: skip

    def command(**more: str) -> subprocess.CompletedProcess:
        words = [sys.executable, "-m", "spatialgan.cli", "models", "info", "hf://ann/tiny"]
        return subprocess.run(words, env=environment | more, capture_output=True, text=True, timeout=120, check=False)

    first = command()
    assert first.returncode == 0 and hub.tokens == {OWNERS_TOKEN}, first.stderr
    asked = len(hub.requests)
    offline = command(HF_HUB_OFFLINE="1")
    assert offline.stdout == first.stdout and len(hub.requests) == asked
    assert OWNERS_TOKEN not in first.stdout + first.stderr + offline.stderr
