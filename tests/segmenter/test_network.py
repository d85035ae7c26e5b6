"""The segmenter's network: sizes of its heads and maps, and how it starts."""

import torch

from spatialgan.segmenter.network import BACKBONE_STRIDES, WIDTHS, Classes, SegmenterNetwork

CLASSES = Classes(("bed", "lamp"), ("wall", "none"))


def test_heads_and_maps() -> None:
    network = SegmenterNetwork(CLASSES)
    heads = network(torch.randn(2, 3, 64, 64))
    assert heads.semantic.shape == (2, 4, 32, 32) and CLASSES.names == ("bed", "lamp", "wall", "none")
    assert heads.centers.shape == (2, 2, 32, 32) and heads.offsets.shape == (2, 2, 32, 32)
    assert [m.shape[-1] for m in heads.maps] == [32, 16, 8, 4, 2, 2, 4, 8, 16, 32]
    assert [m.shape[1] for m in heads.maps[len(BACKBONE_STRIDES) :]] == list(reversed(WIDTHS))
    assert sum(p.numel() for p in network.parameters()) * 2 < 10e6  # in half precision


def test_centres_start_rare_and_every_part_is_trained() -> None:
    network = SegmenterNetwork(CLASSES)
    for p in network.backbone.parameters():
        torch.nn.init.normal_(p, std=0.2)  # without ImageNet's weights it starts at 0
    network.requires_grad_(True)
    heads = network(torch.randn(2, 3, 64, 64))
    assert 0.005 < float(heads.centers.detach().sigmoid().mean()) < 0.05
    (heads.semantic.square().mean() + heads.centers.mean() + heads.offsets.square().mean()).backward()
    assert [n for n, p in network.named_parameters() if p.grad is None or not p.grad.any()] == []
