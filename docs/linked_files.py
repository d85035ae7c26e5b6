"""mkdocs hooks: files outside of docs/ that pages link to, such as method.md's lines of code, become pages of the site;
and docstrings are shown without the marks of their names' roles.

In a checkout ``../src/spatialgan/layout.py#L212`` is a file and its line; on the site, a page and its line.
"""

import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files, InclusionLevel
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[1]
LINK = re.compile(r"\]\(\.\./(?P<path>[\w./-]*\w)(?:#L(?P<line>\d+))?\)")
ROLE = re.compile(r":(?:attr|class|data|func|meth|mod):(?=<code>)")  # of docstrings, in front of a name
LANGUAGES = {".py": "python", ".toml": "toml", ".json": "json", ".md": "markdown"}


def code_page(path: str) -> str:
    """The text of a file as a page of Markdown, with numbered lines; searches do not look into it."""
    language = LANGUAGES.get(Path(path).suffix, "text")
    text = (ROOT / path).read_text()
    return f'---\nsearch:\n  exclude: true\n---\n\n# {path}\n\n````{language} linenums="1"\n{text}````\n'


def on_files(files: Files, config: MkDocsConfig) -> Files:
    linked = {m["path"] for page in files.documentation_pages() for m in LINK.finditer(page.content_string)}
    for path in sorted(linked):
        page = File.generated(config, f"files/{path}.md", content=code_page(path), inclusion=InclusionLevel.NOT_IN_NAV)
        files.append(page)
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    def to_page(link: re.Match[str]) -> str:
        line = f"#__codelineno-0-{link['line']}" if link["line"] else ""
        return f"](files/{link['path']}.md{line})"

    return LINK.sub(to_page, markdown)


def on_page_content(html: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """mkdocs, which checks that links' anchors are there, does not see those of highlighted lines by itself. Roles in
    docstrings, which help editors, are left out."""
    html = ROLE.sub("", html)
    if page.file.src_uri.startswith("files/"):
        page.present_anchor_ids = {*(page.present_anchor_ids or ()), *re.findall(r'id="(__codelineno-\d+-\d+)"', html)}
    return html
