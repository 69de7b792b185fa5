"""What was measured, kept, and the tables of it in pages, each between two marks."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from vqrna.errors import DataError
from vqrna.runtime.files import write_text

README = Path(__file__).parents[1] / "README.md"
DOCS = README.parent / "docs"
END = "<!-- -->"


def into_page(page: Path, name: str, text: str) -> None:
    """Replace what stands between the marks ``<!-- NAME -->`` and ``<!-- -->`` of a page.

    Raises
    ------
    DataError
        If the page has no such marks.
    """
    begin = f"<!-- {name} -->"
    head, found, rest = page.read_text(encoding="utf-8").partition(begin)
    _, ended, tail = rest.partition(END)
    if not found or not ended:
        raise DataError(f"has no lines '{begin}' and '{END}'", file=page)
    write_text(page, f"{head}{begin}\n{text}\n{END}{tail}")


RENAMED = {"rivals": "decoys", "unlike": "ood"}
"""Keys that older kept results have under another name."""


def read_results(path: Path) -> Any:
    """Read kept results, with the present names of their keys."""
    return json.loads(
        path.read_text(encoding="utf-8"),
        object_hook=lambda found: {RENAMED.get(key, key): value for key, value in found.items()},
    )


def kept(results: Path, measure: Callable[[str], Any], data: list[str]) -> Any:
    """Measure and keep it, if there is a data set; give what is kept.

    Parameters
    ----------
    results : pathlib.Path
        The file that keeps it, as JSON.
    measure : callable
        Is given the folder of the data set.
    data : list of str
        The folder, or nothing.
    """
    if data:
        write_text(results, json.dumps(measure(data[0]), indent=1) + "\n")
    return read_results(results)
