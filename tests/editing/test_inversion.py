import pytest
import torch
from PIL import Image

from spatialgan.data.images import to_uint8
from spatialgan.editing.inversion import InvertOptions, Likeness, invert, rate_share
from spatialgan.editing.photo import photo_tensor
from spatialgan.editing.scene_file import weights_hash
from spatialgan.errors import SpatialGANError

QUICK = InvertOptions(candidates=32, starts=2, steps=60)


def drawn(model, seed=12345):
    """A picture that the model can draw, of a seed that is none of the candidates'."""
    return to_uint8(model.sample(seed).tensor)


@pytest.fixture(scope="module")
def of_single(single):
    """An inversion, and what its callback was told."""
    told = []
    return invert(single, drawn(single), options=QUICK, name="a.png", callback=told.append), told


def test_what_the_model_can_draw_is_found_again(of_single, single):
    found, told = of_single
    assert found.codes.likeness.psnr_db > found.nearest.likeness.psnr_db + 3
    assert found.codes.likeness.perceptual < 0.8 * found.nearest.likeness.perceptual
    assert found.tuned is None and found.final is found.codes and not found.stopped
    error = (to_uint8(found.scene.tensor).float() - drawn(single).float()).square().mean() / 255**2
    assert found.codes.likeness.psnr_db == pytest.approx(float(-10 * error.log10()), abs=1e-3)
    assert [s.stage for s in told] == ["search"] * 2 + ["one code"] * 20 + ["a code a layer"] * 40
    losses = [s.loss for s in told if s.stage == "a code a layer"]
    assert losses == sorted(losses, reverse=True)  # of the best so far
    assert (told[1].done, told[1].total) == (32, 32)


def test_its_scene_is_like_any_other(of_single, single, tmp_path):
    found, _ = of_single
    scene = found.scene
    assert scene.seed is None and scene.edits[0]["edit"] == "invert" and scene.edits[0]["photo"] == "a.png"
    again = single.load_scene(scene.save(tmp_path / "a.scene.json"))
    assert torch.equal(again.tensor, scene.tensor)
    moved = again.move(0, dx=0.2)
    assert (moved.tensor - scene.tensor).abs().mean() > 1e-3


def test_heatmaps_are_fitted_too(multi):
    """Where only the layout differs, it is what is found."""
    target = multi.sample(0).move(0, dx=0.2).move(1, dy=0.2).resize(2, 1.5)
    found = invert(multi, to_uint8(target.tensor), options=InvertOptions(candidates=1, starts=1, steps=90))
    before = found.nearest.scene
    assert torch.equal(before.layout.centers, multi.sample(0).layout.centers)
    distances = [(s.layout.centers - target.layout.centers).norm(dim=-1).mean() for s in (before, found.scene)]
    assert distances[1] < 0.75 * distances[0]
    assert not torch.equal(found.scene.layout.stds, before.layout.stds)


def test_a_plain_stylegan2_has_codes_alone(plain):
    found = invert(plain, drawn(plain), options=QUICK)
    assert found.codes.likeness.psnr_db > found.nearest.likeness.psnr_db + 3
    assert found.scene.layout.kind == "none"


def test_tuning_brings_it_nearer_and_lies_in_the_scenes_file(single, tmp_path):
    photo = torch.zeros(3, 32, 32, dtype=torch.uint8)
    photo[0, 8:24, 8:24] = 255  # which the model cannot draw
    options = InvertOptions(candidates=8, starts=1, steps=15, tune_steps=40)
    found = invert(single, photo, options=options)
    assert found.tuned is not None and found.final is found.tuned
    assert found.tuned.likeness.psnr_db > found.codes.likeness.psnr_db + 1
    scene = found.scene
    assert weights_hash(scene.model) == weights_hash(single) and scene.model.tuning is not None
    again = single.load_scene(scene.save(tmp_path / "a.scene.json"))
    assert torch.equal(again.tensor, scene.tensor)
    assert torch.equal(again.move(0, dx=0.1).tensor, scene.move(0, dx=0.1).tensor)
    assert single.tuning is None


