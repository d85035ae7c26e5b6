"""The API's documentation as one page of HTML without scripts, made of its OpenAPI document. Nothing is fetched."""

import json
from collections.abc import Iterator
from html import escape
from typing import Any

HEAD = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}: HTTP API</title>
<link rel="icon" href="icon.svg">
<link rel="stylesheet" href="css/docs.css">
</head>
<body>
<nav>{menu}</nav>
<main>
<h1>{title} {version}: HTTP API</h1>
<p>{description}</p>
<p>The same for programs: <a href="{openapi}">OpenAPI {openapi_version}</a>.</p>
"""
METHODS = ("get", "post", "put", "delete")
Json = dict[str, Any]


def docs_page(document: Json, openapi: str = "api/v1/openapi.json") -> str:
    """The page; ``openapi`` is the document's own address, as seen from the page."""
    operations = list(_operations(document))
    schemas = document.get("components", {}).get("schemas", {})
    menu = "<h2>Operations</h2>" + "".join(
        f'<a href="#{_id(o)}"><b>{method.upper()}</b> {escape(path)}</a>' for method, path, o in operations
    )
    menu += "<h2>Schemas</h2>" + "".join(f'<a href="#schema-{escape(name)}">{escape(name)}</a>' for name in schemas)
    info = document["info"]
    head = HEAD.format(
        title=escape(info["title"]),
        version=escape(info["version"]),
        menu=menu,
        openapi=openapi,
        description=_text(info.get("description", "")),
        openapi_version=escape(document["openapi"]),
    )
    body = "".join(_operation(*operation) for operation in operations)
    named = "".join(_schema(name, schema) for name, schema in schemas.items())
    return f"{head}<h2>Operations</h2>{body}<h2>Schemas</h2>{named}</main></body></html>\n"


def _operations(document: Json) -> Iterator[tuple[str, str, Json]]:
    for path, methods in document["paths"].items():
        for method in METHODS:
            if method in methods:
                yield method, path, methods[method]


def _id(operation: Json) -> str:
    return escape(operation["operationId"])


def _operation(method: str, path: str, operation: Json) -> str:
    rows = [
        (p["name"], _type(p["schema"]), f"in the {p['in']}", p.get("required", False), p["schema"])
        for p in operation.get("parameters", ())
    ]
    parts = [
        f'<section id="{_id(operation)}"><h3><b>{method.upper()}</b> <code>{escape(path)}</code></h3>',
        f"<p>{_text(operation.get('description', operation.get('summary', '')))}</p>",
    ]
    if rows:
        parts.append(
            _table(
                ("Parameter", "Type", ""),
                [(name, kind, _notes(place, needed, schema)) for name, kind, place, needed, schema in rows],
            )
        )
    body = operation.get("requestBody")
    if body:
        parts.append(f"<p>Body: {_contents(body['content'])}.</p>")
    answers = [
        (escape(status), _contents(answer.get("content", {})), _text(answer.get("description", "")))
        for status, answer in operation["responses"].items()
    ]
    parts.append("<details><summary>Responses</summary>" + _table(("Status", "Content", ""), answers) + "</details>")
    parts.append(f"<pre><code>{escape(_curl(method, path, body))}</code></pre></section>")
    return "".join(parts)


def _schema(name: str, schema: Json) -> str:
    needed = schema.get("required", ())
    rows = [
        (f"<code>{escape(field)}</code>", _type(value), _notes("", field in needed, value))
        for field, value in schema.get("properties", {}).items()
    ]
    table = _table(("Field", "Type", ""), rows) if rows else f"<p>{_type(schema)}</p>"
    return (
        f'<section id="schema-{escape(name)}"><h3>{escape(name)}</h3><p>{_text(schema.get("description", ""))}</p>'
        f"{table}</section>"
    )


def _table(heads: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    head = "".join(f"<th>{h}</th>" for h in heads)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _type(schema: Json) -> str:
    """A schema in few words, with links to those that have a name."""
    if "$ref" in schema:
        name = escape(schema["$ref"].rsplit("/", 1)[-1])
        return f'<a href="#schema-{name}">{name}</a>'
    for key in ("anyOf", "oneOf"):
        if key in schema:
            return " or ".join(_type(one) for one in schema[key])
    if "const" in schema:
        return f"<code>{escape(json.dumps(schema['const']))}</code>"
    if "enum" in schema:
        return " or ".join(f"<code>{escape(json.dumps(value))}</code>" for value in schema["enum"])
    if "prefixItems" in schema:
        return "[" + ", ".join(_type(item) for item in schema["prefixItems"]) + "]"
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    return escape(schema.get("format") or schema.get("type", "anything"))


def _notes(place: str, needed: bool, schema: Json) -> str:
    """What else there is to say of a field."""
    notes = [place] if place else []
    notes.append("required" if needed else "optional")
    if "default" in schema:
        notes.append(f"default {json.dumps(schema['default'])}")
    words = {
        "minimum": "from",
        "exclusiveMinimum": "above",
        "maximum": "to",
        "minItems": "at least",
        "maxItems": "at most",
    }
    notes += [f"{word} {schema[key]:g}" for key, word in words.items() if isinstance(schema.get(key), int | float)]
    notes += [f"at most {schema['maxLength']} characters"] if "maxLength" in schema else []
    text = escape(", ".join(notes))
    return f"{text}. {_text(schema['description'])}" if "description" in schema else text


def _contents(content: Json) -> str:
    """Media types, with the schema where it is JSON."""
    return ", ".join(
        _type(value["schema"]) if kind == "application/json" and value.get("schema") else escape(kind)
        for kind, value in content.items()
    )


def _curl(method: str, path: str, body: Json | None) -> str:
    words = ["curl", "-sS"]
    if method != "get":
        words += ["-X", method.upper()]
    if body:
        json_body = ["-H", "'content-type: application/json'", "-d", "@body.json"]
        words += json_body if "application/json" in body["content"] else ["--upload-file", "FILE"]
    return " ".join([*words, f"'http://127.0.0.1:7860{path}'"])


def _text(text: str) -> str:
    """Plain text with ``code`` between backquotes."""
    pieces = escape(text.replace("``", "`")).split("`")
    return "".join(f"<code>{piece}</code>" if i % 2 else piece for i, piece in enumerate(pieces)).replace(
        "\n\n", "</p><p>"
    )
