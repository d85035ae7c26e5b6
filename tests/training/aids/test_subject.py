import torch

from spatialgan.coords import pixel_centers_xy
from spatialgan.training.aids.subject import (
    Subjects,
    around_subjects,
    descriptors,
    subject_maps,
    subjects_of,
)
from spatialgan.vision.efficientnet_lite import load_imagenet


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def blobs(centers_xy, stds, size):
    """Gaussian blobs at ``centers_xy`` (N, 2) of ``stds`` (N,): (N, size, size)."""
    d2 = (pixel_centers_xy(size, size)[None] - centers_xy[:, None, None]).square().sum(dim=-1)
    return (-d2 / (2 * stds[:, None, None] ** 2)).exp()


def test_what_pictures_have_in_common_and_their_surroundings_have_not_is_the_subject():
    centers = 0.25 + 0.5 * torch.rand(60, 2, generator=seeded())
    shown = blobs(centers, torch.full((60,), 0.15), 8)
    common, surroundings = torch.randn(2, 24, generator=seeded(1))
    found = torch.randn(60, 24, 8, 8, generator=seeded(2)) * 0.2
    found += shown[:, None] * common[None, :, None, None] + (1 - shown)[:, None] * surroundings[None, :, None, None]
    maps = subject_maps(found)
    assert maps.shape == (60, 8, 8) and (maps >= 0).all()
    subjects = subjects_of(maps)
    assert (subjects.centers_xy - centers).norm(dim=1).median() < 0.04
    torch.testing.assert_close(subject_maps(-found), maps)  # a component has no sign
    torch.testing.assert_close(subject_maps(found + 5), maps, atol=1e-3, rtol=1e-3)


def test_larger_subjects_have_larger_sizes_and_an_empty_map_is_all_of_the_picture():
    stds = torch.linspace(0.05, 0.2, 6)
    subjects = subjects_of(blobs(torch.full((6, 2), 0.5), stds, 32))
    assert (subjects.sizes.diff() > 0).all()
    # A Gaussian's participation ratio is 4 pi std^2.
    torch.testing.assert_close(subjects.sizes[:4], (4 * torch.pi) ** 0.5 * stds[:4], rtol=0.02, atol=0)
    torch.testing.assert_close(subjects.centers_xy, torch.full((6, 2), 0.5))
    empty = subjects_of(torch.zeros(2, 8, 8))
    torch.testing.assert_close(empty.centers_xy, torch.full((2, 2), 0.5))
    torch.testing.assert_close(empty.sizes, torch.ones(2))


def test_a_mirrored_picture_has_its_subject_on_the_other_side():
    maps = torch.rand(3, 8, 8, generator=seeded())
    found, turned = subjects_of(maps), subjects_of(maps.flip(-1))
    torch.testing.assert_close(found.mirrored().centers_xy, turned.centers_xy)
    torch.testing.assert_close(found.mirrored().sizes, turned.sizes)


def test_the_surroundings_are_the_same_wherever_the_subject_is_and_however_large():
    subjects = Subjects(torch.tensor([[0.5, 0.5], [0.4, 0.6], [0.45, 0.5]]), torch.tensor([0.4, 0.4, 0.2]))
    images = blobs(subjects.centers_xy, subjects.sizes / 4, 128)[:, None].expand(-1, 3, -1, -1)
    around = around_subjects(images, subjects, widths=1.5, size=32)
    assert around.shape == (3, 3, 32, 32)
    torch.testing.assert_close(around[1], around[0], atol=0.02, rtol=0)
    torch.testing.assert_close(around[2], around[0], atol=0.02, rtol=0)
    expected = blobs(torch.full((1, 2), 0.5), torch.tensor([1 / 6]), 32)[0]
    torch.testing.assert_close(around[0, 0], expected, atol=0.02, rtol=0)


def test_descriptors_are_of_eight_by_eight_places_whatever_the_size():
    network = load_imagenet("lite0", strides=(32,))
    for size in (64, 100):
        found = descriptors(network, torch.rand(2, 3, size, size, generator=seeded()) * 2 - 1)
        assert found.shape[2:] == (8, 8) and found.dtype == torch.float32
