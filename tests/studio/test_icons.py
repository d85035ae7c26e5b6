"""The page's icons, which other browsers than Chromium paint by what stands in each of them alone."""

import re
from pathlib import Path

import spatialgan

STATIC = Path(spatialgan.__file__).parent / "studio/static"


def test_icons_need_no_style_sheet():
    """Firefox does not take a style sheet of icons.svg over into a page that uses its symbols: all was black."""
    text = (STATIC / "icons.svg").read_text()
    symbols = re.findall(r"<symbol([^>]*)>", text)
    assert "<style" not in text and len(symbols) > 10
    for attributes in symbols:
        assert 'fill="none"' in attributes and 'stroke="currentColor"' in attributes


def test_every_icon_that_the_page_uses_is_there():
    used = {
        name
        for path in [*STATIC.glob("*.html"), *STATIC.glob("js/**/*.js")]
        for name in re.findall(r"icons\.svg#([\w-]+)", path.read_text())
    }
    assert used and used <= set(re.findall(r'<symbol[^>]* id="([\w-]+)"', (STATIC / "icons.svg").read_text()))
