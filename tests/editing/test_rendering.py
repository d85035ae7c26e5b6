import pytest
import torch

from spatialgan.editing import rendering
from spatialgan.editing.rendering import render_draft
from spatialgan.editing.scene import Scene


@pytest.mark.parametrize("bfloat16", [False, True])
def test_a_draft_is_about_the_small_picture(multi, bfloat16: bool, monkeypatch: pytest.MonkeyPatch):
    scene: Scene = multi.sample(0)
    inputs = scene.inputs()
    ws = inputs.ws(scene.model.generator)
    expected = scene.model.generator.synthesize(ws, inputs.layout, inputs.noise, stop_resolution=16).image[0]
    monkeypatch.setattr(rendering, "is_faster_in_bfloat16", lambda _: bfloat16)
    draft = render_draft(scene, 16)
    assert draft.shape == (3, 16, 16) and draft.dtype == torch.float32
    assert torch.equal(draft, expected) != bfloat16
    assert float((draft - expected).abs().max()) < 0.05 * float(expected.std())
    assert torch.equal(scene.tensor, scene.model.draw(inputs).image[0])  # what stays is drawn exactly
