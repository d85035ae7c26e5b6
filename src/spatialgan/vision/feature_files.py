"""Feature networks of one's own, from a TorchScript or an ONNX file.

Both take pictures ``(B, 3, H, W)`` with values 0..255 at whatever size the generator draws, and give features
``(B, F)``: resizing and normalising is the network's own business, so that one file has one meaning.
"""

from pathlib import Path

import torch
from torch import Tensor

from spatialgan.errors import SpatialGANError
from spatialgan.files import file_hash, require_file
from spatialgan.vision.features import rgb

OWN_RESIZE = "the network's own"


class TorchScriptFeatures:
    """A file that ``torch.jit.save`` wrote, as a :class:`FeatureExtractor`: uint8 ``(B, 3, H, W)`` => ``(B, F)``.

    Raises:
        SpatialGANError: the file cannot be read, or is no TorchScript.
    """

    resize = OWN_RESIZE

    def __init__(self, path: Path | str, *, device: torch.device | str = "cpu"):
        self._path = Path(path)
        require_file(self._path)
        self.device = torch.device(device)
        try:
            self._network = torch.jit.load(self._path, map_location=self.device).eval()
        except (RuntimeError, ValueError) as e:
            raise SpatialGANError(
                f"{path} is no TorchScript; write it with torch.jit.trace and save ({_first_line(e)})"
            ) from None
        self.name = self._path.name
        self.weights_hash = file_hash(self._path)

    @torch.no_grad()
    def __call__(self, images: Tensor) -> Tensor:
        """uint8 pictures ``(B, 3, H, W)``, or grey ``(B, 1, H, W)``, => float32 ``(B, F)``, on the CPU."""
        try:
            features = self._network(rgb(images).to(self.device))
        except RuntimeError as e:
            raise SpatialGANError(
                f"{self._path} fails on uint8 pictures {tuple(images.shape)}: {_last_line(e)}"
            ) from None
        return _checked(features, len(images), self._path)


class OnnxFeatures:
    """An ONNX file as a :class:`FeatureExtractor`, run by onnxruntime: uint8 or float32 ``(B, 3, H, W)``, whichever
    its input says, 0..255 => its first output ``(B, F)``.

    Raises:
        SpatialGANError: onnxruntime is not installed, the file cannot be read, or its input is another.
    """

    resize = OWN_RESIZE

    def __init__(self, path: Path | str, *, device: torch.device | str = "cpu"):
        self._path = Path(path)
        require_file(self._path)
        try:
            import onnxruntime
        except ImportError:
            raise SpatialGANError(
                "ONNX files are run by onnxruntime, which is not installed; run: pip install 'spatialgan[eval-onnx]'"
            ) from None
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        on_gpu = (
            torch.device(device).type == "cuda" and "CUDAExecutionProvider" in onnxruntime.get_available_providers()
        )
        providers = [*(["CUDAExecutionProvider"] if on_gpu else []), "CPUExecutionProvider"]
        try:
            self._session = onnxruntime.InferenceSession(str(path), options, providers=providers)
        except Exception as e:  # onnxruntime's errors share no base class of their own
            raise SpatialGANError(f"{path} is no ONNX that onnxruntime can run: {_first_line(e)}") from None
        inputs = self._session.get_inputs()
        dtypes = {"tensor(uint8)": torch.uint8, "tensor(float)": torch.float32}
        if len(inputs) != 1 or inputs[0].type not in dtypes or len(inputs[0].shape) != 4:
            found = ", ".join(f"{i.name} {i.type} {i.shape}" for i in inputs)
            raise SpatialGANError(
                f"{path} takes {found}; a feature network takes one batch of pictures (B, 3, H, W), uint8 or float"
            )
        self._input, self._dtype = inputs[0].name, dtypes[inputs[0].type]
        if isinstance(inputs[0].shape[0], int):
            raise SpatialGANError(
                f"{path} takes {inputs[0].shape[0]} pictures at a time and no other number; export it with a dynamic "
                "batch axis"
            )
        self.name = self._path.name
        self.weights_hash = file_hash(self._path)

    def __call__(self, images: Tensor) -> Tensor:
        """uint8 pictures ``(B, 3, H, W)``, or grey ``(B, 1, H, W)``, => float32 ``(B, F)``, on the CPU."""
        batch = rgb(images).cpu().to(self._dtype).contiguous().numpy()
        try:
            features = self._session.run(None, {self._input: batch})[0]
        except Exception as e:  # as above
            raise SpatialGANError(
                f"{self._path} fails on {self._dtype} pictures {tuple(batch.shape)}: {_first_line(e)}"
            ) from None
        return _checked(torch.from_numpy(features), len(images), self._path)


def _checked(features: object, count: int, path: Path) -> Tensor:
    if not isinstance(features, Tensor) or features.dim() != 2 or len(features) != count:
        got = tuple(features.shape) if isinstance(features, Tensor) else type(features).__name__
        raise SpatialGANError(f"{path} gives {got} for {count} pictures; a feature network gives a tensor ({count}, F)")
    return features.float().cpu()


def _first_line(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


def _last_line(error: Exception) -> str:
    """TorchScript puts the cause below its traceback."""
    return (str(error).strip().splitlines() or [type(error).__name__])[-1]
