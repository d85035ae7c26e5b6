"""Where attention is, on discriminators that look at what is bright."""

import json
import math
from pathlib import Path

import pytest
import torch
from fakes import tiny_model
from torch import Tensor, nn
from torch.nn import functional as F

from spatialgan.attention import attention_of
from spatialgan.config import LossConfig, ModelConfig, RunConfig
from spatialgan.data.instances import STRUCTURE, ObjectDataset
from spatialgan.errors import SpatialGANError
from spatialgan.evaluation.attention_focus import Running, focus, measure_focus
from spatialgan.evaluation.generated import draw_inputs
from spatialgan.layout import Layout
from spatialgan.networks.discriminators import DiscriminatorOutput

ROOMS = Path(__file__).parents[1] / "rooms"


class Brightness(nn.Module):
    """Finds a picture the more real, the brighter it is (or with ``sign=-1`` the darker): so there it looks."""

    def __init__(self, sign: float = 1.0):
        super().__init__()
        self.sign = sign

    def forward(self, images: Tensor) -> DiscriminatorOutput:
        fine = F.adaptive_avg_pool2d(self.sign * images.mean(dim=1, keepdim=True) + 1, 16)
        middle = F.avg_pool2d(fine, 2)
        coarse = F.avg_pool2d(middle, 2)
        return DiscriminatorOutput(coarse.mean(dim=(2, 3)), {4: coarse, 8: middle, 16: fine})


class HeatmapModel:
    """Draws the complete heatmap of one level, bright on black."""

    name, weights_hash = "heatmaps", "6" * 64
    device = torch.device("cpu")

    def __init__(self, discriminator: nn.Module, *, level: int = 0, **settings: object):
        model = ModelConfig(**{"resolution": 64, "z_dim": 4, "w_dim": 4, "channel_base": 64, **settings})
        loss = LossConfig(align="none", attention_sign="real")
        self.config = RunConfig(model=model, loss=loss)
        self.discriminator, self.level = discriminator, level

    def generate(self, z: Tensor, layout: Layout, noise: object) -> Tensor:
        return (layout.level_map(self.level, 64) * 2 - 1)[:, None].expand(-1, 3, -1, -1)

    def attention(self, images: Tensor, *, form: str = "channel", sign: str = "real") -> Tensor:
        return attention_of(self.discriminator, images, 64, form=form, sign=sign)


MULTI = {"layout": "multi", "encoding": "multi"}


def test_focus_is_one_where_attention_does_not_care_and_counts_how_many_times_as_much_there_is():
    region = torch.zeros(4, 8, 8)
    region[:, :, :2] = 1  # a quarter of the picture
    attention = torch.ones(4, 8, 8)
    attention[1, :, :2] = 3
    attention[2, :, :2] = 0
    attention[3] = region[3]
    assert focus(attention, region).tolist() == pytest.approx([1, 3 * 64 / (64 + 2 * 16), 0, 4])
    torch.testing.assert_close(focus(attention * 0.1, region), focus(attention, region))
    assert focus(torch.zeros(1, 8, 8), region[:1]).isnan().all()
    assert focus(attention[:1], torch.zeros(1, 8, 8)).isnan().all()


@pytest.mark.parametrize("settings", [{}, MULTI], ids=["single", "multi"])
def test_attention_on_the_heatmaps_is_found_and_on_the_next_pictures_is_less(settings: dict[str, str]):
    result = measure_focus(HeatmapModel(Brightness(), **settings), num_samples=40)
    assert (result.num_generated, result.num_real, result.objects, result.by_class) == (40, 0, None, {})
    first = result.heatmaps[0]
    assert first.own.mean_interval[0] > first.next.mean_interval[1] and first.own.mean > 1.15
    assert first.beyond.mean == pytest.approx(first.own.mean - first.next.mean) and first.beyond.mean_interval[0] > 0
    assert first.own.mean == pytest.approx(first.equal.mean, rel=0.25)  # attention is the heatmap at 4x4
    finest = measure_focus(HeatmapModel(Brightness(), **settings), num_samples=40).heatmaps[2]
    assert finest == result.heatmaps[2] and finest.own.mean > finest.next.mean


