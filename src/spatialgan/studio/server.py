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
from functools import partial
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles

from spatialgan import __version__
from spatialgan.errors import SpatialGANError
from spatialgan.studio.access import Access
from spatialgan.studio.api import Answer, explain_errors, router
from spatialgan.studio.connections import BACKLOG, BoundedProtocol, connection_limit
from spatialgan.studio.guard import EVERYWHERE, LOOPBACK, MAX_BODY_BYTES, MAX_LOCAL_BODY_BYTES, Guard
from spatialgan.studio.live import MAX_MESSAGE_BYTES, Studio
from spatialgan.studio.login import Login
from spatialgan.studio.logs import log_config
from spatialgan.studio.model_list import Models
from spatialgan.studio.proxy import Forwarded
from spatialgan.studio.render_api import router as render_router
from spatialgan.studio.service import router as service_router
from spatialgan.studio.session_store import MOST_SESSIONS_OF_ONE
from spatialgan.studio.visits import BURST_S, Rate, Visits
from spatialgan.threads import available_cores, threads_for, use_threads

IN_USE = (errno.EADDRINUSE, errno.EACCES) if sys.platform == "win32" else (errno.EADDRINUSE,)
STATIC = Path(__file__).parent / "static"
SWEEP_S = 60.0
DESCRIPTION = """Draw pictures with GANs, and edit them.

A session holds a picture with its history, as the page does; `POST /api/v1/render` draws without one. Where the studio
asks for a token, send it as `Authorization: Bearer TOKEN`. Every failure is answered with `{"error": "a sentence"}`.
"""


def make_app(models: Models, *, access: Access | None = None, **limits: Any) -> FastAPI:
    """The application.

    Args:
        models: what it offers.
        access: who may use it; None for this computer alone.
        limits: of :class:`spatialgan.studio.session_store.Sessions`.
    """
    access = access or Access()
    if not access.is_local:
        limits = {"most_of_one": MOST_SESSIONS_OF_ONE} | limits
    studio = Studio(models, **limits)
    rate = Rate(access.requests_a_second, max(1.0, BURST_S * access.requests_a_second))

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

    # FastAPI's own pages of documentation would fetch scripts from elsewhere; ours is in service.py.
    app = FastAPI(
        title="SpatialGAN studio",
        version=__version__,
        description=DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/v1/openapi.json",
        lifespan=lifespan,
        default_response_class=Answer,
        generate_unique_id_function=lambda route: route.name,
    )
    app.state.studio, app.state.rate = studio, rate
    for routes in (router, render_router, service_router):
        app.include_router(routes)
    explain_errors(app)
    app.mount("/", StaticFiles(directory=STATIC, html=True))
    let_in(app, access, rate)
    if access.token is not None:
        ask_for_token(app)
    return app


def ask_for_token(app: FastAPI) -> None:
    """Say in the OpenAPI document that operations need the token."""
    document = app.openapi()  # kept by the application
    document["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    document["security"] = [{"token": []}]
    document["paths"]["/healthz"]["get"]["security"] = []


def let_in(app: FastAPI, access: Access, rate: Rate) -> None:
    """Put whatever a request must pass in front of the application; what is added last is passed first."""
    if access.token is not None:
        app.add_middleware(Login, token=access.token, page=(STATIC / "login.html").read_bytes())
    app.add_middleware(Visits, rate=rate)
    most = MAX_LOCAL_BODY_BYTES if access.is_local else MAX_BODY_BYTES
    app.add_middleware(Guard, host=access.host, names=access.names, max_body_bytes=most)
    app.add_middleware(Forwarded, access=access)


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens; raises SpatialGANError where the address is taken, or is none of this computer's."""
    try:
        listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as e:
        raise SpatialGANError(f"the studio cannot listen on {host}, port {port}: {e.strerror or e}") from None
    try:
        if os.name == "posix":  # elsewhere it would let two studios share a port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(BACKLOG)
        return listener
    except OverflowError:
        listener.close()
        raise SpatialGANError(f"--port {port}: use 0 to 65535, 0 for any that is free") from None
    except OSError as e:
        listener.close()
        if e.errno in IN_USE:
            raise SpatialGANError(
                f"port {port} is in use, perhaps by another studio; stop that one, or choose another "
                f"port: --port {port + 1}"
            ) from None
        raise SpatialGANError(f"the studio cannot listen on {host}, port {port}: {e.strerror or e}") from None


def address(host: str, port: int) -> str:
    """What to open in the browser."""
    shown = "127.0.0.1" if host in EVERYWHERE else host
    with contextlib.suppress(ValueError):
        if ipaddress.ip_address(shown).version == 6:
            shown = f"[{shown}]"
    return f"http://{shown}:{port}/"


def drawing_threads(models: Models) -> int:
    """Threads that pay off for one picture of the largest model: all cores but one at most, for the browser works at
    the same time."""
    most = max(threads_for(offer.config, batch=1) for offer in models.offers.values())
    return min(most, max(1, available_cores() - 1))


def server_config(app: FastAPI) -> uvicorn.Config:
    """How uvicorn runs the application."""
    protocol = partial(BoundedProtocol, most=connection_limit())
    return uvicorn.Config(
        app,
        # It calls what it is given; its types ask for a class.
        http=protocol,  # pyright: ignore[reportArgumentType]
        ws="websockets-sansio",
        ws_max_size=MAX_MESSAGE_BYTES,
        ws_per_message_deflate=False,
        backlog=BACKLOG,
        log_config=log_config(),
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=2,
    )


def serve(
    models: Models,
    *,
    access: Access,
    port: int,
    open_browser: bool,
    threads: int | None = None,
    report: Callable[[str], None],
) -> None:
    """Run the studio until it is interrupted.

    Args:
        models: what it offers.
        access: where to listen, and who may use it.
        port: 0 takes any that is free.
        open_browser: whether to open the page.
        threads: of the CPU, that draw; None: as OMP_NUM_THREADS says, or as many as pay off.
        report: told the address, and what else is worth knowing.
    """
    drawn_with = use_threads(threads, usual=drawing_threads(models))
    with listen(access.host, port) as listener:
        url = address(access.host, listener.getsockname()[1])
        config = server_config(make_app(models, access=access))
        report(f"SpatialGAN studio: {url}  (Ctrl-C ends it)")
        report(f"It draws with {drawn_with}.")
        if access.host not in LOOPBACK:
            report("Others on the network can reach it, and use this computer's time; without --host only you can.")
            if access.token is None:
                report("It asks nobody for a token; --token, or the variable SPATIALGAN_TOKEN, makes it ask.")
        if open_browser:
            # Without the token, for which the page asks: others see what a browser is started with.
            threading.Timer(0.5, webbrowser.open, (url,)).start()
        uvicorn.Server(config).run(sockets=[listener])
