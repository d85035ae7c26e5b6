"""Generators as ONNX graphs, for programs without PyTorch: one from z to w, one from w and a layout to the picture.

Both take any batch. Beside them lies a JSON file that says what goes in and comes out.
"""

import copy
import json
import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from spatialgan.config import ModelConfig
from spatialgan.errors import SpatialGANError
from spatialgan.files import require_ending, write_atomically
from spatialgan.heatmaps import MIN_STD
from spatialgan.layout import Layout
from spatialgan.levels import Gaussians
from spatialgan.model import Model
from spatialgan.networks.generator import ConstantNoise, Generator, sample_noise
from spatialgan.seeds import layout_of, style_of
from spatialgan.streams import random_stream

if TYPE_CHECKING:
    import onnx

PACKAGES = ("onnx", "onnxscript", "onnxruntime")
OPSET = 18
FORMAT_VERSION = 1
TOLERANCE = 1e-4  # of the largest value, between PyTorch and onnxruntime
NUM_CHECKED = 3  # pictures of the check; graphs are traced with two
GRAPH, MAPPING, DESCRIPTION = ".onnx", ".mapping.onnx", ".onnx.json"


@dataclass(frozen=True)
class Port:
    """An input or an output of a graph, in float32."""

    name: str
    shape: tuple[str | int, ...]
    """``batch`` is any number of pictures."""
    meaning: str


class MappingGraph(nn.Module):
    """z, truncation, and with ``encoding=flatten`` the layout -> ws (B, num_ws, S, w_dim)."""

    def __init__(self, generator: Generator, counts: tuple[int, ...]):
        super().__init__()
        self.generator, self.counts = generator, counts

    def forward(self, *inputs: Tensor) -> Tensor:
        z, truncation, *places = inputs
        ws = self.generator.ws(z, joined_levels(places, self.counts))
        return self.generator.mapping.means().lerp(ws, truncation)


class SynthesisGraph(nn.Module):
    """ws, and where the model has them the layout and noise's share -> image (B, C, R, R)."""

    def __init__(self, generator: Generator, counts: tuple[int, ...]):
        super().__init__()
        self.noise = exported_noise(generator) if generator.config.noise_inputs else None
        # Without its own noise, which it would take in place of the one that is scaled here.
        self.generator = copy.deepcopy(generator)
        self.generator.noise = None
        self.counts, self.flat = counts, generator.config.encoding == "flatten"

    def forward(self, *inputs: Tensor) -> Tensor:
        ws, *places = inputs
        noise = None
        if self.noise is not None:
            share = places.pop()
            noise = tuple(layer * share for layer in self.noise())
        layout = joined_levels(places, self.counts)
        if self.flat:  # the heatmaps are in w already; none of this one is read
            layout = Layout((Gaussians(ws.new_zeros(1, 1, 2), ws.new_ones(1, 1, 2), ws.new_zeros(1, 1)),))
        return self.generator.synthesize(ws, layout, noise).image


def joined_levels(places: Sequence[Tensor], counts: tuple[int, ...]) -> Layout:
    """The layout of centres (B, K, 2), all absolute, standard deviations (B, K, 2) and angles (B, K) of all levels,
    which have so many each; of nothing, the empty one."""
    if not places:
        return Layout()
    return Layout(tuple(map(Gaussians, *(p.split(counts, dim=1) for p in places))))


def exported_noise(generator: Generator) -> ConstantNoise:
    """Constant noise: the generator's own, or where it has none, one that is drawn here, always the same."""
    if generator.noise is not None:
        return generator.noise
    noise = ConstantNoise(generator.config)
    drawn = sample_noise(generator.config, 1, random_stream(0, "exported noise"))
    for buffer, layer in zip(noise.buffers(), drawn, strict=True):
        buffer.copy_(layer)
    return noise.requires_grad_(False)


def require_packages() -> None:
    """Raise SpatialGANError where a package that writing and checking graphs needs is not installed."""
    missing = [p for p in PACKAGES if not _is_installed(p)]
    if missing:
        raise SpatialGANError(
            f"--to onnx needs {' and '.join(missing)}, which {'is' if len(missing) == 1 else 'are'} not installed; "
            "run: pip install 'spatialgan[onnx]'"
        )


