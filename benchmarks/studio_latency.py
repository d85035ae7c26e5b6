"""How fast the studio's picture follows the pointer: from a pointer's move to new pixels, in a real browser.

    python benchmarks/studio_latency.py --json benchmarks/results/studio_latency.json
    python benchmarks/studio_latency.py --official 256 --official 1024 --moves 30 \\
        --json benchmarks/results/studio_large.json
    spatialgan export --to web --out out/site && \\
        python benchmarks/studio_latency.py --web out/site --json benchmarks/results/studio_web.json

The studio runs as users run it, in a process of its own; Chromium opens the page, and a script inside the page moves a
handle along a circle with pointer events, as a mouse does. Two things are measured, on one model after the other:

latency
    One move at a time, 50 ms after the last one's pixels: from the event to the frame in which the picture was painted
    (a task that is queued in that frame's animation callback).
rate
    A move with every animation frame, without waiting: how many distinct pictures are painted in a second, and how old
    the position is that a picture shows.

rest
    From the last move to the full picture, where pictures are smaller while a handle moves (``studio/pace.py``).

``--official R`` makes a single-object model of the official StyleGAN2's widths at R pixels, with random weights.
``--web DIR`` measures an exported page (docs/web.md) as well, in the same browser from a plain file server: there no
server draws, but the page itself.

Where the time goes is told by the server's own clock (queue, generator, encoding) and the page's (sending, decoding and
painting, waiting for the next frame of the screen); the network is what is left.
"""

import argparse
import functools
import http.server
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import torch
from playwright.sync_api import Page, sync_playwright

from spatialgan.config import ModelConfig, RunConfig
from spatialgan.model import Model
from spatialgan.networks.generator import Generator

PARTS = (
    "page sends",
    "queue",
    "generator",
    "generator, processor time",
    "encode",
    "network",
    "decode and paint",
    "screen",
)
MEMORY = {"resident_mb": "VmRSS", "resident_at_most_mb": "VmHWM"}
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")

