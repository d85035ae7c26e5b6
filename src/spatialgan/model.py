"""Models: a trained generator with its configuration, its files, and the pictures it makes."""

import copy
import hashlib
import json
from collections.abc import Callable, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, Self, TypeVar, cast
from weakref import WeakValueDictionary

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from spatialgan.attention import attention_of
from spatialgan.config import AttentionForm, AttentionSign, RunConfig
from spatialgan.devices import choose_device, move_to
from spatialgan.errors import SpatialGANError
from spatialgan.files import file_hash, read_json, require_file, user_path, write_atomically
from spatialgan.inputs import Inputs
from spatialgan.layout import Layout
from spatialgan.networks.digest import weights_digest
from spatialgan.networks.discriminators import Discriminator, make_discriminator
from spatialgan.networks.generator import Generator, GeneratorOutput
from spatialgan.networks.tuning import Tuning, tuned
from spatialgan.sealed import UNREADABLE
from spatialgan.settings import from_dict, to_dict, upgraded

Network = TypeVar("Network", bound=nn.Module)
FORMAT_VERSION = 3
OPENS_FIRST = "floors-64"  # of what is bundled: there, every handle is a thing
CARD_HASH = "card_sha256"
FIELDS = ("format_version", CARD_HASH, "weights_sha256", "discriminator_sha256", "config", "card")
STORED_DTYPES = (torch.float16, torch.bfloat16, torch.float32, torch.float64)  # that weights may be stored in
WEIGHTS, DISCRIMINATOR, CARD = ".safetensors", ".discriminator.safetensors", ".json"