def _is_installed(package: str) -> bool:
    try:
        return find_spec(package) is not None
    except ValueError:  # it is shut out
        return False


def export_onnx(model: Model, out: Path) -> list[Path]:
    """Write ``NAME.onnx``, ``NAME.mapping.onnx`` and ``NAME.onnx.json``, once onnxruntime draws with them as PyTorch
    does.

    Raises:
        SpatialGANError: the name ends in something else, a package is missing, or the model's layouts have no centres.
    """
    require_ending(out, GRAPH, "graphs")
    require_packages()
    config = model.config.model
    examples = example_inputs(model, NUM_CHECKED)
    counts = layout_of(config, 0).counts
    generator = copy.deepcopy(model.generator).cpu().float().eval()
    graphs = {
        MAPPING: (MappingGraph(generator, counts), mapping_ports(config), "ws"),
        GRAPH: (SynthesisGraph(generator, counts), synthesis_ports(config), "image"),
    }
    made = {}
    for ending, (module, ports, output) in graphs.items():
        inputs = tuple(examples[p.name] for p in ports)
        made[ending] = _graph(module.eval(), ports, inputs, output)
        with torch.no_grad():
            wanted = module(*inputs)
        _check(made[ending], ports, inputs, wanted)
        examples[output] = wanted
    paths = {ending: out.with_suffix(ending) for ending in (GRAPH, MAPPING, DESCRIPTION)}
    for ending, proto in made.items():
        content = proto.SerializeToString()
        write_atomically(paths[ending], lambda p, content=content: p.write_bytes(content))
    text = json.dumps(description(model, out), indent=1) + "\n"
    write_atomically(paths[DESCRIPTION], lambda p: p.write_text(text))
    return list(paths.values())


def layout_ports(config: ModelConfig) -> list[Port]:
    """Raises SpatialGANError where layouts have no centres."""
    layout = layout_of(config, 0)
    if layout.kind == "none":
        return []
    if not layout.has_centers:
        raise SpatialGANError(
            f"the model's heatmaps are noise (sampling={config.sampling}), without centres that a graph could take"
        )
    k = sum(layout.counts)
    return [
        Port("centers_xy", ("batch", k, 2), "centres, x to the right and y down, in 0..1; beyond is outside"),
        Port("stds", ("batch", k, 2), f"standard deviations in picture widths; {MIN_STD} or less draws nothing"),
        Port("angles", ("batch", k), "clockwise turn of the ellipses, in radians"),
    ]


def mapping_ports(config: ModelConfig) -> list[Port]:
    places = layout_ports(config)
    return [
        Port("z", ("batch", config.num_styles, config.z_dim), "latent codes, standard normal"),
        Port("truncation", (1,), "1 for none, towards 0 for more typical pictures"),
        *(places if config.encoding == "flatten" else []),
    ]


def synthesis_ports(config: ModelConfig) -> list[Port]:
    places = layout_ports(config)
    return [
        Port("ws", _ws_shape(config), "w of each layer, coarse to fine: what the mapping graph gives, or a mixture"),
        *([] if config.encoding == "flatten" else places),
        *([Port("noise", (1,), "0 switches the layers' noise off, 1 is as trained")] if config.noise_inputs else []),
    ]


def _ws_shape(config: ModelConfig) -> tuple[str | int, ...]:
    return ("batch", config.num_ws, config.num_styles, config.w_dim)


def example_inputs(model: Model, batch: int) -> dict[str, Tensor]:
    """What both graphs take, but ws, of the seeds 0, 1, ..., each a batch."""
    config = model.config.model
    layout = Layout.stack([layout_of(config, seed) for seed in range(batch)])
    found = {
        "z": torch.stack([style_of(config, seed) for seed in range(batch)]),
        "truncation": torch.tensor([0.7]),
        "noise": torch.tensor([0.5]),
    }
    if layout.has_centers:
        angles = torch.cat([layout.gaussians(i).angles for i in range(len(layout.levels))], dim=-1)
        found |= {"centers_xy": layout.centers, "stds": layout.stds * torch.tensor([1.0, 0.7]), "angles": angles + 0.3}
    return found


