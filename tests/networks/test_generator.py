import itertools
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from spatialgan.config import ModelConfig
from spatialgan.errors import SpatialGANError
from spatialgan.layout import Layout, raster_sizes
from spatialgan.levels import Raster
from spatialgan.networks.encoding import SELConcat, SELNorm
from spatialgan.networks.generator import (
    Generator,
    HeatmapInput,
    StyledConv,
    flat_sizes,
    level_of,
    sample_noise,
    sample_z,
)
from spatialgan.networks.layers import Kernel, Scale, modulated_conv
from spatialgan.networks.resample import upsample2
from spatialgan.sampling import sample_layout

Tiny = Callable[..., ModelConfig]
KINDS = [
    (e, p, lay)
    for e, p, lay in itertools.product(
        ("none", "concat", "norm", "multi", "flatten"), ("coarse", "fine"), ("single", "multi")
    )
    if (e, lay) != ("multi", "single")
] + [("norm", "release", lay) for lay in ("single", "multi")]


def inputs(config: ModelConfig, batch: int = 2, seed: int = 0) -> tuple[Tensor, Layout | None, tuple[Tensor, ...]]:
    g = torch.Generator().manual_seed(seed)
    layout = sample_layout(config, batch, g)
    return sample_z(config, batch, g), layout, sample_noise(config, batch, g)


def turn_noise_on(generator: Generator) -> None:
    with torch.no_grad():
        for name, p in generator.named_parameters():
            if name.endswith("noise_strength"):
                p.fill_(0.5)


@pytest.mark.parametrize(("encoding", "processing", "layout"), KINDS)
def test_every_kind_runs_and_looks_at_its_layout(tiny: Tiny, encoding: str, processing: str, layout: str):
    config = tiny(
        encoding=encoding, processing=processing, layout=layout, encoded_max_resolution=16 if layout == "single" else 32
    )
    g = Generator(config)
    z, lay, noise = inputs(config)
    _, other, _ = inputs(config, seed=1)
    with torch.no_grad():
        out = g(z, lay, noise)
        elsewhere = g(z, other, noise).image
        assert torch.equal(g(z, lay, noise).image, out.image)
    assert out.image.shape == (2, 3, 32, 32)
    assert out.image.isfinite().all()
    assert {r: tuple(f.shape) for r, f in out.features.items()} == {
        r: (2, config.channels(r), r, r) for r in (4, 8, 16, 32)
    }
    difference = float((elsewhere - out.image).abs().max())
    assert difference == 0 if encoding == "none" else difference > 1e-3


@pytest.mark.parametrize(("resolution", "channels"), [(32, 1), (64, 3), (64, 1)])
def test_sizes_and_channels(tiny: Tiny, resolution: int, channels: int):
    config = tiny(resolution=resolution, image_channels=channels)
    z, layout, noise = inputs(config, batch=3)
    g = Generator(config)
    image = g(z, layout, noise).image
    assert image.shape == (3, channels, resolution, resolution)
    assert g.ws(z, layout).shape == (3, config.num_ws, 1, 16)
    assert len(noise) == config.num_layers
    assert config.num_ws == {32: 8, 64: 10}[resolution]


def test_coarse_and_fine_differ(tiny: Tiny):
    coarse = tiny(encoding="norm")
    g, h = Generator(coarse), Generator(replace(coarse, processing="fine"))
    h.load_state_dict(g.state_dict())
    z, layout, _ = inputs(coarse)
    assert (g(z, layout, None).image - h(z, layout, None).image).abs().max() > 1e-4


def test_each_picture_of_a_batch_is_its_own(tiny: Tiny):
    for config in (tiny(), tiny(layout="multi", encoding="multi")):
        g = Generator(config)
        z, layout, noise = inputs(config, batch=3)
        with torch.no_grad():
            together = g(z, layout, noise).image
            alone = g(z[1:2], layout[1:2], tuple(n[1:2] for n in noise)).image
        torch.testing.assert_close(together[1:2], alone, rtol=1e-4, atol=1e-5)


def test_no_layout_is_needed_without_encoding_and_missed_with_one(tiny: Tiny):
    config = tiny(encoding="none")
    z, layout, noise = inputs(config)
    g = Generator(config)
    assert torch.equal(g(z, Layout(), noise).image, g(z, layout, noise).image)
    with pytest.raises(SpatialGANError, match="encoding=norm needs a layout"):
        Generator(tiny())(z, Layout(), noise)


