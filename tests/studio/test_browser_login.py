"""The page that asks for the token, in a browser, under a proxy's prefix as well."""

import threading
from collections.abc import Iterator
from urllib.parse import quote

import pytest
import uvicorn
from browsing import new_context
from playwright.sync_api import Page

from spatialgan.studio.access import Access
from spatialgan.studio.server import listen, make_app

TOKEN = "of the museum?&#".replace(" ", "-")


@pytest.fixture(scope="module", params=["", "/art/studio"], ids=["at the root", "under a prefix"])
def home(request, models) -> Iterator[str]:
    """The address of a studio that asks for a token."""
    listener = listen("127.0.0.1", 0)
    app = make_app(models, access=Access(token=TOKEN, prefix=request.param))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", ws="websockets-sansio"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}{request.param}/"
    server.should_exit = True
    thread.join(20)


@pytest.fixture
def tab(browser) -> Iterator[Page]:
    """A page of a browser that knows no cookies; nothing may go wrong in it."""
    context, faults = new_context(browser), []
    page = context.new_page()
    page.on("pageerror", lambda e: faults.append(str(e)))
    yield page
    context.close()
    assert faults == []


def arrives(page: Page, home: str) -> None:
    page.wait_for_selector("body:not([data-loading]) #stage[data-serial]")
    assert page.url == home


def test_the_token_opens_the_studio(tab, home):
    tab.goto(home)
    assert tab.url == f"{home}login"
    tab.fill("#token", "not-it-at-all")
    tab.press("#token", "Enter")
    tab.wait_for_function("() => document.querySelector('#answer').textContent.includes('not the token')")
    tab.fill("#token", TOKEN)
    tab.click("button")
    arrives(tab, home)
    tab.reload()
    arrives(tab, home)
    tab.goto(f"{home}docs")
    assert "HTTP API" in tab.inner_text("h1")
    assert tab.evaluate("getComputedStyle(document.body).display") == "grid"  # its style has come, too


def test_an_address_with_the_token_logs_in_and_does_not_keep_it(tab, home):
    tab.goto(f"{home}login#{quote(TOKEN)}")
    arrives(tab, home)
    assert TOKEN not in tab.evaluate("document.cookie + location.href")