def test_attention_that_looks_away_has_a_focus_below_one():
    away = measure_focus(HeatmapModel(Brightness(-1.0), **MULTI), num_samples=40).heatmaps
    assert all(level.own.mean_interval[1] < 1 for level in away)
    assert all(level.own.mean < level.next.mean for level in away)


def test_levels_have_their_own_heatmaps_in_single_object_models_and_share_one_in_others():
    for settings in ({}, MULTI):
        model = HeatmapModel(Brightness(), **settings)
        inputs = draw_inputs(model.config.model, range(8))
        attention = model.attention(model.generate(inputs.z, inputs.layout, inputs.noise))
        for level, found in enumerate(measure_focus(model, num_samples=8).heatmaps):
            region = inputs.layout.level_map(0 if settings else level, 64)
            assert found.own.mean == pytest.approx(float(focus(attention[:, level], region).mean()))
            assert found.next.mean == pytest.approx(float(focus(attention[:, level], region.roll(-1, 0)).mean()))


def test_the_next_picture_is_the_next_one_that_has_such_a_region():
    regions = torch.zeros(5, 4, 4)
    for i, row in ((0, 0), (2, 1), (4, 2)):  # pictures 1 and 3 have none
        regions[i, row] = 1
    attention = regions.clone()[:, None].expand(-1, 3, -1, -1).clone()
    attention[2, :, 2] = 1  # a half of it is where picture 4 has its region
    running = Running()
    for maps, region in zip(attention, regions, strict=True):
        running.add(maps, region)
    for level in running.result():
        assert (level.own.count, level.own.mean) == (3, pytest.approx((4 + 2 + 4) / 3))
        assert (level.next.count, level.next.mean) == (3, pytest.approx((0 + 2 + 0) / 3))
        assert (level.beyond.count, level.beyond.mean) == (3, pytest.approx((4 + 0 + 4) / 3))
        assert (level.equal.count, level.equal.mean) == (3, pytest.approx(4))
    alone = Running()
    alone.add(attention[0], regions[0])
    assert (alone.result()[0].own.mean, alone.result()[0].next.count, alone.result()[0].beyond.count) == (4, 0, 0)
    assert Running().result()[0].own.mean is None


class PaintedRooms:
    """Rooms with their masks, whose objects are white and all else black; of one kind, if so told."""

    def __init__(self, label: str | None = None, resolution: int = 64):
        self.rooms, self.label = ObjectDataset.open(ROOMS, resolution=resolution), label
        self.resolution, self.channels, self.num_images = resolution, 3, self.rooms.num_images

    def __getitem__(self, index: int):
        item = self.rooms[index]
        objects = [o for o in item.objects if o.label not in STRUCTURE and self.label in (None, o.label)]
        white = item.masks(objects).any(dim=0)
        return type(item)(item.name, (white * 255).to(torch.uint8).expand(3, -1, -1), item.instances, item.objects)


def test_in_real_pictures_attention_on_objects_is_found():
    result = measure_focus(HeatmapModel(Brightness(), **MULTI), num_samples=100, dataset=PaintedRooms())
    assert result.num_real == 26
    assert all(level.own.mean_interval[0] > level.next.mean_interval[1] for level in result.objects[1:])
    assert result.objects[2].own.mean > result.objects[0].own.mean > 1.2
    assert not result.by_class.keys() & set(STRUCTURE)
    beds = measure_focus(HeatmapModel(Brightness(), **MULTI), num_samples=100, dataset=PaintedRooms("bed")).by_class
    assert beds["bed"][2].own.mean > 2 and beds["window"][2].own.mean < 0.5
    counts = [levels[0].own.count for levels in beds.values()]
    assert counts == sorted(counts, reverse=True)
    assert beds["window"][0].own.count < 26  # pictures without one do not count