def test_noise_counts_only_where_its_strength_is_not_zero(tiny: Tiny):
    config = tiny()
    g = Generator(config)
    z, layout, noise = inputs(config)
    _, _, other = inputs(config, seed=1)
    assert torch.equal(g(z, layout, noise).image, g(z, layout, other).image)
    turn_noise_on(g)
    assert (g(z, layout, noise).image - g(z, layout, other).image).abs().max() > 0.01
    silent = tuple(torch.zeros_like(n) for n in noise)
    torch.testing.assert_close(g(z, layout, silent).image, g(z, layout, None).image)


def test_every_noise_input_is_used_in_its_layer(tiny: Tiny):
    config = tiny()
    g = Generator(config)
    turn_noise_on(g)
    z, layout, noise = inputs(config)
    base = g(z, layout, noise)
    for i, n in enumerate(noise):
        changed = g(z, layout, (*noise[:i], n + 1, *noise[i + 1 :])).features
        first = min(r for r in changed if not torch.equal(changed[r], base.features[r]))
        assert first == n.shape[-1]


def test_noise_is_added_pixel_by_pixel_before_the_activation(tiny: Tiny):
    config = tiny(encoding="none")
    layer = StyledConv(config, 3, 4, 8, up=False)
    with torch.no_grad():
        layer.noise_strength.fill_(0.7)
        layer.bias.normal_()
    x, w, noise = torch.randn(2, 3, 8, 8), torch.randn(2, 1, 16), torch.randn(2, 1, 8, 8)
    scale = layer.affine(w)[:, 0, :, None, None]
    y = (
        modulated_conv(x, Kernel.of(layer.weight / 27**0.5, demodulate=True), Scale.of(scale))
        + 0.7 * noise
        + layer.bias[:, None, None]
    )
    expected = torch.where(y > 0, y, 0.2 * y) * 2**0.5
    torch.testing.assert_close(layer(x, w, noise, HeatmapInput(config, Layout())), expected)


@pytest.mark.parametrize("stop", [4, 8, 16, 32])
def test_a_stopped_pass_has_the_same_features(tiny: Tiny, stop: int):
    config = tiny()
    g = Generator(config)
    z, layout, noise = inputs(config)
    full = g(z, layout, noise)
    part = g.features(g.ws(z, layout), layout, noise, stop_resolution=stop)
    assert sorted(part) == [r for r in (4, 8, 16, 32) if r <= stop]
    for r, f in part.items():
        assert torch.equal(f, full.features[r])


def test_forward_is_mapping_then_synthesis(tiny: Tiny):
    for config in (tiny(), tiny(encoding="flatten"), tiny(layout="multi", encoding="multi")):
        g = Generator(config)
        z, layout, noise = inputs(config)
        assert torch.equal(g.synthesize(g.ws(z, layout), layout, noise).image, g(z, layout, noise).image)


def test_truncation(tiny: Tiny):
    config = tiny()
    g = Generator(config)
    g.mapping.w_mean.normal_()
    z, layout, noise = inputs(config)
    ws = g.ws(z, layout)
    half = g.ws(z, layout, truncation=0.5)
    torch.testing.assert_close(half, (ws + g.mapping.w_mean) / 2)
    same = layout.map(lambda t: t[:1].expand(2, *t.shape[1:]))
    still = tuple(n[:1].expand(2, -1, -1, -1) for n in noise)
    none, all_ = (g.synthesize(g.ws(z, same, truncation=t), same, still).image for t in (0.0, 1.0))
    torch.testing.assert_close(none[0], none[1])
    assert (all_[0] - all_[1]).abs().max() > 0.01


def test_truncation_works_under_autocast(tiny: Tiny):
    config = tiny()
    g = Generator(config)
    z, layout, _ = inputs(config)
    with torch.autocast("cpu", torch.bfloat16):
        assert g.ws(z, layout, truncation=0.7).isfinite().all()


def test_every_w_drives_its_layer(tiny: Tiny):
    """4x4 has one w; a block's ToRGB shares its own with the next block's first layer; the last is ToRGB's."""
    config = tiny()
    g = Generator(config)
    z, layout, _ = inputs(config)
    ws = g.ws(z, layout)
    base = g.synthesize(ws, layout, None)
    firsts = []
    for i in range(config.num_ws):
        changed = ws.clone()
        changed[:, i] += 0.5
        out = g.synthesize(changed, layout, None)
        assert not torch.equal(out.image, base.image)
        firsts.append(
            min((r for r in out.features if not torch.equal(out.features[r], base.features[r])), default=None)
        )
    assert firsts == [4, 8, 8, 16, 16, 32, 32, None]


