"""Where attention is, on discriminators that look at what is bright."""

import json
import math
from pathlib import Path

import pytest
import torch
from fakes import tiny_model
from torch import Tensor, nn
from torch.nn import functional as F

from spatialgan.config import LossConfig, ModelConfig, RunConfig
from spatialgan.data.objects import STRUCTURE, ObjectDataset
from spatialgan.errors import SpatialGANError
from spatialgan.evaluation.attention_focus import OBJECTS, Focus, focus, measure_focus
from spatialgan.layout import Layout
from spatialgan.networks.discriminator import DiscriminatorOutput

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
    """Draws its complete heatmap, bright on black."""

    name, weights_hash = "heatmaps", "6" * 64
    device = torch.device("cpu")

    def __init__(self, discriminator: nn.Module, **settings: object):
        model = ModelConfig(**{"resolution": 64, "z_dim": 4, "w_dim": 4, "channel_base": 64, **settings})
        self.config = RunConfig(model=model, loss=LossConfig(align="none"))
        self.discriminator = discriminator

    def generate(self, z: Tensor, layout: Layout, noise: object) -> Tensor:
        return (layout.level_map(0, 64) * 2 - 1)[:, None].expand(-1, 3, -1, -1)


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
    assert (result.num_generated, result.num_real, result.regions) == (40, 0, {})
    first = result.heatmaps[0]
    assert first.own.mean_interval[0] > first.next.mean_interval[1] and first.own.mean > 1.15
    finest = measure_focus(HeatmapModel(Brightness(), **settings), num_samples=40).heatmaps[2]
    assert finest == result.heatmaps[2] and finest.own.mean > finest.next.mean


def test_attention_that_looks_away_has_a_focus_below_one():
    away = measure_focus(HeatmapModel(Brightness(-1.0), **MULTI), num_samples=40).heatmaps
    assert all(level.own.mean_interval[1] < 1 for level in away)
    assert all(level.own.mean < level.next.mean for level in away)


def test_levels_have_their_own_heatmaps_in_single_object_models():
    """The picture shows level 0's; the three centres of level 2 lie elsewhere."""
    levels = measure_focus(HeatmapModel(Brightness()), num_samples=40).heatmaps
    assert levels[0].own.mean != levels[2].own.mean
    multi = measure_focus(HeatmapModel(Brightness(), **MULTI), num_samples=40).heatmaps
    assert multi[2].own.mean > multi[0].own.mean > 1  # one level for all: a finer map is nearer to it


class PaintedRooms:
    """Rooms with their masks, whose objects are white and all else black; of one kind, if so told."""

    def __init__(self, label: str | None = None):
        self.rooms, self.label = ObjectDataset.open(ROOMS, resolution=64), label
        self.resolution, self.channels, self.num_images = 64, 3, self.rooms.num_images

    def __getitem__(self, index: int):
        item = self.rooms[index]
        objects = [o for o in item.objects if o.label not in STRUCTURE and self.label in (None, o.label)]
        white = item.masks(objects).any(dim=0)
        return type(item)(item.name, (white * 255).to(torch.uint8).expand(3, -1, -1), item.instances, item.objects)


def test_in_real_pictures_attention_on_objects_is_found():
    result = measure_focus(HeatmapModel(Brightness(), **MULTI), num_samples=100, dataset=PaintedRooms())
    objects = result.regions[OBJECTS]
    assert result.num_real == 26 and next(iter(result.regions)) == OBJECTS
    assert all(level.own.mean_interval[0] > level.next.mean_interval[1] for level in objects[1:])
    assert objects[2].own.mean > objects[0].own.mean > 1.2
    assert not result.regions.keys() & set(STRUCTURE)
    beds = measure_focus(HeatmapModel(Brightness(), **MULTI), num_samples=100, dataset=PaintedRooms("bed")).regions
    assert beds["bed"][2].own.mean > 2 and beds["window"][2].own.mean < 0.5
    counts = [levels[0].own.count for levels in list(beds.values())[1:]]
    assert counts == sorted(counts, reverse=True)
    assert beds["window"][0].own.count < 26  # pictures without one do not count


def test_pictures_without_attention_do_not_count():
    class Blind(Brightness):
        def forward(self, images: Tensor) -> DiscriminatorOutput:
            output = super().forward(images * 0)
            return DiscriminatorOutput(-output.logits, output.features)

    level: Focus = measure_focus(HeatmapModel(Blind(), **MULTI), num_samples=4).heatmaps[0]
    assert (level.own.count, level.own.mean, level.next.mean) == (0, None, None)


def test_on_a_tiny_network_with_progress_and_json():
    done: list[tuple[str, int, int]] = []
    model = tiny_model(**MULTI)
    rooms = ObjectDataset.open(ROOMS, resolution=32)
    result = measure_focus(model, num_samples=6, first_seed=3, dataset=rooms, on_progress=lambda *a: done.append(a))
    assert done == [("generated", 4, 6), ("generated", 6, 6), ("real", 4, 6), ("real", 6, 6)]
    text = json.loads(json.dumps(result.to_json(), allow_nan=False))
    assert text["num_real"] == 6 and text["first_seed"] == 3
    assert math.isfinite(text["heatmaps"]["level2"]["own"]["mean"])
    assert set(text["regions"]["objects"]) == {"level0", "level1", "level2"}
    assert measure_focus(model, num_samples=6, first_seed=3, dataset=rooms) == result
    assert measure_focus(model, num_samples=6, first_seed=4).heatmaps != result.heatmaps


def test_what_cannot_be_measured_is_named():
    rooms = ObjectDataset.open(ROOMS, resolution=64)
    with pytest.raises(SpatialGANError, match=r"tiny has no heatmap \(encoding=none\)"):
        measure_focus(tiny_model(encoding="none"))
    with pytest.raises(SpatialGANError, match="tiny came without it"):
        measure_focus(tiny_model(with_discriminator=False))
    with pytest.raises(SpatialGANError, match="num_samples is 1; use 2 or more"):
        measure_focus(tiny_model(), num_samples=1)
    with pytest.raises(SpatialGANError, match="opened at 64 pixels with 3 channels, the model reads 32 and 3"):
        measure_focus(tiny_model(), dataset=rooms)
    one = ObjectDataset.open(ROOMS, resolution=32, holdout=20, split="test")
    lonely = type(one)(one.names[:1], 32, 3, one.fit, one.source, one.files, one.roots[:1])
    with pytest.raises(SpatialGANError, match="there is one picture with masks"):
        measure_focus(tiny_model(), dataset=lonely)
