"""The HTTP API, version 1: all that the page does, for scripts as well. OpenAPI at ``/api/v1/openapi.json``."""

import asyncio
import base64
import json
import shlex
import tempfile
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, FastAPI, Query, Request, Response, WebSocket
from fastapi import Path as PathParameter
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from spatialgan import __version__
from spatialgan.editing.command import command_line
from spatialgan.editing.pictures import save_gif, to_png
from spatialgan.editing.rendering import render_scenes
from spatialgan.editing.scene_file import scene_to_json
from spatialgan.editing.video import find_encoder, save_mp4
from spatialgan.errors import SpatialGANError
from spatialgan.studio.dragging import Dragging, read_mask
from spatialgan.studio.fitting import Fitting
from spatialgan.studio.live import FAULT, Studio, talk
from spatialgan.studio.overlays import Overlay
from spatialgan.studio.schemas import (
    ERRORS,
    Alternatives,
    Begun,
    Command,
    Drag,
    DragStatus,
    Edits,
    Kept,
    PhotoStatus,
    Start,
    State,
    StudioInfo,
    binary,
)
from spatialgan.studio.session import Busy, Outdated
from spatialgan.studio.session_store import Full, NoSession, Visitor
from spatialgan.studio.stateless import sized
from spatialgan.studio.visits import TooMany, visitor_name
from spatialgan.studio.wire import frame, handles_of, offered_actions, planes_of
from spatialgan.studio.worker import Stopped

SCENE = {"type": "object", "description": "A saved scene: the content of a .scene.json file."}
RENDER_CHUNK = 8  # pictures of one turn, where many are drawn
STATUS = {NoSession: 404, Busy: 409, Outdated: 409, TooMany: 429, Full: 503}


class Answer(JSONResponse):
    """JSON in ASCII: half a surrogate pair, which people's strings may hold, has no UTF-8."""

    def render(self, content: Any) -> bytes:
        return json.dumps(content, allow_nan=False, separators=(",", ":")).encode()


router = APIRouter(prefix="/api/v1", responses=ERRORS, tags=["sessions"])


def _studio(request: Request) -> Studio:
    return request.app.state.studio


def _visitor(request: Request, session: Annotated[str, PathParameter(max_length=64)]) -> Visitor:
    return _studio(request).sessions.get(session)


Here = Annotated[Studio, Depends(_studio)]
Who = Annotated[Visitor, Depends(_visitor)]
Scale = Annotated[float, Query(gt=0, allow_inf_nan=False)]


@router.get("/studio", response_model=StudioInfo)
async def studio_info(studio: Here) -> dict[str, Any]:
    """What this studio offers."""
    encoder = await asyncio.to_thread(find_encoder)  # it may try it out
    return {
        "version": __version__,
        "mp4": encoder is not None,
        "models": [offer.to_json() for offer in studio.models.offers.values()],
        "actions": offered_actions(),
    }


@router.post("/sessions", status_code=201)
async def begin(studio: Here, request: Request) -> Begun:
    """A new session, without a picture."""
    visitor = studio.sessions.enter(visitor_name(request.scope))
    return Begun(session=visitor.id, idle_s=studio.sessions.lifetime_s, ends=studio.sessions.end_of(visitor))


@router.delete("/sessions/{session}", status_code=204)
async def end(studio: Here, who: Who) -> None:
    """End a session."""
    studio.sessions.leave(who.id)


@router.get("/sessions/{session}", response_model=State, response_model_exclude_unset=True)
async def state(studio: Here, who: Who) -> dict[str, Any]:
    """The current picture in numbers, and the history."""
    return await studio.state(who)


@router.post("/sessions/{session}/picture", response_model=State, response_model_exclude_unset=True)
async def start(studio: Here, who: Who, body: Start) -> dict[str, Any]:
    """Draw a random picture."""
    return await studio.change(
        who, lambda s: s.start(body.model, body.seed, layout_seed=body.layout_seed, truncation=body.truncation)
    )