def sels(g: Generator) -> dict[str, nn.Module]:
    return {name: m for name, m in g.named_modules() if isinstance(m, SELNorm | SELConcat)}


@pytest.mark.parametrize(
    ("changes", "count"),
    [
        ({"encoding": "norm"}, 8),
        ({"encoding": "concat"}, 8),
        ({"encoding": "norm", "encoded_max_resolution": 8}, 5),
        ({"encoding": "norm", "layout": "multi", "encoded_max_resolution": 64}, 14),
        ({"encoding": "none"}, 0),
        ({"encoding": "flatten"}, 0),
        ({"encoding": "multi", "layout": "multi"}, 0),
    ],
)
def test_number_of_encoding_layers(tiny: Tiny, changes: dict, count: int):
    assert len(sels(Generator(tiny(resolution=64, **changes)))) == count


def test_where_encoding_layers_are_and_what_they_read(tiny: Tiny):
    found = sels(Generator(tiny()))
    reads = {name.removesuffix(".sel"): m.shared.weight.shape[1] for name, m in found.items()}
    assert reads == {
        "blocks.0.conv1": 1,
        "blocks.0.to_rgb": 1,
        "blocks.1.conv0": 2,
        "blocks.1.conv1": 2,
        "blocks.1.to_rgb": 2,
        "blocks.2.conv0": 4,
        "blocks.2.conv1": 4,
        "blocks.2.to_rgb": 4,
    }


def test_levels_enter_at_their_resolution(tiny: Tiny):
    """Moving a level-1 centre leaves the 4x4 features alone, a level-2 centre those of 8x8, too."""
    config = tiny()
    g = Generator(config)
    z, layout, _ = inputs(config)
    base = g(z, layout, None).features
    for level in range(3):
        moved = g(z, layout.moved(torch.tensor([0.2, 0.1]), level=level), None).features
        first = min(r for r in moved if not torch.equal(moved[r], base[r]))
        assert first == (4, 8, 16)[level]


def test_level_of():
    assert [level_of(r, 3) for r in (4, 8, 16, 32, 256)] == [0, 1, 2, 2, 2]
    assert [level_of(r, 1) for r in (4, 8, 16, 256)] == [0, 0, 0, 0]


def test_heatmaps_are_rendered_once_a_size(tiny: Tiny):
    config = tiny(layout="multi")
    h = HeatmapInput(config, sample_layout(config, 2, torch.Generator().manual_seed(0)))
    assert h.maps(8, 8) is h.maps(4, 8)
    assert h.maps(8, 8).shape == (2, 3, 8, 8)
    fine = HeatmapInput(replace(config, processing="fine"), h.layout)
    assert fine.maps(8, 4) is fine.maps(16, 16)
    assert fine.maps(8, 4).shape == (2, 3, 32, 32)


@pytest.mark.parametrize(("layout", "num_maps"), [("single", 7), ("multi", 3)])
def test_the_releases_encoder_is_in_every_layer_and_reads_all_levels(tiny: Tiny, layout: str, num_maps: int):
    config = tiny(resolution=64, layout=layout, processing="release", encoded_max_resolution=64)
    g = Generator(config)
    assert g.stem.conv0.weight.shape == (96, num_maps, 3, 3)
    found = sels(g)
    assert len(found) == 14  # 9 convolutions and 5 ToRGB
    assert {tuple(sel.shared.weight.shape) for sel in found.values()} == {(64, 96, 3, 3)}
    z, lay, _ = inputs(config)
    with torch.no_grad():
        base = g(z, lay, None).features
        for level in range(len(lay.levels)):
            moved = g(z, lay.moved(torch.tensor([0.2, 0.1]), level=level, point=0), None).features
            assert not any(torch.equal(moved[r], base[r]) for r in (4, 8, 16, 32, 64))


def test_the_releases_stem_runs_once_at_image_size(tiny: Tiny, monkeypatch: pytest.MonkeyPatch):
    config = tiny(processing="release", encoded_max_resolution=32)
    g = Generator(config)
    seen, forward = [], g.stem.forward
    monkeypatch.setattr(g.stem, "forward", lambda maps: (seen.append(maps), forward(maps))[1])
    z, layout, _ = inputs(config)
    with torch.no_grad():
        g(z, layout, None)
    (maps,) = seen
    assert torch.equal(maps, torch.cat([layout.heatmaps(i, 32) for i in range(3)], dim=1))
    h = HeatmapInput(config, layout, g.stem)
    assert h.maps(4, 4) is h.maps(32, 16) and h.maps(8, 8).shape == (2, 96, 32, 32)


