"""For the tests of the page: a browser, a studio for it, and what they all do with a page."""

import io
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import uvicorn
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from spatialgan.studio.server import listen, make_app

NAMES = (
    "chromium-headless-shell",  # first: the same engine without windows, which take half of the work here
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
    "msedge",
)
TIMEOUT_MS = 45_000  # for a machine that does much besides: what is right is there at once, and nobody waits
expect.set_options(timeout=TIMEOUT_MS)
PIXELS = (
    "id => { const c = document.getElementById(id); return Array.from(c.getContext('2d')"
    ".getImageData(0, 0, c.width, c.height).data) }"
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """SPATIALGAN_BROWSER names one; else the first that is in the path is taken."""
    path = os.environ.get("SPATIALGAN_BROWSER") or next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        pytest.skip("there is no Chromium; install it, or name one with the environment variable SPATIALGAN_BROWSER")
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])


@pytest.fixture(scope="module")
def url(models) -> Iterator[str]:
    listener = listen("127.0.0.1", 0)
    server = uvicorn.Server(uvicorn.Config(make_app(models), log_level="warning", ws="websockets-sansio"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
    server.should_exit = True
    thread.join(20)


def new_context(browser: Browser, **options: object) -> BrowserContext:
    """Where nothing moves by itself, as a user's system can ask for: to paint it would take much of the processor.
    In Firefox (test_firefox.py) it moves."""
    context = browser.new_context(
        **({"viewport": {"width": 1280, "height": 800}, "reduced_motion": "reduce"} | options)
    )
    context.set_default_timeout(TIMEOUT_MS)
    return context


@pytest.fixture
def visit(browser, url) -> Iterator[Callable[..., Page]]:
    """Opens the page in a tab of its own; nothing may go wrong in it, and nothing come from elsewhere."""
    contexts, faults = [], []

    def open_page(kind: str = "single", **options: object) -> Page:
        context = new_context(browser, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda e: faults.append(str(e)))
        page.on(
            "request",
            lambda r: (
                None if r.url.startswith((url, "data:", "blob:", url.replace("http", "ws"))) else faults.append(r.url)
            ),
        )
        page.goto(url)
        page.wait_for_selector("body:not([data-loading])")
        if kind != "single":
            page.select_option("#model", label=kind)
            page.wait_for_selector("body[data-kind=multi]" if kind == "multi" else "body:not([data-layout])")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert faults == []


def state(page: Page) -> dict:
    return page.evaluate("async () => (await import('./js/store.js')).store.state")


def settle(page: Page, position: int) -> dict:
    """Wait for the history to be at a position."""
    page.wait_for_selector(f"body[data-position='{position}']")
    return state(page)


def shown(page: Page, canvas: str = "picture") -> np.ndarray:
    """What the canvas holds, (R, R, 3)."""
    values = np.array(page.evaluate(PIXELS, canvas), dtype=np.uint8)
    size = round((values.size / 4) ** 0.5)
    return values.reshape(size, size, 4)[..., :3]


def drawn(page: Page) -> np.ndarray:
    """What the server says that the picture is."""
    session = page.evaluate("async () => (await import('./js/store.js')).store.session")
    answer = page.request.get(f"{page.url}api/v1/sessions/{session}/picture.png")
    return np.asarray(Image.open(io.BytesIO(answer.body())).convert("RGB"))


def place(page: Page, x: float, y: float) -> tuple[float, float]:
    box = page.locator("#stage").bounding_box()
    return box["x"] + x * box["width"], box["y"] + y * box["height"]


def pull(page: Page, start: tuple[float, float], end: tuple[float, float], *, let_go: bool = True) -> None:
    """Press, move in steps, let go; places in widths of the picture."""
    page.mouse.move(*place(page, *start))
    page.mouse.down()
    for t in (0.25, 0.5, 0.75, 1):
        page.mouse.move(*place(page, *(a + t * (b - a) for a, b in zip(start, end, strict=True))))
        page.wait_for_timeout(20)
    if let_go:
        page.mouse.up()


def handle(page: Page, name: str) -> dict:
    return next(h for h in state(page)["handles"] if h["name"] == name)


def centred(page: Page, name: str) -> tuple[float, float]:
    """Bring a handle to the middle through the API, so that every seed will do, and give its place."""
    h, before = handle(page, name), state(page)
    page.evaluate(
        "async e => (await import('./js/changes.js')).edit(e)",
        {"edit": "move", **h["place"], "dx": 0.5 - h["x"], "dy": 0.5 - h["y"]},
    )
    settle(page, before["position"] + 1)
    return 0.5, 0.5


@pytest.fixture
def fake_drag(monkeypatch):
    """A drag that moves level 0 step by step; of its settings, ``best`` is the step that is kept, if not the last,
    and with ``restyles`` it changes w."""
    settings: dict[str, int] = {}

    def drag_steps(scene, handles, *, mask, mode, max_steps):
        trace = []
        for i in range(max_steps + 1):
            time.sleep(0.02)
            now = scene if i == 0 else scene.move(0, dx=0.01 * i)
            if settings.get("restyles"):  # as drags in latent modes do: no other edit comes to the same
                now = replace(now, w_offset=torch.full_like(scene.w_offset_or_zeros, 0.1))
            trace.append(
                SimpleNamespace(
                    index=i,
                    scene=now,
                    handles=tuple(end for _, end in handles),
                    distance=0.0,
                    seconds=0.1 * i,
                    painted=mask and np.asarray(mask).mean(),
                )
            )
            yield trace[-1]
        kept = trace[settings.get("best", -1)].scene
        return SimpleNamespace(scene=kept, stop_reason="reached", trace=trace)

    monkeypatch.setattr("spatialgan.studio.dragging.drag_steps", drag_steps)
    return settings
