"""The studio's server: the application, and how it starts."""

import asyncio
import contextlib
import errno
import ipaddress
import os
import socket
import sys
import threading
import webbrowser
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import torch
import uvicorn
from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles

from spatialgan import __version__
from spatialgan.errors import SpatialGANError
from spatialgan.studio.api import Answer, explain_errors, router
from spatialgan.studio.guard import EVERYWHERE, LOOPBACK, Guard
from spatialgan.studio.live import MAX_MESSAGE_BYTES, Studio
from spatialgan.studio.models import Models

IN_USE = (errno.EADDRINUSE, errno.EACCES) if sys.platform == "win32" else (errno.EADDRINUSE,)
STATIC = Path(__file__).parent / "static"
SWEEP_S = 60.0


def make_app(models: Models, *, host: str = "127.0.0.1", **limits: Any) -> FastAPI:
    """The application.

    Args:
        models: what it offers.
        host: where it will listen; requests must ask for that name.
        limits: of :class:`spatialgan.studio.sessions.Sessions`.
    """
    studio = Studio(models, **limits)

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async def sweep() -> None:
            while True:
                await asyncio.sleep(SWEEP_S)
                studio.sessions.expire()

        sweeper = asyncio.create_task(sweep())
        yield
        sweeper.cancel()
        studio.close()

    # Its pages of documentation would fetch scripts from elsewhere.
    app = FastAPI(title="SpatialGAN studio", version=__version__, docs_url=None, redoc_url=None,
                  openapi_url="/api/v1/openapi.json", lifespan=lifespan, default_response_class=Answer)
    app.state.studio = studio
    app.include_router(router)
    explain_errors(app)
    app.mount("/", StaticFiles(directory=STATIC, html=True))
    app.add_middleware(Guard, host=host)
    return app


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens; raises SpatialGANError where the address is taken, or is none of this computer's."""
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = socket.socket(family)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(128)
        return listener
    except OverflowError:
        raise SpatialGANError(f"--port {port}: use 0 to 65535, 0 for any that is free") from None
    except OSError as e:
        listener.close()
        if e.errno in IN_USE:
            raise SpatialGANError(f"port {port} is in use, perhaps by another studio; stop that one, or choose another "
                                  f"port: --port {port + 1}") from None
        raise SpatialGANError(f"the studio cannot listen on {host}, port {port}: {e.strerror or e}") from None


def address(host: str, port: int) -> str:
    """What to open in the browser."""
    shown = "127.0.0.1" if host in EVERYWHERE else host
    with contextlib.suppress(ValueError):
        if ipaddress.ip_address(shown).version == 6:
            shown = f"[{shown}]"
    return f"http://{shown}:{port}/"


def leave_a_core() -> None:
    """Let PyTorch use all of the processor's cores but one, unless OMP_NUM_THREADS says how many.

    The browser works at the same time, and a thread that waits for its core holds up all others at every layer.
    """
    if "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(max(1, torch.get_num_threads() - 1))


def serve(models: Models, *, host: str, port: int, open_browser: bool, report: Callable[[str], None]) -> None:
    """Run the studio until it is interrupted.

    Args:
        models: what it offers.
        host: where to listen.
        port: 0 takes any that is free.
        open_browser: whether to open the page.
        report: told the address, and what else is worth knowing.
    """
    leave_a_core()
    with listen(host, port) as listener:
        url = address(host, listener.getsockname()[1])
        config = uvicorn.Config(make_app(models, host=host), log_level="warning", ws="websockets-sansio",
                                ws_max_size=MAX_MESSAGE_BYTES, ws_per_message_deflate=False, server_header=False,
                                timeout_graceful_shutdown=2)
        report(f"SpatialGAN studio: {url}  (Ctrl-C ends it)")
        if host not in LOOPBACK:
            report("Others on the network can reach it, and use this computer's time; without --host only you can.")
        if open_browser:
            threading.Timer(0.5, webbrowser.open, (url,)).start()
        uvicorn.Server(config).run(sockets=[listener])
