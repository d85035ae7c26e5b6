"""An exported page in a real browser, from a plain file server, in a folder of it."""

import functools
import http.server
import io
import json
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from browsing import TIMEOUT_MS, centred, handle, new_context, pull, settle, shown, state
from PIL import Image
from playwright.sync_api import Page, expect

from spatialgan.api import SpatialGAN
from spatialgan.studio import exporting

RUNTIME = Path(__file__).parents[2] / exporting.PACKAGE
# make_model(layout="multi", encoding="multi", noise_inputs=False) of tests/editing/tiny_models.py in float32, and what
# `spatialgan export --to onnx` makes of it, which takes longer than all of this file.
WEIGHTS = Path(__file__).parents[1] / "fixtures/web/tiny.safetensors"
GREY_LEVELS = 2  # of rounding, between PyTorch here and WebAssembly there


def copy_graphs(model, out: Path) -> None:
    for ending in (".onnx", ".mapping.onnx", ".onnx.json"):
        shutil.copyfile(WEIGHTS.with_suffix(ending), out.with_suffix(ending))


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Iterator[str]:
    """The address of the exported page."""
    if not RUNTIME.exists():  # as with a missing browser
        pytest.skip("there is no onnxruntime-web; npm ci installs it")
    folder = tmp_path_factory.mktemp("web")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(exporting, "export_onnx", copy_graphs)
        exporting.export_web([str(WEIGHTS)], folder / "some/where", runtime=RUNTIME)
    handler = functools.partial(Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/some/where/"
        server.shutdown()


@pytest.fixture
def open_site(browser, site) -> Iterator[Callable[[], Page]]:
    """Opens the page; nothing may go wrong in it, and nothing come from elsewhere."""
    contexts, faults = [], []

    def open_page() -> Page:
        context = new_context(browser)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda e: faults.append(str(e)))
        page.on("console", lambda m: faults.append(m.text) if m.type == "error" else None)
        page.on("request", lambda r: None if r.url.startswith((site, "data:", "blob:")) else faults.append(r.url))
        page.goto(site)
        page.wait_for_selector("body:not([data-loading])", timeout=2 * TIMEOUT_MS)  # WebAssembly is compiled, too
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert faults == []


def assert_near(found: np.ndarray, wanted: Image.Image) -> None:
    difference = np.abs(found.astype(int) - np.asarray(wanted.convert("RGB")).astype(int))
    assert difference.max() <= GREY_LEVELS, f"{difference.max()} grey levels"


def saved(page: Page, what: str) -> bytes:
    page.click("#export")
    with page.expect_download() as download:
        page.click(f"[data-save='{what}']")
    return Path(download.value.path()).read_bytes()


def test_a_picture_is_edited_without_a_server(open_site, tmp_path):
    page, model = open_site(), SpatialGAN.from_pretrained(WEIGHTS, device="cpu")
    first = shown(page)
    assert_near(first, model.sample(2).image)
    page.fill("#seed", "1234567")  # any seed is the one of Python
    page.press("#seed", "Enter")
    settle(page, 1)
    scene = model.sample(1234567)
    assert_near(shown(page), scene.image)

    x, y = centred(page, "object 0")
    pull(page, (x, y), (x + 0.2, y - 0.1), let_go=False)
    expect(page.locator("#stage")).not_to_have_attribute("data-serial", "")
    page.mouse.up()
    moved = settle(page, 3)["handles"][0]
    assert (moved["x"], moved["y"]) == (pytest.approx(0.7, abs=0.01), pytest.approx(0.4, abs=0.01))
    pull(page, (moved["x"] + moved["std_x"], moved["y"]), (moved["x"] + 1.3 * moved["std_x"], moved["y"]))
    now = settle(page, 4)["handles"][0]
    factor = now["std_x"] / moved["std_x"]
    assert factor == pytest.approx(1.3, rel=0.05)

    page.locator("#handles .handle").nth(1).click()
    page.click("#restyle")
    page.wait_for_selector(".choice img")
    page.locator(".choice").first.click()
    settle(page, 5)
    page.keyboard.press("Delete")
    after = settle(page, 6)
    assert after["handles"][1]["gone"]
    labels = ["Resize object 0", "Restyle object 1", "Remove object 1"]
    assert [entry["label"] for entry in after["history"][-3:]] == labels

    text = saved(page, "scene.json")  # which Python opens, and draws alike
    (again := tmp_path / "a.scene.json").write_bytes(text)
    opened = model.load_scene(again)
    assert [edit["edit"] for edit in json.loads(text)["edits"]] == ["move", "move", "resize", "restyle", "remove"]
    assert_near(shown(page), opened.image)
    png = Image.open(io.BytesIO(saved(page, "picture.png")))
    assert np.array_equal(np.asarray(png.convert("RGB")), shown(page))

    page.keyboard.press("Control+z")
    settle(page, 5)
    page.click("#undo")
    settle(page, 4)
    assert_near(shown(page), scene_after(scene, page).image)
    page.click("#redo")
    settle(page, 5)
    page.set_input_files("#file", again)
    settle(page, 6)
    assert_near(shown(page), opened.image)
    page.click("#dice")
    settle(page, 7)

    page.reload()  # the tab keeps the history
    page.wait_for_selector("body:not([data-loading])")
    settle(page, 7)
    assert len(state(page)["history"]) == 8 and page.locator(".notice").count() == 0


def scene_after(scene, page: Page):
    """Python's scene with the layout that the page has."""
    h = handle(page, "object 0")
    scene = scene.move_to(0, h["x"], h["y"])
    return scene.resize(0, h["std_x"] / float(scene.layout.stds[0, 0]))


def test_what_needs_a_server_is_not_there(open_site):
    page = open_site()
    page.locator("#handles .handle").first.click()
    for selector in (
        ".modes",
        "[value=attention]",
        "[value=features]",
        *(f"#{edit.name}" for edit in exporting.SERVERS_EDITS),
        "[data-save='animation.gif']",
    ):
        expect(page.locator(selector)).to_be_hidden()
    page.keyboard.press("d")
    assert page.evaluate("() => document.body.dataset.mode") == "arrange"
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.locator("#theme").bounding_box()["y"] < page.locator("#dice").bounding_box()["y"]
    assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
    page.set_input_files("#file", {"name": "a.json", "mimeType": "application/json", "buffer": b"{"})
    expect(page.locator(".notice")).to_contain_text("This file is not JSON")
