"""Takes the studio's pictures, in a real browser: every state of the page that people should have looked at.

    python docs/screenshots.py --out out/screenshots         # all bundled models, for looking at
    python docs/screenshots.py --out out --only studio-gif   # the README's GIF

docs/refresh.py --images makes those that the documents show.
"""

import argparse
import io
import math
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import Page, sync_playwright

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
DESKTOP, SMALL, PHONE = (1360, 850), (1024, 700), (390, 844)


def settled(page: Page) -> None:
    """Wait until nothing is under way."""
    page.wait_for_function("() => !('busy' in document.body.dataset) && !('loading' in document.body.dataset)")
    page.wait_for_timeout(700)


def point(page: Page, x: float, y: float) -> tuple[float, float]:
    box = page.locator("#stage").bounding_box()
    return box["x"] + x * box["width"], box["y"] + y * box["height"]


def pull(page: Page, start: tuple[float, float], *stops: tuple[float, float], let_go: bool = True) -> None:
    page.mouse.move(*point(page, *start))
    page.mouse.down()
    for stop in stops:
        page.mouse.move(*point(page, *stop), steps=5)
    if let_go:
        page.mouse.up()


def seed(page: Page, number: int) -> None:
    if page.input_value("#seed") == str(number):
        return
    page.fill("#seed", str(number))
    page.keyboard.press("Enter")
    settled(page)
    page.evaluate("() => document.activeElement.blur()")


def with_edits(page: Page) -> None:
    """A picture, some edits, and one handle selected."""
    handle = page.locator("#handles .handle").first
    for dx, dy in ((60, 20), (-40, 50)):
        box = handle.bounding_box()
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        page.mouse.move(x, y)
        page.mouse.down()
        page.mouse.move(x + dx, y + dy, steps=5)
        page.mouse.up()
        settled(page)
    page.click("#styles-dice")
    settled(page)
    page.click("#undo")
    settled(page)


def overlay(name: str) -> Callable[[Page], None]:
    def prepare(page: Page) -> None:
        page.locator(f"[name=overlay][value={name}]").check(force=True)
        settled(page)

    return prepare


def gallery(page: Page) -> None:
    page.click("#styles-gallery")
    page.wait_for_function("() => document.querySelectorAll('.choice img').length === 8")


def drag(page: Page) -> None:
    """Points and a mask, a drag that has come to its end."""
    page.locator("[name=mode][value=drag]").check(force=True)
    page.locator("[name=tool][value=brush]").check(force=True)
    pull(page, (0.35, 0.4), (0.65, 0.42), (0.62, 0.6), (0.38, 0.58))
    page.locator("[name=tool][value=points]").check(force=True)
    pull(page, (0.42, 0.5), (0.58, 0.46))
    page.locator("#max-steps").fill("15")
    page.click("#drag-start")
    page.wait_for_selector("#outcome:not([hidden])", timeout=300_000)
    settled(page)


def dragging(page: Page) -> None:
    page.locator("[name=mode][value=drag]").check(force=True)
    pull(page, (0.4, 0.5), (0.6, 0.45))
    page.click("#drag-start")
    page.wait_for_function("() => Number(document.querySelector('#m-step').textContent) >= 1", timeout=120_000)


def error(page: Page) -> None:
    page.set_input_files("#file", {"name": "a.json", "mimeType": "application/json", "buffer": b"{"})
    page.wait_for_selector(".notice")


def long_history(page: Page) -> None:
    """Sixty steps, which must not move anything."""
    page.evaluate("""async () => {
        const { edit } = await import('./js/changes.js');
        for (let i = 0; i < 59; i++) await edit({ edit: 'with_new_styles', seed: i });
    }""")
    settled(page)


def zoomed(page: Page) -> None:
    with_edits(page)
    for _ in range(2):
        page.click("#zoom-in")
    page.click("[popovertarget=tip-levels]")


def compare(page: Page) -> None:
    with_edits(page)
    page.click("#compare")
    settled(page)


def menu(page: Page) -> None:
    with_edits(page)
    page.click("#export")
    settled(page)


def loading(page: Page) -> None:
    page.evaluate("() => { document.body.dataset.loading = '' }")


def keys(page: Page) -> None:
    page.click("#help")


def nothing(page: Page) -> None:
    pass


