from dataclasses import replace
from functools import partial

import pytest
import torch
from PIL import Image, ImageDraw
from tiny_run import tiny_config

from spatialgan.config import ModelConfig
from spatialgan.data.images import ImageDataset
from spatialgan.errors import SpatialGANError
from spatialgan.training.aids import codes as codes_module
from spatialgan.training.aids.codes import (
    CHROMA_WEIGHT,
    Progress,
    check_size,
    object_codes,
    opponent,
    patches,
    picture_codes,
    ranked_stds,
    whiten,
)
from spatialgan.training.aids.codes_file import codes_of
from spatialgan.training.loop import train

CPU = torch.device("cpu")


def test_whitened_codes_have_the_moments_of_z_and_are_not_correlated():
    random = torch.Generator().manual_seed(1)
    rows = torch.randn(500, 30, generator=random) @ torch.randn(30, 30, generator=random) + 7
    codes = whiten(rows, 8)
    torch.testing.assert_close(codes.mean(dim=0), torch.zeros(8), atol=1e-3, rtol=0)
    torch.testing.assert_close(codes.T @ codes / 500, torch.eye(8), atol=1e-2, rtol=0)
    first = torch.linalg.svd(rows - rows.mean(dim=0), full_matrices=False)[0][:, 0] * 500**0.5
    assert abs((codes[:, 0] * first).mean()) > 0.99


def test_components_that_are_not_there_are_random_and_not_noise_blown_up():
    rows = torch.randn(200, 2, generator=torch.Generator().manual_seed(2)) @ torch.ones(2, 20)  # of rank 1
    codes = whiten(rows, 6)
    assert codes.shape == (200, 6)
    assert torch.isfinite(codes).all()
    assert 0.7 < codes[:, 1:].std() < 1.3
    assert torch.equal(codes, whiten(rows, 6))
    assert whiten(rows[:3], 6).shape == (3, 6)


def test_a_patch_is_what_lies_under_the_heatmap():
    image = torch.zeros(1, 3, 64, 64)
    image[:, 0, 32:48, 16:32] = 1.0  # its middle: x 0.375, y 0.625
    inside = patches(image, torch.tensor([[[0.375, 0.625], [0.8, 0.2]]]), torch.full((1, 2), 0.04))
    assert inside.shape == (1, 2, 3, 8, 8)
    torch.testing.assert_close(inside[0, 0, 0], torch.ones(8, 8))
    torch.testing.assert_close(inside[0, 1], torch.zeros(3, 8, 8))


@pytest.mark.parametrize(
    "model",
    [
        {"layout": "multi", "encoding": "multi"},
        {"layout": "multi", "encoding": "norm"},
        {"encoding": "norm"},
        {"encoding": "none"},
    ],
)
def test_progress_is_told_and_comes_to_the_end(rooms, tmp_path, monkeypatch, model):
    said = []
    monkeypatch.setattr(codes_module, "Progress", partial(Progress, every_s=0))
    config = ModelConfig(resolution=64, channel_base=512, z_dim=4, **model)
    codes_of(rooms, config, tmp_path / "codes.safetensors", CPU, said.append)
    assert said.pop(0) == "finding codes for 40 pictures, once; 10,000 take a few minutes"
    assert said.pop().startswith("codes: kept for later runs on the same pictures and model in ")
    assert len(said) > 1 and said[-1] == "codes: 100%" and said[0] != said[-1]
    codes_of(rooms, config, tmp_path / "codes.safetensors", CPU, said.append)  # they are there
    assert said.count("codes: 100%") == 1


def test_progress_is_not_told_all_the_time():
    said = []
    progress = Progress(100, said.append, every_s=3600)
    progress.add(50)
    progress.told -= 3601
    progress.add(10)
    progress.add(10)
    assert said == ["codes: 60%"]


def test_things_are_found_where_they_are(rooms):
    config = ModelConfig(resolution=64, channel_base=512, layout="multi", encoding="multi", z_dim=16, num_objects=1)
    codes = object_codes(rooms, config, CPU)
    assert codes.z.shape == (2, 40, 2, 16)
    truth = torch.tensor([[float(v) for v in name.removesuffix(".png").split("_")[1:]] for name in rooms.names])
    distance = (codes.centers_xy[0, :, 0] - truth).norm(dim=1)
    assert distance.median() < 0.08
    mirrored = codes.centers_xy[1, :, 0] * torch.tensor([-1.0, 1.0]) + torch.tensor([1.0, 0.0])
    torch.testing.assert_close(mirrored, codes.centers_xy[0, :, 0])
    assert torch.equal(codes.stds[0], codes.stds[1])
    stds = codes.stds[0]  # as layouts are drawn
    low, high = config.object_std_min, config.object_std_max
    assert low <= stds.min() and stds.max() <= high
    assert stds.mean() == pytest.approx((low + high) / 2)
    assert stds.std() == pytest.approx((high - low) / 12**0.5, rel=0.05)


