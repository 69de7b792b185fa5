"""Hooks of the documentation site (``mkdocs.yml``): generated pages, and links out of ``docs``.

Added when the site is built: a page of each command, the API reference, the changelog and the guide
for contributors. Nothing of it is committed, so nothing of it can be out of date.
"""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.site import api, blocks, commands, notebooks
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[2]
RUN = os.environ.get("VQRNA_DOCS_RUN") == "1"
"""Run tutorials and notebooks, and show their output."""

PAGES = {"CHANGELOG.md": "changelog.md", "CONTRIBUTING.md": "contributing.md"}
"""Pages of the repository's root that are part of the site."""

FOREIGN = re.compile(r"<(?:script|img|iframe|link)\b[^>]*?(?:src|href)=\"(?:https?:)?//[^>]*>")
"""An element that makes the browser load something from another host."""

INTERVAL = re.compile(r"[+-]?\d[\d.]*(?: %)? \([+-]?\d[\d.]*(?:–| to )[+-]?\d[\d.]*\)")
"""A value with its interval, as in tables: 0.95 (0.94–0.96)."""

LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)\s]+)\)")


def on_config(config: Any) -> Any:
    """Replace the entries ``COMMANDS`` and ``API`` of the navigation by the generated pages."""
    generated = {
        "COMMANDS": [{f"vqrna {c.name}": c.page} for c in commands.read_commands()],
        "API": [{subject: api.page(subject)} for subject in api.SUBJECTS],
    }

    def expand(entries: list[Any]) -> list[Any]:
        expanded: list[Any] = []
        for entry in entries:
            if isinstance(entry, dict):
                entry = {
                    title: expand(value) if isinstance(value, list) else value
                    for title, value in entry.items()
                }
            expanded += generated.get(entry, [entry]) if isinstance(entry, str) else [entry]
        return expanded

    config.nav = expand(config.nav)
    return config


def on_files(files: Files, config: Any) -> Files:
    """Add the generated pages and the pictures of kept results."""

    def add(uri: str, **source: Any) -> None:
        files.append(File.generated(config, uri, **source))

    for command in commands.read_commands():
        add(command.page, content=commands.command_page(command))
    for page, text in api.pages().items():
        add(page, content=text)
    for name, uri in PAGES.items():
        text = (ROOT / name).read_text(encoding="utf-8")
        add(uri, content=text.replace("](docs/", "]("))
    for path in sorted(notebooks.FOLDER.glob("*.ipynb")):
        text, pictures = notebooks.to_markdown(path, RUN)
        title, _, rest = text.partition("\n")
        link = f"[Download this notebook]({path.name}){{ download }}"
        add(f"notebooks/{path.stem}.md", content=f"{title}\n\n{link}\n{rest}")
        for name, data in pictures.items():
            add(f"notebooks/{name}", content=data)
    for picture in sorted((ROOT / "benchmarks" / "results").rglob("*.png")):
        add(f"images/{picture.name}", abs_src_path=str(picture))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Add the output of the code of tutorials, and replace links that the site does not have."""
    uri = page.file.src_uri
    if RUN and (uri.startswith("tutorials/") or uri == "quickstart.md"):
        markdown = with_output(ROOT / "docs" / uri)
    return markdown if uri.startswith("notebooks/") else LINK.sub(_link, markdown)


def on_page_content(html: str, **_: Any) -> str:
    """Keep values and their intervals on one line."""
    return INTERVAL.sub(r'<span class="interval">\g<0></span>', html)


def with_output(page: Path) -> str:
    """Return a page with what its blocks print below them."""
    code = blocks.read_blocks(page)
    with tempfile.TemporaryDirectory() as folder:
        blocks.prepare_folder(Path(folder))
        printed = blocks.run_blocks(code, Path(folder))
    lines = page.read_text(encoding="utf-8").splitlines()
    for block, text in reversed(list(zip(code, printed, strict=True))):
        if text.strip():
            lines[block.end : block.end] = ["", "```text", *text.rstrip().splitlines(), "```"]
    return "\n".join(lines) + "\n"


def on_post_build(config: Any, **_: Any) -> None:
    """Reject pages that load a script, style sheet or picture from another host."""
    for page in sorted(Path(config.site_dir).rglob("*.html")):
        if loaded := FOREIGN.search(page.read_text(encoding="utf-8")):
            raise PluginError(f"{page}: loads from another host: {loaded[0]}")


def _link(match: re.Match[str]) -> str:
    picture, text, target = match.groups()
    if target.startswith("src/"):
        return text
    if target.endswith(".ipynb"):
        return f"[{text}]({target.removesuffix('.ipynb')}.md)"
    if (
        not target.startswith("../")
        or target.startswith("../" * 2)
        or (ROOT / "docs" / target[3:]).exists()
    ):
        return match[0]
    name = target.rpartition("/")[2]
    if picture or target.endswith(".png"):
        return f"{picture}[{text}](images/{name})"
    return f"[{text}]({PAGES[name]})" if name in PAGES else text
