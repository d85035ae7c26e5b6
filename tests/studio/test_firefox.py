"""The page in Firefox as it is installed, driven by Mozilla's own Marionette: what other browsers might do differently.

A missing Firefox is a skip, which the continuous tests do not forgive.
"""

import io
import shutil
import socket
import subprocess
import time
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("marionette_driver", reason="it has no version for this Python")
from marionette_driver.errors import MarionetteException
from marionette_driver.marionette import ActionSequence, Marionette, WebElement

FAULTS = (Path(__file__).parent / "overlaps.js").read_text()
NAMES = ("firefox", "firefox-esr")
PATIENCE_SEC = 60


@pytest.fixture(scope="module")
def firefox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Marionette]:
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        pytest.skip("there is no Firefox; install it")
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    profile = tmp_path_factory.mktemp("firefox")
    (profile / "user.js").write_text(f'user_pref("marionette.port", {port});\n')
    command = [
        path,
        "--marionette",
        "--headless",
        "--no-remote",
        "--profile",
        str(profile),
        "--width=1300",
        "--height=900",
    ]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            yield _session(port)
        finally:
            process.kill()


def _session(port: int) -> Marionette:
    """A session of the Firefox that has just been started, once it answers."""
    deadline = time.monotonic() + PATIENCE_SEC
    while True:
        try:
            driver = Marionette(host="127.0.0.1", port=port)
            driver.start_session()
            return driver
        except (OSError, MarionetteException):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.5)


@pytest.fixture
def page(firefox: Marionette, url: str) -> Marionette:
    firefox.navigate(url)
    until(firefox, "return !document.body.hasAttribute('data-loading')")
    return firefox


def until(page: Marionette, script: str) -> None:
    """Wait until the script returns something true."""
    deadline = time.monotonic() + PATIENCE_SEC
    while not page.execute_script(script, sandbox=None):
        assert time.monotonic() < deadline, script
        time.sleep(0.1)


def first_handle(page: Marionette) -> WebElement:
    return page.find_element("css selector", "#handles .handle")


def middle(element: WebElement) -> tuple[int, int]:
    r = element.rect
    return round(r["x"] + r["width"] / 2), round(r["y"] + r["height"] / 2)


def pull(page: Marionette, dx: int, dy: int) -> None:
    """Press on the first handle, and let go elsewhere, in pixels of the page."""
    x, y = middle(first_handle(page))
    actions = ActionSequence(page, "pointer", "mouse", {"pointerType": "mouse"})
    actions.pointer_move(x, y).pointer_down()
    for i in range(1, 6):
        actions.pointer_move(round(x + dx * i / 5), round(y + dy * i / 5)).pause(50)
    actions.pointer_up().perform()


def test_a_handle_is_moved_and_goes_back(page: Marionette):
    x, y = middle(first_handle(page))
    pull(page, 60, 20)
    until(page, "return document.body.dataset.position === '1'")
    moved = middle(first_handle(page))
    assert abs(moved[0] - x - 60) <= 3 and abs(moved[1] - y - 20) <= 3
    keys = ActionSequence(page, "key", "keyboard")
    keys.key_down("\ue009").key_down("z").key_up("z").key_up("\ue009").perform()  # Ctrl+Z
    until(page, "return document.body.dataset.position === '0'")
    back = middle(first_handle(page))
    assert abs(back[0] - x) <= 1 and abs(back[1] - y) <= 1


def test_slider_keys_are_one_entry_and_exact(page: Marionette):
    first_handle(page).click()
    slider = page.find_element("css selector", ".panel input[type=range]")
    before = float(page.execute_script("return arguments[0].value", [slider]))
    step = float(page.execute_script("return arguments[0].step", [slider]) or 1)
    page.execute_script("arguments[0].focus()", [slider])
    keys = ActionSequence(page, "key", "keyboard")
    for _ in range(4):
        keys.key_down("\ue014").key_up("\ue014")  # arrow right
    keys.perform()
    until(page, "return document.body.dataset.position === '1'")
    time.sleep(1.5)
    assert page.execute_script("return document.body.dataset.position") == "1"
    after = float(page.execute_script("return document.querySelector('.panel input[type=range]').value"))
    assert after == pytest.approx(before + 4 * step, abs=step / 2)


def test_nothing_overlaps_and_nothing_leaves_the_window(page: Marionette):
    assert page.execute_script(f"return ({FAULTS})()") == []


def test_icons_are_drawn_in_lines(page: Marionette):
    """A folder filled with ink is what a browser makes of the icon without its paint."""
    image = page.screenshot(element=page.find_element("css selector", "#open svg"))
    pixels = np.asarray(Image.open(io.BytesIO(b64decode(image))).convert("L")).astype(float)
    ink = np.abs(pixels - np.median(pixels[0])) > 60  # unlike the button around it
    assert 0.05 < ink.mean() < 0.35
