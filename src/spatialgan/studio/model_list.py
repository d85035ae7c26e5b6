"""The models that a studio offers: those named at its start, and no others."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spatialgan.api import SpatialGAN, find_weights
from spatialgan.config import ModelConfig
from spatialgan.errors import SpatialGANError
from spatialgan.files import file_hash
from spatialgan.model import CARD, DISCRIMINATOR, Model, bundled_models, read_card


@dataclass(frozen=True)
class Offer:
    """What is known of a model before it is loaded."""

    name: str
    """As the user typed it: it is also what commands need."""
    path: Path
    weights_hash: str
    config: ModelConfig
    has_attention: bool

    def to_json(self) -> dict[str, Any]:
        """What the page needs to know."""
        return {
            "name": self.name,
            "kind": self.config.layout,
            "resolution": self.config.resolution,
            "num_layers": self.config.num_ws,
            "editable": self.config.encoding != "none",
            "object_styles": self.config.encoding == "multi",
            "object_coordinates": self.config.coordinates_max_resolution > 0,
            "attention": self.has_attention,
        }


class Models:
    """Models by name, loaded when they are first asked for, and kept. Belongs to the worker's thread once loaded."""

    def __init__(self, sources: Sequence[str] = (), *, device: str = "auto"):
        """Look the models up.

        Args:
            sources: bundled names and paths; none takes all bundled models.
            device: for all of them.

        Raises:
            SpatialGANError: one of them is no model, or there is none at all.
        """
        offers = [_offer(source) for source in dict.fromkeys(sources or bundled_models())]
        if not offers:
            raise SpatialGANError(
                "no models are bundled with this installation; give --model a folder or a .safetensors file"
            )
        self.offers = {offer.name: offer for offer in offers}
        self._device = device
        self._loaded: dict[str, SpatialGAN] = {}

    def load(self, name: str) -> SpatialGAN:
        """A model by its name; raises SpatialGANError for any that was not named at the start."""
        if name not in self.offers:
            raise SpatialGANError(f"there is no model {name!r} in this studio; it has {', '.join(self.offers)}")
        if name not in self._loaded:
            model = SpatialGAN.load(self.offers[name].path, device=self._device)
            if model.weights_hash != self.offers[name].weights_hash:
                raise SpatialGANError(f"the file of {name} was replaced after the studio had started; start it again")
            self._loaded[name] = model
        return self._loaded[name]

    def name_of(self, model: Model) -> str:
        """Under which name a loaded model is offered, or the one that it was tuned from."""
        same = (model.weights_hash, model.config.model)  # models without weights for heatmaps may share the rest
        return next(name for name, offer in self.offers.items() if (offer.weights_hash, offer.config) == same)

    def for_scene(self, data: Any) -> SpatialGAN:
        """The model that a scene's JSON was made with; raises SpatialGANError where it is not among ours."""
        try:
            made_with, weights = str(data["model"]["name"]), str(data["model"]["weights_sha256"])
        except (KeyError, TypeError):
            raise SpatialGANError("this is not a scene: it does not say which model it was made with") from None
        for offer in self.offers.values():
            if offer.weights_hash == weights:
                return self.load(offer.name)
        raise SpatialGANError(
            f"the scene was made with the model {made_with[:80]} (weights {weights[:12]}), which "
            f"this studio does not have; it has {', '.join(self.offers)}"
        )


def _offer(source: str) -> Offer:
    path = find_weights(source)
    config, _ = read_card(path.with_suffix(CARD))
    return Offer(str(source), path, file_hash(path), config.model, path.with_suffix(DISCRIMINATOR).exists())
