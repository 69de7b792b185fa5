"""Compare the sites of a scan with known ones.

Agreement in numbers: precision, recall and enrichment of every type and tier.

Which known sites a scan found, counted type by type and tier by tier, as blocks come.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import numpy as np
import pandas as pd

from vqrna.errors import DataError, UsageError
from vqrna.evaluation.predicted_sites import (
    NAME,
    STRIDE,
    Block,
    Facts,
    FoundSites,
    KnownSites,
    Scanned,
    all_sites,
    candidates_of,
    lowest_tier,
    read_known,
    read_scanned,
    types_of,
)
from vqrna.modifications import Modification
from vqrna.modifications import modification as find
from vqrna.runtime.progress import progress
from vqrna.stats.tiers import TIERS


class Matches:
    """Counts called sites, and keeps those that lie at known sites.

    Parameters
    ----------
    known : KnownSites
    types : int
        Number of types.
    within : int
        Tolerance in nt.

    Attributes
    ----------
    called : np.ndarray, shape (types, 4), int64
        Rows by type and tier; the first column is of rows that are not called.
    names : set of str
        Of the sequences that have rows.
    """

    def __init__(self, known: KnownSites, types: int, within: int) -> None:
        self.types, self.within = types, within
        self.called = np.zeros((types, len(TIERS) + 1), np.int64)
        self.names: set[str] = set()
        self._ids = {name: number for number, name in enumerate(known.names)}
        places = self._places(
            known.modification_index, known.reverse, known.sequence, known.position
        )
        self.order = np.argsort(places, kind="stable")
        self._known = places[self.order]
        self._kind = known.modification_index[self.order]
        self._met = np.zeros(len(known), bool)
        self._near: list[np.ndarray] = []
        self._tiers: list[np.ndarray] = []

    def add(self, block: Block) -> None:
        """Count the rows of a block."""
        width = self.called.shape[1]
        cells = np.bincount(
            block.modification_index * width + block.tier, minlength=self.called.size
        )
        self.called += cells.reshape(self.called.shape)
        self.names.update(block.names)
        if not len(self._known) or not len(block.position):
            return
        number = np.array([self._ids.get(name, -1) for name in block.names], dtype=np.int64)
        sequence = number[block.sequence]
        rows = np.flatnonzero(sequence >= 0)
        place = self._places(
            block.modification_index[rows],
            block.reverse[rows],
            sequence[rows],
            block.position[rows],
        )
        at = np.minimum(np.searchsorted(self._known, place), len(self._known) - 1)
        same = self._known[at] == place
        self._met[at[same]] = True
        at = np.searchsorted(self._known, place - self.within)
        at = np.minimum(at, len(self._known) - 1)
        near = (np.abs(self._known[at] - place) <= self.within) & (block.tier[rows] > 0)
        self._near.append(place[near])
        self._tiers.append(block.tier[rows][near])

    def known(self) -> np.ndarray:
        """Count the known sites by type: shape (types,), int64."""
        return np.bincount(self._kind, minlength=self.types)

    def met(self) -> np.ndarray:
        """Count those of them that have a row of their own, called or not: shape (types,)."""
        return np.bincount(self._kind[self._met], minlength=self.types)

    def found(self, tier: int) -> np.ndarray:
        """Count the known sites that are called with a tier or a higher one.

        As many pairs as can be made of a known and a called site that are not more than the
        tolerance apart; each is part of one pair at most.

        Parameters
        ----------
        tier : int
            From 1.

        Returns
        -------
        np.ndarray, shape (types,), int64
        """
        near = np.concatenate([np.empty(0, np.int64), *self._near])
        reached = np.concatenate([np.empty(0, np.int64), *self._tiers]) >= tier
        called = np.unique(near[reached])
        if self.within == 0:
            paired = np.isin(self._known, called)
        else:
            paired = _pairs(self._known, called, self.within)
        return np.bincount(self._kind[paired], minlength=self.types)

    def _places(
        self,
        modification_index: np.ndarray,
        reverse: np.ndarray,
        sequence: np.ndarray,
        position: np.ndarray,
    ) -> np.ndarray:
        """Give places as numbers; types, strands and sequences lie far apart."""
        group = (modification_index * 2 + reverse) * max(len(self._ids), 1) + sequence
        return group * STRIDE + position + STRIDE // 2  # no tolerance reaches another group


def _pairs(known: np.ndarray, called: np.ndarray, within: int) -> np.ndarray:
    """Tell which known places find a partner: both in order, the first with the first it can."""
    found = np.zeros(len(known), bool)
    places, i = called.tolist(), 0
    for k, place in enumerate(known.tolist()):
        while i < len(places) and places[i] < place - within:
            i += 1
        if i < len(places) and places[i] <= place + within:
            found[k] = True
            i += 1
    return found


LEVEL = 0.95
"""Of the intervals."""

SMALLEST = 1e-300
"""Smaller p-values are told as this."""

ANY = "any"
"""Stands for the tier of sites of which it is not known."""

COLUMNS = (
    "modification",
    "tier",
    "called",
    "known",
    "found",
    "precision",
    "precision_low",
    "precision_high",
    "recall",
    "recall_low",
    "recall_high",
    "candidates",
    "enrichment",
    "enrichment_low",
    "enrichment_high",
    "p_value",
)
"""Of the table of agreement."""


@dataclass(frozen=True, eq=False)
class Agreement:
    """How well the sites of a scan agree with known ones.

    Attributes
    ----------
    table : pandas.DataFrame
        `COLUMNS`, a row a type and tier; a tier stands for all sites that reach it. nan and, of
        counts, ``<NA>``, where something is not known.
    modifications : tuple of Modification
        The types of the table, in order.
    facts : dict of str to str
        What was compared, for the head of a file.
    notes : tuple of str
        What a user should know of it, a line each.
    """

    table: pd.DataFrame
    modifications: tuple[Modification, ...]
    facts: Mapping[str, str]
    notes: tuple[str, ...] = ()


def agreement_table(
    matches: Matches,
    modifications: Sequence[Modification],
    kinds: Sequence[int],
    candidates: Mapping[str, int] | None,
    levels: Mapping[str, int],
) -> pd.DataFrame:
    """Work out the numbers.

    Parameters
    ----------
    matches : Matches
        Of all sites.
    modifications : sequence of Modification
    kinds : sequence of int
        Which of them have a row for each tier.
    candidates : mapping of str to int, or None
        Positions that were scanned and could carry a type, by symbol.
    levels : mapping of str to int
        Tiers by name, rising; and their numbers in `matches`.

    Returns
    -------
    pandas.DataFrame
        With `COLUMNS`.
    """
    known = matches.known()
    rows = []
    for name, tier in levels.items():
        called, found = matches.called[:, tier:].sum(axis=1), matches.found(tier)
        for modification_index in kinds:
            symbol = modifications[modification_index].symbol
            counts = (
                int(called[modification_index]),
                int(known[modification_index]),
                int(found[modification_index]),
            )
            total = (candidates or {}).get(symbol)
            row = (
                modification_index,
                tier,
                symbol,
                name,
                *_numbers(*counts, total, matches.within),
            )
            rows.append(row)
    rows.sort(key=lambda row: row[:2])
    table = pd.DataFrame([row[2:] for row in rows], columns=list(COLUMNS))
    return table.astype({"candidates": "Int64"})


def _numbers(
    called: int, known: int, found: int, candidates: int | None, within: int
) -> tuple[float | int | None, ...]:
    """Give the columns from ``called`` on.

    Of candidates drawn evenly, a share of `known / candidates` would be known sites. With a
    tolerance it is up to ``2 x within + 1`` times as many, as if all bases about a known site
    were candidates: so enrichment and p-value err on the safe side.
    """
    precision, recall = _proportion(found, called), _proportion(found, known)
    enrichment: tuple[float, ...] = (np.nan, np.nan, np.nan)
    p_value = np.nan
    if candidates:
        hits = min(known * (2 * within + 1), candidates)
        if hits:
            enrichment = tuple(value / (hits / candidates) for value in precision)
        if max(called, hits, known) <= candidates:
            p_value = _by_chance(found, called, hits, candidates)
    return (called, known, found, *precision, *recall, candidates, *enrichment, p_value)


def _proportion(part: int, whole: int) -> tuple[float, float, float]:
    """Give a share and its Wilson interval; nan for a share of nothing."""
    from scipy.stats import binomtest

    if not whole:
        return np.nan, np.nan, np.nan
    low, high = binomtest(part, whole).proportion_ci(LEVEL, method="wilson")
    return part / whole, float(low), float(high)


def _by_chance(found: int, called: int, hits: int, candidates: int) -> float:
    """Tell how likely so many hits are when so many candidates are drawn without looking."""
    from scipy.stats import hypergeom

    p = float(hypergeom.sf(found - 1, candidates, hits, called))
    return float(np.clip(p, SMALLEST, 1.0))


FARTHEST = 1000
"""Largest tolerance in nt."""

Path_ = str | PathLike[str]


def compare(
    sites: Path_,
    known: Path_,
    *,
    modification: str | None = None,
    within: int = 0,
    scanned: Path_ | None = None,
    show_progress: bool = False,
) -> Agreement:
    """Tell how well the sites of a scan agree with known ones.

    Parameters
    ----------
    sites : path-like
        What ``vqrna predict`` wrote: TSV, Parquet, BED or bedRMod. It is read in blocks.
    known : path-like
        Known sites: BED or bedRMod.
    modification : str, optional
        The type of known sites whose names are no types.
    within : int
        A known site counts as found by a called one that is at most so many nt away.
    scanned : path-like, optional
        What was scanned, as BED; ``scanned.bed`` beside `sites` if not given and there.

    Raises
    ------
    DataError
        If a file is missing or wrong, or the two have nothing in common.
    UsageError
        If the modification is unknown or the tolerance impossible.
    """
    if not 0 <= within <= FARTHEST:
        raise UsageError(f"the tolerance is 0 to {FARTHEST:,} nt, not {within}")
    found = FoundSites.open(sites)
    area = _scanned(found.path, scanned)
    facts = (area.facts if area is not None else {}) | found.facts
    candidates = candidates_of(facts)
    types = types_of(list(candidates or {}))
    only = None if modification is None else find(modification, types)
    if all_sites(facts) and not found.tiers:
        words = "holds all candidates and does not tell which are called: give the TSV or Parquet"
        raise DataError(words, file=sites)
    there = read_known(known, types, only)
    notes = [*_odd_lines(there, known)]
    there = _asked_for(there, types, candidates, notes)
    if area is not None:
        there = _inside(there, area, known, notes)
    matches = Matches(there, len(types), within)
    with progress(None, "comparing", unit="sites", show=show_progress) as bar:
        for block in found.blocks(types):
            matches.add(block)
            bar.advance(len(block.position))
    if area is None:
        _check_names(there.names, matches.names, known, found.path)
        notes.append(
            f"there is no {NAME} beside {found.path.name} (--scanned names another): "
            "known sites that were never scanned count as missed"
        )
    if all_sites(facts):
        notes += _no_candidates(matches, types, in_genome="genome" in facts)
    kinds = np.flatnonzero(matches.known())
    if candidates is None:
        notes.append(
            f"{found.path.name} does not tell how many candidates were scanned: "
            "enrichment is left blank"
        )
    told = {"sites": str(sites), "known sites": str(known), "within": f"{within} nt"}
    if area is not None:
        told["scanned"] = str(scanned or found.path.with_name(NAME))
    if modification is not None and only is not None:
        told["modification"] = only.symbol
    return Agreement(
        agreement_table(matches, types, kinds.tolist(), candidates, _levels(found, facts, matches)),
        tuple(types[modification_index] for modification_index in kinds),
        told | {name: facts[name] for name in ("model", "called") if name in facts},
        tuple(notes),
    )


def _levels(found: FoundSites, facts: Facts, matches: Matches) -> dict[str, int]:
    """Name the tiers that are told apart, each with the lowest tier of a block that reaches it."""
    lowest = lowest_tier(facts)
    if not found.tiers:
        return {ANY if lowest is None else TIERS[lowest]: 1}
    if lowest is None:
        there = np.flatnonzero(matches.called[:, 1:].any(axis=0))
        lowest = int(there[0]) if len(there) else 0
    return {tier: i for i, tier in enumerate(TIERS, start=1) if i > lowest}


def _scanned(sites: Path, given: Path_ | None) -> Scanned | None:
    """Read what was scanned, if that can be known."""
    if given is not None:
        return read_scanned(given)
    beside = sites.with_name(NAME)
    return read_scanned(beside) if beside.is_file() else None


def _odd_lines(known: KnownSites, path: Path_) -> Iterable[str]:
    """Tell what was odd about the known sites."""
    name = Path(path).name
    if known.unknown:
        yield f"{known.unknown:,} lines of {name} name no type that is looked for: left out"
    if known.strandless:
        yield f"{known.strandless:,} sites of {name} tell no strand: taken as the forward one"
    if known.repeated:
        yield f"{known.repeated:,} lines of {name} repeat a site: each counts once"


def _asked_for(
    known: KnownSites,
    types: Sequence[Modification],
    candidates: dict[str, int] | None,
    notes: list[str],
) -> KnownSites:
    """Leave out types that the scan did not look for."""
    if candidates is None:
        return known
    looked_for = np.array([modification_index.symbol in candidates for modification_index in types])
    kept = looked_for[known.modification_index]
    if not kept.all():
        missing = np.unique(known.modification_index[~kept])
        names = ", ".join(types[modification_index].symbol for modification_index in missing)
        if not kept.any():
            raise DataError(f"the scan was not made for {names}, and other sites are not known")
        notes.append(f"the scan was not made for {names}: known sites of it are left out")
    return known.take(kept)


def _inside(known: KnownSites, area: Scanned, path: Path_, notes: list[str]) -> KnownSites:
    """Leave out known sites where nothing was scanned."""
    used = [known.names[i] for i in np.unique(known.sequence)]
    _check_names(used, area.names, path, NAME)
    inside = area.holds(known)
    outside = len(known) - int(inside.sum())
    if outside == len(known):
        words = f"none of its {outside:,} sites lies in what was scanned"
        raise DataError(words, file=path)
    if outside:
        notes.append(
            f"{outside:,} of {len(known):,} known sites lie where nothing was scanned: left out"
        )
    return known.take(inside)


def _check_names(
    known: Iterable[str], scanned: Iterable[str], path: Path_, where: str | Path
) -> None:
    """Say so in one line if the sequences have other names in one file than in the other."""
    ours, theirs = set(scanned), set(known)
    if not ours or ours & theirs:
        return
    one, other = min(theirs), min(ours)
    words = f"no sequence has the same name in {Path(where).name}: '{one}' here, '{other}' there"
    if {name.removeprefix("chr") for name in ours} & {name.removeprefix("chr") for name in theirs}:
        words += "; only one of them begins names with 'chr'"
    raise DataError(words, file=path)


def _no_candidates(
    matches: Matches, types: Sequence[Modification], *, in_genome: bool
) -> Iterable[str]:
    """Tell of known sites whose base cannot carry the type; where every candidate has a row."""
    odd = matches.known() - matches.met()
    for modification_index in np.flatnonzero(odd).tolist():
        number = f"{odd[modification_index]:,} of {matches.known()[modification_index]:,}"
        symbol, base = types[modification_index].symbol, types[modification_index].context
        if in_genome and types[modification_index].first_base_only:
            yield (
                f"{number} known {symbol} sites were no candidates: where a genome's transcripts "
                f"are known, {symbol} is looked for at their annotated first bases alone"
            )
            continue
        yield (
            f"{number} known {symbol} sites lie on no {base}: "
            "is this the same assembly, and are the positions those of BED?"
        )
