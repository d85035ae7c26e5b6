"""Served to others: names, the token, proxies and their prefix, limits a visitor, health, and when sessions end."""

import time
from datetime import UTC, datetime, timedelta

import pytest
from fastapi.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from spatialgan.errors import SpatialGANError
from spatialgan.studio import visits
from spatialgan.studio.access import Access, clean_prefix
from spatialgan.studio.proxy import visitor_of
from spatialgan.studio.server import make_app, serve
from spatialgan.studio.session_store import Full, NoSession, Sessions
from spatialgan.studio.visits import Rate, TooMany, visitor_name

TOKEN = "of-the-museum"


@pytest.fixture
def open_studio(models):
    """A client of a studio with such an access, as its visitor's browser or proxy at ``peer``."""
    clients = []

    def begin(base_url: str = "http://127.0.0.1:7860", peer: str = "192.0.2.7", **access) -> TestClient:
        clients.append(
            TestClient(
                make_app(models, access=Access(**access)),
                base_url=base_url,
                client=(peer, 5000),
                raise_server_exceptions=False,
                follow_redirects=False,
            )
        )
        return clients[-1].__enter__()

    yield begin
    for client in clients:
        client.__exit__(None, None, None)


# ------------------------------------------------------------- names


def test_a_name_is_answered_to_where_the_user_says_so(open_studio):
    client = open_studio(names=("Studio.example.org",))
    for host, status in (
        ("studio.example.org", 200),
        ("studio.example.org:8443", 200),
        ("evil.example", 403),
        ("x.studio.example.org", 403),
        ("127.0.0.1:7860", 200),
    ):
        assert client.get("/api/v1/studio", headers={"host": host}).status_code == status, host
    own = {"host": "studio.example.org", "origin": "https://studio.example.org"}
    assert client.get("/api/v1/studio", headers=own).status_code == 200
    assert client.get("/api/v1/studio", headers=own | {"origin": "https://evil.example"}).status_code == 403


# ------------------------------------------------------------- the token


def test_without_the_token_there_is_only_the_page_that_asks_for_it(open_studio):
    client = open_studio(token=TOKEN)
    for path in ("/", "/docs", "/index.html"):
        page = client.get(path)
        assert page.status_code == 303 and page.headers["location"] == "login", path
    assert 'id="token"' in client.get("/login").text
    for path in ("/css/login.css", "/js/login.js", "/icon.svg", "/healthz"):
        assert client.get(path).status_code == 200, path
    for path in ("/api/v1/studio", "/api/v1/openapi.json", "/js/main.js", "/css/base.css", "/login/", "/nothing"):
        answer = client.get(path)
        assert answer.status_code == 401 and "asks for its token" in answer.json()["error"], path
        assert answer.headers["www-authenticate"] == "Bearer"
    assert client.post("/api/v1/sessions").status_code == 401
    with (
        pytest.raises(WebSocketDisconnect),
        client.websocket_connect("/api/v1/sessions/x/live", headers={"host": "127.0.0.1:7860"}),
    ):
        pass


def test_a_page_logs_in_with_a_cookie_that_is_not_the_token(open_studio):
    client = open_studio("https://127.0.0.1:7860", token=TOKEN)
    wrong = client.post("/login", json={"token": TOKEN + "x"})
    assert wrong.status_code == 401 and "set-cookie" not in wrong.headers
    right = client.post("/login", json={"token": TOKEN})
    cookie = right.headers["set-cookie"]
    assert right.status_code == 204 and TOKEN not in cookie
    assert all(part in cookie for part in ("HttpOnly", "SameSite=Strict", "Path=/;", "Secure"))
    assert client.get("/").status_code == 200
    session = client.post("/api/v1/sessions").json()["session"]
    with client.websocket_connect(
        f"wss://127.0.0.1:7860/api/v1/sessions/{session}/live", headers={"host": "127.0.0.1:7860"}
    ):
        pass
    name, _, value = cookie.partition(";")[0].partition("=")
    # What other programs on this host have set comes along, and hides nothing.
    for foreign in ('a={"x":1}', "version=2", "n=a b", "foo", "=", '"'):
        assert (
            open_studio("https://127.0.0.1:7860", token=TOKEN)
            .get("/api/v1/studio", headers={"cookie": f"{foreign}; {name}={value}"})
            .status_code
            == 200
        ), foreign
    other = open_studio("https://127.0.0.1:7860", token="of-another-studio")
    assert other.get("/api/v1/studio", headers={"cookie": f"{name}={value}"}).status_code == 401
    assert other.get("/api/v1/studio", headers={"cookie": 'x; =;; "', "authorization": ""}).status_code == 401


