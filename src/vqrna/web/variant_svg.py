"""A variant as SVG: probabilities near it in the reference, up, and in the alternative, down."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vqrna.modifications import Modification
from vqrna.web.svg import number, xml_text
from vqrna.web.track_svg import scale_limit

WIDTH, LEFT, HALF, GAP = 1000, 64, 22, 10

_SHOWN = 0.004
"""Lowest share of the scale that is drawn."""

_LEAST = 0.5
"""Modifications without this share of the least probability of a site, in either sequence, have no
lane."""


def variant_svg(variant: dict[str, Any], modifications: Mapping[str, Modification]) -> str:
    """Return one lane for each modification with a notable probability near the variant.

    Parameters
    ----------
    variant : dict
        From :func:`vqrna.web.variants.compare_variants`.
    modifications : mapping of str to Modification
    """
    order = {symbol: n for n, symbol in enumerate(modifications)}
    a = variant["alignment"]
    step = (WIDTH - LEFT - 8) / max(1, len(a["reference"]))
    least = a["min_probability"]
    lanes = [
        track
        for track in a["tracks"]
        if max([*track["reference"], *track["alternative"]], default=0) >= _LEAST * least
    ]
    highest = max([max(t["reference"] + t["alternative"]) for t in lanes], default=0.0)
    limit = scale_limit(max(highest, least))
    height = (2 * HALF + GAP) * len(lanes) + 48

    def x_of(column: int) -> float:
        return LEFT + (column + 0.5) * step

    edited = [
        i for i, (x, y) in enumerate(zip(a["reference"], a["alternative"], strict=True)) if x != y
    ]
    parts = [
        f'<rect class="edited" x="{number(x_of(edited[0]) - step / 2)}" y="0" '
        f'width="{number((edited[-1] - edited[0] + 1) * step)}" height="{height - 44}" rx="2"/>'
    ]
    for n, track in enumerate(lanes):
        base = (2 * HALF + GAP) * n + HALF + 4
        symbol = track["modification"]
        parts.append(
            f'<g class="mod-{order.get(symbol, 0)}"><line class="axis" x1="{LEFT}" '
            f'x2="{WIDTH - 8}" y1="{base}" y2="{base}"/><text class="lane" x="{LEFT - 10}" '
            f'y="{base + 4}">{xml_text(symbol)}</text>'
        )
        for sign in (-1, 1):
            at = number(base + sign * HALF * least / limit)
            parts.append(f'<line class="limit" x1="{LEFT}" x2="{WIDTH - 8}" y1="{at}" y2="{at}"/>')
        for name, sign in (("reference", -1), ("alternative", 1)):
            for column, value in zip(track["columns"], track[name], strict=True):
                if value < _SHOWN * limit:
                    continue
                x, y = x_of(column), base + sign * value / limit * HALF
                css = "bar called" if value >= least else "bar"
                title = f"{symbol} at {a['positions'][column]:,}, {name}: probability {value:.3g}"
                parts.append(
                    f'<path class="{css}" d="M{number(x)} {base}V{number(y)}" '
                    f'stroke-width="{number(max(2, step * 0.7))}"><title>{xml_text(title)}'
                    "</title></path>"
                )
        parts.append("</g>")
    bottom = height - 32
    for name, y in (("reference", bottom), ("alternative", bottom + 13)):
        for i, letter in enumerate(a[name]):
            css = "letter edit" if a["reference"][i] != a["alternative"][i] else "letter"
            parts.append(
                f'<text class="{css}" x="{number(x_of(i))}" y="{y}">{xml_text(letter)}</text>'
            )
    for i, position in enumerate(a["positions"]):
        if position % 20 == 0 and a["reference"][i] not in "- ":
            parts.append(
                f'<text class="letter" x="{number(x_of(i))}" y="{bottom + 27}">{position:,}</text>'
            )
    parts.append(
        f'<text class="lane" x="{LEFT - 10}" y="{bottom}">ref</text>'
        f'<text class="lane" x="{LEFT - 10}" y="{bottom + 13}">alt</text>'
    )
    return (
        f'<svg class="variant-picture" viewBox="0 0 {WIDTH} {height}" role="img" '
        f'aria-label="probabilities near {xml_text(variant["variant"])}: reference up, alternative '
        f'down; full height {limit:g}">{"".join(parts)}</svg>'
    )
