"""Tables in pages: what stands between two marks is written by the program that measured it."""

from __future__ import annotations

from pathlib import Path

from vqrna.errors import DataError
from vqrna.files import write_text

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
