"""The HTTP API keeps what its OpenAPI document says: for requests made up from it, and for a client made of it."""

import contextlib
import importlib
import io
import json
import re
import subprocess
import sys
from dataclasses import MISSING, fields

import pytest
import schemathesis
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from PIL import Image
from schemathesis import GenerationMode
from schemathesis.python.asgi import get_client

from spatialgan.editing.edits import EDITS
from spatialgan.studio.docs_page import docs_page
from spatialgan.studio.server import make_app

HERE = "http://127.0.0.1:7860"
EXAMPLES = 8  # of each operation and mode


@pytest.fixture(scope="module")
def client(models):
    with TestClient(make_app(models), base_url=HERE) as client:
        yield client


@pytest.fixture(scope="module")
def document(client):
    return client.app.openapi()


@pytest.fixture(scope="module")
def schema(document):
    config = schemathesis.Config()
    # What a scene has against an edit, or a model that there is not, no document can say: 400.
    config.projects.default.checks.positive_data_acceptance.expected_statuses = ["2xx", "400", "404", "409", "422"]
    return schemathesis.openapi.from_dict(document, config=config)


def operations(schema):
    return [found.ok() for found in schema.get_all_operations()]


def test_the_document_has_every_operation(schema, document):
    paths = {(path, method) for path, methods in document["paths"].items() for method in methods}
    assert len(paths) == len(operations(schema)) == 28
    assert len({o["operationId"] for methods in document["paths"].values() for o in methods.values()}) == 28


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
def test_requests_made_up_from_the_document(schema, models, sources, mode):
    """Both such as the document allows, and such as it does not; every answer is one that it names."""
    app = make_app(models)  # of its own: both clients end its worker with them
    with TestClient(app, base_url=HERE) as client, get_client(app) as requests:
        asked = sum(_try(operation, client, requests, sources["multi"], mode) for operation in operations(schema))
    assert asked >= EXAMPLES * 10


def _session(client, model: str) -> str:
    session = client.post("/api/v1/sessions").json()["session"]
    client.post(f"/api/v1/sessions/{session}/picture", json={"model": model})
    return session


def _try(operation, client, requests, model, mode) -> int:
    count, allowed, session = 0, mode == GenerationMode.POSITIVE, ""

    @given(case=operation.as_strategy(generation_mode=mode))
    @settings(
        max_examples=EXAMPLES, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
    )
    def check(case):
        nonlocal count, session
        count += 1
        if allowed and "session" in (case.path_parameters or {}):  # one that there is, or all answers would be 404
            if client.get(f"/api/v1/sessions/{session}").status_code != 200:
                session = _session(client, model)
            case.path_parameters["session"] = session
        if allowed and isinstance(case.body, dict) and "model" in case.body:
            case.body["model"] = model
        answer = case.call_and_validate(base_url=HERE, session=requests)
        assert answer.status_code not in (429, 503)  # which would hide everything else

    with contextlib.suppress(Unsatisfiable):  # nothing to get wrong, where there are no parameters
        check()
    return count


# ------------------------------------------------------------- each edit is a schema


def test_every_edit_is_a_schema(document):
    schemas = document["components"]["schemas"]
    found = ((s.get("properties", {}).get("edit", {}).get("const"), s) for s in schemas.values())
    made = {name: s for name, s in found if name is not None}
    assert set(made) == {edit.name for edit in EDITS}
    for edit in EDITS:
        schema, names = made[edit.name], {f.name for f in fields(edit)}
        assert set(schema["properties"]) == {"edit", *names} and schema["title"] == edit.__name__
        assert set(schema["required"]) == {"edit", *(f.name for f in fields(edit) if f.default is MISSING)}
        assert schema["description"] and schema["additionalProperties"] is False


def test_the_bounds_of_edits_are_in_the_document(document):
    schemas = document["components"]["schemas"]
    assert schemas["Resize"]["properties"]["factor"] == {
        "exclusiveMinimum": 0,
        "maximum": 1e6,
        "title": "Factor",
        "type": "number",
    }
    kinds = schemas["Restyle"]["properties"]["object"]["anyOf"]
    assert {"const": "background", "type": "string"} in kinds
    assert schemas["Restyle"]["properties"]["seed"]["maximum"] == 2**31 - 1


