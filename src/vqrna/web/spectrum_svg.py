"""The feature spectrum as SVG: how specific each code is for each modification."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vqrna.modifications import Modification
from vqrna.web.atlas import FDR, CodeAtlas
from vqrna.web.svg import number, xml_text

WIDTH, LANE, LEFT = 1120, 62, 64

_LIMIT = 4.0
"""Log-odds at the full height of a lane."""


def spectrum_svg(atlas: CodeAtlas, root: str, modifications: Sequence[Modification]) -> str:
    """Return one lane of bars for each modification; significant bars link to their code."""
    index = {m.symbol: n for n, m in enumerate(modifications)}
    order = atlas.order
    step = (WIDTH - LEFT) / max(1, len(order))
    parts = []
    height = LANE * len(atlas.symbols) + 8
    group = np.array(atlas.data["group"])
    for t, symbol in enumerate(atlas.symbols):
        base = LANE * t + LANE * 0.62
        own = [i for i, k in enumerate(order) if group[k] == t]
        css = f"mod-{index.get(symbol, 0)}"
        parts.append(f'<g class="{css}">')
        if own:
            parts.append(
                f'<rect class="group" x="{number(LEFT + own[0] * step)}" y="{LANE * t + 4}" '
                f'width="{number(len(own) * step)}" height="{LANE - 8}" rx="3"/>'
            )
        parts.append(
            f'<line class="axis" x1="{LEFT}" x2="{WIDTH}" y1="{number(base)}" y2="{number(base)}"/>'
            f'<text class="lane" x="{LEFT - 10}" y="{number(base + 4)}">{xml_text(symbol)}</text>'
        )
        pale = []
        for i, k in enumerate(order):
            value = atlas.log_odds[k, t]
            if np.isnan(value) or abs(value) < 0.05:
                continue
            x = LEFT + (i + 0.5) * step
            tall = float(np.clip(value / _LIMIT, -1, 1))
            y = base - tall * LANE * (0.55 if tall > 0 else 0.32)
            path = f"M{number(x)} {number(base)}V{number(y)}"
            if not atlas.q[k, t] < FDR:
                pale.append(path)
                continue
            reads = atlas.data["reads"][k] or "no consensus"
            title = f"code {k} {reads}: log-odds {value:+.2f}, FDR {atlas.q[k, t]:.1g}"
            parts.append(
                f'<a href="{root}/atlas/{k}" aria-label="{xml_text(title)}">'
                f'<title>{xml_text(title)}</title><path class="bar" d="{path}" '
                f'stroke-width="{number(max(2, step * 0.9))}"/></a>'
            )
        if pale:
            parts.append(
                f'<path class="bar pale" d="{"".join(pale)}" stroke-width="{number(step * 0.8)}"/>'
            )
        parts.append("</g>")
    return (
        f'<svg class="spectrum" viewBox="0 0 {WIDTH} {height}" role="group" '
        f'aria-label="log-odds of {len(order)} codes for {len(atlas.symbols)} modifications">'
        f"{''.join(parts)}</svg>"
    )