@router.put(
    "/sessions/{session}/scene.json",
    response_model=State,
    response_model_exclude_unset=True,
    openapi_extra={"requestBody": {"required": True, "content": {"application/json": {"schema": SCENE}}}},
)
async def open_scene(studio: Here, who: Who, request: Request) -> dict[str, Any]:
    """Open a saved scene; the body is the file."""
    body = await request.body()

    def open_(session: Any) -> None:
        try:
            data = json.loads(body)
        except (ValueError, RecursionError):
            raise SpatialGANError("this file is not JSON; open a .scene.json file") from None
        session.open(data)

    return await studio.change(who, open_)


@router.post("/sessions/{session}/edits", response_model=State, response_model_exclude_unset=True)
async def edit(studio: Here, who: Who, body: Edits) -> dict[str, Any]:
    """Edit the current picture; all edits together become one entry of the history."""
    return await studio.change(who, lambda s: s.edit(body.change(), body.revision, body.label))


@router.post("/sessions/{session}/undo", response_model=State, response_model_exclude_unset=True)
async def undo(studio: Here, who: Who) -> dict[str, Any]:
    """One step back."""
    return await studio.change(who, lambda s: s.undo())


@router.post("/sessions/{session}/redo", response_model=State, response_model_exclude_unset=True)
async def redo(studio: Here, who: Who) -> dict[str, Any]:
    """One step forward."""
    return await studio.change(who, lambda s: s.redo())


@router.post("/sessions/{session}/history/{position}", response_model=State, response_model_exclude_unset=True)
async def go(studio: Here, who: Who, position: int) -> dict[str, Any]:
    """Go to a step of the history."""
    return await studio.change(who, lambda s: s.go(position))


@router.post("/sessions/{session}/history", response_model=State, response_model_exclude_unset=True)
async def take_up(studio: Here, who: Who, body: Kept) -> dict[str, Any]:
    """A step that was kept elsewhere, as the history's next entry: so a history outlives its session."""
    return await studio.change(who, lambda s: s.open(body.scene, label=body.label, is_start=body.is_start))


@router.get(
    "/sessions/{session}/scenes/{entry}.json", responses={200: {"content": {"application/json": {"schema": SCENE}}}}
)
async def scene_of(studio: Here, who: Who, entry: int) -> dict[str, Any]:
    """A step of the history as a scene file's contents."""
    return await studio.run(who, lambda: scene_to_json(who.session.entry(entry).scene))


@router.get("/sessions/{session}/thumbnails/{entry}.png", response_class=Response, responses=binary("image/png"))
async def thumbnail(studio: Here, who: Who, entry: int) -> Response:
    """A step of the history, small."""
    png = await studio.run(who, lambda: who.session.entry(entry).thumbnail)
    return _file(png, "image/png", cache="private, max-age=86400, immutable")


@router.post("/sessions/{session}/alternatives")
async def alternatives(studio: Here, who: Who, body: Alternatives) -> list[str]:
    """What changes would lead to, as PNGs in data URLs. The picture itself does not change."""
    scene = await studio.run(who, lambda: who.session.scene)
    urls = []
    for change in body.changes:  # one turn each: nobody waits for all of them
        png = await studio.run(who, lambda change=change: to_png(who.session.after(change.change(), scene).image))
        urls.append("data:image/png;base64," + base64.b64encode(png).decode())
    return urls


@router.get("/sessions/{session}/frame", response_class=Response, responses=binary("application/octet-stream"))
async def picture_frame(studio: Here, who: Who, overlay: Overlay = "none") -> Response:
    """Picture, heatmaps and an overlay as raw bytes, as ``spatialgan.studio.wire.read_frame`` reads them."""

    def job() -> bytes:
        scene = who.session.scene
        return frame({"kind": "preview", "handles": handles_of(scene)}, planes_of(scene, overlay))

    return _file(await studio.run(who, job), "application/octet-stream")