def test_larger_things_have_larger_heatmaps_and_places_do_not_depend_on_how_many_are_asked_for(subjects):
    config = ModelConfig(resolution=128, channel_base=512, layout="multi", encoding="multi", z_dim=4, num_objects=1)
    one = object_codes(subjects, config, CPU)
    widths = torch.tensor([float(name.removesuffix(".png").split("_")[2]) for name in subjects.names])
    assert torch.corrcoef(torch.stack([one.stds[0, :, 0], widths]))[0, 1] > 0.6
    three = object_codes(subjects, replace(config, num_objects=3), CPU)
    assert torch.equal(three.centers_xy[:, :, 0], one.centers_xy[:, :, 0])
    assert torch.isfinite(three.z).all()
    torch.testing.assert_close(three.z[:, :, :3].flatten(0, 2).std(dim=0), torch.ones(4), atol=0.05, rtol=0)


def test_with_one_style_a_picture_the_things_give_places_alone(rooms):
    config = ModelConfig(resolution=64, channel_base=512, layout="multi", encoding="norm", z_dim=4, num_objects=2)
    codes = object_codes(rooms, config, CPU)
    assert codes.centers_xy.shape == (2, 40, 2, 2)
    plain = ModelConfig(resolution=64, channel_base=512, encoding="none", z_dim=4)
    assert torch.equal(codes.z, picture_codes(rooms, plain, CPU).z)  # of whole pictures, both


def test_too_many_pictures_or_objects_are_refused_and_no_folder_is_claimed(rooms, folder, tmp_path, monkeypatch):
    check_size(rooms)
    with pytest.raises(SpatialGANError, match="use at most 8"):
        tiny_config(model={"layout": "multi", "num_objects": 9}, aids={"reconstruct_kimg": 1.0})
    monkeypatch.setattr("spatialgan.training.aids.codes.MAX_PICTURES", 39)
    with pytest.raises(SpatialGANError, match="at most 39 pictures, and these are 40"):
        train(tiny_config(aids={"reconstruct_kimg": 1.0}), data=folder, out=tmp_path / "run", device="cpu")
    assert not (tmp_path / "run").exists()


def test_pictures_that_are_alike_have_codes_that_are_alike(rooms):
    codes = picture_codes(rooms, ModelConfig(resolution=64, channel_base=512, encoding="none", z_dim=4), CPU)
    assert codes.z.shape == (2, 40, 1, 4)
    torch.testing.assert_close(codes.centers_xy, torch.full((2, 40, 1, 2), 0.5))
    # The first component says most about the squares' brightness or place; mirror images share the former.
    corr = torch.corrcoef(torch.stack([codes.z[0, :, 0].flatten(), codes.z[1, :, 0].flatten()]))[0, 1]
    shuffled = codes.z[1, torch.randperm(40, generator=torch.Generator().manual_seed(0)), 0].flatten()
    assert corr > torch.corrcoef(torch.stack([codes.z[0, :, 0].flatten(), shuffled]))[0, 1] + 0.1


def test_a_subjects_place_and_size_are_for_the_heatmap(rooms):
    config = ModelConfig(resolution=64, channel_base=512, z_dim=4)
    codes = picture_codes(rooms, config, CPU)
    truth = torch.tensor([[float(v) for v in name.removesuffix(".png").split("_")[1:]] for name in rooms.names])
    found = codes.centers_xy[:, :, 0]
    for axis in range(2):
        assert torch.corrcoef(torch.stack([found[0, :, axis], truth[:, axis]]))[0, 1] > 0.8
    torch.testing.assert_close(found[1], found[0] * torch.tensor([-1.0, 1.0]) + torch.tensor([1.0, 0.0]))
    assert torch.equal(codes.stds[0], codes.stds[1])
    s = 8 * codes.stds[0, :, 0].square()  # of the paper's exp(-d^2 / s), uniform in 0.5..1
    assert s.min() >= 0.5 and s.max() <= 1 and abs(s.mean() - 0.75) < 0.1


