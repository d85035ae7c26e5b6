"""A notebook without one: the real widget talks with a stand-in for a kernel's connection, and a page in a browser."""

import base64
import importlib.util
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from spatialgan.notebook import widget
from spatialgan.notebook.scene_widget import STATIC, SceneWidget

TESTS = Path(__file__).parents[1]


def _module(path: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(Path(path).stem, TESTS / path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


tiny_models = _module("editing/tiny_models.py")
browsing = _module("studio/browsing.py")
browser = browsing.browser  # a fixture

PAGE = """<!doctype html><meta name="viewport" content="width=device-width"><title>Notebook</title>
<link rel="stylesheet" href="widget.css">
<div id="cell"></div><div id="second"></div><div style="height: 2000px"></div>
<script type="module">
import widget from './widget.js';
const state = {}, listeners = new Map();
const bytes = text => new DataView(Uint8Array.from(atob(text), c => c.charCodeAt(0)).buffer);
window.apply = updates => {
  for (const update of updates) {
    for (const [name, value] of Object.entries(update)) state[name] = value.base64 ? bytes(value.base64) : value;
    for (const name of Object.keys(update)) for (const f of listeners.get(`change:${name}`) ?? []) f();
  }
};
window.sent = [];
window.gate = Promise.resolve(); // answers wait for it
const model = {
  get: name => state[name],
  on: (event, f) => listeners.set(event, [...listeners.get(event) ?? [], f]),
  off: (event, f) => listeners.set(event, (listeners.get(event) ?? []).filter(g => g !== f)),
  send: async message => {
    window.sent.push(message);
    const updates = await window.python(message);
    await window.gate;
    window.apply(updates);
  },
};
window.listening = () => [...listeners.values()].flat().length;
window.show = id => widget.render({ model, el: document.getElementById(id) });
window.apply(await window.opened());
window.close_first = window.show('cell');
document.body.dataset.ready = '';
</script>"""


class StandInComm:
    """A kernel's connection to the page: keeps what is sent, and hands over what comes."""

    def __init__(self, data: dict[str, Any] | None = None, buffers: list | None = None, **_: object):
        self.comm_id = f"comm-{id(self)}"
        self.sent: list[dict[str, Any]] = []  # the states of updates, buffers put in
        self.send(data, buffers=buffers)

    def send(self, data: dict[str, Any] | None = None, metadata: object = None, buffers: list | None = None) -> None:
        state = dict((data or {}).get("state", {}))
        for path, buffer in zip((data or {}).get("buffer_paths", []), buffers or [], strict=True):
            (name,) = path
            state[name] = bytes(buffer)
        self.sent.append(state)

    def on_msg(self, receive: Callable[[dict[str, Any]], None]) -> None:
        self.receive = receive

    def close(self, *_: object, **__: object) -> None: ...

    def ask(self, message: Any) -> list[dict[str, Any]]:
        """Deliver a message of the page, and give what is answered."""
        before = len(self.sent)
        self.receive({"content": {"data": {"method": "custom", "content": message}}, "buffers": []})
        return self.sent[before:]


@pytest.fixture(autouse=True)
def kernel(monkeypatch) -> None:
    monkeypatch.setattr("ipywidgets.widgets.widget.comm.create_comm", StandInComm)


@pytest.fixture(scope="session")
def single() -> Any:
    return tiny_models.make_model(encoding="norm")


@pytest.fixture(scope="session")
def multi() -> Any:
    return tiny_models.make_model(layout="multi", encoding="multi", name="rooms")


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Callable[..., tuple[SceneWidget, Page]]]:
    """Shows a scene's widget in a page; nothing may go wrong in it, and nothing come from elsewhere."""
    contexts, faults = [], []

    def serve(route: Any) -> None:
        name = route.request.url.rsplit("/", 1)[-1]
        if name == "":
            route.fulfill(body=PAGE, content_type="text/html")
        elif (STATIC / name).is_file():
            kind = "text/javascript" if name.endswith(".js") else "text/css"
            route.fulfill(body=(STATIC / name).read_text(), content_type=kind)
        elif name == "favicon.ico":
            route.fulfill(status=204)
        else:
            faults.append(name)
            route.abort()

    def open_page(scene: Any, **options: object) -> tuple[SceneWidget, Page]:
        shown = widget(scene)
        context = browsing.new_context(browser, **({"viewport": {"width": 800, "height": 700}} | options))
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda e: faults.append(str(e)))
        page.on("console", lambda m: faults.append(m.text) if m.type == "error" else None)
        page.expose_function("python", lambda message: sendable(shown.comm.ask(message)))
        page.expose_function("opened", lambda: sendable([shown.get_state()]))
        page.route("**/*", serve)
        page.goto("http://notebook.test/")
        page.wait_for_selector("body[data-ready]")
        page.wait_for_selector("#cell [data-painted]")
        return shown, page

    yield open_page
    for context in contexts:
        context.close()
    assert faults == []


def sendable(states: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """States as JSON values, but for what only notebooks themselves use."""
    wanted = [{k: v for k, v in state.items() if k in ("_shown", "_picture")} for state in states]
    return [
        {k: {"base64": base64.b64encode(v).decode()} if isinstance(v, bytes) else v for k, v in state.items()}
        for state in wanted
    ]