@router.get("/sessions/{session}/picture.png", response_class=Response, responses=binary("image/png"))
async def picture(studio: Here, who: Who, scale: Scale = 1.0) -> Response:
    """The current picture."""
    image = await studio.run(who, lambda: who.session.scene.image)
    image = await asyncio.to_thread(sized, image, scale)
    ending = ".png" if scale == 1 else f"-{image.width}px.png"
    png = await asyncio.to_thread(to_png, image)
    return _file(png, "image/png", name=await _name(studio, who, ending))


@router.get(
    "/sessions/{session}/scene.json",
    response_class=Response,
    responses={200: {"content": {"application/json": {"schema": SCENE}}}},
)
async def scene_json(studio: Here, who: Who) -> Response:
    """The current scene as a file that draws the identical picture again."""
    text = await studio.run(who, lambda: json.dumps(scene_to_json(who.session.scene), indent=1) + "\n")
    return _file(text.encode(), "application/json", name=await _name(studio, who, ".scene.json"))


@router.get("/sessions/{session}/animation.{kind}", response_class=Response, responses=binary("image/gif", "video/mp4"))
async def animation(studio: Here, who: Who, kind: Literal["gif", "mp4"]) -> Response:
    """From the picture as it began through every edit, and back."""
    scenes = await studio.run(who, lambda: who.session.animation())
    distinct = list({id(scene): scene for scene in scenes}.values())
    images = {}
    for i in range(0, len(distinct), RENDER_CHUNK):
        chunk = distinct[i : i + RENDER_CHUNK]
        drawn = await studio.run(who, lambda chunk=chunk: render_scenes(chunk))
        images |= {id(scene): image for scene, image in zip(chunk, drawn, strict=True)}
        who.send(json.dumps({"kind": "animation", "share": len(images) / len(distinct)}))
    data = await asyncio.to_thread(_animated, [images[id(scene)] for scene in scenes], kind)
    return _file(data, {"gif": "image/gif", "mp4": "video/mp4"}[kind], name=await _name(studio, who, f".{kind}"))


def _animated(frames: list[Any], kind: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"edit.{kind}"
        (save_gif if kind == "gif" else save_mp4)(frames, path)
        return path.read_bytes()


@router.get("/sessions/{session}/command", response_model=Command)
async def command(studio: Here, who: Who) -> dict[str, str | None]:
    """A command that draws the current picture without the studio, and the scene file that must be saved for it."""
    file = await _name(studio, who, ".scene.json")

    def job() -> str:
        scene = who.session.scene
        return command_line(scene, studio.models.name_of(scene.model), scene_file=file)

    text = await studio.run(who, job)
    return {"command": text, "scene_file": file if "--scene" in shlex.split(text) else None}


@router.post("/sessions/{session}/drag", status_code=202, response_model=DragStatus, response_model_exclude_unset=True)
async def drag(studio: Here, who: Who, body: Drag) -> dict[str, Any]:
    """Begin to drag points to their targets. The outcome becomes the history's next entry."""

    def make(session: Any) -> Dragging:
        mask = read_mask(body.mask, session.scene.model.config.model.resolution)
        return Dragging(session, body.handles, mask=mask, mode=body.mode, max_steps=body.max_steps)

    return await studio.drag(who, make)


@router.get("/sessions/{session}/drag", response_model=DragStatus, response_model_exclude_unset=True)
async def drag_status(studio: Here, who: Who) -> dict[str, Any]:
    """How far the latest drag is."""
    if who.drag is None:
        raise SpatialGANError("there has been no drag in this session")
    return await studio.run(who, who.drag.status)


@router.delete("/sessions/{session}/drag", response_model=State, response_model_exclude_unset=True)
async def stop_drag(studio: Here, who: Who) -> dict[str, Any]:
    """End the drag with the step that it has come to."""
    return await studio.stop_drag(who)


@router.put(
    "/sessions/{session}/photo",
    status_code=202,
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"image/*": {"schema": {"type": "string", "format": "binary", "description": "The file."}}},
        }
    },
)
async def open_photo(
    studio: Here,
    who: Who,
    request: Request,
    model: Annotated[str, Query(max_length=1000)],
    name: Annotated[str, Query(max_length=200)] = "photo",
    tune: bool = True,
) -> PhotoStatus:
    """Begin to look for the scene that draws a photograph, by default on a copy of the model tuned for it.

    It becomes the history's next entry.
    """
    body = await request.body()
    return PhotoStatus(**await studio.fit(who, lambda s: Fitting(s, model, body, name, tune=tune)))