def _graph(module: nn.Module, ports: list[Port], inputs: tuple[Tensor, ...], output: str) -> "onnx.ModelProto":
    from onnxscript import optimizer

    batch = torch.export.Dim("batch")
    dynamic = [{0: batch} if p.shape[0] == "batch" else {} for p in ports]
    traced = tuple(t[:2] if d else t for t, d in zip(inputs, dynamic, strict=True))
    with torch.no_grad(), _quiet():
        module(*traced)  # filters that are kept from call to call are made here, and not from tracers
        program = torch.export.export(module, traced, dynamic_shapes=(tuple(dynamic),), strict=False)
        names = [p.name for p in ports]
        # Its whole optimizer would take an addition of 1e-8 for one of nothing; this is the part that only computes.
        made = torch.onnx.export(
            program,
            dynamo=True,
            input_names=names,
            output_names=[output],
            opset_version=OPSET,
            optimize=False,
            verbose=False,
        )
    assert made is not None
    optimizer.fold_constants(made.model)
    optimizer.remove_unused_nodes(made.model)
    proto = made.model_proto
    for part in (*proto.graph.node, *proto.graph.value_info, *proto.graph.initializer, *proto.graph.input, proto.graph):
        del part.metadata_props[:]  # where in this program, and on this computer, each node comes from
    return proto


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the exporter's remarks on what it does not need."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def _check(proto: "onnx.ModelProto", ports: list[Port], inputs: tuple[Tensor, ...], wanted: Tensor) -> None:
    """Raise SpatialGANError where onnxruntime finds other numbers than PyTorch, for a batch or for one picture."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])
    for count in (len(wanted), 1):
        fed = {p.name: (t[:count] if p.shape[0] == "batch" else t) for p, t in zip(ports, inputs, strict=True)}
        found = torch.from_numpy(session.run(None, {name: t.numpy() for name, t in fed.items()})[0])
        error = float((found - wanted[:count]).abs().max() / wanted.abs().max())
        if not error <= TOLERANCE:
            raise SpatialGANError(
                f"the graph's pictures differ from the model's by {error:.1g} of the largest value, where {TOLERANCE} "
                "is allowed; nothing was written; try another version of onnxscript"
            )


def description(model: Model, out: Path) -> dict[str, Any]:
    """What lies beside the graphs, as JSON values."""
    config = model.config.model
    layout, first = layout_of(config, 0), 0
    levels = []
    for count in layout.counts:
        levels.append(list(range(first, first + count)))
        first += count
    example = {"centers_xy": layout.centers.tolist(), "stds": layout.stds.tolist()} if layout.has_centers else {}

    def graph(ending: str, inputs: list[Port], output: Port) -> dict[str, Any]:
        return {
            "file": out.with_suffix(ending).name,
            "inputs": [asdict(p) for p in inputs],
            "outputs": [asdict(output)],
        }

    shape = ("batch", config.image_channels, config.resolution, config.resolution)
    return {
        "format_version": FORMAT_VERSION,
        "model": model.name,
        "weights_sha256": model.weights_hash,
        "mapping": graph(MAPPING, mapping_ports(config), Port("ws", _ws_shape(config), "w of each layer")),
        "synthesis": graph(GRAPH, synthesis_ports(config), Port("image", shape, "about -1..1")),
        "layout": layout.kind,
        "levels": levels,
        "carries": layout.hierarchical,
        "styles": [
            *(f"object {i}" for i in range(config.num_styles - 1)),
            "background" if config.num_styles > 1 else "picture",
        ],
        "ws_resolutions": [4] + [r for r in config.block_resolutions[1:] for _ in range(2)] + [config.resolution],
        "example": example,
        "w_mean": model.generator.mapping.w_mean.tolist(),
    }
