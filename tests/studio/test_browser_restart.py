"""A studio that is restarted under an open page: picture and history are kept in the page and sent again."""

import threading
from collections.abc import Iterator

import numpy as np
import pytest
import uvicorn
from browsing import TIMEOUT_MS, centred, drawn, new_context, pull, settle, shown, state
from playwright.sync_api import Page, expect

from spatialgan.studio.server import listen, make_app


class Server:
    """A studio that can go and come back on its port, knowing nothing of who was there."""

    def __init__(self, models):
        self.models, self.port = models, 0
        self.start()

    def start(self) -> None:
        self.listener = listen("127.0.0.1", self.port)
        self.port = self.listener.getsockname()[1]
        config = uvicorn.Config(
            make_app(self.models), log_level="critical", ws="websockets-sansio", timeout_graceful_shutdown=0
        )
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(target=self.server.run, kwargs={"sockets": [self.listener]})
        self.thread.start()

    def stop(self) -> None:
        self.server.should_exit = self.server.force_exit = True
        self.thread.join(20)
        self.listener.close()


@pytest.fixture
def server(models) -> Iterator[Server]:
    server = Server(models)
    yield server
    server.stop()


@pytest.fixture
def page(browser, server) -> Iterator[Page]:
    context = new_context(browser)
    page = context.new_page()
    page.goto(f"http://127.0.0.1:{server.port}/")
    page.wait_for_selector("body:not([data-loading])")
    yield page
    context.close()


def restart(page: Page, server: Server) -> None:
    server.stop()
    page.wait_for_selector("body[data-offline]")
    server.start()


def steps(page: Page) -> tuple[list[str], list[bool], int]:
    now = state(page)
    return [e["label"] for e in now["history"]], [e["is_start"] for e in now["history"]], now["position"]


def kept(page: Page, n: int) -> None:
    """Wait until the page has n steps of its own."""
    count = "n => Object.keys(sessionStorage).filter(k => k.startsWith('spatialgan-scene')).length === n"
    page.wait_for_function(count, arg=n)


def with_history(page: Page) -> None:
    """Six steps, two pictures, the fifth step shown, and all of them kept."""
    page.click("#styles-dice")
    settle(page, 1)
    page.select_option("#model", label="multi")
    settle(page, 2)
    centred(page, "object 1")
    page.locator("#truncation").fill("0.8")
    settle(page, 4)
    page.keyboard.press("Tab")
    page.click("#layout-dice")
    settle(page, 5)
    page.click("#undo")
    settle(page, 4)
    kept(page, 6)


def test_picture_and_history_outlive_the_server(page, server):
    with_history(page)
    before, picture = steps(page), shown(page)
    session = page.evaluate("sessionStorage['spatialgan-session']")
    restart(page, server)
    expect(page.locator(".notice", has_text="are back")).to_be_visible()
    page.wait_for_selector("body:not([data-offline])")
    page.wait_for_function("s => sessionStorage['spatialgan-session'] !== s", arg=session)
    page.wait_for_timeout(300)
    assert steps(page) == before
    assert np.array_equal(shown(page), picture) and np.array_equal(drawn(page), picture)
    page.click("#redo")
    settle(page, 5)
    page.click("#undo")
    settle(page, 4)
    assert np.array_equal(shown(page), picture)
    assert page.evaluate("[...document.querySelectorAll('#history img')].every(i => i.complete && i.naturalWidth > 0)")
    page.reload()
    page.wait_for_selector("body:not([data-loading])")
    assert steps(page) == before


@pytest.mark.parametrize("reloads", [True, False])
def test_steps_that_could_not_be_sent_again_at_once_are_not_lost(page, server, reloads):
    with_history(page)
    before, picture = steps(page), shown(page)
    sent = []

    def second_fails(route):
        sent.append(route.request.url)
        route.abort() if len(sent) > 1 else route.continue_()

    page.route("**/history", second_fails)
    restart(page, server)
    for _ in range(TIMEOUT_MS // 50):
        if len(sent) > 1:
            break
        page.wait_for_timeout(50)
    assert len(sent) > 1
    page.unroute("**/history")
    if reloads:
        page.reload()
    page.wait_for_selector("body:not([data-loading], [data-offline])")
    assert steps(page) == before and np.array_equal(shown(page), picture)


def test_a_tab_whose_old_page_holds_its_session_goes_on_with_a_copy(page, server):
    with_history(page)
    before, picture = steps(page), shown(page)
    session = page.evaluate("sessionStorage['spatialgan-session']")
    with page.context.expect_page() as opened:
        page.evaluate("() => { window.open(location.href) }")  # has a copy of this tab's storage
    other = opened.value
    other.wait_for_selector("body:not([data-loading])")
    assert steps(other) == before and np.array_equal(shown(other), picture)
    assert other.evaluate("sessionStorage['spatialgan-session']") != session
    other.click("#undo")
    settle(other, before[2] - 1)
    assert steps(page) == before


def test_a_page_that_is_reloaded_after_the_restart_has_its_history_too(page, server):
    with_history(page)
    before, picture = steps(page), shown(page)
    server.stop()
    server.start()
    page.goto("about:blank")
    page.goto(f"http://127.0.0.1:{server.port}/")
    page.wait_for_selector("body:not([data-loading])")
    assert steps(page) == before and np.array_equal(shown(page), picture)


def test_what_is_done_before_the_page_has_noticed_is_done_after_that(page, server):
    page.click("#styles-dice")
    settle(page, 1)
    kept(page, 2)
    restart(page, server)
    page.click("#layout-dice")
    after = settle(page, 2)
    assert [e["label"] for e in after["history"]] == ["Seed 2", "New styles", "New layout"]
    expect(page.locator(".notice.error", has_text="session")).to_have_count(0)


def test_a_drag_that_ends_with_the_server_leaves_the_page_usable(page, server, fake_drag):
    page.keyboard.press("d")
    pull(page, (0.4, 0.5), (0.6, 0.5))
    page.locator("#max-steps").fill("300")
    kept(page, 1)
    page.click("#drag-start")
    page.wait_for_function("() => Number(document.querySelector('#m-step').textContent) >= 3")
    restart(page, server)
    page.wait_for_selector("body:not([data-dragging])")
    expect(page.locator("#drag-start")).to_have_text("Start")
    page.locator("#max-steps").fill("5")
    page.click("#drag-start")
    assert settle(page, 1)["history"][-1]["label"] == "Drag"


def test_points_overlay_and_twice_over(page, server):
    page.click("#styles-dice")
    settle(page, 1)
    for button, position in (("#undo", 0), ("#redo", 1)) * 2:  # more revisions than steps
        page.click(button)
        settle(page, position)
    page.locator("[name=overlay][value=features]").check(force=True)
    expect(page.locator("#overlay")).to_be_visible()
    page.keyboard.press("d")
    pull(page, (0.4, 0.5), (0.6, 0.5))
    kept(page, 2)
    for _ in range(2):
        session = page.evaluate("sessionStorage['spatialgan-session']")
        restart(page, server)
        page.wait_for_function("s => sessionStorage['spatialgan-session'] !== s", arg=session)
        page.wait_for_selector("body:not([data-offline])")
        page.wait_for_timeout(500)
        expect(page.locator("#points .point")).to_have_count(2)
        expect(page.locator("#overlay")).to_be_visible()
        assert steps(page) == (["Seed 2", "New styles"], [True, False], 1)