# Runs in the page. Moves are pointer events on the handle, previews are matched by their serial number.
PROBE = """async ({ moves, rateSeconds }) => {
  const stage = document.querySelector('#stage'), sent = new Map(), arrived = new Map(), samples = [];
  const { Connection = WebSocket } = await import('./js/backend.js'), wire = Connection.prototype, send = wire.send;
  wire.send = function (text) {
    const { kind, serial } = JSON.parse(text);
    if (kind === 'preview') sent.set(serial, performance.now());
    return send.call(this, text);
  };
  const parse = JSON.parse;
  JSON.parse = function (text) {  // the first thing that happens to a frame is that its header is read
    const value = parse(text);
    if (value?.kind === 'preview' && value.timing) arrived.set(value.serial, performance.now());
    return value;
  };
  const fire = (type, target, x, y) => target.dispatchEvent(new PointerEvent(type, { bubbles: true, cancelable: true,
    pointerId: 1, clientX: x, clientY: y, button: 0, buttons: 1, isPrimary: true }));
  const box = stage.getBoundingClientRect(), handle = document.querySelector('#handles .handle');
  const { left, top } = handle.getBoundingClientRect(), x = left + 13, y = top + 13, r = box.width / 10;
  const place = i => [x + r * Math.sin(i / 9), y + r * (1 - Math.cos(i / 9))];
  const presented = () => new Promise(done => requestAnimationFrame(() => {
    const channel = new MessageChannel();
    channel.port1.onmessage = () => done(performance.now());
    channel.port2.postMessage(0);
  }));
  const wait = ms => new Promise(done => setTimeout(done, ms));
  const painted = new Map(), waiting = new Map();
  stage.addEventListener('painted', ({ detail }) => {
    if (detail.kind !== 'preview') return;
    painted.set(detail.serial, performance.now());
    for (const [serial, done] of waiting) {
      if (serial <= detail.serial && waiting.delete(serial)) done(detail);
    }
  });
  const lastSerial = () => Math.max(0, ...sent.keys());

  fire('pointerdown', handle, x, y);
  for (let i = 1; i <= moves; i++) {
    const began = performance.now(), before = lastSerial();
    fire('pointermove', window, ...place(i));
    while (lastSerial() === before) await new Promise(requestAnimationFrame);
    const serial = lastSerial();
    const detail = painted.has(serial) ? null : await new Promise(done => waiting.set(serial, done));
    const end = await presented();
    if (detail) samples.push({ total: end - began, 'page sends': sent.get(serial) - began,
      queue: detail.timing.queue_ms,
      generator: detail.timing.generator_ms, 'generator, processor time': detail.timing.cpu_ms,
      encode: detail.timing.encode_ms, 'decode and paint': painted.get(serial) - arrived.get(serial),
      network: arrived.get(serial) - sent.get(serial) - detail.timing.queue_ms - detail.timing.generator_ms
        - detail.timing.encode_ms, screen: end - painted.get(serial) });
    await wait(50);
  }
  const start = performance.now(), first = lastSerial(), ages = [];
  const count = ({ detail }) => {
    if (detail.kind === 'preview' && detail.serial > first) ages.push(performance.now() - sent.get(detail.serial));
  };
  stage.addEventListener('painted', count);
  for (let i = moves; performance.now() - start < 1000 * rateSeconds; i++) {
    fire('pointermove', window, ...place(i));
    await new Promise(requestAnimationFrame);
  }
  const frames = ages.length, asked = lastSerial() - first;
  stage.removeEventListener('painted', count);
  const resolution = (await import('./js/store.js')).store.state.model.resolution;
  const width = () => document.querySelector('#picture').width;
  const moving = width(), rests = [];
  for (let i = 0; i < 3; i++) {
    const began = performance.now();
    fire('pointermove', window, ...place(1000 + 7 * i));
    const before = lastSerial();
    while (lastSerial() === before) await new Promise(requestAnimationFrame);
    while (!painted.has(lastSerial()) || width() !== resolution) await wait(2);
    rests.push(performance.now() - began);
  }
  window.dispatchEvent(new KeyboardEvent('keydown', { key: 'Escape' }));
  wire.send = send;
  JSON.parse = parse;
  return { samples, frames, asked, ages, moving, rests };
}"""


def percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, round(share * (len(values) - 1)))]


def official_model(resolution: int, folder: Path) -> str:
    """A model of the official StyleGAN2's widths, with random weights: its name is its path."""
    layers = ModelConfig(resolution=resolution, channel_base=32768 if resolution > 256 else 16384, channel_max=512)
    torch.manual_seed(0)
    return str(Model(RunConfig(model=layers), Generator(layers)).save(folder / f"official-{resolution}"))


def memory_mb(process: int) -> dict[str, float]:
    """Resident memory of a process on Linux, now and at most; nothing elsewhere."""
    status = Path(f"/proc/{process}/status")
    lines = status.read_text().splitlines() if status.exists() else []
    found = dict(line.split(":", 1) for line in lines)
    return {name: int(found[key].split()[0]) / 1024 for name, key in MEMORY.items() if key in found}


