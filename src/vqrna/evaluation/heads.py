"""What a file of results tells of itself in its head."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from vqrna.errors import UsageError
from vqrna.modifications import MODIFICATIONS, Modification, modification
from vqrna.stats.tiers import TIERS

Facts = dict[str, str]


_BEDRMOD = "#vqrna_"


def fact_of(line: str) -> Facts:
    """Read a ``# name: value`` line, or ``#vqrna_name=value`` of bedRMod; nothing from others."""
    if line.startswith(_BEDRMOD):
        name, sign, value = line.removeprefix(_BEDRMOD).partition("=")
        name = name.replace("_", " ")
    else:
        name, sign, value = line.removeprefix("# ").partition(":")
    return {name.strip(): value.strip()} if sign and line.startswith("#") else {}


def candidates_of(facts: Mapping[str, str]) -> dict[str, int] | None:
    """Give the number of candidates of each type; None where it is not told."""
    found = {}
    for word in facts.get("candidates", "").split():
        symbol, _, number = word.replace("=", ":").rpartition(":")  # bedRMod knows one = a line
        if not number.isdigit():
            return None
        found[symbol] = int(number)
    return found or None


def all_sites(facts: Mapping[str, str]) -> bool:
    """Tell whether every candidate has a row, called or not."""
    return facts.get("reported", "").startswith("all candidate")


def lowest_tier(facts: Mapping[str, str]) -> int | None:
    """Give the lowest tier, as an index, that is called; None where that is not told."""
    words = facts.get("called", "").split()
    if words[:1] == ["score"]:
        return 0
    return TIERS.index(words[1]) if len(words) > 1 and words[1] in TIERS else None


def types_of(symbols: Sequence[str]) -> tuple[Modification, ...]:
    """Give the types we know and, after them, those of a user's own that a scan was made for."""
    own = []
    for symbol in symbols:
        try:
            modification(symbol)
        except UsageError:
            own.append(Modification(symbol, symbol, "N"))
    return MODIFICATIONS + tuple(own)