@router.get("/sessions/{session}/photo")
async def photo_status(studio: Here, who: Who) -> PhotoStatus:
    """How far the latest photograph is."""
    if who.fit is None:
        raise SpatialGANError("there has been no photograph in this session")
    return PhotoStatus(**await studio.run(who, who.fit.status))


@router.delete("/sessions/{session}/photo", response_model=State, response_model_exclude_unset=True)
async def stop_photo(studio: Here, who: Who) -> dict[str, Any]:
    """End the work on a photograph with the best so far."""
    return await studio.stop_fit(who)


@router.websocket("/sessions/{session}/live")
async def live(socket: WebSocket, session: str) -> None:
    """Frames as they are drawn, and previews while something is being moved; see ``studio/live.py``."""
    studio: Studio = socket.app.state.studio
    try:
        visitor = studio.sessions.get(session)
    except NoSession as e:
        await socket.accept()
        await socket.close(4404, str(e))
        return
    await talk(studio, visitor, socket)


async def _name(studio: Studio, who: Visitor, ending: str) -> str:
    """What a download is called, and a command calls it: cats-64-seed12.png."""

    def job() -> str:
        scene = who.session.scene
        seed = "" if scene.seed is None else f"-seed{scene.seed}"
        name = f"{scene.model.name}{seed}{ending}"
        return "".join(c if c.isascii() and (c.isalnum() or c in "-_.") else "_" for c in name)

    return await studio.run(who, job)


def _file(data: bytes, kind: str, *, name: str = "", cache: str = "no-store") -> Response:
    headers = {"cache-control": cache}
    if name:
        headers["content-disposition"] = f'attachment; filename="{name}"'
    return Response(data, media_type=kind, headers=headers)


def explain_errors(app: FastAPI) -> None:
    """Every failure is answered with ``{"error": "one sentence"}``, and never with a traceback."""

    @app.exception_handler(SpatialGANError)
    async def mistake(request: Request, error: SpatialGANError) -> JSONResponse:
        return Answer({"error": str(error)}, STATUS.get(type(error), 400))

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"] if part not in ("body", "query", "path"))
        sentence = f"{where or 'the request'}: {first['msg'].lower()}"
        if first["type"] == "json_invalid":
            sentence = f"the request is not JSON: {first['ctx']['error'].lower()}"
        elif first["loc"] == ("body",) and isinstance(error.body, bytes | str):
            sentence = "the request must be JSON, with the header content-type: application/json"
        return Answer({"error": sentence}, 422)

    @app.exception_handler(HTTPException)
    async def refused(request: Request, error: HTTPException) -> JSONResponse:
        path = request.url.path[:200]
        sentences = {404: f"there is nothing at {path}", 405: f"{path} does not take {request.method}"}
        detail = str(error.detail)
        sentence = sentences.get(error.status_code, detail[:1].lower() + detail[1:])
        return Answer({"error": sentence}, error.status_code, headers=error.headers)

    @app.exception_handler(Stopped)
    async def closing(request: Request, error: Stopped) -> JSONResponse:
        return Answer({"error": str(error)}, 503)

    @app.exception_handler(Exception)
    async def fault(request: Request, error: Exception) -> JSONResponse:
        return Answer({"error": FAULT}, 500)
