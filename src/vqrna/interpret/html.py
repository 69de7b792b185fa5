"""Self-contained HTML pages: a template from ``pages/`` filled with data, no network access."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from vqrna.modifications import Modification
from vqrna.plots.style import dark

_PAGES = Path(__file__).parent / "pages"

_PARTS = {"/*STYLE*/": "style.css", "/*PAGE*/": "page.js", "/*LOGO*/": "logo.js"}
"""Placeholders in the templates and the files that replace them."""


def page(template: str, data: dict[str, Any]) -> str:
    """Fill a template.

    Parameters
    ----------
    template : str
        Name of a file in ``pages/``, without ``.html``.
    data : dict
        JSON values for the script of the page.

    Returns
    -------
    str
        The page. Strings in `data` cannot end the script or open a tag.
    """
    text = (_PAGES / f"{template}.html").read_text(encoding="utf-8")
    values = json.dumps(data, allow_nan=False, separators=(",", ":"), ensure_ascii=False)
    # Names of a user's own types may hold "</script>" or "<!--"
    values = values.replace("<", "\\u003c")
    values = values.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
    for placeholder, file in _PARTS.items():
        if placeholder in text:
            text = text.replace(placeholder, (_PAGES / file).read_text(encoding="utf-8"))
    return text.replace("/*DATA*/", values)


def plain(values: np.ndarray, digits: int = 3) -> Any:
    """Turn an array into nested lists of rounded numbers; nan becomes None."""
    values = np.asarray(values)
    if values.dtype.kind in "iub":
        return values.tolist()
    if values.ndim == 0:
        return None if math.isnan(float(values)) else float(f"{float(values):.{digits}g}")
    return [plain(part, digits) for part in values]


def type_entries(
    modifications: Sequence[Modification], colors: Sequence[str]
) -> list[dict[str, str]]:
    """Return what a page shows of each type: symbol, name, colour, and a darker text colour."""
    return [
        {"symbol": m.symbol, "name": m.name, "color": color, "ink": dark(color)}
        for m, color in zip(modifications, colors, strict=True)
    ]
