"""What the web part does with sessions: jobs for the worker, frames to the pages, and the WebSocket between them."""

import asyncio
import contextlib
import json
import logging
import time
from collections.abc import Callable
from typing import Any, TypeVar, get_args

from starlette.websockets import WebSocket, WebSocketDisconnect
from torch import Tensor

from spatialgan.editing.scene import Scene
from spatialgan.errors import SpatialGANError
from spatialgan.studio.dragging import Dragging
from spatialgan.studio.fitting import Fitting
from spatialgan.studio.model_list import Models
from spatialgan.studio.overlays import Overlay, possible
from spatialgan.studio.pace import Pace
from spatialgan.studio.session import Change, Outdated, Session
from spatialgan.studio.session_store import Outbox, Sessions, Visitor
from spatialgan.studio.wire import frame, handles_of, planes_of, state_of
from spatialgan.studio.worker import Replaced, Stopped, Worker

log = logging.getLogger(__name__)
T = TypeVar("T")

MAX_MESSAGE_BYTES = 64 << 10
TELL_S = 0.2  # from one word on a photograph's progress to the next
REST_S = 0.15  # after which a hand rests
NEEDS_ALL: tuple[Overlay, ...] = ("attention", "features")  # overlays that are made of the full picture
MAX_MESSAGES = 32  # of one page, that wait for their turn
FAULT = "something went wrong inside the studio; its log has the details"


