"""``--features`` and ``--weights``: which network's features pictures are compared in."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from spatialgan.errors import SpatialGANError

if TYPE_CHECKING:
    import torch

    from spatialgan.vision.features import FeatureExtractor

TORCHSCRIPT_ENDINGS = (".pt", ".pth", ".ts", ".torchscript")
FeaturesOption = Annotated[
    str,
    typer.Option(
        "--features",
        metavar="lite2|inception|PATH",
        help="The feature network: EfficientNet-Lite2; Inception, see --weights; or a file of yours, TorchScript (.pt) "
        "or .onnx, that takes pictures (B, 3, H, W) of 0..255.",
    ),
]
WeightsOption = Annotated[
    Path | None,
    typer.Option(
        "--weights",
        metavar="F.pth",
        help="Inception's weights, as torch-fidelity publishes them. Without it they are looked for by their own name "
        "in the working folder and where torch-fidelity keeps them.",
        show_default=False,
    ),
]


def open_features(features: str, weights: Path | None, device: "torch.device") -> "FeatureExtractor":
    """The feature network that the two options name; raises SpatialGANError where it cannot be had."""
    from spatialgan.files import user_path

    if weights is not None and features != "inception":
        raise SpatialGANError(f"--weights are of --features inception, and it is {features}; leave one out")
    if features == "lite2":
        from spatialgan.vision.features import EfficientNetLite2Features

        return EfficientNetLite2Features(device)
    if features == "inception":
        from spatialgan.vision.inception import InceptionFeatures

        return InceptionFeatures(None if weights is None else user_path(weights), device=device)
    from spatialgan.vision.feature_files import OnnxFeatures, TorchScriptFeatures

    path = user_path(features)
    if path.suffix.lower() == ".onnx":
        return OnnxFeatures(path, device=device)
    if path.suffix.lower() in TORCHSCRIPT_ENDINGS:
        return TorchScriptFeatures(path, device=device)
    raise SpatialGANError(
        f"--features {features}: give lite2, inception, or a file that ends in .onnx or "
        f"{' or '.join(TORCHSCRIPT_ENDINGS)}"
    )
