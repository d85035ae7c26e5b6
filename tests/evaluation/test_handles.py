from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from fakes import BlobModel, tiny_model

from spatialgan.config import RunConfig
from spatialgan.coords import pixel_centers_xy
from spatialgan.errors import SpatialGANError
from spatialgan.evaluation.handles import ACTS, DISTANCES, ENOUGH, measure_handles, reach


class Middle:
    """A discriminator for which a blob is the more real the nearer it is to the picture's middle."""

    def __call__(self, images: torch.Tensor) -> SimpleNamespace:
        light = (images[:, 0] + 1)[..., None]
        grid = pixel_centers_xy(64, 64)
        place = (light * grid).sum((1, 2)) / light.sum((1, 2))
        return SimpleNamespace(logits=-(place - 0.5).norm(dim=1, keepdim=True))


def test_only_the_handle_that_moves_the_blob_acts_and_its_reach_is_where_pictures_fall_apart():
    model = BlobModel()
    model.config = RunConfig(model=replace(model.config.model, center_std=0.1))  # blobs are in the middle, unless moved
    model.discriminator = Middle()
    handles = measure_handles(model, num_seeds=60)
    assert [(h.level, h.point) for h in handles] == [(0, 0), (1, 0), (1, 1), *((2, i) for i in range(4))]
    first, *others = handles
    assert first.acts and first.effect > ACTS
    shares = list(first.sound.values())
    assert list(first.sound) == [f"{d:g}" for d in DISTANCES] and shares[0] > 0.8 and shares[-1] < 0.2
    assert first.reach == max(d for d, s in zip(DISTANCES, shares, strict=True) if s >= ENOUGH) < DISTANCES[-1]
    for h in others:
        assert h.effect == 0 and not h.acts
        assert h.reach == DISTANCES[-1]  # nothing changes, so nothing falls apart


def test_reach_ends_before_the_first_gap():
    sound = torch.ones(len(DISTANCES))
    assert reach(sound) == DISTANCES[-1]
    sound[2] = ENOUGH - 0.01
    assert reach(sound) == DISTANCES[1]
    sound[0] = 0
    assert reach(sound) == 0


def test_without_a_discriminator_there_are_effects_alone():
    model = tiny_model(layout="multi", encoding="multi", with_discriminator=False)
    handles = measure_handles(model, num_seeds=3)
    assert [(h.level, h.point) for h in handles] == [(0, 0), (0, 1), (0, 2)]
    assert all(h.effect > 0 and h.sound is None and h.reach is None for h in handles)
    assert handles[0].to_json()["acts"] is handles[0].acts


def test_the_same_seeds_give_the_same_result_in_any_order_of_batches(monkeypatch):
    model = tiny_model(layout="multi", encoding="multi", with_discriminator=False)
    whole = measure_handles(model, num_seeds=5, first_seed=3)
    monkeypatch.setattr("spatialgan.evaluation.handles.BATCH_SIZE", 2)
    parts = measure_handles(model, num_seeds=5, first_seed=3)
    assert [h.effect for h in parts] == pytest.approx([h.effect for h in whole], rel=1e-3)


def test_a_model_without_centres_is_refused():
    with pytest.raises(SpatialGANError, match="no heatmap centres to move"):
        measure_handles(tiny_model(encoding="none"), num_seeds=2)