class Studio:
    """The models, the worker and the visitors of one server."""

    def __init__(self, models: Models, **limits: Any):
        """``limits`` are those of :class:`Sessions`."""
        self.models = models
        self.worker = Worker()
        self._paces: dict[str, Pace] = {}
        self.sessions = Sessions(lambda: Session(models), **limits)

    def close(self) -> None:
        self.worker.close()

    async def run(self, visitor: Visitor, job: Callable[[], T], *, droppable: bool = False) -> T:
        """Run ``job`` in the worker's thread, when it is the visitor's turn."""
        return await asyncio.wrap_future(self.worker.submit(visitor.id, job, droppable=droppable))

    async def change(self, visitor: Visitor, change: Callable[[Session], Any]) -> dict[str, Any]:
        """Change a session, show its pages the outcome, and return its state."""
        overlay, watched = visitor.overlay, bool(visitor.pages)

        def job() -> tuple[dict[str, Any], bytes | None]:
            change(visitor.session)
            return state_of(visitor.session), current_frame(visitor.session, overlay) if watched else None

        state, message = await self.run(visitor, job)
        if message is not None:
            visitor.send(message)
        return self._with_end(visitor, state)

    async def state(self, visitor: Visitor) -> dict[str, Any]:
        """The state of a session, and when it ends."""
        return self._with_end(visitor, await self.run(visitor, lambda: state_of(visitor.session)))

    def _with_end(self, visitor: Visitor, state: dict[str, Any]) -> dict[str, Any]:
        return {**state, "ends": self.sessions.end_of(visitor)}

    async def refresh(self, visitor: Visitor) -> None:
        """Show a session's pages what there is, if there is anything."""
        if visitor.session.history:
            await self.change(visitor, lambda session: None)

    async def lay_over(self, visitor: Visitor, overlay: Overlay) -> None:
        """Show an overlay from now on, on pictures of models that have it; SpatialGANError where the current one's has
        not."""
        session = visitor.session
        if overlay == "attention" and session.history:
            await self.run(visitor, lambda: session.scene.model.require_discriminator())
        visitor.overlay = overlay
        await self.refresh(visitor)

    async def preview(self, visitor: Visitor, message: dict[str, Any]) -> None:
        """Show what a change would do: as large as the machine can follow a hand, and in full once the hand rests.

        Nothing comes of it where a later message of the visitor has replaced it.
        """
        change, revision = read_change(message), message.get("revision")
        chosen, arrived = visitor.overlay, time.perf_counter()
        visitor.latest_preview = latest = object()

        def job(full: bool) -> tuple[bytes, bool]:
            begun, cpu = time.perf_counter(), time.thread_time()
            scene = visitor.session.preview(change, revision)
            overlay = possible(chosen, scene)
            picture = scene.tensor if full else self.live_picture(scene, overlay)
            drawn, cpu = time.perf_counter(), time.thread_time() - cpu
            planes = planes_of(scene, overlay, picture)
            timing = {
                "queue_ms": 1e3 * (begun - arrived),
                "generator_ms": 1e3 * (drawn - begun),
                "cpu_ms": 1e3 * cpu,
                "encode_ms": 1e3 * (time.perf_counter() - drawn),
            }
            header = {
                "kind": "preview",
                "serial": message.get("serial"),
                "revision": revision,
                "handles": handles_of(scene),
                "truncation": scene.truncation,
                "timing": timing,
            }
            return frame(header, planes), picture.shape[-1] == scene.model.config.model.resolution

        with contextlib.suppress(Replaced, Outdated):
            shown, is_full = await self.run(visitor, lambda: job(False), droppable=True)
            visitor.send(shown, droppable=True)
            if not is_full:
                await asyncio.sleep(REST_S)
                if visitor.latest_preview is latest:
                    shown, _ = await self.run(visitor, lambda: job(True), droppable=True)
                    visitor.send(shown, droppable=True)

    def live_picture(self, scene: Scene, overlay: Overlay) -> Tensor:
        """``(C, r, r)``: as much of the picture as the machine draws while a hand moves. In the worker's thread."""
        if overlay in NEEDS_ALL:
            return scene.tensor
        pace = self._paces.setdefault(self.models.name_of(scene.model), Pace(scene.model.config.model))
        return pace.draw(scene)

    async def drag(self, visitor: Visitor, make: Callable[[Session], Dragging]) -> dict[str, Any]:
        """Begin a drag; its steps follow as frames, one turn of the worker each. Returns its status."""
        drag = await self.run(visitor, lambda: make(visitor.session))
        try:
            await self.run(visitor, drag.advance)  # bad handles are told to whoever asked
        except SpatialGANError:
            visitor.drag = None
            raise
        visitor.drag = drag
        visitor.work_task = asyncio.create_task(self._drag_on(visitor, drag))
        return drag.status()

    async def _drag_on(self, visitor: Visitor, drag: Dragging) -> None:
        try:
            while drag.stop_reason is None:
                if visitor.pages:
                    visitor.send(
                        await self.run(visitor, lambda: self.drag_frame(drag, visitor.overlay)), droppable=True
                    )
                await self.run(visitor, lambda: None if drag.stop_reason else drag.advance())
        except Stopped:
            return
        except Exception as e:
            if not isinstance(e, SpatialGANError):
                log.exception("a drag failed")
            visitor.send(error_message(e))
        finally:
            visitor.work_task = None
        visitor.send(json.dumps({"kind": "drag_end", **drag.status()}))
        await self.refresh(visitor)

    async def fit(self, visitor: Visitor, make: Callable[[Session], Fitting]) -> dict[str, Any]:
        """Begin to look for the scene that draws a photograph, one turn of the worker a step. Returns its status."""
        visitor.fit = fit = await self.run(visitor, lambda: make(visitor.session))
        visitor.work_task = asyncio.create_task(self._fit_on(visitor, fit))
        return fit.status()

    async def _fit_on(self, visitor: Visitor, fit: Fitting) -> None:
        told = time.monotonic()
        try:
            while fit.stop_reason is None:
                await self.run(visitor, fit.advance)
                if time.monotonic() - told > TELL_S:
                    told = time.monotonic()
                    visitor.send(json.dumps({"kind": "photo", **fit.status()}))
        except Stopped:
            return
        except Exception as e:
            if not isinstance(e, SpatialGANError):
                log.exception("the fit of a photograph failed")
            visitor.send(error_message(e))
        finally:
            visitor.work_task = None
        await self.refresh(visitor)
        visitor.send(json.dumps({"kind": "photo_end", **fit.status()}))

    async def stop_fit(self, visitor: Visitor) -> dict[str, Any]:
        """End the fit of a photograph with the best so far; nothing where none is under way. Returns the state."""
        fit = visitor.fit
        if fit is not None:
            await self.run(visitor, fit.stop)
        return await self.state(visitor)

    def drag_frame(self, drag: Dragging, overlay: Overlay) -> bytes:
        """The step that a drag has come to, as large as a moving picture is. In the worker's thread."""
        assert drag.latest is not None  # drag() has made the first one
        scene = drag.latest.scene
        overlay = possible(overlay, scene)
        planes = planes_of(scene, overlay, self.live_picture(scene, overlay))
        return frame({"kind": "drag", "handles": handles_of(scene), **drag.status()}, planes)

    async def stop_drag(self, visitor: Visitor) -> dict[str, Any]:
        """End the drag with the step that was shown last; nothing where none is under way. Returns the state."""
        drag = visitor.drag
        if drag is not None:
            await self.run(visitor, drag.stop)
        return await self.state(visitor)


