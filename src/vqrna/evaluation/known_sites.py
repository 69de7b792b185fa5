"""Compare the sites of a scan with known ones."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from os import PathLike
from pathlib import Path

import numpy as np

from vqrna.errors import DataError, UsageError
from vqrna.evaluation.agreement import ANY, Agreement, agreement_table
from vqrna.evaluation.heads import Facts, all_sites, candidates_of, lowest_tier, types_of
from vqrna.evaluation.known import KnownSites, read_known
from vqrna.evaluation.matching import Matches
from vqrna.evaluation.predicted_sites import FoundSites
from vqrna.evaluation.scanned import NAME, Scanned, read_scanned
from vqrna.genome.regions import FIRST_BASE
from vqrna.modifications import Modification
from vqrna.modifications import modification as find
from vqrna.runtime.progress import progress
from vqrna.stats.tiers import TIERS

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
        tuple(types[kind] for kind in kinds),
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
    looked_for = np.array([kind.symbol in candidates for kind in types])
    kept = looked_for[known.kind]
    if not kept.all():
        missing = np.unique(known.kind[~kept])
        names = ", ".join(types[kind].symbol for kind in missing)
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
    for kind in np.flatnonzero(odd).tolist():
        number = f"{odd[kind]:,} of {matches.known()[kind]:,}"
        symbol, base = types[kind].symbol, types[kind].context
        if in_genome and symbol == FIRST_BASE:
            yield (
                f"{number} known {symbol} sites were no candidates: where a genome's transcripts "
                f"are known, {symbol} is looked for at their annotated first bases alone"
            )
            continue
        yield (
            f"{number} known {symbol} sites lie on no {base}: "
            "is this the same assembly, and are the positions those of BED?"
        )
