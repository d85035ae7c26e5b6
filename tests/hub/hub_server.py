"""A stand-in for the Hugging Face Hub: of its HTTP interface what the library asks for, files in memory."""

import base64
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

OWNERS_TOKEN = "hf_TheOwnersSecret"
READERS_TOKEN = "hf_AReadersSecret"  # may see what is public, and write nowhere


@dataclass
class StoredRepo:
    """A repository: each commit's files by its hash, and where the branches are."""

    private: bool = False
    gated: bool = False
    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)

    def commit(self, files: dict[str, bytes], branch: str = "main") -> str:
        sha = hashlib.sha1(repr((len(self.commits), sorted(files))).encode()).hexdigest()
        self.commits[sha] = dict(files)
        self.branches[branch] = sha
        return sha

    def files(self, branch: str = "main") -> dict[str, bytes]:
        return self.commits[self.branches[branch]]


class StandIn:
    """The server's state; tests set what it has and how it fails, and read what it was asked."""

    def __init__(self) -> None:
        self.repos: dict[str, StoredRepo] = {}
        self.requests: list[tuple[str, str]] = []  # method, path
        self.tokens: set[str] = set()  # that came with requests
        self.large: dict[str, bytes] = {}  # uploaded by their SHA-256
        self.status: int | None = None  # answered to everything
        self.sizes: dict[str, int | None] = {}  # told of files, where it is not their own
        self.cuts: list[bool] = []  # of the files to come: whether the connection breaks off within
        self.gone = False  # after a cut, never answer again for files
        self.page = False  # be some other web site
        self.url = ""

    def asked_for(self, start: str) -> list[str]:
        return [path for _, path in self.requests if path.startswith(start)]

    @property
    def downloads(self) -> list[str]:
        """Names of files whose content was sent."""
        return [
            path.split("/resolve/")[1].split("/", 1)[1]
            for m, path in self.requests
            if m == "GET" and "/resolve/" in path
        ]


