"""What people see of a model on the Hub: README.md, made from the model's own card, and a sheet of samples."""

from typing import Any

from PIL import Image

from spatialgan.editing.pictures import image_grid, viewing_scale
from spatialgan.editing.rendering import render_scenes
from spatialgan.editing.scene import Scene
from spatialgan.hub.fetching import SAMPLES
from spatialgan.model import Model

TAGS = ["spatialgan", "gan", "stylegan2", "image-editing", "unconditional-image-generation"]
NUM_SAMPLES, COLUMNS = 16, 4
UNTITLED = ("data_fingerprint", "license")  # fields of a card that are not for reading, or stand elsewhere
PROJECT = "SpatialGAN (Improving the Spatial Steerability of GANs, TPAMI 2024), in an independent implementation"


def sample_sheet(model: Model) -> Image.Image:
    """The pictures of the seeds 0 to 15."""
    images = render_scenes([Scene.sample(model, seed) for seed in range(NUM_SAMPLES)], batch=4)
    size = model.config.model.resolution
    return image_grid(images, COLUMNS, scale=min(viewing_scale((size, size)), 256 / size))


def model_page(model: Model, repo_id: str, *, license: str | None = None) -> str:
    """README.md with the fields that the Hub reads in front.

    Args:
        model: whose page.
        repo_id: ``owner/name``, where it will be.
        license: an identifier that the Hub knows; None: the card's ``license``, else ``other``.
    """
    from huggingface_hub import ModelCardData

    stated = model.card.get("license")
    data = ModelCardData(
        license=license or (stated if isinstance(stated, str) else "other"),
        library_name="spatialgan",
        pipeline_tag="unconditional-image-generation",
        tags=TAGS,
    )
    title = repo_id.split("/")[1]
    return f"""---
{data.to_yaml()}
---

# {title}

![Pictures of the seeds 0 to {NUM_SAMPLES - 1}]({SAMPLES})

{_summary(model)}

## Use

```sh
pip install 'spatialgan[hub]'
spatialgan studio --model hf://{repo_id}
```

```python
from spatialgan import SpatialGAN

scene = SpatialGAN.from_pretrained("hf://{repo_id}").sample(seed=0)
{_example(model)}.image.save("edited.png")
```

## About this model

{_facts(model)}
"""


def _summary(model: Model) -> str:
    m = model.config.model
    colour = "grey" if m.image_channels == 1 else "colour"
    if m.encoding == "none":
        steered = "It reads no heatmaps: styles can be mixed, and points dragged"
    elif m.layout == "single":
        steered = "Its subject is steered by heatmaps: move, resize and remove it, or parts of it"
    else:
        edits = "resize, remove and restyle" if m.encoding == "multi" else "resize and remove"
        steered = f"Its objects are steered by heatmaps: move, {edits} each"
    attention = (
        "" if model.discriminator is None else " The discriminator, whose attention can be looked at, is beside it."
    )
    return (
        f"A generator of {colour} pictures of {m.resolution}x{m.resolution} pixels. {steered}. {PROJECT}.{attention} "
        "The weights are safetensors; nothing in them is run."
    )


def _example(model: Model) -> str:
    return "scene.with_new_styles(1)" if model.config.model.encoding == "none" else "scene.move(0, dx=0.2)"


def _facts(model: Model) -> str:
    """The card's fields that are words or numbers, one a line."""
    m = model.config.model
    facts: dict[str, Any] = {"layout": m.layout, "encoding": m.encoding, "weights (SHA-256)": model.weights_hash}
    facts |= {k: v for k, v in model.card.items() if isinstance(v, str | int | float) and k not in UNTITLED}
    lines = [f"- **{_title(key)}**: {' '.join(str(v).split())}" for key, v in facts.items()]
    return "\n".join(lines)


def _title(key: str) -> str:
    return " ".join(f"{key[:1].upper()}{key[1:]}".replace("_", " ").split())
