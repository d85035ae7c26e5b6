"""``POST /api/v1/render``: pictures without a session."""

import asyncio
import io
import zipfile
from typing import Annotated, Any, Literal, Self

from fastapi import APIRouter, Request, Response
from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from spatialgan.errors import SpatialGANError
from spatialgan.studio.live import Studio
from spatialgan.studio.schemas import ERRORS, Body, EditList, Seed, Truncation, binary, change_of
from spatialgan.studio.stateless import FORMATS, encode, scene_after, sized
from spatialgan.studio.visits import visitor_name

MAX_PICTURES = 64
ZIPPED_AT = (1980, 1, 1, 0, 0, 0)  # equal requests are answered with equal files


class Recipe(Body):
    """One picture: a model and a seed, or a saved scene; then edits."""

    model: Annotated[str, Field(max_length=1000)] | None = Field(default=None, description="Or else give a scene.")
    seed: Seed = 0
    layout_seed: Seed | None = None
    scene: dict[str, Any] | None = Field(
        default=None, description=("A saved scene: the content of a .scene.json file. Or else give a model.")
    )
    truncation: Truncation | None = Field(default=None, description="null: 1, or the scene's.")
    edits: EditList = Field(default=[])

    @model_validator(mode="after")
    def _one_start(self) -> Self:
        if (self.model is None) == (self.scene is None):
            raise PydanticCustomError("start", "give either a model or a scene")
        if self.scene is not None and self.model_fields_set & {"seed", "layout_seed"}:
            raise PydanticCustomError("start", "a scene has its own seeds; give a model to draw from seeds")
        return self


class Output(Body):
    """What pictures are written as."""

    format: Literal["png", "webp", "jpeg"] = "png"
    quality: Annotated[int, Field(strict=True, ge=1, le=100, description="Of WebP and JPEG.")] = 90
    scale: Annotated[float, Field(strict=True, gt=0, le=64, allow_inf_nan=False)] = 1.0


class Render(Recipe, Output):
    """A picture, and what it is written as."""


class Batch(Output):
    """Pictures, and what they are written as."""

    pictures: Annotated[list[Recipe], Field(min_length=1, max_length=MAX_PICTURES)]


router = APIRouter(prefix="/api/v1", responses=ERRORS, tags=["pictures without a session"])


@router.post("/render", response_class=Response, responses=binary(*FORMATS.values()))
async def render(request: Request, body: Render) -> Response:
    """Draw a picture; nothing is kept. Equal requests are answered with equal pictures."""
    data = await _draw(request, body, body)
    return Response(data, media_type=FORMATS[body.format], headers={"cache-control": "no-store"})


@router.post("/render/batch", response_class=Response, responses=binary("application/zip"))
async def render_batch(request: Request, body: Batch) -> Response:
    """Draw many pictures: a ZIP of 0000.png, 0001.png, and so on, in the order of the request."""
    request.app.state.rate.charge(visitor_name(request.scope), len(body.pictures) - 1)  # the request itself was counted
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        for i, recipe in enumerate(body.pictures):
            if await request.is_disconnected():
                return Response(status_code=499)
            try:
                data = await _draw(request, recipe, body)
            except SpatialGANError as e:
                raise SpatialGANError(f"pictures.{i}: {e}") from None
            file.writestr(zipfile.ZipInfo(f"{i:04}.{body.format}", ZIPPED_AT), data)
    return Response(archive.getvalue(), media_type="application/zip", headers={"cache-control": "no-store"})


async def _draw(request: Request, recipe: Recipe, output: Output) -> bytes:
    """One turn of the worker, which visitors take one after the other, and the encoding beside it."""
    studio: Studio = request.app.state.studio
    change = change_of(recipe.edits, recipe.truncation)

    def job() -> Any:
        start = recipe.model if recipe.scene is None else recipe.scene
        assert start is not None  # the recipe has one of them
        return scene_after(studio.models, start, change, seed=recipe.seed, layout_seed=recipe.layout_seed).image

    turn = ("render", visitor_name(request.scope))
    image = await asyncio.wrap_future(studio.worker.submit(turn, job))
    return await asyncio.to_thread(lambda: encode(sized(image, output.scale), output.format, output.quality))
