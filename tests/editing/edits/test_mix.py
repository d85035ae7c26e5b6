"""Style mixing: some layers with the styles of another seed."""

import pytest
import torch

from spatialgan.editing.command import command_line, same_picture
from spatialgan.editing.edits import MixStyles, edit_from_json
from spatialgan.errors import SpatialGANError


def all_ws(scene):
    return scene.ws() + scene.w_offset_or_zeros


@pytest.mark.parametrize("kind", ["plain", "single", "multi"])
def test_the_layers_are_those_of_the_other_seed(kind, request):
    model = request.getfixturevalue(kind)
    model.generator.mapping.w_mean.fill_(0.3)
    scene, other = model.sample(1, truncation=0.6), model.sample(7, truncation=0.6)
    mixed = scene.mix_styles(7, 2, 4)
    torch.testing.assert_close(all_ws(mixed)[2:5], all_ws(other)[2:5])
    for kept in (slice(0, 2), slice(5, None)):
        assert torch.equal(all_ws(mixed)[kept], all_ws(scene)[kept])
    assert not torch.equal(mixed.tensor, scene.tensor) and mixed.z is scene.z and mixed.layout is scene.layout


def test_all_layers_are_new_styles(single):
    scene = single.sample(1)
    top = single.config.model.num_ws - 1
    torch.testing.assert_close(
        scene.mix_styles(7, 0, top).tensor, scene.with_new_styles(7).tensor, atol=1e-4, rtol=1e-4
    )


def test_an_amount_goes_part_of_the_way_and_what_a_drag_did_gives_way(plain):
    scene = plain.sample(1).mix_styles(3, 0, 7)  # an offset, as a drag leaves one
    half = scene.mix_styles(7, 1, 2, 0.5)
    target = plain.sample(7).ws()
    torch.testing.assert_close(all_ws(half)[1:3], all_ws(scene)[1:3].lerp(target[1:3], 0.5))
    assert torch.equal(half.w_offset[3:], scene.w_offset[3:])
    assert torch.equal(scene.mix_styles(7, 1, 2, 0).w_offset, scene.w_offset)


def test_records_and_words_come_back(plain):
    scene = plain.sample(1).mix_styles(7, 2, 4).mix_styles(8, 5, 5, 0.25)
    assert scene.edits[0] == {"edit": "mix_styles", "seed": 7, "first": 2, "last": 4, "amount": 1.0}
    again = plain.sample(1)
    for record in scene.edits:
        again = edit_from_json(record).apply(again)
    assert same_picture(scene, again)
    line = command_line(scene, "m", scene_file="f.scene.json")
    assert "--seed 1 --mix-styles 7:2,4,1.0 --mix-styles 8:5,5,0.25 --out" in line
    assert MixStyles.read("7:2,4") == MixStyles(seed=7, first=2, last=4)


@pytest.mark.parametrize(("first", "last"), [(3, 2), (6, 8)])
def test_layers_must_be_there(plain, first, last):
    with pytest.raises(SpatialGANError, match=f"has layers 0 to 7, and no layers {first} to {last}"):
        plain.sample(0).mix_styles(1, first, last)