class Model:
    """A generator, its configuration, and where there is one the discriminator that it was trained against."""

    def __init__(
        self,
        config: RunConfig,
        generator: Generator,
        discriminator: Discriminator | None = None,
        *,
        name: str = "unnamed",
        weights_hash: str = "",
        card: dict[str, Any] | None = None,
    ):
        self.config = config
        self.generator = generator.eval().requires_grad_(False)
        self.discriminator = None if discriminator is None else discriminator.eval().requires_grad_(False)
        self.name = name
        self.weights_hash = weights_hash
        self.card = card or {}
        self.tuning: Tuning | None = None
        """What was added to the generator's weights for one photograph; of no effect on ``weights_hash``."""
        self._untuned: Model | None = None
        # For as long as a scene is drawn with them: scenes of one photograph share their model.
        self._tuned: WeakValueDictionary[str, Model] = WeakValueDictionary()

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_tuned"}  # which cannot be pickled

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _tuned=WeakValueDictionary())

    def __repr__(self) -> str:
        m = self.config.model
        return (
            f"{type(self).__name__}({self.name}, {m.resolution}x{m.resolution}, layout={m.layout}, "
            f"encoding={m.encoding}, on {self.device})"
        )

    @property
    def device(self) -> torch.device:
        return self.generator.mapping.w_mean.device

    @classmethod
    def load(cls, path: Path, *, device: str | torch.device = "auto") -> Self:
        """Load a generator's file, and what lies beside it.

        Args:
            path: ``NAME.safetensors``.
            device: ``auto`` takes a CUDA GPU, else Apple's, else the CPU.

        Raises:
            SpatialGANError: files that do not fit; the message names what differs.
        """
        config, card = read_card(path.with_suffix(CARD))
        generator = load_network(lambda: Generator(config.model), path)
        discriminator = None
        second = path.with_suffix(DISCRIMINATOR)
        if second.exists():
            discriminator = load_network(lambda: make_discriminator(config.model, pretrained=False), second)
        weights_hash = check_hashes(path)
        model = cls(config, generator, discriminator, name=path.stem, weights_hash=weights_hash, card=card)
        return model.to(device)

    def to(self, device: str | torch.device) -> Self:
        """Move the networks, in place."""
        device = choose_device(device)
        for network in (self.generator, self.discriminator):
            if network is not None:
                move_to(network, device)
        return self

    def tuned(self, tuning: Tuning) -> Self:
        """The same model with a generator of its own, tuned for one photograph (``networks/tuning.py``); for equal
        tunings one and the same. Of a tuned model, the one that it was tuned from.

        Raises SpatialGANError where the tuning is another model's.
        """
        base = self._untuned or self
        model = base._tuned.get(tuning.digest)
        if model is None or model.device != base.device:  # it may have been moved
            model = copy.copy(base)
            model._untuned = base
            model.generator, model.tuning = tuned(base.generator, tuning), tuning
            model.weights_hash = base.weights_hash or weights_digest(base.generator)
            base._tuned[tuning.digest] = model
        return cast(Self, model)

    def save(self, path: str | Path, *, card: dict[str, Any] | None = None, dtype: torch.dtype = torch.float16) -> Path:
        """Write ``PATH.safetensors``, ``PATH.json`` and, where there is one, ``PATH.discriminator.safetensors``.

        Args:
            path: with or without the ending ``.safetensors``.
            card: where the model comes from (data, images shown, terms); added to the JSON.
            dtype: of the stored weights.
        """
        return save_model(
            path, self.config, self.generator, self.discriminator, card=self.card if card is None else card, dtype=dtype
        )

    @torch.no_grad()
    def generate(
        self,
        z: Tensor,
        layout: Layout,
        noise: tuple[Tensor, ...] | None = None,
        *,
        truncation: float = 1.0,
        w_offset: Tensor | None = None,
    ) -> Tensor:
        """Pictures of a batch, ``(B, C, R, R)``, about -1..1.

        Args:
            z: (B, S, z_dim), from :func:`spatialgan.networks.generator.sample_z`.
            layout: a batch of B layouts; empty for a plain StyleGAN2.
            noise: from :func:`spatialgan.networks.generator.sample_noise`; None for none.
            truncation: 1 for none, towards 0 for more typical and more alike pictures.
            w_offset: (B, num_ws, S, w_dim), added to w after truncation.
        """
        return self.draw(Inputs(z, layout, noise, truncation, w_offset)).image

    @torch.no_grad()
    def draw(self, inputs: Inputs) -> GeneratorOutput:
        """Pictures ``(B, C, R, R)``, about -1..1, and the features that leave each of the generator's blocks."""
        return self.generator.synthesize(inputs.ws(self.generator), inputs.layout, inputs.noise)

    def attention(
        self,
        images: Tensor,
        size: int | None = None,
        *,
        discriminator: Discriminator | None = None,
        form: AttentionForm | None = None,
        sign: AttentionSign | None = None,
    ) -> Tensor:
        """D's attention on ``(B, C, R, R)`` pictures: ``(B, 3, size, size)`` for levels 0, 1, 2, in 0..1.

        Args:
            images: -1..1.
            size: of the maps, in pixels; None: the model's resolution.
            discriminator: another than the model's own.
            form: see :func:`gradcam`; None: what the model was trained with.
            sign: see :func:`attention_maps`; None: what the model was trained with.

        Raises:
            SpatialGANError: the model came without its discriminator.
        """
        loss = self.config.loss
        return attention_of(
            discriminator or self.require_discriminator(),
            images,
            size or self.config.model.resolution,
            form=form or loss.attention,
            sign=sign or loss.attention_sign,
        )

    def require_discriminator(self) -> Discriminator:
        """The model's discriminator; raises SpatialGANError where it came without one."""
        if self.discriminator is None:
            raise SpatialGANError(
                f"the model {self.name} has no {self.name}{DISCRIMINATOR} beside it, "
                "and attention is the discriminator's"
            )
        return self.discriminator


