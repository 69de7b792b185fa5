"""Colours of types and bases: their own, or sets that colour-blind readers tell apart."""

from __future__ import annotations

from collections.abc import Sequence

from vqrna.errors import UsageError
from vqrna.modifications import Modification

PALETTES = ("types", "colorblind")
"""Each type's own colour, or those of `COLORBLIND`."""

COLORBLIND = (
    "#cc6677", "#332288", "#ddcc77", "#117733", "#88ccee", "#882255",
    "#44aa99", "#999933", "#aa4499", "#000000", "#9a9a9a",
)  # fmt: skip
"""Paul Tol's "muted" set (SRON technical note 09-002), its grey darkened to be seen on white."""

BASES = {
    "types": {"A": "#d7301f", "C": "#2166ac", "G": "#f28e1c", "U": "#1a9850"},
    "colorblind": {"A": "#882255", "C": "#0072b2", "G": "#e69f00", "U": "#009e73"},
}
"""Colours of the bases in logos, for each palette: A red, C blue, G orange, U green by default."""


def type_colors(modifications: Sequence[Modification], palette: str = PALETTES[0]) -> list[str]:
    """Give every type its colour.

    Parameters
    ----------
    modifications : sequence of Modification
    palette : str
        One of `PALETTES`. A known type has the same colour in every picture; types of one's own
        take the colours that are left.

    Raises
    ------
    UsageError
        If there is no such palette.
    """
    if palette not in PALETTES:
        raise UsageError(f"unknown palette '{palette}' (known: {', '.join(PALETTES)})")
    if palette == PALETTES[0]:
        return [m.color for m in modifications]
    taken = {m.index for m in modifications if m.index is not None}
    free = [i for i in range(1, len(COLORBLIND) + 1) if i not in taken] or [len(COLORBLIND)]
    found, own = [], 0
    for m in modifications:
        if m.index is not None and m.index <= len(COLORBLIND):
            found.append(COLORBLIND[m.index - 1])
        else:
            found.append(COLORBLIND[free[own % len(free)] - 1])
            own += 1
    return found
