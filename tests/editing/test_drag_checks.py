"""What callers hand to a drag: each mistake is one sentence."""

import numpy as np
import pytest
import torch
from PIL import Image

from spatialgan.editing.drag import DragOptions
from spatialgan.editing.drag.checks import read_handles, read_mask
from spatialgan.errors import SpatialGANError

HANDLE = ((0.4, 0.5), (0.6, 0.5))


def test_handles():
    starts, targets = read_handles([HANDLE, ((0, 1), (1, 0))])
    assert torch.allclose(starts, torch.tensor([[0.4, 0.5], [0, 1]]))
    assert torch.allclose(targets, torch.tensor([[0.6, 0.5], [1, 0]]))
    starts, _ = read_handles([(("0.25", np.float64(0.5)), (0.6, 0.5))])  # as a form or a table has them
    assert starts.tolist() == [[0.25, 0.5]]


@pytest.mark.parametrize(
    "handles, message",
    [
        ([], "at least one handle"),
        (None, "pairs of points"),
        ([(0.4, 0.5)], "pairs of points"),
        ([((0.4, 0.5, 0.1), (0.6, 0.5))], "pairs of points"),
        ([HANDLE, ((1.2, 0.5), (0.6, 0.5))], r"handle 1 starts at \(1.2, 0.5\), outside"),
        ([((0.4, 0.5), (0.6, -0.1))], r"handle 0 has its target at \(0.6, -0.1\), outside"),
        ([((0.4, float("nan")), (0.6, 0.5))], "handle 0 is nan"),
        ([(("left", 0), (0.6, 0.5))], "handle 0 is 'left'"),
        ([HANDLE, ((0.4, 0.5), (0.6, 0.6))], "two handles start at"),
    ],
)
def test_wrong_handles(handles, message):
    with pytest.raises(SpatialGANError, match=message):
        read_handles(handles)


def test_painted_may_change_in_every_form():
    painted = np.zeros((8, 8), dtype=bool)
    painted[:, :3] = True
    expected = torch.ones(1, 1, 8, 8)
    expected[..., :3] = 0
    forms = [
        painted,
        torch.from_numpy(painted),
        painted.astype(np.float32),
        (painted * 255).astype(np.uint8),
        Image.fromarray(painted),
        Image.fromarray((painted * 255).astype(np.uint8)),
        Image.fromarray((painted[..., None] * np.full(3, 255)).astype(np.uint8)),
    ]
    for form in forms:
        assert torch.equal(read_mask(form, 8), expected)


def test_a_mask_that_keeps_nothing_is_none():
    assert read_mask(None, 8) is None
    assert read_mask(np.ones((8, 8)), 8) is None


@pytest.mark.parametrize(
    "mask, message",
    [
        (np.zeros((8, 8)), "nothing in the mask is painted"),
        (np.ones((4, 6)), "the mask has 6x4 pixels and the picture 8x8"),
        (np.ones((8, 8, 3)), "pixels and the picture 8x8"),
        ("mask.png", "neither a picture nor an array"),
    ],
)
def test_wrong_masks(mask, message):
    with pytest.raises(SpatialGANError, match=message):
        read_mask(mask, 8)


def test_mistakes_are_told_before_the_first_step(single, plain):
    scene = single.sample(1)
    with pytest.raises(SpatialGANError, match="no drag mode 'pull'; use hybrid, joint, pixels, latent"):
        scene.drag([HANDLE], mode="pull")
    with pytest.raises(SpatialGANError, match="max_steps is -1"):
        scene.drag([HANDLE], max_steps=-1)
    with pytest.raises(SpatialGANError, match="nothing in the mask"):
        scene.drag([HANDLE], mask=np.zeros((32, 32)))
    with pytest.raises(SpatialGANError, match="reads no heatmaps; use the mode latent"):
        plain.sample(1).drag([HANDLE])


@pytest.mark.parametrize(
    "name, value",
    [
        ("w_learning_rate", 0),
        ("num_layers", 0),
        ("patience", 0),
        ("mask_weight", -1),
        ("disc_radius_px", float("inf")),
        ("coarse_radius", -0.1),
    ],
)
def test_options_out_of_range_are_named(name, value):
    with pytest.raises(SpatialGANError, match=name):
        DragOptions(**{name: value})


def test_what_is_transparent_is_not_painted():
    mask = Image.new("RGBA", (32, 32), (255, 255, 255, 0))
    mask.paste((255, 255, 255, 255), (0, 0, 32, 8))
    kept = read_mask(mask, 32)
    assert kept is not None and float(kept[0, 0, :8].sum()) == 0 and bool((kept[0, 0, 8:] == 1).all())
    palette = Image.new("P", (32, 32), 0)
    palette.putpalette([255, 255, 255, 255, 255, 255])
    palette.paste(1, (0, 0, 32, 8))
    palette.info["transparency"] = 0
    assert torch.equal(read_mask(palette, 32), kept)


def test_a_mask_is_turned_upright(tmp_path):
    mask = Image.new("L", (32, 32), 0)
    mask.paste(255, (0, 0, 32, 8))  # above, as the pixels are stored
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by a quarter: its upper edge is at the right
    mask.save(tmp_path / "m.png", exif=exif)
    with Image.open(tmp_path / "m.png") as turned:
        kept = read_mask(turned, 32)
    assert kept is not None and float(kept[0, 0, :, 24:].sum()) == 0 and bool((kept[0, 0, :, :24] == 1).all())


def test_a_mask_of_another_size_is_refused_before_it_is_decoded(monkeypatch):
    mask = Image.new("L", (33, 32), 255)
    monkeypatch.setattr(mask, "load", lambda: pytest.fail("decoded"))
    with pytest.raises(SpatialGANError, match="the mask has 33x32 pixels and the picture 32x32"):
        read_mask(mask, 32)
