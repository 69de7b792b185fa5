"""A variant as SVG: the scores near it in the reference, up, and in the alternative, down."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

from vqrna.modifications import Modification
from vqrna.web.svg import number

WIDTH, LEFT, HALF, GAP = 1000, 64, 20, 10

_SHOWN = 0.02
"""Lowest score that is drawn."""

_LEAST = 0.3
"""Modifications without a score as high as this, in either sequence, have no lane."""


def variant_svg(variant: dict[str, Any], modifications: Mapping[str, Modification]) -> str:
    """Return one lane for each modification with a notable score near the variant.

    Parameters
    ----------
    variant : dict
        From :func:`vqrna.web.variants.compare_variants`.
    modifications : mapping of str to Modification
    """
    order = {symbol: n for n, symbol in enumerate(modifications)}
    reference, alternative = variant["tracks"]["reference"], variant["tracks"]["alternative"]
    first = min(reference["first"], alternative["first"])
    count = max(len(reference["letters"]), len(alternative["letters"]))
    step = (WIDTH - LEFT - 8) / max(1, count)
    lanes = [
        (own, other)
        for own, other in zip(reference["tracks"], alternative["tracks"], strict=True)
        if max([*own["scores"], *other["scores"]], default=0) >= _LEAST
    ]
    height = (2 * HALF + GAP) * len(lanes) + 34

    def x_of(position: int) -> float:
        return LEFT + (position - first + 0.5) * step

    parts = []
    for side, y in ((reference, 0.0), (alternative, 0.0)):
        low, high = side["edited"]
        if high >= low and side is reference:
            parts.append(
                f'<rect class="edited" x="{number(x_of(low) - step / 2)}" y="{y:g}" '
                f'width="{number((high - low + 1) * step)}" height="{height - 30}" rx="2"/>'
            )
    for n, (own, other) in enumerate(lanes):
        base = (2 * HALF + GAP) * n + HALF + 4
        symbol = own["modification"]
        parts.append(
            f'<g class="mod-{order.get(symbol, 0)}"><line class="axis" x1="{LEFT}" '
            f'x2="{WIDTH - 8}" y1="{base}" y2="{base}"/><text class="lane" x="{LEFT - 10}" '
            f'y="{base + 4}">{escape(symbol)}</text>'
        )
        for track, sign, name in ((own, -1, "reference"), (other, 1, "alternative")):
            for position, score, called in zip(
                track["positions"], track["scores"], track["called"], strict=True
            ):
                if score < _SHOWN:
                    continue
                x, y = x_of(position), base + sign * score * HALF
                css = "bar called" if called else "bar"
                title = f"{symbol} at {position:,}, {name}: score {score:.4f}"
                parts.append(
                    f'<path class="{css}" d="M{number(x)} {base}V{number(y)}" '
                    f'stroke-width="{number(max(1.5, step * 0.6))}"><title>{escape(title)}'
                    "</title></path>"
                )
        parts.append("</g>")
    bottom = height - 18
    for side, y in ((reference, bottom), (alternative, bottom + 13)):
        low, high = side["edited"]
        for i, letter in enumerate(side["letters"]):
            position = side["first"] + i
            css = "letter edit" if low <= position <= high else "letter"
            parts.append(
                f'<text class="{css}" x="{number(x_of(position))}" y="{y}">{escape(letter)}</text>'
            )
    parts.append(
        f'<text class="lane" x="{LEFT - 10}" y="{bottom}">ref</text>'
        f'<text class="lane" x="{LEFT - 10}" y="{bottom + 13}">alt</text>'
    )
    return (
        f'<svg class="variant-picture" viewBox="0 0 {WIDTH} {height}" role="img" '
        f'aria-label="scores near {escape(variant["variant"])}: reference up, alternative down">'
        f"{''.join(parts)}</svg>"
    )
