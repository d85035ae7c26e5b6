"""The documents as a site: they build without a warning and without a network, and fetch nothing when read."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
NOT_IN_THE_REFERENCE = {  # on purpose, with all that is in them
    "spatialgan.api": "its names are those of `import spatialgan`",
    "spatialgan.errors": "its one class is SpatialGANError",
    "spatialgan.cli": "its commands describe themselves, by --help",
}
FETCHED = re.compile(
    r"""<(?:script|img|iframe|source)\b[^>]*\bsrc=["']?(https?:)?//|<link\b[^>]*\bhref=["']?(https?:)?//"""
)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    unreachable = "http://127.0.0.1:9"  # whatever asks for a page of another site fails
    env = {**os.environ, "http_proxy": unreachable, "https_proxy": unreachable, "NO_MKDOCS_2_WARNING": "1"}
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    built = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    return folder


def test_the_site_is_whole(site):
    for page in ("index.html", "start-studio/index.html", "api/index.html", "method/index.html", "tables/index.html"):
        assert (site / page).is_file()
    for picture in ("studio.gif", "structure.svg"):
        assert (site / "images" / picture).is_file()


def test_reading_fetches_nothing_from_elsewhere(site):
    pages = list(site.rglob("*.html"))
    assert len(pages) > 25
    fetched = {page.name: m.group() for page in pages if (m := FETCHED.search(page.read_text()))}
    assert fetched == {}
    assert FETCHED.search('<script defer src="https://example.org/a.js">')
    assert "fonts.googleapis" not in "".join(p.read_text() for p in [*pages, *site.rglob("*.css")])


def test_an_equation_leads_to_its_line_on_the_site(site):
    page = (site / "method/index.html").read_text()
    target, anchor = re.search(r'href="\.\./(files/src/spatialgan/layout\.py/)#(__codelineno-0-\d+)"', page).groups()
    assert f'id="{anchor}"' in (site / target / "index.html").read_text()


def test_the_reference_has_the_public_names(site):
    page = (site / "api/index.html").read_text()
    assert all(f'id="spatialgan.{name}"' in page for name in ("SpatialGAN", "Scene.move", "SpatialGANError"))


def test_the_reference_has_every_public_module(site):
    shown = {
        i for page in (site / "api").rglob("*.html") for i in re.findall(r'id="(spatialgan\.[\w.]+)"', page.read_text())
    }
    files = (path.relative_to(ROOT / "src").with_suffix("") for path in (ROOT / "src/spatialgan").rglob("*.py"))
    modules = {".".join(path.parts).removesuffix(".__init__") for path in files} - {"spatialgan"}
    public = {name for name in modules if not any(part.startswith("_") for part in name.split("."))}
    left_out = {name for name in public if f"{name}.".startswith(tuple(f"{kept}." for kept in NOT_IN_THE_REFERENCE))}
    assert {".".join(name.split(".")[:2]) for name in left_out} == set(NOT_IN_THE_REFERENCE)
    assert public - shown == left_out


def test_the_reference_has_names_without_roles(site):
    pages = [page.read_text() for page in (site / "api").rglob("*.html")]
    assert any("<code>SpatialGAN.from_pretrained</code>" in page for page in pages)
    assert not any(re.search(r":(attr|class|data|func|meth|mod):<code>", page) for page in pages)


def test_searches_find_pages_and_no_source(site):
    places = [doc["location"] for doc in json.loads((site / "search/search_index.json").read_text())["docs"]]
    assert any(place.startswith("dragging/") for place in places)
    assert not any(place.startswith("files/") for place in places)
