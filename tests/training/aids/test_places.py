import pytest
import torch
from test_reconstruction import CPU, blob, seeded
from tiny_run import tiny_config
from torch.nn import functional as F

from spatialgan.errors import SpatialGANError
from spatialgan.layout import Layout
from spatialgan.levels import Gaussians
from spatialgan.sampling import sample_layout
from spatialgan.training.aids.places import SIZE, PlaceHead, place_loss, place_map
from spatialgan.training.aids.reconstruction import Known, known_layout
from spatialgan.training.diffaugment import Augmentation
from spatialgan.training.step import discriminator_step, generator_step, training_step
from spatialgan.training.trainee import make_trainee

NONE = Augmentation(None, None, None)
COMBINED = {"discriminator": "combined", "projected_input": 64}


def layout_at(*centers: tuple[float, float], std: float = 0.2) -> Layout:
    """Of one picture."""
    xy = torch.tensor([centers])
    stds = torch.full((*xy.shape[:2], 2), std)
    return Layout((Gaussians(xy, stds, torch.zeros(xy.shape[:2])),), hierarchical=False)


def known_blobs(count: int, seed: int) -> Known:
    centers = 0.2 + 0.6 * torch.rand(count, 2, generator=seeded(seed))
    images = blob(centers, 32)
    return Known(images, torch.zeros(count, 1, 16), centers[:, None], torch.full((count, 1), 0.3))


def test_the_map_is_of_the_nearest_thing_and_half_as_wide_as_its_heatmap():
    found = place_map(layout_at((0.25, 0.5), (0.75, 0.5)), NONE, 64)
    assert found.shape == (1, SIZE, SIZE)
    at = (torch.arange(SIZE) + 0.5) / SIZE
    d2 = torch.minimum((at - 0.25).abs(), (at - 0.75).abs())[None] ** 2 + (at[:, None] - 0.5) ** 2
    torch.testing.assert_close(found[0], (-d2 / (2 * 0.1**2)).exp(), atol=0.03, rtol=0)  # heatmaps are area averages


def test_the_map_goes_along_with_the_picture():
    moved = place_map(layout_at((0.5, 0.5)), Augmentation(None, torch.tensor([[8, -4]]), None), 64)
    torch.testing.assert_close(moved, place_map(layout_at((0.625, 0.4375)), NONE, 64), atol=0.02, rtol=0)


def test_the_loss_is_zero_for_what_is_so_and_counts_only_what_can_be_seen():
    layout = layout_at((0.3, 0.6))
    wanted = place_map(layout, NONE, 64).clamp(1e-6, 1 - 1e-6)
    assert float(place_loss(wanted.logit(), layout, NONE, 64)) == pytest.approx(0, abs=1e-4)
    wrong = torch.zeros(1, SIZE, SIZE)
    expected = F.binary_cross_entropy_with_logits(wrong, wanted) - F.binary_cross_entropy(wanted, wanted)
    assert float(place_loss(wrong, layout, NONE, 64)) == pytest.approx(float(expected), rel=1e-3)
    logits = wanted.logit()
    logits[:, : SIZE // 2, : SIZE // 2] = 9.0  # only there it is wrong, and that is cut out
    seen, cut = NONE, Augmentation(None, None, torch.tensor([[0, 0]]))
    assert float(place_loss(logits, layout, seen, 64)) > 0.5
    assert float(place_loss(logits, layout, cut, 64)) == pytest.approx(0, abs=1e-3)


def test_from_real_pictures_the_head_learns_where_things_are():
    torch.manual_seed(0)
    config = tiny_config(model=COMBINED, aids={"place_weight": 1.0}, train={"batch_size": 8})
    t = make_trainee(config, CPU)
    t.discriminator.calibrate(known_blobs(64, 1).images)
    losses = [
        float(discriminator_step(t, k.images, seeded(i), known=k)["D/places"])
        for i in range(60)
        for k in [known_blobs(8, 10 + i)]
    ]
    assert sum(losses[-5:]) < 0.5 * sum(losses[:5])
    new = known_blobs(8, 0)
    with torch.no_grad():
        logits = t.places(t.discriminator(new.images).scales)
    own = known_layout(config.model, new.centers_xy, new.stds, seeded())
    others = known_layout(config.model, new.centers_xy.roll(1, dims=0), new.stds, seeded())
    right, wrong = (float(place_loss(logits, layout, NONE, 32)) for layout in (own, others))
    assert right < 0.5 * wrong


def test_gs_term_is_of_its_own_heatmaps_and_leaves_the_head_alone():
    config = tiny_config(model=COMBINED, aids={"place_weight": 2.0})
    t, other = make_trainee(config, CPU), make_trainee(config, CPU)
    other.places = None
    before = [p.clone() for p in t.places.parameters()]
    stats, drawn = generator_step(t, seeded())
    verdict, _ = generator_step(other, seeded())
    assert stats.keys() - verdict.keys() == {"loss/places"}
    assert all(torch.equal(p, old) and p.grad is None for p, old in zip(t.places.parameters(), before, strict=True))
    layout = sample_layout(config.model, 4, seeded())  # what the step draws first
    with torch.no_grad():
        logits = t.places(t.discriminator(drawn).scales)
    torch.testing.assert_close(stats["loss/places"], place_loss(logits, layout, NONE, 32), rtol=1e-3, atol=1e-4)
    grads = [[p.grad for p in trainee.generator.parameters()] for trainee in (t, other)]
    assert any(not torch.allclose(a, b) for a, b in zip(*grads, strict=True) if a is not None and b is not None)


def test_a_step_teaches_both_and_needs_what_is_known():
    t = make_trainee(tiny_config(model=COMBINED, aids={"place_weight": 1.0}, train={"micro_batch": 4}), CPU)
    known, before = known_blobs(4, 0), [p.clone() for p in t.places.parameters()]
    stats = training_step(t, known.images, known)
    assert {"loss/G", "loss/D", "loss/places", "D/places"} <= stats.keys() and "loss/reconstruct" not in stats
    assert all(not torch.equal(p, old) for p, old in zip(t.places.parameters(), before, strict=True))
    assert t.comparison is None
    with pytest.raises(AssertionError):
        training_step(t, known.images)


def test_the_head_sees_the_coarser_scales():
    head = PlaceHead()
    scales = tuple(torch.randn(2, c, s, s) for c, s in ((32, 32), (64, 16), (96, 8), (128, 4)))
    found = head(scales)
    assert found.shape == (2, SIZE, SIZE) and found.dtype == torch.float32
    assert torch.equal(found, head((torch.zeros_like(scales[0]), *scales[1:])))
    assert not torch.equal(found, head((*scales[:3], torch.zeros_like(scales[3]))))


@pytest.mark.parametrize(
    ("model", "sentence"),
    [
        ({"discriminator": "residual"}, "discriminator=projected or combined"),
        ({**COMBINED, "sampling": "noise"}, "heatmaps that can be moved"),
        ({**COMBINED, "encoding": "none"}, "needs heatmaps"),
    ],
)
def test_what_has_no_such_places_is_refused(model, sentence):
    with pytest.raises(SpatialGANError, match=sentence):
        tiny_config(model=model, loss={"align": "none"}, aids={"place_weight": 1.0})
