"""Small SVG drawings for the pages: logos of letters, bars, and text in XML."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape

import numpy as np

from vqrna.sequence import ALPHABET

# Outlines of the letters in a box of 100 x 100, so that logos need no font
_OUTLINES = {
    "A": "M0 100 L36 0 L64 0 L100 100 L77 100 L70 78 L30 78 L23 100 Z M36 60 L64 60 L50 18 Z",
    "C": "M100 31 C96 11 77 0 53 0 C20 0 0 20 0 50 C0 80 20 100 53 100 C78 100 96 88 100 68 "
         "L76 64 C73 75 65 81 53 81 C35 81 25 70 25 50 C25 30 35 19 53 19 C65 19 73 25 76 35 Z",
    "G": "M100 31 C95 11 77 0 53 0 C20 0 0 20 0 50 C0 80 20 100 53 100 C73 100 89 94 100 84 "
         "L100 46 L53 46 L53 63 L76 63 L76 75 C70 79 62 81 54 81 C36 81 25 70 25 50 "
         "C25 30 36 19 53 19 C65 19 73 25 76 35 Z",
    "U": "M0 0 L25 0 L25 60 C25 75 34 82 50 82 C66 82 75 75 75 60 L75 0 L100 0 L100 60 "
         "C100 86 82 100 50 100 C18 100 0 86 0 60 Z",
}  # fmt: skip


# Not allowed in XML 1.0, not even as references
_NOT_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def xml_text(text: str) -> str:
    """Return text for XML, escaped, without the characters that XML does not allow."""
    return escape(_NOT_XML.sub("", text))


def number(value: float) -> str:
    """Format a coordinate."""
    return f"{value:.2f}".rstrip("0").rstrip(".")


def letter(base: str, x: float, y: float, width: float, height: float) -> str:
    """Return a base as a path with its upper left corner at (x, y); empty if it is too low."""
    if height < 0.4:
        return ""
    return (
        f'<path class="base-{base}" d="{_OUTLINES[base]}" transform="translate({number(x)} '
        f'{number(y)}) scale({number(width / 100)} {height / 100:.4f})"/>'
    )


def logo(bits: Sequence[Sequence[float]], width: float = 12, height: float = 48) -> str:
    """Return a sequence logo.

    Parameters
    ----------
    bits : shape (4, L)
        Height of each base at each column.
    width, height : float
        Of a column, in pixels; 2 bits fill the height.
    """
    values = np.nan_to_num(np.array(bits, dtype=float)).clip(0)
    scale = height / max(2.0, float(values.sum(axis=0).max(initial=0)))
    parts = []
    for column in range(values.shape[1]):
        y = height
        for base in np.argsort(values[:, column], kind="stable"):
            tall = values[base, column] * scale
            y -= tall
            parts.append(letter(ALPHABET[base], column * width + 0.5, y, width - 1, tall))
    total = values.shape[1] * width
    return (
        f'<svg class="logo" viewBox="0 0 {number(total)} {number(height)}" width="{number(total)}" '
        f'height="{number(height)}" role="img" aria-label="sequence logo">{"".join(parts)}</svg>'
    )


def contribution_logo(
    letters: str, values: Sequence[float], first: int, site: int, *, flank: int = 25
) -> str:
    """Return the letters around a site, as tall as they raise (up) or lower (down) a prediction.

    Parameters
    ----------
    letters : str
    values : sequence of float, as long as `letters`
        Contribution of each letter.
    first : int
        Position of the first letter.
    site : int
        Position of the site.
    """
    column, up, down, axis = 15.0, 96.0, 40.0, 26.0
    low = max(0, site - first - flank)
    high = min(len(letters), site - first + flank + 1)
    own = np.array(values[low:high], dtype=float)
    at = site - first - low
    beside = np.abs(np.delete(own, at)) if 0 <= at < len(own) else np.abs(own)
    limit = max(float(beside.max(initial=0)), 1e-6)
    width = column * (high - low)
    parts = [
        f'<rect class="logo-site" x="{number(at * column)}" y="0" width="{column:g}" '
        f'height="{up + down:g}" rx="2"/>'
    ]
    for i, (base, value) in enumerate(zip(letters[low:high], own, strict=True)):
        if base not in ALPHABET:
            continue
        tall = min(abs(value) / limit, 1.0) * (up if value > 0 else down)
        y = up - tall if value > 0 else up
        shape = letter(base, i * column + 1, y, column - 2, tall)
        title = f"{base} at {first + low + i:,}: {value:+.2f}"
        body = shape if value > 0 else f'<g class="lowers">{shape}</g>'
        parts.append(
            f"<g><title>{xml_text(title)}</title><rect class='hit' x='{number(i * column)}' y='0' "
            f"width='{column:g}' height='{up + down:g}'/>{body}</g>"
        )
    parts.append(f'<line class="axis" x1="0" x2="{number(width)}" y1="{up:g}" y2="{up:g}"/>')
    for i, base in enumerate(letters[low:high]):
        parts.append(
            f'<text class="logo-letter" x="{number((i + 0.5) * column)}" '
            f'y="{number(up + down + 11)}">{xml_text(base)}</text>'
        )
        position = first + low + i
        if position % 10 == 0 or position == site:
            strong = " logo-number-site" if position == site else ""
            near = position != site and abs(position - site) < 4
            if not near:
                parts.append(
                    f'<text class="logo-number{strong}" x="{number((i + 0.5) * column)}" '
                    f'y="{number(up + down + axis - 1)}">{position}</text>'
                )
    total = up + down + axis + 2
    return (
        f'<svg class="logo contributions" viewBox="0 0 {number(width)} {number(total)}" '
        f'width="{number(width)}" height="{number(total)}" role="img" '
        f'aria-label="contribution of each base around position {site}">{"".join(parts)}</svg>'
    )


def sparkline(values: Sequence[float], site: int, width: float = 640, height: float = 40) -> str:
    """Return the absolute contributions of a whole window as bars, with the site marked.

    Parameters
    ----------
    site : int
        Index of the site in `values`.
    """
    sizes = np.abs(np.array(values, dtype=float))
    if 0 <= site < len(sizes):
        sizes[site] = 0
    limit = max(float(sizes.max(initial=0)), 1e-9)
    step = width / max(1, len(sizes))
    path = "".join(
        f"M{number((i + 0.5) * step)} {height:g}V{number(height - size / limit * (height - 4))}"
        for i, size in enumerate(sizes)
        if size / limit > 0.02
    )
    x = number((site + 0.5) * step)
    return (
        f'<svg class="sparkline" viewBox="0 0 {width:g} {height:g}" preserveAspectRatio="none" '
        f'role="img" aria-label="importance along the whole window"><path class="site-line" '
        f'd="M{x} 0V{height:g}"/><path class="bars" d="{path}" '
        f'stroke-width="{number(max(step * 0.8, 0.6))}"/></svg>'
    )


def profile_chart(
    modified: Sequence[float], unmodified: Sequence[float], width: float = 640, height: float = 150
) -> str:
    """Return two step lines: shares of modified and unmodified windows at each position."""
    values = np.array([modified, unmodified], dtype=float)
    limit = max(float(values.max(initial=0)), 1e-9)
    step = width / max(1, values.shape[1])
    lines = []
    for name, row in zip(("modified", "unmodified"), values, strict=True):
        points = []
        for i, value in enumerate(row):
            y = number(height - value / limit * (height - 10))
            points.append(f"{number(i * step)} {y} {number((i + 1) * step)} {y}")
        lines.append(f'<polyline class="line-{name}" points="{" ".join(points)}"/>')
    x = number(width / 2)
    drawn = "".join(reversed(lines))
    return (
        f'<svg class="profile" viewBox="0 0 {width:g} {height:g}" preserveAspectRatio="none" '
        f'role="img" aria-label="share of windows with the code at each position, up to '
        f'{limit:.1%}"><path class="site-line" d="M{x} 0V{height:g}"/>{drawn}</svg>'
    )
