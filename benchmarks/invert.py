"""How well photographs are inverted, and whether they can be edited after that: pictures that training never saw.

    python benchmarks/invert.py --model cats-64 --data cats.zip --photos 10
    python benchmarks/invert.py --model runs/floors64 --data floors128.zip --segmenter floors --photos 10

Each photograph is inverted as ``spatialgan invert --tune 200`` does it. Then every handle of level 0 is moved by v and
by -v, and what it held is looked for in both pictures, by a detector of faces or, with --segmenter, by objects' masks
and features. The response is (m . v/|v|) / |2v| of its movement m from one to the other: 1 follows exactly, 0 not at
all. Random pictures of the same model are edited and judged alike, as what there is to be reached.

Writes docs/results/invert/NAME.json and NAME.png, a row a photograph: it, the nearest random picture, the codes, the
tuned, and edits of the tuned: moved to the left and to the right, larger by a fifth, in
other colours. The first of the held-out photographs are taken, not chosen ones.
"""

import argparse
import json
import platform
import statistics
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from spatialgan.api import SpatialGAN
from spatialgan.coords import centroid_xy
from spatialgan.data.images import ImageDataset, to_uint8
from spatialgan.editing.inversion import InvertOptions, invert
from spatialgan.editing.pictures import image_grid, save_png, to_image
from spatialgan.editing.scene import Scene
from spatialgan.evaluation.comove import nearest, object_at
from spatialgan.evaluation.response import hwc_uint8
from spatialgan.evaluation.result_file import command_line, result_record, write_result
from spatialgan.segmenter.segmentation import PanopticSegmenter
from spatialgan.threads import threads_for
from spatialgan.vision.detector import CatFaceDetector

RESULTS = Path(__file__).resolve().parents[1] / "docs/results/invert"
DISTANCE = 0.1  # |v|, in image widths
FIRST_SEED = 5000  # no seed that training's grids show
SHEET_SCALE = 2
STAGES = ("nearest", "codes", "tuned")


Place = Callable[[Scene, int, Sequence[Scene]], list[float | None]]
"""Where what a handle holds in a first picture is in each of others: x in 0..1, None where it is not found."""


def face_places() -> Place:
    detector = CatFaceDetector()

    def places(before: Scene, point: int, after: Sequence[Scene]) -> list[float | None]:
        found = [detector(hwc_uint8(scene.tensor[None])[0]) for scene in after]
        return [None if place is None else place[0] for place in found]

    return places


def object_places(name: str) -> Place:
    segmenter = PanopticSegmenter(name)

    def places(before: Scene, point: int, after: Sequence[Scene]) -> list[float | None]:
        first, *others = segmenter(to_uint8(torch.stack([scene.tensor for scene in (before, *after)])))
        subject = object_at(first, before.layout.level_centers(0)[point])
        matches = [None if subject is None else nearest(subject, instances) for instances in others]
        return [None if m is None else float(centroid_xy(m.mask.double())[0]) for m in matches]

    return places


def moved(scene: Scene, point: int, dx: float) -> Scene:
    return scene.move(0, dx=dx, point=point if scene.model.config.model.layout == "multi" else None)


def responses(scene: Scene, places: Place) -> list[float | None]:
    """Of every handle of level 0 that has room to both sides; None where what it holds was not found in both."""
    found = []
    for point, (x, _) in enumerate(scene.layout.level_centers(0).tolist()):
        if DISTANCE <= x <= 1 - DISTANCE:
            left, right = places(scene, point, [moved(scene, point, dx) for dx in (-DISTANCE, DISTANCE)])
            found.append(None if left is None or right is None else (right - left) / (2 * DISTANCE))
    return found


