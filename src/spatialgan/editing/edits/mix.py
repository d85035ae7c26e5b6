"""Mixing the styles of two pictures, layer by layer."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from spatialgan.editing.arguments import seed_number
from spatialgan.editing.edits.edit import Edit
from spatialgan.editing.edits.fields import SEED, SHARE, Kind, value
from spatialgan.errors import SpatialGANError

if TYPE_CHECKING:
    from spatialgan.editing.scene import Scene

LAYER = Kind(seed_number, int, int, {"ge": 0, "le": 10_000})  # which of them there are, the scene knows


@dataclass(frozen=True, kw_only=True)
class MixStyles(Edit):
    """Give some layers the styles of another picture's seed (Karras et al., 2019): coarse ones decide pose and shape,
    fine ones colours and texture. An amount below 1 goes so far on the straight way in w.

    What drags did to those layers gives way to as much. The truncation is the picture's at that time; another one later
    no longer changes what is mixed in.
    """

    name = "mix_styles"
    label = "Mix styles"
    option = "mix-styles"
    forms = ("SEED:FIRST,LAST", "SEED:FIRST,LAST,AMOUNT")
    example = "7:0,3 or --mix-styles 7:4,9,0.5"
    help = "Take the layers FIRST to LAST, 0 the coarsest, from another seed's styles; with ,AMOUNT (0 to 1) in part."

    seed: int = value(SEED, "Of the other picture.")
    first: int = value(LAYER, "First layer; 0 is the coarsest.")
    last: int = value(LAYER, "Last layer, itself included.")
    amount: float = value(SHARE, "1 takes the other styles alone.", default=1.0)

    def changes(self, scene: "Scene") -> dict[str, Any]:
        from spatialgan.seeds import style_of

        top = scene.config.num_ws - 1
        if not self.first <= self.last <= top:
            raise SpatialGANError(
                f"{scene.model.name} has layers 0 to {top}, and no layers {self.first} to {self.last}"
            )
        other = scene.ws(style_of(scene.config, self.seed))
        offset = scene.w_offset_or_zeros.clone()
        layers = slice(self.first, self.last + 1)
        offset[layers] = offset[layers].lerp((other - scene.ws())[layers], self.amount)
        return {"w_offset": offset}
