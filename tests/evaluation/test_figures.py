"""Figures: which picture stands where."""

import numpy as np
import pytest
import torch
from fakes import BlobModel, tiny_model
from PIL import Image

from spatialgan.editing.export import viewing_scale
from spatialgan.errors import SpatialGANError
from spatialgan.evaluation.figures import attention_grid, move_grid

GAP_PX = 2


def cells(grid: Image.Image, resolution: int, columns: int) -> list[np.ndarray]:
    """The pictures of a grid, row by row, uint8 (H, W, 3)."""
    side = resolution * viewing_scale((resolution, resolution))
    array = np.asarray(grid.convert("RGB"))
    rows = (grid.height + GAP_PX) // (side + GAP_PX)
    assert array.shape == (rows * (side + GAP_PX) - GAP_PX, columns * (side + GAP_PX) - GAP_PX, 3)
    starts = [(r * (side + GAP_PX), c * (side + GAP_PX)) for r in range(rows) for c in range(columns)]
    return [array[y : y + side, x : x + side] for y, x in starts]


def brightest(cell: np.ndarray) -> tuple[float, float]:
    y, x = np.unravel_index(cell[:, :, 1].argmax(), cell.shape[:2])
    return (x + 0.5) / cell.shape[1], (y + 0.5) / cell.shape[0]


def test_move_grid_goes_right_then_down_through_the_middle() -> None:
    found = [brightest(c) for c in cells(move_grid(BlobModel(), [1, 2], steps=3, extent=0.25), 64, columns=3)]
    right, down = [(0.25, 0.5), (0.5, 0.5), (0.75, 0.5)], [(0.5, 0.25), (0.5, 0.5), (0.5, 0.75)]
    assert np.allclose(found, (right + down) * 2, atol=0.03)


def test_move_grid_keeps_style_and_differs_between_seeds() -> None:
    first, second = (cells(move_grid(tiny_model(), [s], steps=2), 32, 2) for s in (1, 2))
    assert np.abs(first[0].astype(int) - second[0]).max() > 5
    again = cells(move_grid(tiny_model(), [1, 2], steps=2), 32, 2)
    assert np.abs(again[0].astype(int) - first[0]).max() <= 2 and np.abs(again[4].astype(int) - second[0]).max() <= 2


def test_marks_are_rings_round_the_place() -> None:
    plain, marked = (cells(move_grid(BlobModel(), [1], 3, 0.25, mark_center=m), 64, 3) for m in (False, True))
    for before, after, place in zip(plain, marked, [(0.25, 0.5), (0.5, 0.5), (0.75, 0.5)], strict=False):
        rows, columns = np.nonzero((before != after).any(axis=2))
        middle = ((columns.min() + columns.max() + 1) / 2 / 256, (rows.min() + rows.max() + 1) / 2 / 256)
        assert np.allclose(middle, place, atol=0.01)
        y, x = round(place[1] * 256), round(place[0] * 256)
        assert (before[y, x] == after[y, x]).all()  # a ring leaves its middle free


@pytest.mark.parametrize("options", [{"steps": 1}, {"extent": 0.0}, {"extent": 0.6}, {"seeds": []}])
def test_arguments_out_of_range(options: dict[str, object]) -> None:
    with pytest.raises(SpatialGANError, match="1 seed or more"):
        move_grid(tiny_model(), **{"seeds": [1], **options})


def test_move_grid_needs_a_movable_layout() -> None:
    with pytest.raises(SpatialGANError, match="no heatmap"):
        move_grid(tiny_model(encoding="none"), [1])


def test_attention_grid_shows_picture_heatmaps_and_attention() -> None:
    model = tiny_model()
    scene = model.sample(4)
    ramp = torch.linspace(0, 1, 32).expand(32, 32)
    attention = torch.stack([ramp, ramp.T, 1 - ramp])  # so that each column has a map of its own
    model.attention = lambda images: attention[None].expand(len(images), -1, -1, -1)
    row = cells(attention_grid(model, [4]), 32, columns=7)
    assert np.abs(row[0].astype(int) - np.asarray(scene.image.resize((256, 256), Image.Resampling.LANCZOS))).max() <= 2
    # Inferno grows brighter with the map, so what an overlay adds to the picture follows its map, and no other as well.
    maps = torch.stack([*scene.heatmaps(), *attention])
    for column, cell in enumerate(row[1:]):
        added = torch.from_numpy(cell.astype(np.float32) - 0.4 * row[0]).mean(dim=2)
        shown = torch.nn.functional.adaptive_avg_pool2d(added[None], 32)
        alike = torch.corrcoef(torch.cat([shown, maps]).flatten(1))[0, 1:]
        assert alike[column] > 0.9 and alike.argmax() == column


@pytest.mark.parametrize(("settings", "columns"), [({"encoding": "none"}, 4), ({"layout": "multi"}, 5)])
def test_attention_grid_of_other_models(settings: dict[str, str], columns: int) -> None:
    assert len(cells(attention_grid(tiny_model(**settings), range(6)), 32, columns)) == 6 * columns


def test_attention_grid_needs_a_discriminator_and_a_seed() -> None:
    with pytest.raises(SpatialGANError, match=r"discriminator"):
        attention_grid(tiny_model(with_discriminator=False), [1])
    with pytest.raises(SpatialGANError, match="no seeds"):
        attention_grid(tiny_model(), [])
