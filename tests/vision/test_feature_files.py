"""Feature networks from files: both formats give what the same network gives here."""

import sys
from collections.abc import Callable
from pathlib import Path

import onnx
import pytest
import torch
from onnx import TensorProto, helper

from spatialgan.errors import SpatialGANError
from spatialgan.files import file_hash
from spatialgan.vision.feature_files import OnnxFeatures, TorchScriptFeatures

Shape = tuple[str | int, ...]


class Means(torch.nn.Module):
    """Mean colours, of pictures of any size."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images.float().mean(dim=(2, 3)) / 255


class OfEight(torch.nn.Module):
    """Features of pictures of 8 pixels only."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images.float().flatten(1) @ torch.ones(3 * 8 * 8, 4)


class Maps(torch.nn.Module):
    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images.float()


def torchscript(folder: Path, network: torch.nn.Module) -> Path:
    path = folder / "features.pt"
    torch.jit.trace(network, torch.zeros(2, 3, 8, 8, dtype=torch.uint8)).save(path)
    return path


def onnx_file(folder: Path, *, dtype: int = TensorProto.UINT8, shape: Shape = ("b", 3, "h", "w")) -> Path:
    """As :class:`Means`, in a handful of ONNX operations."""
    nodes = [
        helper.make_node("Cast", ["images"], ["numbers"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["numbers", "axes"], ["means"], keepdims=0),
        helper.make_node("Div", ["means", "white"], ["features"]),
    ]
    constants = [
        helper.make_tensor("axes", TensorProto.INT64, [2], [2, 3]),
        helper.make_tensor("white", TensorProto.FLOAT, [], [255.0]),
    ]
    graph = helper.make_graph(
        nodes,
        "means",
        [helper.make_tensor_value_info("images", dtype, shape)],
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ("b", 3))],
        constants,
    )
    path = folder / "features.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8), path)
    return path


@pytest.fixture
def images(rng: torch.Generator) -> torch.Tensor:
    return torch.randint(0, 256, (5, 3, 16, 12), generator=rng, dtype=torch.uint8)


def test_torchscript(tmp_path: Path, images: torch.Tensor) -> None:
    path = torchscript(tmp_path, Means())
    extractor = TorchScriptFeatures(path)
    assert torch.allclose(extractor(images), Means()(images)) and extractor(images[:, :1]).shape == (5, 3)
    assert (extractor.name, extractor.weights_hash) == ("features.pt", file_hash(path))


@pytest.mark.parametrize("dtype", [TensorProto.UINT8, TensorProto.FLOAT])
def test_onnx(tmp_path: Path, images: torch.Tensor, dtype: int) -> None:
    path = onnx_file(tmp_path, dtype=dtype)
    extractor = OnnxFeatures(path)
    assert torch.allclose(extractor(images), Means()(images)) and extractor(images[:1]).shape == (1, 3)
    assert (extractor.name, extractor.weights_hash) == ("features.onnx", file_hash(path))


def test_networks_that_give_no_features_are_refused(tmp_path: Path, images: torch.Tensor) -> None:
    with pytest.raises(SpatialGANError, match=r"features\.pt gives \(5, 3, 16, 12\) for 5 pictures"):
        TorchScriptFeatures(torchscript(tmp_path, Maps()))(images)
    with pytest.raises(SpatialGANError, match=r"features\.pt fails on uint8 .*: .*cannot be multiplied"):
        TorchScriptFeatures(torchscript(tmp_path, OfEight()))(images)
    with pytest.raises(SpatialGANError, match=r"features\.onnx fails on .*\(5, 3, 16, 12\)"):
        OnnxFeatures(onnx_file(tmp_path, shape=("b", 3, 8, 8)))(images)


def test_onnx_of_other_inputs_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SpatialGANError, match="takes 1 pictures at a time"):
        OnnxFeatures(onnx_file(tmp_path, shape=(1, 3, "h", "w")))
    with pytest.raises(SpatialGANError, match=r"takes images tensor\(int32\) .*uint8 or float"):
        OnnxFeatures(onnx_file(tmp_path, dtype=TensorProto.INT32))


@pytest.mark.parametrize("read", [TorchScriptFeatures, OnnxFeatures])
def test_files_of_something_else_are_refused(tmp_path: Path, read: Callable[[Path], object]) -> None:
    path = tmp_path / "features"
    with pytest.raises(SpatialGANError, match="features is not readable"):
        read(path)
    path.write_bytes(b"something else")
    with pytest.raises(SpatialGANError, match=r"features is no (TorchScript|ONNX)"):
        read(path)
    torch.save({"a": torch.zeros(1)}, path)  # weights without a network
    with pytest.raises(SpatialGANError, match=r"features is no (TorchScript|ONNX)"):
        read(path)


def test_without_onnxruntime_the_message_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = onnx_file(tmp_path)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(SpatialGANError, match=r"spatialgan\[eval-onnx\]"):
        OnnxFeatures(path)
