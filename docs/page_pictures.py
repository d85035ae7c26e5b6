"""Pictures of the bundled models and of the studio, for the documents; minutes, and Chromium."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from page_grids import attention_grid, move_grid
from result_files import FLOORS, MODEL, ROOT

STEER_SEEDS = (3, 6)
SAMPLE_SEEDS = range(24)
SHEET_SEEDS = range(40)
FLOOR_SEEDS = (2, 7, 29)
FIGURES = ("3", "5", "9", "10", "12", "13", "14", "impulse")  # of the paper, in docs/figures.md
FIGURE_WIDTH_PX = 800
STUDIO_SHOTS = {"studio-drag": (MODEL, "6"), "studio-gif": (FLOORS, "2")}


def make_images() -> None:
    """``steer.png``: the level-0 centre moved; ``samples.png`` and ``floors.png``: random pictures, not chosen."""
    from spatialgan import SpatialGAN
    from spatialgan.editing.pictures import image_grid, save_png
    from spatialgan.editing.rendering import render_scenes

    model = SpatialGAN.from_pretrained(MODEL)
    images = ROOT / "docs/images"
    save_png(move_grid(model, STEER_SEEDS, steps=7, mark_center=True), images / "steer.png", scale=0.5)
    pictures = render_scenes([model.sample(seed) for seed in SAMPLE_SEEDS])
    save_png(image_grid(pictures, columns=8, scale=2), images / "samples.png")
    save_png(attention_grid(model, (0, 1, 2, 3)), images / "attention.png", scale=0.5)
    floors = SpatialGAN.from_pretrained(FLOORS)
    pictures = render_scenes([floors.sample(seed) for seed in SAMPLE_SEEDS])
    save_png(image_grid(pictures, columns=8, scale=2), images / "floors.png")
    for each in (model, floors):
        # As JPEG: there is little but grain to lose, and PNGs would be of 2 MB.
        contact_sheet(each).save(images / f"sheet-{each.name}.jpg", quality=90)
    save_png(image_grid(render_scenes(floor_edits(floors)), columns=8, scale=2), images / "floor-edits.png")


def take_figures(folder: Path) -> None:
    """The paper's figures and their numbers, as ``spatialgan figures --out folder`` has made them; pictures smaller."""
    from PIL import Image

    for name in (f"figure-{number}" for number in FIGURES):
        picture = Image.open(folder / f"{name}.png").convert("RGB")
        picture.thumbnail((FIGURE_WIDTH_PX, 10 * FIGURE_WIDTH_PX))
        picture.save(ROOT / f"docs/images/figures/{name}.jpg", quality=88)
        shutil.copy(folder / f"{name}.json", ROOT / "docs/results/figures")


def make_screenshots() -> None:
    """The studio, in Chromium."""
    script = [sys.executable, ROOT / "docs/screenshots.py", "--out", ROOT / "docs/images"]
    for name, (model, seed) in STUDIO_SHOTS.items():
        subprocess.run([*script, "--model", model, "--seed", seed, "--only", name], check=True)


def contact_sheet(model: Any) -> Any:
    """Forty seeds in rows of four, not chosen: each as it was, then edits."""
    from spatialgan.editing.pictures import image_grid
    from spatialgan.editing.rendering import render_scenes

    scenes = []
    for seed in SHEET_SEEDS:
        scene = model.sample(seed)
        x, y = (float(c) for c in scene.layout.centers[0])
        dx, dy = (0.2 if c < 0.5 else -0.2 for c in (x, y))
        if model.config.model.layout == "multi":
            edits = [
                scene.move(0, dx=dx),
                scene.remove(0),
                scene.restyle(0, seed=7),
                scene.duplicate(0, dx=1.75 * dx, dy=0.0),
            ]
        else:
            edits = [scene.move(0, dx=dx), scene.move(0, dy=dy), scene.resize(0, 0.8), scene.with_new_styles(7)]
        scenes += [scene, *edits]
    return image_grid(render_scenes(scenes), columns=20, scale=1)


def floor_edits(model: Any) -> list[Any]:
    """Scenes: each floor as it was, each thing moved, 1 removed, 2 restyled, another background, all styles new."""
    scenes = []
    for seed in FLOOR_SEEDS:
        scene = model.sample(seed)
        inwards = [0.2 if float(x) < 0.5 else -0.2 for x, _ in scene.layout.centers]
        scenes += [
            scene,
            *(scene.move(thing, dx=dx) for thing, dx in enumerate(inwards)),
            scene.remove(1),
            scene.restyle(2, seed=7),
            scene.restyle("background", seed=5),
            scene.with_new_styles(11),
        ]
    return scenes