SHOTS = {  # name: (window, theme, what to do)
    "studio": (DESKTOP, "light", with_edits),
    "studio-dark": (DESKTOP, "dark", with_edits),
    "studio-first": (DESKTOP, "light", nothing),
    "studio-history": (DESKTOP, "light", long_history),
    "studio-zoom": (DESKTOP, "light", zoomed),
    "studio-heatmap": (DESKTOP, "light", overlay("heatmap")),
    "studio-attention": (DESKTOP, "dark", overlay("attention")),
    "studio-features": (DESKTOP, "light", overlay("features")),
    "studio-compare": (DESKTOP, "light", compare),
    "studio-gallery": (DESKTOP, "light", gallery),
    "studio-menu": (DESKTOP, "light", menu),
    "studio-keys": (DESKTOP, "dark", keys),
    "studio-dragging": (DESKTOP, "light", dragging),
    "studio-drag": (DESKTOP, "dark", drag),
    "studio-error": (DESKTOP, "light", error),
    "studio-loading": (DESKTOP, "light", loading),
    "studio-small": (SMALL, "light", with_edits),
    "studio-phone": (PHONE, "light", nothing),
    "studio-phone-dark": (PHONE, "dark", nothing),
}


FILM = "studio-gif"  # not one picture but many
FILM_WIDTH, FRAME_MS = 600, 80


def film(page: Page, path: Path) -> None:
    """A GIF of the studio: the first handle goes round, the styles change, the handle goes round again."""
    frames: list[Image.Image] = []

    def take(times: int = 1) -> None:
        picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
        size = (FILM_WIDTH, round(FILM_WIDTH * picture.height / picture.width))
        frames.extend([picture.resize(size, Image.Resampling.LANCZOS)] * times)

    def go_round() -> None:
        box = page.locator("#handles .handle").first.bounding_box()
        radius = page.locator("#stage").bounding_box()["width"] / 5
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        page.mouse.move(x, y)
        page.mouse.down()
        for i in range(1, 21):  # along a figure of eight, which ends where it began
            turn = 2 * math.pi * i / 20
            page.mouse.move(x + radius * math.sin(turn), y + radius / 2 * math.sin(2 * turn), steps=3)
            page.wait_for_timeout(120)
            take()
        page.mouse.up()
        settled(page)

    take(4)
    go_round()
    for _ in range(2):
        page.click("#styles-dice")
        settled(page)
        take(6)
    go_round()
    all_of_it = Image.fromarray(np.concatenate([np.asarray(frame) for frame in frames[::6]]))
    palette = all_of_it.quantize(128, method=Image.Quantize.MEDIANCUT)
    first, *others = [frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames]
    first.save(path, save_all=True, append_images=others, duration=FRAME_MS, loop=0, optimize=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--model", action="append", help="as for spatialgan studio")
    parser.add_argument("--seed", type=int, default=12)
    parser.add_argument("--only", nargs="+", choices=[*SHOTS, FILM], default=list(SHOTS))
    parser.add_argument("--browser", default=next(filter(None, map(shutil.which, BROWSERS)), None))
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)

    words = [w for m in args.model or [] for w in ("--model", m)]
    studio = subprocess.Popen(
        [sys.executable, "-m", "spatialgan.cli", "studio", "--no-browser", "--port", "0", *words],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    try:
        url = studio.stdout.readline().split()[2]
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=args.browser, args=["--no-sandbox"])
            models = [m["name"] for m in browser.new_page().request.get(f"{url}api/v1/studio").json()["models"]]
            for number, model in enumerate(models):
                for name in args.only:
                    window, theme, prepare = SHOTS.get(name, (DESKTOP, "light", nothing))
                    phone = {"is_mobile": True, "has_touch": True} if window == PHONE else {}
                    page = browser.new_page(
                        viewport=dict(zip(("width", "height"), window, strict=True)),
                        color_scheme=theme,
                        device_scale_factor=2 if phone else 1,
                        **phone,
                    )
                    page.set_default_timeout(180_000)  # a busy machine draws late
                    page.on("pageerror", lambda e: print("error in the page:", e))
                    page.goto(url)
                    page.wait_for_selector("body:not([data-loading])")
                    if number > 0:
                        page.select_option("#model", model)
                        settled(page)
                    if prepare is not nothing or name == FILM:
                        seed(page, args.seed)
                    prepare(page)
                    stem = name.removesuffix("-gif") + (f"-{number}" if number > 0 else "")
                    if name == FILM:
                        path = args.out / f"{stem}.gif"
                        film(page, path)
                    else:
                        path = args.out / f"{stem}.png"
                        page.mouse.move(2, window[1] // 2)
                        page.screenshot(path=path)
                    print(path)
                    page.close()
            browser.close()
    finally:
        studio.terminate()
        studio.wait(10)


if __name__ == "__main__":
    main()
