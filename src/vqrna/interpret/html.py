"""Single-file HTML pages: a template of ours with its numbers inside, nothing from a network."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from vqrna.modifications import Modification

_PAGES = Path(__file__).parent / "pages"


def page(template: str, data: dict[str, Any]) -> str:
    """Fill a template.

    Parameters
    ----------
    template : str
        Name of a file among our pages, without ``.html``.
    data : dict
        What its script shows, plain values.

    Returns
    -------
    str
        The page. Nothing in `data` can end the script or open a tag, whatever it holds.
    """
    text = (_PAGES / f"{template}.html").read_text(encoding="utf-8")
    told = json.dumps(data, allow_nan=False, separators=(",", ":"), ensure_ascii=False)
    # Names of a user's own types stand here: "</script>" and "<!--" must stay words
    told = told.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
    for mark, file in (
        ("/*HOUSE*/", "style.css"),
        ("/*PAGE*/", "page.js"),
        ("/*LOGO*/", "logo.js"),
    ):
        if mark in text:
            text = text.replace(mark, (_PAGES / file).read_text(encoding="utf-8"))
    return text.replace("/*DATA*/", told)


def plain(values: np.ndarray, digits: int = 3) -> Any:
    """Turn an array into nested lists of short numbers; nan becomes None."""
    values = np.asarray(values)
    if values.dtype.kind in "iub":
        return values.tolist()
    if values.ndim == 0:
        return None if math.isnan(float(values)) else float(f"{float(values):.{digits}g}")
    return [plain(part, digits) for part in values]


def types_of(
    modifications: Sequence[Modification], colors: Sequence[str], inks: Sequence[str]
) -> list[dict[str, str]]:
    """Give what a page tells of each type: symbol, name, colour, and that colour for text."""
    return [
        {"symbol": m.symbol, "name": m.name, "color": color, "ink": ink}
        for m, color, ink in zip(modifications, colors, inks, strict=True)
    ]