def test_all_failures_have_one_schema(document):
    for methods in document["paths"].values():
        for operation in methods.values():
            failures = {code: a for code, a in operation["responses"].items() if code >= "400"}
            assert failures
            for answer in failures.values():
                assert answer["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/Error"}
    assert "HTTPValidationError" not in document["components"]["schemas"]


# ------------------------------------------------------------- a client made of the document


@pytest.fixture(scope="module")
def made(document, tmp_path_factory):
    """The modules of a client that openapi-python-client makes."""
    folder = tmp_path_factory.mktemp("client")
    (folder / "openapi.json").write_text(json.dumps(document))
    (folder / "config.yml").write_text("project_name_override: made\npackage_name_override: made\npost_hooks: []\n")
    words = [
        sys.executable,
        "-m",
        "openapi_python_client",
        "generate",
        "--path",
        str(folder / "openapi.json"),
        "--config",
        str(folder / "config.yml"),
        "--meta",
        "none",
        "--output-path",
        str(folder / "made"),
    ]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "warning" not in done.stdout.lower(), done.stdout  # about what it has left out
    sys.path.insert(0, str(folder))
    try:
        yield importlib.import_module("made")
    finally:
        sys.path.remove(str(folder))


def test_a_made_client_goes_all_the_way_round(made, client, sources):
    def call(module: str):
        return importlib.import_module(f"made.api.{module}").sync_detailed

    models = importlib.import_module("made.models")
    client = made.Client(base_url=HERE).set_httpx_client(client)
    info = call("sessions.studio_info")(client=client).parsed
    assert [model.name for model in info.models] == list(sources.values())
    session = call("sessions.begin")(client=client).parsed.session
    start = models.Start(model=sources["single"], seed=3)
    state = call("sessions.start")(session, client=client, body=start).parsed
    move = models.Move(edit="move", level=0, dx=0.2, dy=0.0)
    moved = call("sessions.edit")(session, client=client, body=models.Edits(edits=[move])).parsed
    assert moved.handles[0].x == pytest.approx(state.handles[0].x + 0.2)
    assert [step.label for step in moved.history] == ["Seed 3", "Move level 0"]
    picture = call("sessions.picture")(session, client=client)
    recipe = models.Render(model=sources["single"], seed=3, edits=[move])
    drawn = call("pictures_without_a_session.render")(client=client, body=recipe)
    assert Image.open(io.BytesIO(drawn.content)).tobytes() == Image.open(io.BytesIO(picture.content)).tobytes()
    wrong = models.Edits(edits=[models.Move(edit="move", level=9, dx=0.2, dy=0.0)])
    told = call("sessions.edit")(session, client=client, body=wrong)
    assert told.status_code == 400 and "level 9" in told.parsed.error
    assert call("sessions.end")(session, client=client).status_code == 204


# ------------------------------------------------------------- the page of documentation


def test_the_docs_page_has_everything_and_fetches_nothing_from_elsewhere(client, document):
    page = client.get("/docs")
    assert page.status_code == 200 and "default-src 'self'" in page.headers["content-security-policy"]
    assert client.get("/css/docs.css").status_code == 200
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            assert f'id="{operation["operationId"]}"><h3><b>{method.upper()}</b> <code>{path}</code>' in page.text
    for name in document["components"]["schemas"]:
        assert f'id="schema-{name}"' in page.text
    assert "-X PUT --upload-file FILE " in page.text  # -d would take line ends out of a picture
    assert "<script" not in page.text and not re.search(r'(?:src|href)="(?:https?:)?//', page.text)
    for target in re.findall(r'href="#([^"]+)"', page.text):
        assert f'id="{target}"' in page.text, target


def test_the_docs_page_escapes_what_it_is_given():
    evil = "<b>&\"'"
    page = docs_page(
        {
            "openapi": "3.1.0",
            "info": {"title": evil, "version": evil, "description": evil},
            "paths": {
                "/x": {
                    "get": {
                        "operationId": "x",
                        "description": evil,
                        "responses": {"200": {"description": evil}},
                        "parameters": [{"name": "p", "in": "query", "schema": {"enum": [evil], "description": evil}}],
                    }
                }
            },
            "components": {"schemas": {"S": {"properties": {"f": {"const": evil, "default": evil}}}}},
        }
    )
    assert "<b>&" not in page and "&lt;b&gt;&amp;" in page