def test_scripts_send_the_token_in_a_header(open_studio):
    client = open_studio(token=TOKEN)
    for header, status in (
        (f"Bearer {TOKEN}", 200),
        (f"bearer {TOKEN}", 200),
        (f"Bearer {TOKEN} x", 401),
        (f"Basic {TOKEN}", 401),
        (TOKEN, 401),
        ("Bearer", 401),
        ("Bearer \xe4", 401),
    ):
        got = client.get("/api/v1/studio", headers={"authorization": header.encode("latin-1")}).status_code
        assert got == status, header
    document = client.get("/api/v1/openapi.json", headers={"authorization": f"Bearer {TOKEN}"}).json()
    assert document["security"] == [{"token": []}] and "token" in document["components"]["securitySchemes"]
    assert document["paths"]["/healthz"]["get"]["security"] == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'"x"',
        b"{}",
        b'{"token": 3}',
        b'{"token": null}',
        b'{"token": "\\ud800"}',
        b"[" * 4000,
        b" " * 100_000,
        b"\xff",
    ],
)
def test_what_is_no_login_is_told_in_a_sentence(open_studio, body):
    answer = open_studio(token=TOKEN).post("/login", content=body)
    assert answer.status_code in (400, 401) and answer.json()["error"]


def test_tokens_cannot_be_guessed_for_long(open_studio):
    client = open_studio(token=TOKEN)
    answers = [client.post("/login", json={"token": f"guess-{i:04}"}).status_code for i in range(15)]
    assert answers == [401] * 10 + [429] * 5
    locked = client.get("/api/v1/studio", headers={"authorization": f"Bearer {TOKEN}"})
    assert locked.status_code == 429 and int(locked.headers["retry-after"]) > 0


def test_without_a_token_there_is_nothing_to_log_in_to(open_studio):
    client = open_studio()
    assert client.get("/login").status_code == 404
    assert client.post("/login", json={"token": TOKEN}).status_code in (404, 405)


# ------------------------------------------------------------- behind a proxy


FORWARDED = {
    "x-forwarded-for": "203.0.113.9",
    "x-forwarded-proto": "https",
    "x-forwarded-host": "art.example",
    "x-forwarded-prefix": "/studio/",
    "host": "studio:7860",
}


def test_a_proxy_is_believed_where_the_user_named_it(open_studio):
    known = open_studio(peer="10.1.2.3", proxies=("10.0.0.0/8",), names=("art.example",), token=TOKEN)
    done = known.post("/login", json={"token": TOKEN}, headers=FORWARDED | {"origin": "https://art.example"})
    assert done.status_code == 204 and "Path=/studio/; " in done.headers["set-cookie"]
    assert "; Secure" in done.headers["set-cookie"]
    stranger = open_studio(peer="192.0.2.7", proxies=("10.0.0.0/8",), names=("art.example",), token=TOKEN)
    assert stranger.post("/login", json={"token": TOKEN}, headers=FORWARDED).status_code == 403
    plain = stranger.post("/login", json={"token": TOKEN}, headers=FORWARDED | {"host": "art.example"})
    assert "Path=/; " in plain.headers["set-cookie"] and "Secure" not in plain.headers["set-cookie"]


@pytest.mark.parametrize("kept", [True, False], ids=["the proxy keeps the prefix", "the proxy takes it off"])
def test_a_prefix(open_studio, kept):
    client = open_studio(prefix="/art/studio/", token=TOKEN)
    at = "/art/studio" if kept else ""
    assert client.get(f"{at}/login").status_code == 200
    assert client.get(f"{at}/").headers["location"] == "login"
    cookie = client.post(f"{at}/login", json={"token": TOKEN}).headers["set-cookie"]
    assert "Path=/art/studio/;" in cookie
    headers = {"cookie": cookie.partition(";")[0]}
    for path in ("/", "/js/main.js", "/docs", "/api/v1/studio"):
        assert client.get(f"{at}{path}", headers=headers).status_code == 200, path
    session = client.post(f"{at}/api/v1/sessions", headers=headers).json()["session"]
    with client.websocket_connect(
        f"{at}/api/v1/sessions/{session}/live", headers={"host": "127.0.0.1:7860", **headers}
    ):
        pass
    document = client.get(f"{at}/api/v1/openapi.json", headers=headers).json()
    assert document["servers"] == [{"url": "/art/studio"}]