def bundled_models() -> dict[str, Path]:
    """Models that come with the package: name -> weights; the first is what the studio opens."""
    zoo = Path(str(files("spatialgan"))) / "zoo"
    paths = sorted(zoo.glob(f"*{WEIGHTS}"), key=lambda p: (p.stem != OPENS_FIRST, p.stem))
    return {p.stem: p for p in paths if p.with_suffix(CARD).exists()}


def read_card(path: Path) -> tuple[RunConfig, dict[str, Any]]:
    """The configuration and the model card in a model's JSON file.

    Raises:
        SpatialGANError: it is missing, of another version, or not as it was saved; the message names it.
    """
    if not path.exists():
        raise SpatialGANError(f"{path} is missing; it must lie beside the weights")
    data = read_json(path)
    version = data.get("format_version") if isinstance(data, dict) else None
    if type(version) is not int or not 1 <= version <= FORMAT_VERSION:
        raise SpatialGANError(
            f"{path}: format_version is {version!s:.40}; this version of spatialgan reads 1 to {FORMAT_VERSION}"
        )
    unknown = sorted(set(data) - set(FIELDS))
    if unknown:
        raise SpatialGANError(f"{path} has no field {', '.join(unknown)[:80]}; it has: {', '.join(FIELDS)}")
    card = data.get("card", {})
    if not isinstance(card, dict):
        raise SpatialGANError(f"{path}: card must be a JSON object, not {type(card).__name__}")
    try:
        values = data.get("config", {})
        config = from_dict(RunConfig, upgraded(values))
    except SpatialGANError as e:
        raise SpatialGANError(f"{path}: {e}") from None
    if data.get(CARD_HASH, _card_hash(data)) != _card_hash(data):
        raise SpatialGANError(
            f"{path} does not hold what was saved ({CARD_HASH}); copy it anew from where it comes "
            f"from, or, if you changed it yourself, take {CARD_HASH} out"
        )
    return config, card


def add_to_card(path: Path, fields: dict[str, Any]) -> None:
    """Write more into the card of a model's JSON file; its weights and its configuration stay as they are.

    Raises:
        SpatialGANError: as :func:`read_card`.
    """
    _, card = read_card(path)
    _write_card(path, {**read_json(path), "card": {**card, **fields}})


def _write_card(path: Path, data: dict[str, Any]) -> None:
    data = json.loads(json.dumps(data))  # as it will be read: there, keys are texts, and are sorted as such
    data = {CARD_HASH: _card_hash(data), **{name: value for name, value in data.items() if name != CARD_HASH}}
    write_atomically(path, lambda p: p.write_text(json.dumps(data, indent=1) + "\n"))


def _card_hash(data: dict[str, Any]) -> str:
    """SHA-256 of a card's values but its own hash, in hex."""
    values = {name: value for name, value in data.items() if name != CARD_HASH}
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def check_hashes(weights: Path) -> str:
    """The hash of a generator's file; raises SpatialGANError where its card names another one, or another one of the
    discriminator's file beside it. Older cards may name none."""
    card = weights.with_suffix(CARD)
    named = read_json(card)
    fields = {"weights_sha256": weights, "discriminator_sha256": weights.with_suffix(DISCRIMINATOR)}
    found = {field: file_hash(path) for field, path in fields.items() if path.exists()}
    for field, value in found.items():
        if named.get(field, value) != value:
            raise SpatialGANError(
                f"{fields[field]} is not the file that {card.name} describes ({field}); copy both "
                "anew from where they come from"
            )
    return found["weights_sha256"]


def save_model(
    path: str | Path,
    config: RunConfig,
    generator: Generator,
    discriminator: Discriminator | None,
    *,
    card: dict[str, Any],
    dtype: torch.dtype = torch.float16,
) -> Path:
    """What :meth:`Model.save` does, for networks that are still being trained."""
    path = user_path(path)
    path = path if path.name.endswith(WEIGHTS) else path.with_name(path.name + WEIGHTS)
    save_weights(generator, path, dtype)
    if discriminator is not None:
        save_weights(discriminator, path.with_suffix(DISCRIMINATOR), dtype)
    else:
        path.with_suffix(DISCRIMINATOR).unlink(missing_ok=True)  # another model's would be taken for this one's
    second = {} if discriminator is None else {"discriminator_sha256": file_hash(path.with_suffix(DISCRIMINATOR))}
    data = {
        "format_version": FORMAT_VERSION,
        "weights_sha256": file_hash(path),
        **second,
        "config": to_dict(config),
        "card": card,
    }
    _write_card(path.with_suffix(CARD), data)
    return path