@pytest.mark.parametrize("when", ["search", "one code", "a code a layer", "tuning"])
def test_it_can_be_stopped_anywhere(single, when):
    told = []

    def callback(step):
        told.append(step)
        return step.stage == when

    options = InvertOptions(candidates=32, starts=1, steps=9, tune_steps=3)
    found = invert(single, drawn(single), options=options, callback=callback)
    assert found.stopped and told[-1].stage == when and told[-1].done <= 16
    assert len([s for s in told if s.stage == when]) == 1
    assert found.scene.tensor.isfinite().all()


def test_no_steps_leave_the_nearest(single):
    found = invert(single, drawn(single), options=InvertOptions(candidates=3, steps=0))
    assert torch.equal(found.scene.tensor, found.nearest.scene.tensor) and not found.stopped


def test_the_same_photograph_gives_the_same_scene(single, of_single):
    again = invert(single, drawn(single), options=QUICK, name="a.png")
    assert torch.equal(again.scene.tensor, of_single[0].scene.tensor)


@pytest.mark.parametrize("photo", [torch.zeros(3, 64, 64, dtype=torch.uint8), torch.zeros(3, 32, 32)])
def test_pictures_of_another_kind_are_refused(single, photo):
    with pytest.raises(SpatialGANError, match=r"the photograph is .*; tiny needs uint8 of \(3, 32, 32\)"):
        invert(single, photo)


@pytest.mark.parametrize("name", ["candidates", "starts", "steps", "tune_steps"])
def test_options_are_checked(name):
    with pytest.raises(SpatialGANError, match=f"{name} is -1; use"):
        InvertOptions(**{name: -1})


def test_words_follow_the_share_of_a_random_pictures_distance():
    words = [Likeness(20.0, 0.1, share).words for share in (0.1, 0.5, 0.9)]
    assert words[0] == "close" and words[1].startswith("similar") and words[2].startswith("poor")


def test_rates_rise_and_fall():
    shares = [rate_share(i / 200) for i in range(200)]
    assert shares[0] < 0.02 and max(shares) == 1 and shares[100] == 1 and shares[-1] < 0.01


def test_a_box_is_a_part_of_the_photograph(single):
    picture = Image.new("RGB", (100, 50), "black")
    picture.paste("white", (50, 0, 100, 50))
    assert photo_tensor(picture, 32, "crop", (0.5, 0.0, 0.5, 1.0)).eq(255).all()
    assert photo_tensor(picture, 32, "crop", (0.0, 0.0, 0.4, 0.8)).eq(0).all()
    middle = photo_tensor(picture, 32, "crop")
    assert middle.shape == (3, 32, 32) and middle[:, :, :14].le(9).all() and middle[:, :, 18:].ge(246).all()
    for box in ((0, 0, 1), (-0.1, 0, 0.5, 0.5), (0, 0, 0, 1)):
        with pytest.raises(SpatialGANError, match="a box is left, top, width and height"):
            photo_tensor(picture, 32, "crop", box)
    with pytest.raises(SpatialGANError, match=r"the box ends at 1.2, 0.5, outside the photograph"):
        photo_tensor(picture, 32, "crop", (0.7, 0, 0.5, 0.5))


def test_the_model_inverts_files_and_pictures(single, tmp_path):
    picture = single.sample(7).image
    picture.save(tmp_path / "cat.png")
    options = InvertOptions(candidates=4, starts=1, steps=3)
    a = single.invert(tmp_path / "cat.png", options=options)
    b = single.invert(picture, options=options)
    assert torch.equal(a.scene.tensor, b.scene.tensor) and torch.equal(a.photo, b.photo)
    assert (a.scene.edits[0]["photo"], b.scene.edits[0]["photo"]) == ("cat.png", "photo")
    with pytest.raises(SpatialGANError, match=r"no\.png"):
        single.invert(tmp_path / "no.png")


def test_another_default_dtype_changes_nothing(single, request: pytest.FixtureRequest):
    photo, options = drawn(single), InvertOptions(candidates=4, starts=1, steps=3, tune_steps=2)
    pictures = [invert(single, photo, options=options).scene.tensor]
    request.getfixturevalue("double_by_default")
    pictures.append(invert(single, photo, options=options).scene.tensor)
    assert pictures[1].dtype == torch.float32
    torch.testing.assert_close(*pictures, rtol=1e-3, atol=1e-3)
