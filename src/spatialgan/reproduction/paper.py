"""The paper's Tables I and III to V: its numbers, and the run of a budget that each row is to be compared with.

Table II, of drags, is in :mod:`spatialgan.evaluation.drag_table`.
"""

from dataclasses import dataclass
from typing import Literal

Measure = Literal["quality", "comove", "drag", "cost"]
"""What is measured of a run: FID or another Fréchet distance, the Co-move ratio, drags, seconds."""


@dataclass(frozen=True)
class Row:
    name: str
    run: str
    """Of a budget's recipe."""
    values: tuple[float | None, ...]
    """The paper's, by column; None where it has none."""


@dataclass(frozen=True)
class PaperTable:
    number: str
    title: str
    measures: tuple[Measure, ...]
    columns: tuple[str, ...]
    """The paper's data sets."""
    rows: tuple[Row, ...]


ALL = ("Bedroom", "Cat", "FFHQ", "Church")
SINGLE = ALL[1:]
PAPER_TABLES = {
    1: PaperTable(
        "I",
        "Co-move ratio",
        ("comove",),
        ("Bedroom",),
        (
            Row("StyleGAN2", "stylegan2", (None,)),
            Row("conference (EqGAN-SA)", "eqgan-sa", (0.32,)),
            Row("+ multi-object sampling", "multi-sampling", (0.41,)),
            Row("+ SEL_multi", "sel-multi", (0.62,)),
            Row("+ L_multi (SpatialGAN)", "spatialgan", (0.69,)),
        ),
    ),
    3: PaperTable(
        "III",
        "FID, and what a picture costs",
        ("quality", "cost"),
        ALL,
        (
            Row("StyleGAN2", "stylegan2", (4.27, 8.36, 3.66, 3.73)),
            Row("EqGAN-SA", "eqgan-sa", (2.95, 6.81, 2.96, 3.11)),
            Row("SpatialGAN", "spatialgan", (2.72, 6.57, 2.91, 2.86)),
        ),
    ),
    4: PaperTable(
        "IV",
        "FID by how heatmaps are sampled",
        ("quality",),
        SINGLE,
        (
            Row("StyleGAN2", "stylegan2", (8.36, 3.66, 3.73)),
            Row("Gaussian noise", "noise", (8.33, 3.67, 3.69)),
            Row("non-hierarchical", "independent", (7.03, 3.29, 3.20)),
            Row("hierarchical (SpatialGAN)", "spatialgan", (6.57, 2.91, 2.86)),
        ),
    ),
    5: PaperTable(
        "V",
        "FID by how heatmaps are encoded",
        ("quality",),
        SINGLE,
        (
            Row("StyleGAN2", "stylegan2", (8.36, 3.66, 3.73)),
            Row("flattened", "flatten", (8.52, 3.75, 3.79)),
            Row("SEL_concat", "concat", (6.73, 3.02, 2.93)),
            Row("SEL_norm (SpatialGAN)", "spatialgan", (6.57, 2.91, 2.86)),
        ),
    ),
}
DRAGGED, DRAG_BASELINE, DRAG_COLUMN = "spatialgan", "stylegan2", "Cat"  # Table II
WITHOUT_HANDLES = "stylegan2"  # the run whose Co-move ratio there is none of