def test_larger_subjects_have_larger_heatmaps_and_codes_say_what_they_are_not_where(subjects):
    codes = picture_codes(subjects, ModelConfig(resolution=128, channel_base=512, z_dim=2), CPU)
    names = [name.removesuffix(".png").split("_") for name in subjects.names]
    colour, half = torch.tensor([int(n[1]) for n in names]), torch.tensor([float(n[2]) for n in names])
    ranks = torch.stack([codes.stds[0, :, 0].argsort().argsort(), half.argsort().argsort()]).float()
    assert torch.corrcoef(ranks)[0, 1] > 0.6
    z = codes.z[0, :, 0]
    between = (z[colour == 0].mean(dim=0) - z[colour == 1].mean(dim=0)).norm()
    within = torch.cat([z[colour == c] - z[colour == c].mean(dim=0) for c in (0, 1)]).square().sum(dim=1).mean().sqrt()
    assert between > 1.2 * within, (between, within)


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    """40 pictures: a large striped square at the left, which all have in common, and at the right a small one of one
    of two colours, anywhere; names: colour, its middle."""
    folder = tmp_path_factory.mktemp("pairs")
    random = torch.Generator().manual_seed(4)
    for i in range(40):
        x, y, sx, sy = torch.rand(4, generator=random).tolist()
        image = Image.new("RGB", (128, 128), (128, 128, 128))
        draw = ImageDraw.Draw(image)
        left, top = round(4 + 12 * sx), round(20 + 40 * sy)
        for k in range(0, 44, 8):
            draw.rectangle([left + k, top, left + k + 3, top + 44], fill=(250, 240, 60))
        x, y = 88 + 24 * x, 20 + 88 * y
        draw.rectangle([x - 10, y - 10, x + 10, y + 10], fill=[(220, 40, 30), (20, 60, 200)][i % 2])
        image.save(folder / f"{i:02d}_{i % 2}_{x / 128:.3f}_{y / 128:.3f}.png")
    return ImageDataset.open(folder, resolution=128)


def test_second_things_have_places_and_codes_of_their_own_also_mirrored(pairs):
    config = ModelConfig(resolution=128, channel_base=512, layout="multi", encoding="multi", z_dim=3, num_objects=2)
    codes = object_codes(pairs, config, CPU)
    names = [name.removesuffix(".png").split("_")[1:] for name in pairs.names]
    truth = torch.tensor([[float(x), float(y)] for _, x, y in names])
    blue = torch.tensor([c == "1" for c, *_ in names])
    distances = (codes.centers_xy[0] - truth[:, None]).norm(dim=-1)  # (N, 2): one of the two things is the square
    nearest, which = distances.min(dim=1)
    assert nearest.median() < 0.06
    for turn in range(2):
        z = codes.z[turn, torch.arange(40), which]
        gap = (z[blue].mean(dim=0) - z[~blue].mean(dim=0)).abs() / z.std(dim=0)
        assert gap.max() > 1.2  # of two equally likely values apart as far as can be: 2
        background = codes.z[turn, :, 2]  # things are blanked out of it
        gap = (background[blue].mean(dim=0) - background[~blue].mean(dim=0)).abs() / background.std(dim=0)
        assert gap.max() < 1.25  # where they are not blanked out: 1.57; features see a little of what is beside them


def test_equal_sizes_are_not_in_the_order_of_files():
    config = ModelConfig(resolution=64, channel_base=512, layout="multi", encoding="multi", num_objects=2)
    radii = torch.full((500, 2), 0.1)
    radii[::2] = 0.2
    stds = ranked_stds(radii, config)
    index = torch.arange(500.0)
    for k in range(2):
        for part in (slice(0, None, 2), slice(1, None, 2)):
            assert torch.corrcoef(torch.stack([stds[part, k], index[part]]))[0, 1].abs() < 0.25
    assert stds[::2].min() > stds[1::2].max()
    assert torch.equal(stds, ranked_stds(radii, config))


def test_colours_count_more_than_brightness():
    grey, warm, green = (torch.tensor(c).reshape(1, 3, 1, 1) for c in ((1.0, 1, 1), (1.0, 0, -1), (-1.0, 2, -1)))
    for colour, channel, weight in ((grey, 0, 1.0), (warm, 1, CHROMA_WEIGHT), (green, 2, CHROMA_WEIGHT)):
        found = opponent(colour).flatten()
        assert float(found[channel]) == pytest.approx(weight * float(colour.norm()))
        assert found.abs().sum() == pytest.approx(float(found[channel]))


def test_codes_tell_colours_among_patterns_of_light(tmp_path):
    """Hues between magenta and green, and patterns whose brightness varies far more."""
    n, random = 80, torch.Generator().manual_seed(0)
    hue = torch.rand(n, generator=random) * 2 - 1
    for i in range(n):
        pattern = torch.randint(40, 200, (4, 4, 1), generator=random)
        shades = pattern + torch.tensor([-10.0, 20.0, -10.0]) * hue[i]
        Image.fromarray(shades.to(torch.uint8).numpy()).resize((64, 64), Image.Resampling.NEAREST).save(
            tmp_path / f"{i:03}.png"
        )
    dataset = ImageDataset.open(tmp_path, resolution=64)
    z = picture_codes(dataset, ModelConfig(resolution=64, z_dim=8), CPU).z[0, :, 0]
    known = torch.cat([z, torch.ones(n, 1)], dim=1)
    left = hue[:, None] - known @ torch.linalg.lstsq(known, hue[:, None]).solution
    assert float(left.var() / hue.var()) < 0.3
