"""``spatialgan import`` and ``spatialgan export``, and other programs' files as ``--model``."""

from pathlib import Path

import pytest
from PIL import Image

from spatialgan.cli import main

FIXTURES = Path(__file__).parents[1] / "fixtures"


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as stopped:
        main([str(a) for a in arguments])
    return stopped.value.code or 0


def test_import_then_export_then_import(tmp_path, capsys):
    assert run("import", FIXTURES / "rosinality-style.pt", "--out", tmp_path / "faces") == 0
    said = capsys.readouterr().out
    assert "64x64, 4 mapping layers, constant noise, without its discriminator" in said
    assert sorted(p.name for p in tmp_path.iterdir()) == ["faces.json", "faces.safetensors"]
    assert (
        run(
            "export",
            "--model",
            tmp_path / "faces.safetensors",
            "--to",
            "stylegan2-state-dict",
            "--out",
            tmp_path / "faces.pt",
        )
        == 0
    )
    assert run("import", tmp_path / "faces.pt", "--out", tmp_path / "again") == 0
    assert (tmp_path / "again.safetensors").read_bytes() == (tmp_path / "faces.safetensors").read_bytes()


def test_a_pickle_as_model(tmp_path, capsys):
    assert run("generate", "--model", FIXTURES / "ada-style.pkl", "--seeds", "0-1", "--out", tmp_path) == 0
    assert "converting" in capsys.readouterr().err
    pictures = [Image.open(tmp_path / f"seed000{i}.png").tobytes() for i in (0, 1)]
    assert pictures[0] != pictures[1]
    assert (
        run(
            "drag",
            "--model",
            FIXTURES / "ada-style.pkl",
            "--seed",
            1,
            "--mode",
            "latent",
            "--handle",
            "0.4,0.5:0.45,0.5",
            "--out",
            tmp_path / "drag.png",
        )
        == 0
    )
    assert run("models", "info", FIXTURES / "ada-style.pkl") == 0


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["import", "bad.pkl", "--out", "a"], "error: bad.pkl: it wants to call posix.system, which no StyleGAN2 file"),
        (
            ["generate", "--model", "bad.pkl", "--seeds", "1", "--out", "o"],
            "error: bad.pkl: it wants to call posix.system",
        ),
        (["import", "none.pkl", "--out", "a"], "error: there is no file none.pkl"),
        (["export", "--model", "cats-64", "--to", "rosinality", "--out", "a.pt"], "error: the model cats-64 reads"),
        (["export", "--model", "cats-64", "--to", "onyx", "--out", "a.pt"], "error: --to onyx: use rosinality or"),
    ],
)
def test_mistakes_are_one_line_and_code_2(arguments, sentence, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("bad.pkl").write_bytes(b"cposix\nsystem\n(S'touch touched'\ntR.")
    assert run(*arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith(sentence) and error.count("\n") == 1
    assert [p.name for p in tmp_path.iterdir()] == ["bad.pkl"]
