"""Hooks of the documentation site (``mkdocs.yml``): generated pages, and links out of ``docs``.

Added when the site is built: a page of each command, the API reference, the changelog and the guide
for contributors. Nothing of it is committed, so nothing of it can be out of date.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from benchmarks.site import api, commands
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[2]

PAGES = {"CHANGELOG.md": "changelog.md", "CONTRIBUTING.md": "contributing.md"}
"""Pages of the repository's root that are part of the site."""

FOREIGN = re.compile(r"<(?:script|img|iframe|link)\b[^>]*?(?:src|href)=\"(?:https?:)?//[^>]*>")
"""An element that makes the browser load something from another host."""

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
    for picture in sorted((ROOT / "benchmarks" / "results").rglob("*.png")):
        add(f"images/{picture.name}", abs_src_path=str(picture))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Replace links to files outside of ``docs``, which the site does not have."""
    return LINK.sub(_link, markdown)


def on_post_build(config: Any, **_: Any) -> None:
    """Reject pages that load a script, style sheet or picture from another host."""
    for page in sorted(Path(config.site_dir).rglob("*.html")):
        if loaded := FOREIGN.search(page.read_text(encoding="utf-8")):
            raise PluginError(f"{page}: loads from another host: {loaded[0]}")


def _link(match: re.Match[str]) -> str:
    picture, text, target = match.groups()
    if target.startswith("src/"):
        return text
    if not target.startswith("../") or (ROOT / "docs" / target[3:]).exists():
        return match[0]
    name = target.rpartition("/")[2]
    if picture or target.endswith(".png"):
        return f"{picture}[{text}](images/{name})"
    return f"[{text}]({PAGES[name]})" if name in PAGES else text