def test_the_page_has_a_slash_after_its_prefix(open_studio):
    answer = open_studio(prefix="/studio").get("/studio")
    assert answer.status_code == 308 and answer.headers["location"] == "/studio/"


@pytest.mark.parametrize(
    ("given", "visitor"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("1.1.1.1, 203.0.113.9, 10.0.0.2", "203.0.113.9"),
        ("", ""),
        ("x, 10.0.0.2", ""),
        ("10.0.0.2", ""),
        ("203.0.113.9, evil", ""),
        ("[2001:db8::1]", "2001:db8::1"),
        ("2001:db8::1", "2001:db8::1"),
    ],
)
def test_whom_a_proxy_speaks_for(given, visitor):
    assert visitor_of(given, Access(proxies=("10.0.0.0/8",)).networks) == visitor


@pytest.mark.parametrize(
    ("given", "clean"),
    [
        ("studio", "/studio"),
        ("/a/b/", "/a/b"),
        ("//evil.example", "/evil.example"),
        ("/..", ""),
        ("/a b", ""),
        ('/"', ""),
        ("", ""),
        ("/", ""),
    ],
)
def test_prefixes(given, clean):
    assert clean_prefix(given) == clean


# ------------------------------------------------------------- limits a visitor


def test_a_visitor_who_asks_too_often_waits_and_others_do_not(open_studio):
    client = open_studio(peer="127.0.0.1", proxies=("127.0.0.1",), rate=2)

    def ask(visitor: str) -> int:
        return client.get("/healthz", headers={"x-forwarded-for": visitor}).status_code

    answers = [ask("192.0.2.1") for _ in range(30)]
    assert answers[:20] == [200] * 20 and answers[-5:] == [429] * 5
    refused = client.get("/healthz", headers={"x-forwarded-for": "192.0.2.1"})
    assert int(refused.headers["retry-after"]) == 1 and "try again" in refused.json()["error"]
    assert ask("192.0.2.2") == 200
    assert ask("2001:db8::1") == 200
    time.sleep(0.6)
    assert ask("192.0.2.1") == 200


def test_the_rate_is_for_studios_that_others_can_reach():
    assert Access().requests_a_second == 0 and Access(rate=3).requests_a_second == 3
    assert Access("0.0.0.0").requests_a_second == Access(proxies=("127.0.0.1",)).requests_a_second == 20
    assert Access("0.0.0.0", rate=0).requests_a_second == 0


def test_buckets(monkeypatch):
    now = [0.0]
    rate = Rate(2, 4, clock=lambda: now[0])
    for _ in range(4):
        rate.spend("a")
    with pytest.raises(TooMany, match="try again in 1 s"):
        rate.spend("a")
    now[0] = 0.5
    rate.spend("a", 5)  # in debt: 4 below nothing
    rate.charge("a", 0)  # what was let in may cost more, and is not asked again
    assert rate.wait_s("a") == pytest.approx(2.5) and rate.wait_s("b") == 0
    now[0] = 100
    assert rate.wait_s("a") == 0
    monkeypatch.setattr(visits, "MOST_REMEMBERED", 8)
    for i in range(1000):
        rate.spend(f"visitor {i}")
    assert len(rate._buckets) <= 8
    free = Rate(0, 1)
    for _ in range(100):
        free.spend("a")


def test_a_household_is_one_visitor():
    names = [
        visitor_name({"client": (address, 1)})
        for address in ("2001:db8::1", "2001:db8::2", "2001:db8:0:1::1", "::ffff:192.0.2.1", "192.0.2.1", "", "a.sock")
    ]
    assert names[0] == names[1] != names[2] and names[3] == names[4] == "192.0.2.1" and names[5:] == ["", "a.sock"]