def edits(scene: Scene) -> list[Scene]:
    """For the sheet."""
    point = 0 if scene.model.config.model.layout == "multi" else None
    last = scene.model.config.model.num_ws - 1
    return [
        moved(scene, 0, -DISTANCE),
        moved(scene, 0, DISTANCE),
        scene.resize(0, 1.2, point=point),
        scene.mix_styles(FIRST_SEED, last // 2, last, amount=0.4),
    ]


def summary(values: Sequence[float | None]) -> dict[str, Any]:
    """Mean and how many there are of those that were found."""
    found = [v for v in values if v is not None]
    return {"mean": statistics.fmean(found) if found else None, "found": len(found), "of": len(values)}


def table(result: dict[str, Any]) -> str:
    """As Markdown, a row a step."""
    lines = ["| step | PSNR dB | perceptual distance | of a random picture's | seconds | response |", "|---" * 6 + "|"]
    for stage in STAGES:
        s = result["stages"][stage]
        response = "" if s["response"]["mean"] is None else f"{s['response']['mean']:.2f}"
        numbers = f"{s['psnr_db']:.1f} | {s['perceptual']:.3f} | {s['share']:.0%} | {s['seconds']:.0f}"
        lines.append(f"| {stage} | {numbers} | {response} |")
    own = result["random pictures"]["response"]["mean"]
    return "\n".join([*lines, f"| random pictures | | | 100 % | | {'' if own is None else f'{own:.2f}'} |"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--data", type=Path, required=True, help="what the model was trained on")
    parser.add_argument("--segmenter", help="find objects, by this bundled segmenter")
    parser.add_argument("--photos", type=int, default=10)
    parser.add_argument("--candidates", type=int, default=1000)
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--tune", type=int, default=200)
    parser.add_argument("--name", help="of the result; by default the model's")
    args = parser.parse_args()

    model = SpatialGAN.from_pretrained(args.model)
    torch.set_num_threads(threads_for(model.config.model, batch=4))
    data, size = model.config.data, model.config.model.resolution
    held_out = ImageDataset.open(args.data, resolution=size, fit=data.fit, holdout=data.holdout, split="test")
    places = face_places() if args.segmenter is None else object_places(args.segmenter)
    options = InvertOptions(args.candidates, steps=args.steps, tune_steps=args.tune)

    photos = held_out.batch(range(args.photos))
    found: dict[str, list[dict[str, Any]]] = {stage: [] for stage in STAGES}
    sheet = []
    for i in range(args.photos):
        photo = photos[i]
        inversion = invert(model, photo, options=options, name=f"held-out picture {i}")
        seconds = {"nearest": ("search",), "codes": ("one code", "a code a layer"), "tuned": ("tuning",)}
        for stage in STAGES:
            fit = getattr(inversion, stage)
            took = sum(inversion.seconds[part] for part in seconds[stage])
            found[stage].append({**asdict(fit.likeness), "seconds": took, "responses": responses(fit.scene, places)})
        fits = [inversion.nearest.scene, inversion.codes.scene, inversion.scene]
        sheet += [to_image(inversion.photo), *(s.image for s in [*fits, *edits(inversion.scene)])]
        print(i, *(f"{s} {found[s][-1]['psnr_db']:.1f} dB {found[s][-1]['share']:.0%}" for s in STAGES), flush=True)

    own = [r for seed in range(FIRST_SEED, FIRST_SEED + args.photos) for r in responses(model.sample(seed), places)]
    result = {
        "distance": DISTANCE,
        "processor": platform.processor() or platform.machine(),
        "stages": {
            stage: {
                **{k: statistics.fmean(f[k] for f in fits) for k in ("psnr_db", "perceptual", "share", "seconds")},
                "response": summary([r for f in fits for r in f["responses"]]),
            }
            for stage, fits in found.items()
        },
        "random pictures": {"response": summary(own)},
        "photographs": found,
    }
    name = args.name or model.name
    RESULTS.mkdir(parents=True, exist_ok=True)
    record = result_record("invert benchmark", json.loads(json.dumps(result)), model, num_samples=args.photos, seed=0)
    command = command_line(sys.argv).replace("spatialgan", "python benchmarks/invert.py", 1)
    write_result(RESULTS / f"{name}.json", record | {"command": command})
    save_png(image_grid(sheet, columns=len(sheet) // args.photos, scale=SHEET_SCALE), RESULTS / f"{name}.png")
    print(table(result))


if __name__ == "__main__":
    main()