def load_network(make: Callable[[], Network], path: Path) -> Network:
    """The network that ``make`` makes, with the weights of a safetensors file.

    It is built only once the file has been seen to fit: a card may ask for more than any memory has. Raises as
    :func:`load_weights`.
    """
    with torch.device("meta"):  # shapes without numbers
        wanted = make().float().state_dict()
    stored = _read_weights(path, wanted)
    network = make().float()  # whatever torch's default is in the program that this is used in
    network.load_state_dict(stored)
    return network


def load_weights(network: nn.Module, path: Path, *, free: Sequence[str] = ()) -> None:
    """Copy a safetensors file into a network; every tensor must be there, with its shape.

    Tensors whose names contain one of ``free`` need not be on both sides: the network's own stay as they are.

    Raises:
        SpatialGANError: the file is not readable, or not of that network; the message names it.
    """
    network.load_state_dict(_read_weights(path, network.state_dict(), free=free))


def _in_todays_shape(name: str, tensor: Tensor) -> Tensor:
    """A tensor of a file of format 1 or 2, in which the constant could be one value for all pixels, and what a layer
    makes of object coordinates was a convolution."""
    if name == "blocks.0.const" and tensor.shape[1:] == (1, 1):
        return tensor.expand(-1, 4, 4).contiguous()
    if name.endswith(".place.weight") and tensor.dim() == 4:
        return tensor[:, :, 0, 0].T.contiguous()
    return tensor


def _read_weights(path: Path, wanted: dict[str, Tensor], *, free: Sequence[str] = ()) -> dict[str, Tensor]:
    require_file(path)
    try:
        stored = load_file(path)
    except UNREADABLE as e:
        raise SpatialGANError(f"{path} is not readable as safetensors: {e}") from None
    own = {n: t for n, t in wanted.items() if any(part in n for part in free)}
    stored = own | {n: t for n, t in stored.items() if n in wanted or not any(part in n for part in free)}
    stored = {n: _in_todays_shape(n, t) for n, t in stored.items()}
    problems = [f"{n} is missing" for n in wanted if n not in stored]
    problems += [f"{n} is not part of the model" for n in stored if n not in wanted]
    both = [(n, stored[n], t) for n, t in wanted.items() if n in stored]
    problems += [
        f"{n} has shape {tuple(t.shape)} instead of {tuple(w.shape)}" for n, t, w in both if t.shape != w.shape
    ]
    problems += [
        f"{n} is of {t.dtype} instead of {w.dtype}"
        for n, t, w in both
        if t.dtype != w.dtype and not (t.dtype in STORED_DTYPES and w.dtype in STORED_DTYPES)
    ]
    if not problems:
        stored = {n: t.to(w.dtype) for n, t, w in both}
        problems = [f"{n} holds numbers that are not finite" for n, t in stored.items() if not t.isfinite().all()]
    if problems:
        more = f" and {len(problems) - 3} more" if len(problems) > 3 else ""
        raise SpatialGANError(f"{path} does not fit its configuration: {'; '.join(problems[:3])}{more}")
    return stored


def save_weights(network: nn.Module, path: Path, dtype: torch.dtype) -> None:
    tensors = {
        n: t.detach().cpu().contiguous().to(dtype if t.is_floating_point() else t.dtype)
        for n, t in network.state_dict().items()
    }
    write_atomically(path, lambda p: save_file(tensors, p))