def test_a_visitor_has_so_many_pages_at_once(open_studio, monkeypatch):
    client = open_studio(rate=1000)
    session = client.post("/api/v1/sessions").json()["session"]
    monkeypatch.setattr(visits.Visits.__init__, "__kwdefaults__", {"most_at_once": 2})
    client = open_studio(rate=1000)
    session = client.post("/api/v1/sessions").json()["session"]
    page = f"/api/v1/sessions/{session}/live"
    host = {"host": "127.0.0.1:7860"}
    with client.websocket_connect(page, headers=host), client.websocket_connect(page, headers=host):
        assert client.get("/healthz").status_code == 429
        with pytest.raises(WebSocketDisconnect), client.websocket_connect(page, headers=host):
            pass
    for _ in range(100):  # the pages close when the server sees it
        if client.get("/healthz").status_code == 200:
            return
        time.sleep(0.02)
    raise AssertionError("closed pages are still counted")


# ------------------------------------------------------------- health, and the end of sessions


def test_health(open_studio):
    client = open_studio()
    assert client.get("/healthz").json()["status"] == "ok"
    client.app.state.studio.worker.close()
    ill = client.get("/healthz")
    assert ill.status_code == 503 and "start the studio anew" in ill.json()["error"]


def test_sessions_say_when_they_end(models, sources):
    with TestClient(make_app(models, lifetime_s=600), base_url="http://127.0.0.1:7860") as client:
        begun = client.post("/api/v1/sessions").json()
        left = datetime.fromisoformat(begun["ends"]) - datetime.now(UTC)
        assert begun["idle_s"] == 600 and timedelta(seconds=590) < left <= timedelta(seconds=600)
        time.sleep(0.05)
        state = client.post(f"/api/v1/sessions/{begun['session']}/picture", json={"model": sources["single"]}).json()
        assert datetime.fromisoformat(state["ends"]) > datetime.fromisoformat(begun["ends"])
        client.app.state.studio.sessions.lifetime_s = 0
        time.sleep(0.01)
        answer = client.get(f"/api/v1/sessions/{begun['session']}")
        assert answer.status_code == 404 and "nobody used it" in answer.json()["error"]


def test_why_a_session_has_ended():
    now = [0.0]
    sessions = Sessions(lambda: None, lifetime_s=600, most=8, most_of_one=2, clock=lambda: now[0])
    first, kept = sessions.enter("a"), sessions.enter("a")
    now[0] = 1
    sessions.get(kept.id)
    sessions.enter("a")  # one more than a visitor has: their own idle one goes, not another's
    with pytest.raises(NoSession, match="another one needed the room"):
        sessions.get(first.id)
    other = sessions.enter("b")
    sessions.leave(other.id)
    with pytest.raises(NoSession, match="it was asked to"):
        sessions.get(other.id)
    with pytest.raises(NoSession, match="has ended; reload"):
        sessions.get("never was")
    now[0] = 700
    with pytest.raises(NoSession, match="nobody used it for 10 minutes"):
        sessions.get(kept.id)  # at once, not only when somebody sweeps
    for visitor in (sessions.enter("c"), sessions.enter("c")):
        visitor.pages.add(object())
    with pytest.raises(Full, match="one visitor"):
        sessions.enter("c")


# ------------------------------------------------------------- the start


def test_what_is_said_at_the_start(models, monkeypatch):
    ran, opened = [], []
    monkeypatch.setattr("uvicorn.Server.run", lambda self, sockets: ran.append(self.config))
    monkeypatch.setattr(
        "threading.Timer", lambda s, call, args: opened.append(args[0]) or type("T", (), {"start": lambda self: None})()
    )
    said: list[str] = []
    serve(models, access=Access("0.0.0.0"), port=0, open_browser=False, report=said.append)
    assert any("--token" in line for line in said)
    said.clear()
    serve(models, access=Access(token=TOKEN), port=0, open_browser=True, report=said.append)
    assert opened[0].startswith("http://127.0.0.1:")
    assert TOKEN not in opened[0]  # others see what a browser is started with
    assert not any(TOKEN in line or "network" in line for line in said)
    assert ran[0].proxy_headers is False and ran[0].server_header is False


def test_bad_access_is_refused():
    for access in ({"token": "short"}, {"token": "with a space in it"}, {"names": ("",)}, {"rate": float("nan")}):
        with pytest.raises(SpatialGANError):
            Access(**access)