def test_without_the_releases_processing_there_is_no_stem(tiny: Tiny):
    for config in (tiny(), tiny(processing="fine"), tiny(encoding="none", processing="release")):
        g = Generator(config)
        assert g.stem is None and not any(name.startswith("stem") for name in g.state_dict())


def test_rasters_of_the_sizes_that_are_read_make_the_same_picture(tiny: Tiny):
    for processing in ("fine", "release"):
        config = tiny(resolution=64, processing=processing, encoded_max_resolution=64)
        g = Generator(config)
        z, layout, _ = inputs(config)
        levels = [Raster(layout.heatmaps(i, size)) for i, size in enumerate(raster_sizes(config))]
        with torch.no_grad():
            by_pixels = g(z, Layout(tuple(levels), hierarchical=False), None).image
            torch.testing.assert_close(by_pixels, g(z, layout, None).image, rtol=1e-4, atol=1e-5)


def test_flattened_heatmaps(tiny: Tiny):
    config = tiny(encoding="flatten")
    assert flat_sizes(config) == [(1, 4), (2, 8), (4, 16)]
    _, layout, _ = inputs(config)
    flat = HeatmapInput(config, layout).flat()
    assert flat.shape == (2, 16 + 128 + 1024)
    torch.testing.assert_close(flat[:, 16:80], layout.heatmaps(1, 8)[:, 0].flatten(1))
    assert Generator(config).mapping.layers[0].weight.shape == (16, 16 + 1168)


def test_sample_z_and_noise_follow_their_generator(tiny: Tiny):
    config = tiny(layout="multi", encoding="multi")
    a, b, c = (sample_z(config, 2, torch.Generator().manual_seed(s)) for s in (1, 1, 2))
    assert a.shape == (2, 4, 16)
    assert torch.equal(a, b)
    assert not torch.equal(a, c)
    noise = sample_noise(config, 2, torch.Generator().manual_seed(1))
    assert [n.shape for n in noise] == [(2, 1, r, r) for r in (4, 8, 8, 16, 16, 32, 32)]


def test_an_objects_style_acts_where_its_heatmap_is(tiny: Tiny):
    config = tiny(layout="multi", encoding="multi", num_objects=2, resolution=64)
    g = Generator(config)
    z, layout, noise = inputs(config, batch=1)
    level = layout.gaussians(0)
    layout = Layout(
        (replace(level, centers_xy=torch.tensor([[[0.2, 0.5], [0.8, 0.5]]]), stds=torch.full((1, 2, 2), 0.07)),),
        hierarchical=False,
    )
    ws = g.ws(z, layout)
    other = ws.clone()
    other[:, -3:, 0] += torch.randn(16)  # the first object's style in the last layers, with no up-sampling in between
    change = (g.synthesize(other, layout, noise).image - g.synthesize(ws, layout, noise).image).abs().sum(dim=1)[0]
    assert change[:, :26].max() > 1e-3
    # Demodulation is shared by the whole picture, so that a little of it arrives everywhere.
    assert change[28:36, 10:16].mean() > 10 * change[28:36, 48:54].mean()


def test_path_length_gradients(tiny: Tiny, smooth_activations: None, slopes: Callable[..., tuple[float, float]]):
    """Double backward through the whole synthesis, against a finite difference along a random direction."""
    for config in (tiny(), tiny(layout="multi", encoding="multi")):
        g = Generator(config)
        turn_noise_on(g)
        z, layout, noise = inputs(config)
        y = torch.randn(2, 3, 32, 32) / 32
        ws = g.ws(z, layout).detach().requires_grad_()

        def penalty(g=g, ws=ws, layout=layout, noise=noise, y=y) -> Tensor:
            image = g.synthesize(ws, layout, noise).image
            (gradient,) = torch.autograd.grad((image * y).sum(), ws, create_graph=True)
            return gradient.square().sum()

        by_autograd, by_difference = slopes(
            penalty, [p for n, p in g.named_parameters() if not n.startswith("mapping.")]
        )
        assert by_autograd == pytest.approx(by_difference, rel=0.02)


