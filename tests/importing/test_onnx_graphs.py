"""ONNX graphs: onnxruntime draws with them what PyTorch draws."""

import json
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from spatialgan.api import SpatialGAN
from spatialgan.errors import SpatialGANError
from spatialgan.importing import onnx_graphs
from spatialgan.importing.writing import export_model
from spatialgan.layout import Layout
from spatialgan.seeds import layout_of, style_of

sys.path.append(str(Path(__file__).parents[1] / "editing"))
from tiny_models import make_model

CONFIGS = {
    "plain": {"encoding": "none", "noise": "constant"},
    "multi": {"encoding": "multi", "layout": "multi", "coordinates_max_resolution": 16, "noise_inputs": False},
    "flatten": {"encoding": "flatten", "noise_inputs": False},
    "release": {"encoding": "norm", "processing": "release", "sampling": "release"},
}


@pytest.fixture(scope="module", params=CONFIGS)
def exported(request, tmp_path_factory):
    """A model, and the folder that its graphs are in."""
    model = make_model(**CONFIGS[request.param])
    model.generator.mapping.w_mean.normal_(generator=torch.Generator().manual_seed(2))
    if request.param == "release":  # as cats-64 has it: what its first SEL normalises has no variance
        model.generator.blocks[0].const.data[:] = model.generator.blocks[0].const.mean(dim=(1, 2), keepdim=True)
    folder = tmp_path_factory.mktemp(request.param)
    notes = export_model(model, folder / "a.onnx", "onnx")
    assert bool(notes) == (request.param == "release")
    assert sorted(p.name for p in folder.iterdir()) == ["a.mapping.onnx", "a.onnx", "a.onnx.json"]
    return model, folder


def run(path: Path, **inputs: object) -> np.ndarray:
    return onnxruntime.InferenceSession(path).run(None, {k: np.asarray(v, np.float32) for k, v in inputs.items()})[0]


def drawn(model: SpatialGAN, ws: torch.Tensor, layout: Layout, share: float) -> np.ndarray:
    """By PyTorch, with noise of that share."""
    noise = onnx_graphs.exported_noise(model.generator)
    layers = tuple(layer.expand(len(ws), -1, -1, -1) * share for layer in noise.buffers())
    own, model.generator.noise = model.generator.noise, None
    try:
        with torch.no_grad():
            return model.generator.synthesize(ws, layout, layers).image.numpy()
    finally:
        model.generator.noise = own


def places(layout: Layout) -> dict[str, torch.Tensor]:
    return {
        "centers_xy": layout.centers,
        "stds": layout.stds,
        "angles": torch.cat([layout.gaussians(i).angles for i in range(len(layout.levels))], dim=-1),
    }


def assert_same(ours: np.ndarray, theirs: np.ndarray) -> None:
    assert ours.shape == theirs.shape and np.abs(ours - theirs).max() <= 1e-4 * np.abs(theirs).max()


@pytest.mark.parametrize("batch", [1, 4])
def test_any_batch_of_edited_layouts_is_drawn_as_by_pytorch(exported, batch):
    model, folder = exported
    config, seeds = model.config.model, range(5, 5 + batch)
    z = torch.stack([style_of(config, seed) for seed in seeds])
    layout = Layout.stack([layout_of(config, seed) for seed in seeds])
    given = {}
    if layout.kind != "none":
        layout = layout.moved((0.2, -0.1)).resized((1.5, 0.6)).rotated(0.5)
        given = places(layout)
    in_w = given if config.encoding == "flatten" else {}
    with torch.no_grad():
        wanted_ws = model.generator.ws(z, layout, truncation=0.6)
    ws = run(folder / "a.mapping.onnx", z=z, truncation=[0.6], **in_w)
    assert_same(ws, wanted_ws.numpy())

    for share in (0.0, 0.5, 1.0) if config.noise_inputs else (0.0,):
        noise = {"noise": [share]} if config.noise_inputs else {}
        image = run(folder / "a.onnx", ws=wanted_ws, **noise, **({} if in_w else given))
        assert_same(image, drawn(model, wanted_ws, layout, share))
        if share == 1.0 and model.generator.noise is not None:
            assert_same(image, model.generate(z, layout, tuple(model.generator.noise()), truncation=0.6).numpy())


def test_the_description_names_what_the_graphs_take_and_starts_a_picture(exported):
    model, folder = exported
    config = model.config.model
    said = json.loads((folder / "a.onnx.json").read_text())
    for part in ("mapping", "synthesis"):
        graph = onnxruntime.InferenceSession(folder / said[part]["file"])
        for ports, stored in ((said[part]["inputs"], graph.get_inputs()), (said[part]["outputs"], graph.get_outputs())):
            assert [p["name"] for p in ports] == [s.name for s in stored]
            for port, s in zip(ports, stored, strict=True):
                assert len(port["shape"]) == len(s.shape) and s.type == "tensor(float)"
                assert all(
                    isinstance(b, str) if a == "batch" else a == b for a, b in zip(port["shape"], s.shape, strict=True)
                )
    assert len(said["w_mean"]) == config.w_dim and len(said["ws_resolutions"]) == config.num_ws
    assert len(said["styles"]) == config.num_styles
    layout = layout_of(config, 0)
    assert [len(level) for level in said["levels"]] == list(layout.counts) and said["carries"] == layout.hierarchical
    if layout.kind != "none":
        assert torch.equal(torch.tensor(said["example"]["centers_xy"]), layout.centers)
        assert torch.equal(torch.tensor(said["example"]["stds"]), layout.stds)


def test_graphs_are_of_standard_operators_and_know_nothing_of_this_computer(exported):
    _, folder = exported
    for path in folder.glob("*.onnx"):
        graph = onnx.load(path)
        assert {(o.domain, o.version) for o in graph.opset_import} == {("", onnx_graphs.OPSET)} and not graph.functions
        assert not any(place in path.read_bytes() for place in (b"site-packages", b"spatialgan", b"Traceback"))


def test_a_graph_that_draws_something_else_is_not_written(tmp_path, monkeypatch):
    monkeypatch.setattr(onnx_graphs, "TOLERANCE", -1.0)
    with pytest.raises(SpatialGANError, match=r"differ from the model's by .*; nothing was written"):
        export_model(make_model(encoding="none"), tmp_path / "a.onnx", "onnx")
    assert not list(tmp_path.iterdir())


def test_heatmaps_of_noise_have_no_graph(tmp_path):
    with pytest.raises(SpatialGANError, match="sampling=noise"):
        export_model(make_model(sampling="noise"), tmp_path / "a.onnx", "onnx")


def test_another_ending_is_refused(tmp_path):
    with pytest.raises(SpatialGANError, match=r"give a name that ends in \.onnx"):
        export_model(make_model(encoding="none"), tmp_path / "a.pt", "onnx")


@pytest.mark.parametrize("missing", [("onnxscript",), ("onnx", "onnxruntime")])
def test_without_a_package_the_sentence_names_the_extra(missing, tmp_path, monkeypatch):
    for package in missing:
        monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(SpatialGANError, match=rf"needs {' and '.join(missing)}, .*spatialgan\[onnx\]"):
        export_model(make_model(encoding="none"), tmp_path / "a.onnx", "onnx")