def test_the_last_batch_is_a_whole_group():
    """D compares pictures within groups of 8: the ninth is in the same company, however many come after it."""

    class Company(Brightness):
        def forward(self, images: Tensor) -> DiscriminatorOutput:
            assert len(images) == 8
            return super().forward(images)

    result = measure_focus(
        HeatmapModel(Company(), minibatch_std_group=8, **MULTI), num_samples=9, dataset=PaintedRooms()
    )
    assert result.heatmaps[0].own.count == result.num_real == 9


def test_pictures_without_attention_do_not_count_and_are_counted():
    """D's verdict is against all pictures: nothing speaks for "real", and all for "fake"."""

    class Never(nn.Module):
        def forward(self, images: Tensor) -> DiscriminatorOutput:
            fine = F.adaptive_avg_pool2d(images.mean(dim=1, keepdim=True) - 1.5, 16)  # below 0, weights above
            middle = F.avg_pool2d(fine, 2)
            coarse = F.avg_pool2d(middle, 2)
            return DiscriminatorOutput(coarse.mean(dim=(2, 3)), {4: coarse, 8: middle, 16: fine})

    level = measure_focus(HeatmapModel(Never(), **MULTI), num_samples=8).heatmaps[2]
    assert (level.own.count, level.own.mean, level.next.mean) == (0, None, None)
    assert level.empty == 1
    fake = measure_focus(HeatmapModel(Never(), **MULTI), num_samples=8, sign="fake")
    assert fake.sign == "fake" and fake.heatmaps[2].own.count == 8 and fake.heatmaps[2].empty == 0
    assert fake.heatmaps[2].own.mean < fake.heatmaps[2].next.mean  # the heatmap is where the least speaks for fake


def test_the_form_is_the_models_own_or_the_one_asked_for():
    model = tiny_model(**MULTI)
    own, by_sum = measure_focus(model, num_samples=4), measure_focus(model, num_samples=4, form="sum")
    assert (own.form, by_sum.form) == (model.config.loss.attention, "sum")
    assert own.heatmaps != by_sum.heatmaps


def test_on_a_tiny_network_with_progress_and_json():
    done: list[tuple[str, int, int]] = []
    model = tiny_model(**MULTI)
    rooms = ObjectDataset.open(ROOMS, resolution=32)
    result = measure_focus(model, num_samples=6, first_seed=3, dataset=rooms, on_progress=lambda *a: done.append(a))
    assert done == [(kind, i, 6) for kind in ("generated", "real") for i in range(1, 7)]
    text = json.loads(json.dumps(result.to_json(), allow_nan=False))
    assert text["num_real"] == 6 and text["first_seed"] == 3
    assert math.isfinite(text["heatmaps"]["level2"]["own"]["mean"])
    assert set(text["objects"]) == set(text["by_class"]["bed"]) == {"level0", "level1", "level2"}
    assert measure_focus(model, num_samples=6, first_seed=3, dataset=rooms) == result
    assert measure_focus(model, num_samples=6, first_seed=4).heatmaps != result.heatmaps


def test_what_cannot_be_measured_is_named():
    rooms = ObjectDataset.open(ROOMS, resolution=64)
    with pytest.raises(SpatialGANError, match=r"tiny has no heatmap \(encoding=none\)"):
        measure_focus(tiny_model(encoding="none"))
    with pytest.raises(SpatialGANError, match=r"no tiny\.discriminator\.safetensors beside it, and attention"):
        measure_focus(tiny_model(with_discriminator=False))
    with pytest.raises(SpatialGANError, match="num_samples is 0; use 1 or more"):
        measure_focus(tiny_model(), num_samples=0)
    with pytest.raises(SpatialGANError, match="opened at 64 pixels with 3 channels, the model reads 32 pixels with 3"):
        measure_focus(tiny_model(), dataset=rooms)