def test_every_parameter_is_trained(tiny: Tiny):
    for config in (
        tiny(),
        tiny(encoding="concat", processing="fine"),
        tiny(processing="release", encoded_max_resolution=32),
        tiny(layout="multi", encoding="multi"),
        tiny(encoding="flatten"),
    ):
        g = Generator(config)
        turn_noise_on(g)
        g(*inputs(config)).image.square().sum().backward()
        assert [n for n, p in g.named_parameters() if p.grad is None or p.grad.abs().max() == 0] == []


def test_gradients_reach_the_layout(tiny: Tiny):
    for config in (
        tiny(),
        tiny(processing="release", encoded_max_resolution=32),
        tiny(layout="multi", encoding="multi"),
    ):
        g = Generator(config)
        z, layout, noise = inputs(config)
        layout = layout.map(lambda t: t.clone().requires_grad_())
        g(z, layout, noise).image.square().sum().backward()
        for level in layout.levels:
            assert (level.centers_xy.grad != 0).all()
            assert (level.stds.grad != 0).all()


def test_bfloat16_stays_close(tiny: Tiny):
    for config in (tiny(), tiny(layout="multi", encoding="multi")):
        g = Generator(config)
        z, layout, noise = inputs(config)
        with torch.no_grad():
            exact = g(z, layout, noise).image
            with torch.autocast("cpu", torch.bfloat16):
                rough = g(z, layout, noise).image
        assert rough.dtype == torch.float32
        assert not torch.equal(rough, exact)
        assert float((rough - exact).norm() / exact.norm()) < 0.05


def test_a_generator_without_noise_inputs_ignores_noise(tiny: Tiny):
    for noise_inputs in (True, False):
        config = tiny(noise_inputs=noise_inputs)
        g = Generator(config)
        turn_noise_on(g)
        z, layout, noise = inputs(config)
        with torch.no_grad():
            same = torch.equal(g(z, layout, noise).image, g(z, layout, None).image)
        assert same is not noise_inputs


def test_constant_noise_takes_the_place_of_any_that_is_given(tiny: Tiny):
    config = tiny(noise="constant")
    g = Generator(config)
    turn_noise_on(g)
    z, layout, noise = inputs(config)
    random = Generator(tiny())
    random.load_state_dict({n: t for n, t in g.state_dict().items() if not n.startswith("noise.")})
    with torch.no_grad():
        drawn = g(z, layout, noise).image
        assert torch.equal(drawn, g(z, layout, tuple(torch.zeros_like(n) for n in noise)).image)
        torch.testing.assert_close(drawn, random(z, layout, g.noise()).image)
        assert torch.equal(g(z, layout, None).image, random(z, layout, None).image)
        assert not torch.allclose(drawn, random(z, layout, noise).image, atol=1e-3)


def test_constant_noise_is_part_of_the_weights_where_there_are_noise_inputs(tiny: Tiny):
    names = {n for n in Generator(tiny(noise="constant")).state_dict() if n.startswith("noise.")}
    assert names == {f"noise.{i}" for i in range(7)}
    assert Generator(tiny(noise="constant", noise_inputs=False)).noise is None


@pytest.mark.parametrize("layout", ["single", "multi"])
def test_pictures_up_to_a_block_are_what_the_later_blocks_add_to(tiny: Tiny, layout: str):
    config = tiny(layout=layout, encoding="multi" if layout == "multi" else "norm")
    g = Generator(config)
    turn_noise_on(g)
    z, lay, noise = inputs(config)
    with torch.no_grad():
        ws = g.ws(z, lay)
        whole = g.synthesize(ws, lay, noise)
        draft = g.synthesize(ws, lay, noise[:5], stop_resolution=16)
        assert torch.equal(g.synthesize(ws, lay, noise, stop_resolution=32).image, whole.image)
        rgb = g.blocks[3].to_rgb
        rgb.weight.zero_(), rgb.bias.zero_()
        assert torch.equal(g.synthesize(ws, lay, noise).image, upsample2(draft.image))
    assert draft.image.shape == (2, 3, 16, 16) and list(draft.features) == [4, 8, 16]


def test_noise_of_coarse_layers_is_the_same_without_the_fine_ones(tiny: Tiny):
    whole, coarse = (sample_noise(tiny(), 2, torch.Generator().manual_seed(1), max_resolution=r) for r in (None, 16))
    assert len(coarse) == 5 and all(torch.equal(a, b) for a, b in zip(coarse, whole, strict=False))