def measure(page: Page, url: str, model: str, moves: int, rate_seconds: float) -> dict:
    """One model's figures, in milliseconds."""
    page.set_default_timeout(180_000)
    page.goto(url)
    page.wait_for_selector("body:not([data-loading])")
    if page.input_value("#model") != model:
        page.select_option("#model", model)
    page.wait_for_timeout(200)
    page.wait_for_selector("body:not([data-busy])")  # previews of the picture before would never be shown
    page.wait_for_timeout(1500)
    page.evaluate(PROBE, {"moves": 10, "rateSeconds": 0.5})  # warm
    page.wait_for_timeout(1000)
    raw = page.evaluate(PROBE, {"moves": moves, "rateSeconds": rate_seconds})
    totals = [s["total"] for s in raw["samples"]]
    return {
        "moves": len(totals),
        "latency_median_ms": statistics.median(totals),
        "latency_p95_ms": percentile(totals, 0.95),
        "parts_median_ms": {
            p: statistics.median(s[p] for s in raw["samples"]) for p in PARTS if raw["samples"][0][p] is not None
        },
        "frames_per_second": raw["frames"] / rate_seconds,
        "previews_asked_per_second": raw["asked"] / rate_seconds,
        "age_median_ms": statistics.median(raw["ages"]),
        "age_p95_ms": percentile(raw["ages"], 0.95),
        "moving_picture_px": raw["moving"],
        "full_picture_median_ms": statistics.median(raw["rests"]),
    }


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves files, and says nothing."""

    def log_message(self, *_: object) -> None:
        pass


def measure_web(page: Page, folder: Path, moves: int, rate_seconds: float) -> dict[str, dict]:
    """The figures of an exported page, by model; with the seconds until a first visitor sees the first picture."""
    handler = functools.partial(Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url, begun = f"http://127.0.0.1:{server.server_port}/", time.perf_counter()
        page.goto(url)
        page.wait_for_selector("body:not([data-loading])", timeout=180_000)
        first_s = time.perf_counter() - begun
        found = {}
        for model in page.request.get(f"{url}studio.json").json()["models"]:
            figures = measure(page, url, model["name"], moves, rate_seconds)
            found[model["name"]] = {"resolution": model["resolution"], **figures, "first_picture_s": first_s}
        server.shutdown()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", action="append", help="as for spatialgan studio; all bundled models without it")
    parser.add_argument("--official", type=int, action="append", help="a random model of this many pixels, as official")
    parser.add_argument(
        "--web", type=Path, metavar="DIR", help="a folder of spatialgan export --to web, to compare with"
    )
    parser.add_argument("--note", help="what else the machine did, for the result")
    parser.add_argument("--moves", type=int, default=200)
    parser.add_argument("--rate-seconds", type=float, default=5.0)
    parser.add_argument("--browser", default=next(filter(None, map(shutil.which, BROWSERS)), None))
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()

    folder = tempfile.TemporaryDirectory()
    made = [official_model(r, Path(folder.name)) for r in args.official or []]
    words = [w for m in [*(args.model or []), *made] for w in ("--model", m)]
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
            page = browser.new_page(viewport={"width": 1440, "height": 900})
            info = page.request.get(f"{url}api/v1/studio").json()
            models = {}
            for model in info["models"]:
                models[Path(model["name"]).stem] = {
                    "resolution": model["resolution"],
                    **measure(page, url, model["name"], args.moves, args.rate_seconds),
                    **memory_mb(studio.pid),
                }
            on_page = measure_web(page, args.web, args.moves, args.rate_seconds) if args.web else {}
            version = browser.version
            browser.close()
    finally:
        studio.terminate()
        studio.wait(30)
        folder.cleanup()

    result = {
        "models": models,
        **({"web": on_page} if args.web else {}),
        "machine": {
            "cpus": os.cpu_count(),
            "processor": platform.processor() or platform.machine(),
            "load": os.getloadavg()[0],
            **({"note": args.note} if args.note else {}),
            "torch": torch.__version__,
            "threads": os.environ.get("OMP_NUM_THREADS", "default"),
            "chromium": version,
            "command": " ".join(["python", *sys.argv]),
        },
    }
    for name, m in (*models.items(), *((f"{name}, exported", m) for name, m in on_page.items())):
        parts = ", ".join(f"{p} {ms:.1f}" for p, ms in m["parts_median_ms"].items())
        print(
            f"{name}: median {m['latency_median_ms']:.1f} ms, p95 {m['latency_p95_ms']:.1f} ms ({parts}); "
            f"{m['frames_per_second']:.1f} frames/s of {m['moving_picture_px']} pixels, "
            f"the full picture after {m['full_picture_median_ms']:.0f} ms"
        )
    if args.json:
        args.json.parent.mkdir(parents=True, exist_ok=True)
        args.json.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