def current_frame(session: Session, overlay: Overlay) -> bytes:
    """The current picture and the one that it began with, with the state."""
    planes = planes_of(session.scene, possible(overlay, session.scene))
    photo = session.history[session.start_position].photo
    original = planes_of(session.original, "none")["picture"] if photo is None else photo.permute(1, 2, 0).numpy()
    return frame({"kind": "current", "state": state_of(session)}, planes | {"original": original})


def read_change(data: dict[str, Any]) -> Change:
    """A change from its JSON value; raises SpatialGANError."""
    edits = data.get("edits", [])
    if not isinstance(edits, list):
        raise SpatialGANError("edits must be a list of edits")
    between = data.get("between")
    if between is not None and not (isinstance(between, list) and len(between) == 2):
        raise SpatialGANError("between must be the ids of two entries of the history")
    return Change(
        tuple(edits), data.get("truncation"), None if between is None else (between[0], between[1]), data.get("at", 0.0)
    )


def error_message(error: Exception) -> str:
    """A sentence for the page; what is no user's mistake is not told in detail."""
    return json.dumps({"kind": "error", "error": str(error) if isinstance(error, SpatialGANError) else FAULT})


async def talk(studio: Studio, visitor: Visitor, socket: WebSocket) -> None:
    """Serve one page until it closes."""
    await socket.accept()
    page, tasks = Outbox(), set()
    visitor.pages.add(page)

    async def write() -> None:
        with contextlib.suppress(WebSocketDisconnect, RuntimeError):  # it has gone; the reader notices too
            while True:
                message = await page.get()
                await (socket.send_bytes(message) if isinstance(message, bytes) else socket.send_text(message))

    async def answer(message: dict[str, Any]) -> None:
        try:
            await _answer(studio, visitor, message)
        except Stopped:
            pass
        except Exception as e:  # of this message alone
            if not isinstance(e, SpatialGANError):
                log.exception("a message failed")
            page.put(error_message(e))

    writer = asyncio.create_task(write())
    try:
        await answer({"kind": "hello"})
        while True:
            text = await socket.receive_text()
            if len(tasks) >= MAX_MESSAGES:
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            # Previews replace each other in the worker's queue, so this must not wait for one.
            task = asyncio.create_task(answer(_read(text)))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
    except (WebSocketDisconnect, RuntimeError, KeyError):  # closed, or bytes where text belongs
        pass
    finally:
        visitor.pages.discard(page)
        writer.cancel()


def _read(text: str) -> dict[str, Any]:
    try:
        message = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return message if isinstance(message, dict) else {}


async def _answer(studio: Studio, visitor: Visitor, message: dict[str, Any]) -> None:
    kind = message.get("kind")
    if kind == "preview":
        await studio.preview(visitor, message)
    elif kind == "overlay":
        if message.get("overlay") not in get_args(Overlay):
            raise SpatialGANError(f"there is no such overlay; use {', '.join(get_args(Overlay))}")
        await studio.lay_over(visitor, message["overlay"])
    elif kind == "hello":
        await studio.refresh(visitor)
    else:
        raise SpatialGANError("a message is a JSON object with a kind: preview, overlay or hello")
