"""Tracks as SVG files: one lane for each modification, the reported sites marked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from vqrna.modifications import Modification
from vqrna.plots.style import FAINT, HAIR, INK, dark, tint
from vqrna.web.results import JobResult, SequenceResult, highest_sites
from vqrna.web.svg import number, xml_text

WIDTH, LANE, LEFT, RIGHT, TOP, BOTTOM = 1000, 46, 64, 16, 40, 34

_BINS = 900
_STEPS = (0.1, 0.2, 0.5, 1.0)
_LETTERS_BELOW = 110
"""Windows below this size show their letters."""

_FONT = 'font-family="Helvetica, Arial, sans-serif"'


def scale_limit(highest: float) -> float:
    """Return the upper end of an axis for a probability."""
    return next((step for step in _STEPS if highest <= step), 1.0)


def position_ticks(first: int, last: int, most: int = 8) -> list[int]:
    """Return round positions in a window, at most `most`."""
    span = max(1, last - first)
    raw = span / most
    power = 10 ** int(np.floor(np.log10(max(raw, 1))))
    step = int(next(m * power for m in (1, 2, 5, 10) if m * power >= raw))
    start = -(-first // step) * step
    return list(range(start, last + 1, step))


def sequence_svg(result: JobResult, sequence: SequenceResult, first: int, stop: int) -> str:
    """Return the tracks of a window.

    Parameters
    ----------
    first, stop : int
        0-based and half-open.
    """
    file = result.track(sequence.number)
    lanes = []
    for track in file.tracks(first, stop, _BINS):
        if not len(track.positions):
            continue
        m = result.modifications[track.modification]
        lanes.append((m, track.positions, track.probabilities))
    sites = [
        (site.modification, site.position, site.probability)
        for site in highest_sites(result.table(), sequence.name, first + 1, stop, 1000)
    ]
    letters = file.letters(first, stop) if stop - first <= _LETTERS_BELOW else ""
    return draw_lanes(
        lanes, sites, first + 1, stop, letters,
        title=f"{sequence.name}, positions {first + 1:,} to {stop:,}",
        remark=f"vqrna {result.index['vqrna']}, model {result.index['model']}; probability at the "
        "assumed prior",
    )  # fmt: skip


def draw_lanes(
    lanes: Sequence[tuple[Modification, np.ndarray, np.ndarray]],
    sites: Sequence[tuple[str, int, float]],
    first: int,
    last: int,
    letters: str,
    *,
    title: str,
    remark: str,
) -> str:
    """Return lanes of probabilities as an SVG file.

    Parameters
    ----------
    lanes : sequence of (modification, positions, values)
    sites : sequence of (symbol, position, probability)
        Reported sites.
    first, last : int
        First and last position, 1-based.
    letters : str
        Letters of the window, or empty.
    """
    highest = max([float(v.max(initial=0)) for _, _, v in lanes], default=0.0)
    limit = scale_limit(highest)
    inner = WIDTH - LEFT - RIGHT
    step = inner / max(1, last - first + 1)
    height = TOP + LANE * len(lanes) + BOTTOM + (14 if letters else 0)

    def x_of(position: Any) -> Any:
        return LEFT + (np.asarray(position) - first + 0.5) * step

    parts = [
        f'<text x="12" y="22" font-size="15" font-weight="600" fill="{INK}">'
        f"{xml_text(title)}</text>"
    ]
    for n, (m, positions, values) in enumerate(lanes):
        base = TOP + LANE * (n + 1) - 6
        tall = LANE - 14
        parts.append(
            f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{base}" y2="{base}" stroke="{HAIR}"/>'
            f'<text x="{LEFT - 10}" y="{base - 4}" font-size="13" font-weight="600" '
            f'text-anchor="end" fill="{dark(m.color)}">{xml_text(m.symbol)}</text>'
        )
        shown = values / limit > 0.004
        path = "".join(
            f"M{number(x)} {base}V{number(base - tall * v)}"
            for x, v in zip(x_of(positions[shown]), values[shown] / limit, strict=True)
        )
        wide = number(float(np.clip(step * 0.7, 1, 5)))
        parts.append(f'<path d="{path}" stroke="{tint(m.color, 0.55)}" stroke-width="{wide}"/>')
        for symbol, position, value in sites:
            if symbol != m.symbol:
                continue
            x, y = number(float(x_of(position))), number(base - tall * min(value / limit, 1))
            label = xml_text(f"{symbol} at {position:,}: probability {value:.3g}")
            parts.append(
                f'<g><title>{label}</title><path d="M{x} {base}V{y}" stroke="{m.color}" '
                f'stroke-width="2"/><circle cx="{x}" cy="{y}" r="3.6" fill="{m.color}"/></g>'
            )
    bottom = TOP + LANE * len(lanes)
    if letters:
        for i, base_letter in enumerate(letters):
            parts.append(
                f'<text x="{number(float(x_of(first + i)))}" y="{bottom + 10}" font-size="11" '
                f'text-anchor="middle" fill="{INK}">{xml_text(base_letter)}</text>'
            )
        bottom += 14
    for tick in position_ticks(first, last):
        x = number(float(x_of(tick)))
        parts.append(
            f'<line x1="{x}" x2="{x}" y1="{bottom}" y2="{bottom + 4}" stroke="{FAINT}"/>'
            f'<text x="{x}" y="{bottom + 17}" font-size="11" text-anchor="middle" '
            f'fill="{INK}">{tick:,}</text>'
        )
    parts.append(
        f'<text x="{WIDTH - RIGHT}" y="22" font-size="11" text-anchor="end" fill="{FAINT}">'
        f"full height: {limit:g}</text>"
        f'<text x="{WIDTH - RIGHT}" y="{height - 4}" font-size="10" text-anchor="end" '
        f'fill="{FAINT}">{xml_text(remark)}</text>'
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" '
        f'height="{height}" {_FONT}><rect width="100%" height="100%" fill="#ffffff"/>'
        f"{''.join(parts)}</svg>\n"
    )
