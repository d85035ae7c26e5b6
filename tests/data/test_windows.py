"""Windows around boxes: the subject whole, at places and of sizes that vary, and boxes that say where it is."""

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from spatialgan.cli.commands import app
from spatialgan.data.decoding import BadImageError
from spatialgan.data.prepare import prepare
from spatialgan.data.windows import Windows, read_boxes
from spatialgan.errors import SpatialGANError


def marked(width: int, height: int, box: tuple[int, int, int, int]) -> Image.Image:
    """Black, with a white rectangle at x, y, w, h in pixels."""
    pixels = np.zeros((height, width, 3), np.uint8)
    x, y, w, h = box
    pixels[y : y + h, x : x + w] = 255
    return Image.fromarray(pixels)


def extent(image: Image.Image) -> tuple[float, float, float, float]:
    """Left, top, width and height of what is white, in 0..1."""
    rows, columns = np.nonzero(np.asarray(image)[..., 0] > 127)
    w, h = image.size
    return (columns.min() / w, rows.min() / h, (np.ptp(columns) + 1) / w, (np.ptp(rows) + 1) / h)


def test_the_subject_is_whole_and_its_box_says_where():
    image = marked(200, 120, (60, 30, 40, 30))
    windows = [Windows({"a.png": (0.3, 0.25, 0.2, 0.25)}, seed=seed).cut(image, "a.png") for seed in range(200)]
    for window, box in windows:
        assert window.width == window.height
        assert extent(window) == pytest.approx(box, abs=1e-6)
    shares = np.array([box[2] for _, box in windows])
    assert shares.min() >= 0.39 and shares.max() <= 0.81 and shares.std() > 0.1
    places = np.array([[box[0] / (1 - box[2]), box[1] / (1 - box[3])] for _, box in windows])
    assert places.min() >= 0 and places.max() <= 1 + 1e-9 and (places.std(axis=0) > 0.2).all()


def test_windows_stay_inside_the_picture():
    image = marked(100, 100, (0, 60, 40, 40))  # in a corner
    for seed in range(100):
        window, box = Windows({"a": (0.0, 0.6, 0.4, 0.4)}, seed=seed).cut(image, "a")
        assert extent(window) == pytest.approx(box, abs=1e-6)
        assert box[0] == 0 and box[1] + box[3] == pytest.approx(1)  # nothing lies beyond the edge that could be shown


def test_a_large_subject_is_shown_as_small_as_the_picture_allows():
    windows = Windows({"a": (0.2, 0.2, 0.7, 0.7), "b": (0.05, 0.05, 0.9, 0.9)})
    _, box = windows.cut(marked(100, 100, (20, 20, 70, 70)), "a")
    assert 0.7 <= box[2] <= 0.8
    with pytest.raises(BadImageError, match="a box of 90% of its shorter side, more than 80%"):
        windows.cut(marked(100, 100, (5, 5, 90, 90)), "b")
    with pytest.raises(BadImageError, match="has no box"):
        windows.cut(marked(100, 100, (5, 5, 90, 90)), "c")


def test_the_same_seed_cuts_the_same_windows_and_pictures_differ():
    image, boxes = marked(100, 100, (40, 40, 20, 20)), {"a": (0.4, 0.4, 0.2, 0.2), "b": (0.4, 0.4, 0.2, 0.2)}
    assert Windows(boxes).cut(image, "a")[1] == Windows(boxes).cut(image, "a")[1]
    assert len({Windows(boxes, seed=s).cut(image, n)[1] for s in (0, 1) for n in ("a", "b")}) == 4


@pytest.mark.parametrize(
    "settings", [{"share_min": 0}, {"share_min": 0.9}, {"share_max": 1.1}, {"share_max": float("nan")}]
)
def test_bad_settings_are_refused(settings):
    with pytest.raises(SpatialGANError, match="share of a window"):
        Windows({}, **settings)


@pytest.fixture
def cats(tmp_path: Path) -> Path:
    path = tmp_path / "cats.zip"
    with zipfile.ZipFile(path, "w") as archive:
        lines = []
        for i in range(6):
            marked(128, 128, (10 * i, 40, 50, 50)).save(tmp_path / "one.png")
            archive.write(tmp_path / "one.png", f"images/{i:06d}.png")
            if i != 3:
                head = [10 * i / 128, 40 / 128, 50 / 128, 50 / 128]
                lines.append(json.dumps({"file": f"images/{i:06d}.png", "head": head}))
        archive.writestr("heads.jsonl", "\n".join(lines) + "\n")
    return path


def test_a_set_is_cut_by_the_boxes_that_lie_in_it(cats: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    out = tmp_path / "out"
    result = CliRunner().invoke(
        app,
        ["data", "prepare", str(cats), str(out), "--size", "64", "--boxes", "heads.jsonl", "--seed", "3"],
        catch_exceptions=False,
    )
    assert result.exit_code == 0 and "has no box" in result.output
    lines = [json.loads(line) for line in (out / "boxes.jsonl").read_text().splitlines()]
    assert [line["file"] for line in lines] == [f"images/{i:06d}.png" for i in range(5)]
    for line in lines:
        assert extent(Image.open(out / line["file"])) == pytest.approx(line["box"], abs=0.04)
    card = json.loads((out / "card.json").read_text())
    assert card["windows"] == {"share_min": 0.4, "share_max": 0.8, "seed": 3} and card["num_skipped"] == 1
    again = read_boxes(Path("boxes.jsonl"), out)  # what was written can be read
    assert len(again) == 10
    monkeypatch.setenv("HOME", str(tmp_path))
    assert read_boxes(Path("~/out/boxes.jsonl"), tmp_path) == read_boxes(Path("boxes.jsonl"), Path("~/out")) == again


def test_without_boxes_nothing_changes(cats: Path, tmp_path: Path):
    prepare(cats, tmp_path / "out", size=64)
    assert not (tmp_path / "out" / "boxes.jsonl").exists()
    assert json.loads((tmp_path / "out" / "card.json").read_text())["windows"] is None


@pytest.mark.parametrize(
    "line",
    [
        "{",
        "[1]",
        '{"file": 3, "head": [0, 0, 1, 1]}',
        '{"file": "a", "head": [0, 0, 1]}',
        '{"file": "a", "head": [0, 0, 0, 1]}',
        '{"file": "a", "head": [0.5, 0, 0.6, 1]}',
        '{"file": "a", "head": [0, 0, NaN, 1]}',
        '{"file": "a"}',
        '{"file": "a", "head": [0.1, NaN, 0.5, 0.5]}',
        '{"file": "a", "head": [0, "nan", 1, 1]}',
        '{"file": "a", "head": [0, 0, 1, "nan"]}',
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, line: str):
    path = tmp_path / "boxes.jsonl"
    path.write_text('{"file": "b", "head": [0, 0, 1, 1]}\n' + line + "\n")
    with pytest.raises(SpatialGANError, match=r"boxes.jsonl, line 2: write"):
        read_boxes(path, tmp_path)


@pytest.mark.parametrize("content", [b"", b"\n", b"\xff\xfe"])
def test_a_file_without_boxes_is_named(tmp_path: Path, content: bytes):
    path = tmp_path / "boxes.jsonl"
    path.write_bytes(content)
    with pytest.raises(SpatialGANError, match=r"boxes.jsonl"):
        read_boxes(path, tmp_path)
    with pytest.raises(SpatialGANError, match=r"there is no file others\.jsonl"):
        read_boxes(Path("others.jsonl"), tmp_path)