class Refused(Exception):
    def __init__(self, status: int, code: str = "", message: str = ""):
        self.status, self.code, self.message = status, code, message


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: StandIn  # of the class that a server makes

    def log_message(self, *_: Any) -> None: ...

    def do_GET(self) -> None:
        self._answer()

    do_HEAD = do_POST = do_PUT = do_GET

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = unquote(urlsplit(self.path).path)
        self.hub.requests.append((self.command, path))
        token = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
        self.hub.tokens |= {token} - {""}
        try:
            if self.hub.page:
                self._send(b"<html>Welcome</html>", {"Content-Type": "text/html"})
            elif self.hub.status is not None:
                raise Refused(self.hub.status, message=f"you sent {token}")
            else:
                self._route(path, token, body)
        except Refused as e:
            headers = {"X-Error-Code": e.code, "X-Error-Message": e.message}
            self._send(json.dumps({"error": e.message}).encode(), {k: v for k, v in headers.items() if v}, e.status)

    def _route(self, path: str, token: str, body: bytes) -> None:
        if token not in ("", OWNERS_TOKEN, READERS_TOKEN):
            raise Refused(401, message="Invalid credentials in Authorization header")
        if path == "/api/validate-yaml":
            bad = b"license: nonsense" in json.loads(body)["content"].encode()
            return self._json({"errors": [{"message": "license"}] * bad, "warnings": []}, 400 if bad else 200)
        if path == "/api/repos/create":
            return self._create(json.loads(body), token)
        if match := re.fullmatch(r"/lfs/(\w+)", path):
            assert hashlib.sha256(body).hexdigest() == match[1]
            self.hub.large[match[1]] = body
            return self._send(b"")
        if match := re.fullmatch(r"/([\w.-]+/[\w.-]+)\.git/info/lfs/objects/batch", path):
            return self._batch(json.loads(body))
        if match := re.fullmatch(r"/([\w.-]+/[\w.-]+)/resolve/([^/]+)/(.+)", path):
            return self._file(self._repo(match[1], token), match[2], match[3])
        if match := re.fullmatch(r"/api/models/([\w.-]+/[\w.-]+)(?:/(revision|tree|preupload|commit)/([^/]+))?", path):
            repo = self._repo(match[1], token)
            kind, revision = match[2] or "revision", match[3] or "main"
            return getattr(self, f"_{kind}")(match[1], repo, revision, token, body)
        raise Refused(404, message=f"no {path}")

    def _repo(self, repo_id: str, token: str) -> StoredRepo:
        repo = self.hub.repos.get(repo_id)
        if repo is None or (repo.private and token != OWNERS_TOKEN):
            raise Refused(401 if not token else 404, "RepoNotFound", "Repository not found")
        return repo

    def _sha(self, repo: StoredRepo, revision: str) -> str:
        sha = repo.branches.get(revision, revision)
        if sha not in repo.commits:
            raise Refused(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        return sha

    def _revision(self, repo_id: str, repo: StoredRepo, revision: str, token: str, body: bytes) -> None:
        if not repo.branches:
            return self._json({"id": repo_id, "private": repo.private, "sha": None, "siblings": []})
        sha = self._sha(repo, revision)
        siblings = [{"rfilename": n, "size": self.hub.sizes.get(n, len(c))} for n, c in repo.commits[sha].items()]
        return self._json({"id": repo_id, "private": repo.private, "sha": sha, "siblings": siblings})

    def _tree(self, repo_id: str, repo: StoredRepo, revision: str, token: str, body: bytes) -> None:
        files = repo.commits[self._sha(repo, revision)]
        self._json(
            [{"type": "file", "path": n, "size": len(c), "oid": hashlib.sha1(c).hexdigest()} for n, c in files.items()]
        )

    def _file(self, repo: StoredRepo, revision: str, name: str) -> None:
        if repo.gated:
            raise Refused(403, "GatedRepo", "Access to this model is restricted")
        sha = self._sha(repo, revision)
        content = repo.commits[sha].get(name)
        if content is None:
            raise Refused(404, "EntryNotFound", "Entry not found")
        headers = {"ETag": f'"{hashlib.sha256(content).hexdigest()}"', "X-Repo-Commit": sha, "Accept-Ranges": "bytes"}
        if self.command == "GET" and self.hub.gone and not self.hub.cuts:
            self.close_connection = True
            return None
        if match := re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range") or ""):
            first = int(match[1])
            headers["Content-Range"] = f"bytes {first}-{len(content) - 1}/{len(content)}"
            return self._send(content[first:], headers, 206)
        if self.command == "GET" and self.hub.cuts and self.hub.cuts.pop():
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content[: len(content) // 2])
            self.close_connection = True
            return None
        return self._send(content, headers)

    def _create(self, wanted: dict[str, Any], token: str) -> None:
        repo_id = f"{wanted['organization']}/{wanted['name']}"
        if token != OWNERS_TOKEN:
            raise Refused(401 if not token else 403, message=f"you sent {token}")
        url = {"url": f"{self.hub.url}/{repo_id}"}
        if repo_id in self.hub.repos:
            return self._json({**url, "error": "You already created this model repo"}, 409)
        private = wanted.get("private", False) or wanted.get("visibility") == "private"
        self.hub.repos[repo_id] = StoredRepo(private=private)
        self.hub.repos[repo_id].commit({".gitattributes": b"*.safetensors filter=lfs\n"})
        return self._json(url)

    def _preupload(self, repo_id: str, repo: StoredRepo, revision: str, token: str, body: bytes) -> None:
        self._sha(repo, revision)
        self._json(
            {
                "files": [
                    {
                        "path": f["path"],
                        "uploadMode": "lfs" if f["path"].endswith(".safetensors") else "regular",
                        "shouldIgnore": False,
                    }
                    for f in json.loads(body)["files"]
                ]
            }
        )

    def _batch(self, wanted: dict[str, Any]) -> None:
        self._json(
            {
                "transfer": "basic",
                "objects": [
                    {**o, "actions": {"upload": {"href": f"{self.hub.url}/lfs/{o['oid']}"}}} for o in wanted["objects"]
                ],
            }
        )

    def _commit(self, repo_id: str, repo: StoredRepo, revision: str, token: str, body: bytes) -> None:
        if token != OWNERS_TOKEN:
            raise Refused(403, message=f"you sent {token}")
        files = dict(repo.files(revision))
        for line in map(json.loads, body.splitlines()):
            value = line["value"]
            if line["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                files[value["path"]] = self.hub.large[value["oid"]]
            elif line["key"] == "deletedFile":
                del files[value["path"]]
        sha = repo.commit(files, revision)
        self._json({"commitUrl": f"{self.hub.url}/{repo_id}/commit/{sha}", "commitOid": sha})

    def _json(self, value: Any, status: int = 200) -> None:
        self._send(json.dumps(value).encode(), {"Content-Type": "application/json"}, status)

    def _send(self, content: bytes, headers: dict[str, str] | None = None, status: int = 200) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)


@contextmanager
def stand_in() -> Iterator[StandIn]:
    hub = StandIn()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": hub}))
    server.daemon_threads = True
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
