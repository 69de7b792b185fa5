"""Agreement of predicted with known sites: precision, recall and enrichment by type and tier."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path

import numpy as np
import pandas as pd

from vqrna.data.names import WHOLE_NAMES, NameKeys, NameRule, matching_rule
from vqrna.errors import DataError, UsageError
from vqrna.evaluation.known_sites import UNKNOWN, UNMODIFIED, KnownSites, read_known
from vqrna.evaluation.matching import Matches
from vqrna.evaluation.predicted_sites import (
    LEVELS,
    Facts,
    PredictedSites,
    all_sites,
    candidates_of,
    lowest_tier,
    types_of,
)
from vqrna.evaluation.scanned_regions import SCANNED, ScannedRegions, read_scanned
from vqrna.genome.bed import BEYOND
from vqrna.modifications import OTHER_CODES, Modification
from vqrna.modifications import modification as known_modification
from vqrna.runtime.arguments import file_path, integer, real_number
from vqrna.runtime.progress import progress
from vqrna.runtime.run_record import SkippedInput, skipped_notes

LEVEL = 0.95
"""Level of the intervals."""

SMALLEST = 1e-300
"""Smaller p-values are reported as this."""

ANY = "any"
"""Tier in the table for sites whose tier is unknown."""

FARTHEST = 1000
"""Largest tolerance in nt."""

COLUMNS = (
    "modification", "tier", "called", "known", "found",
    "precision", "precision_low", "precision_high",
    "recall", "recall_low", "recall_high",
    "candidates", "enrichment", "enrichment_low", "enrichment_high", "p_value",
)  # fmt: skip

AnyPath = str | PathLike[str]

_MOST_CODES = 5  # codes that a note lists


@dataclass(frozen=True, eq=False)
class Agreement:
    """Agreement of the sites of a scan with known ones.

    Attributes
    ----------
    table : pandas.DataFrame
        `COLUMNS`, one row for each type and tier, which includes the tiers above. nan and, for
        counts, ``<NA>`` mark unknown values.
    modifications : tuple of Modification
        The types of the table, in order.
    facts : dict of str to str
        Input and settings.
    notes : tuple of str
        Notes for the user, one line each.
    skipped : tuple of SkippedInput
        Known sites that were skipped.
    """

    table: pd.DataFrame
    modifications: tuple[Modification, ...]
    facts: Mapping[str, str]
    notes: tuple[str, ...] = ()
    skipped: tuple[SkippedInput, ...] = ()


def agreement_table(
    matches: Matches,
    modifications: Sequence[Modification],
    indices: Sequence[int],
    candidates: Mapping[str, int] | None,
    levels: Mapping[str, int],
) -> pd.DataFrame:
    """Return the table of agreement, with `COLUMNS`.

    Parameters
    ----------
    indices : sequence of int
        Modifications of the table.
    candidates : mapping of str to int, or None
        Number of scanned positions that can carry a type, by symbol.
    levels : mapping of str to int
        Names of the tiers from low to high, with their numbers in `matches`.
    """
    known = matches.known()
    rows = []
    for name, tier in levels.items():
        called, matched = matches.called[:, tier:].sum(axis=1), matches.matched(tier)
        for i in indices:
            symbol = modifications[i].symbol
            counts = int(called[i]), int(known[i]), int(matched[i])
            total = (candidates or {}).get(symbol)
            rows.append((i, tier, symbol, name, *_numbers(*counts, total, matches.within)))
    rows.sort(key=lambda row: row[:2])
    table = pd.DataFrame([row[2:] for row in rows], columns=list(COLUMNS))
    return table.astype({"candidates": "Int64"})


def _numbers(
    called: int, known: int, matched: int, candidates: int | None, within: int
) -> tuple[float | int | None, ...]:
    """Return the columns from ``called`` on.

    Of candidates drawn at random, a share of `known / candidates` are known sites. With a
    tolerance, up to ``2 * within + 1`` times as many match, if all bases around a known site are
    candidates; this bound makes enrichment and p-value conservative.
    """
    precision, recall = _proportion(matched, called), _proportion(matched, known)
    enrichment: tuple[float, ...] = (np.nan, np.nan, np.nan)
    p_value = np.nan
    if candidates:
        hits = min(known * (2 * within + 1), candidates)
        if hits:
            enrichment = tuple(value / (hits / candidates) for value in precision)
        if max(called, hits, known) <= candidates:
            p_value = _by_chance(matched, called, hits, candidates)
    return (called, known, matched, *precision, *recall, candidates, *enrichment, p_value)


def _proportion(part: int, whole: int) -> tuple[float, float, float]:
    """Return a share and its Wilson interval; nan if the whole is 0."""
    from scipy.stats import binomtest

    if not whole:
        return np.nan, np.nan, np.nan
    low, high = binomtest(part, whole).proportion_ci(LEVEL, method="wilson")
    return part / whole, float(low), float(high)


def _by_chance(matched: int, called: int, hits: int, candidates: int) -> float:
    """Return the probability of at least `matched` hits among random candidates."""
    from scipy.stats import hypergeom

    p = float(hypergeom.sf(matched - 1, candidates, hits, called))
    return float(np.clip(p, SMALLEST, 1.0))


def compare(
    sites: AnyPath,
    known: AnyPath,
    *,
    modification: str | Modification | None = None,
    within: int = 0,
    scanned: AnyPath | None = None,
    min_percent: float | None = None,
    name_until: str = "",
    ignore_version: bool = False,
    strict: bool = False,
    show_progress: bool = False,
) -> Agreement:
    """Measure the agreement of the sites of a scan with known ones.

    Parameters
    ----------
    sites : path-like
        Output of ``vqrna predict``: TSV, Parquet, BED or bedRMod. It is read in blocks.
    known : path-like
        Known sites: BED, bedMethyl of modkit, or bedRMod. Lines that are not a site of one nt are
        skipped; :attr:`Agreement.skipped` counts them by reason.
    modification : str or Modification, optional
        Type of known sites whose name is not a type.
    within : int
        Largest distance in nt of a known site and the called site that matches it.
    scanned : path-like, optional
        Scanned regions, as BED; by default ``scanned.bed`` beside `sites`, if it exists.
    min_percent : float, optional
        Lowest percentage of modified reads of a known site, for bedMethyl and bedRMod; above 0 by
        default.
    name_until : str
        Cut names of sequences at the first occurrence of this text.
    ignore_version : bool
        Whether ENST00000257408.4 and ENST00000257408 are the same sequence.
    strict : bool
        Raise a DataError at the first line that cannot be used, instead of skipping it.
    show_progress : bool

    Returns
    -------
    Agreement
        Its `table` has one row per modification and tier.

    Raises
    ------
    DataError
        If a file is missing or invalid, names are ambiguous, or the files have no
        sequence or type in common.
    UsageError
        If the modification is unknown or the tolerance out of range.
    """
    if not 0 <= integer(within, "tolerance") <= FARTHEST:
        raise UsageError(f"invalid tolerance {within} (expected 0 to {FARTHEST:,} nt)")
    if min_percent is not None and not 0 <= real_number(min_percent, "percentage") <= 100:
        raise UsageError(f"invalid percentage {min_percent:g} (expected 0 to 100)")
    file_path(sites, "sites")
    file_path(known, "known")
    if scanned is not None:
        file_path(scanned, "scanned")
    rule = NameRule(name_until, ignore_version)
    predicted = PredictedSites.open(sites)
    regions = _scanned(predicted.path, scanned, rule, strict)
    facts = (regions.facts if regions is not None else {}) | predicted.facts
    candidates = candidates_of(facts)
    types = types_of(list(candidates or {}), predicted.path)
    only = None if modification is None else known_modification(modification, types)
    if all_sites(facts) and not predicted.tiers:
        message = "holds all candidates, without their calls: use the TSV or Parquet table"
        raise DataError(message, file=sites)
    known_sites = read_known(known, types, only, min_percent=min_percent, names=rule, strict=strict)
    notes = [*_skipped_lines(known_sites, known)]
    notes += skipped_notes(() if regions is None else regions.skipped)
    known_sites = _scanned_types(known_sites, types, candidates, notes)
    if regions is not None:
        known_sites = _inside(known_sites, regions, facts, known, notes, strict=strict)
    keys = NameKeys(rule, predicted.path)
    # Regions of the user may be a part of what was scanned: count calls in this part alone
    part = None if scanned is None else regions
    matches = Matches(known_sites, len(types), within, keys, part)
    with progress(None, "comparing", unit="sites", show=show_progress) as bar:
        for block in predicted.blocks(types):
            matches.add(block)
            bar.advance(len(block.position))
    _check_ambiguous_names(keys, known_sites, matches, regions)
    if regions is None:
        _check_names(known_sites.names, matches.names, known, predicted.path)
        notes.append(
            f"no {SCANNED} beside {predicted.path.name} (set one with --scanned): "
            "known sites that were not scanned count as missed"
        )
    notes += _uncounted(matches, predicted.path)
    if part is not None and matches.outside:
        candidates = None  # their number in a part of the scanned regions is unknown
        notes.append("the regions are a part of those that were scanned: enrichment is left blank")
    if all_sites(facts):
        notes += _no_candidates(matches, types, in_genome="genome" in facts)
    if candidates is None and not matches.outside:
        notes.append(
            f"{predicted.path.name} has no number of scanned candidates in its header or in "
            "run.json beside it: enrichment is left blank"
        )
    settings: dict[str, str | None] = {
        "sites": str(sites),
        "known sites": str(known),
        "within": f"{within} nt",
        "scanned": str(scanned or predicted.path.with_name(SCANNED)) if regions else None,
        "minimal percentage": None if min_percent is None else f"{min_percent:g}",
        "names": rule.options() if rule != WHOLE_NAMES else None,
        "modification": None if only is None else only.symbol,
        "model": facts.get("model"),
        "called": facts.get("called"),
    }
    indices = np.flatnonzero(matches.known()).tolist()
    levels = _levels(predicted, facts, matches)
    return Agreement(
        agreement_table(matches, types, indices, candidates, levels),
        tuple(types[i] for i in indices),
        {name: value for name, value in settings.items() if value is not None},
        tuple(notes),
        known_sites.skipped + (() if regions is None else regions.skipped),
    )


def _levels(predicted: PredictedSites, facts: Facts, matches: Matches) -> dict[str, int]:
    """Return the tiers of the table with their numbers in a block."""
    lowest = lowest_tier(facts)
    if not predicted.tiers:
        return {ANY if lowest is None else LEVELS[lowest]: 1}
    if lowest is None:
        called = np.flatnonzero(matches.called[:, 1:].any(axis=0))
        lowest = int(called[0]) if len(called) else 1
    return {level: i for i, level in enumerate(LEVELS, start=1) if i > lowest}


def _scanned(
    sites: Path, path: AnyPath | None, rule: NameRule, strict: bool
) -> ScannedRegions | None:
    if path is not None:
        return read_scanned(path, rule, strict=strict)
    beside = sites.with_name(SCANNED)
    return read_scanned(beside, rule, strict=strict) if beside.is_file() else None


def _skipped_lines(known: KnownSites, path: AnyPath) -> Iterable[str]:
    """Yield notes on the lines that were skipped or changed; many unknown codes are one note."""
    name = Path(path).name
    if known.unknown:
        words = f"{_by_code(known)}{known.first_line(UNKNOWN)}"
        yield f"{name}: skipped lines with an unknown or other modification: {words}"
    if known.unmodified:
        words = f"{known.unmodified:,}{known.first_line(UNMODIFIED)}"
        yield f"{name}: skipped lines with too few modified reads: {words}"
    yield from skipped_notes(replace(each, file=name) for each in known.malformed)
    if known.strandless:
        yield f"{name}: sites without a strand, counted as forward: {known.strandless:,}"
    if known.repeated:
        yield f"{name}: repeated lines, counted once: {known.repeated:,}"


def _by_code(known: KnownSites) -> str:
    """Return the skipped lines and their most frequent modifications."""
    counts = sorted(known.unknown.items(), key=lambda item: -item[1])
    words = []
    for code, count in counts[:_MOST_CODES]:
        meaning = f" ({OTHER_CODES[code]})" if code in OTHER_CODES else ""
        words.append(f"{code[:40] or 'no name'}{meaning} {count:,}")
    more = ", ..." if len(counts) > _MOST_CODES else ""
    return f"{sum(known.unknown.values()):,} ({', '.join(words)}{more})"


def _uncounted(matches: Matches, path: Path) -> Iterable[str]:
    """Yield notes on rows of the predicted sites that do not count."""
    name = path.name
    if matches.repeated:
        yield f"{name}: repeated rows, counted once: {matches.repeated:,}"
    if matches.apart:
        yield (
            f"{name}: sequences in several places of the table: {len(matches.apart):,} (such as "
            f"'{min(matches.apart)}'); sites that are repeated there count several times"
        )
    if matches.outside:
        yield f"{name}: called sites outside the regions, not counted: {matches.outside:,}"


def _scanned_types(
    known: KnownSites,
    types: Sequence[Modification],
    candidates: dict[str, int] | None,
    notes: list[str],
) -> KnownSites:
    """Skip types that were not scanned for."""
    if candidates is None:
        return known
    kept = np.array([m.symbol in candidates for m in types])[known.modification_index]
    if not kept.all():
        names = ", ".join(types[i].symbol for i in np.unique(known.modification_index[~kept]))
        if not kept.any():
            raise DataError(f"the scan did not include {names}, and no other sites are known")
        notes.append(f"the scan did not include {names}: its known sites are skipped")
        known = known.skip(~kept, "modification not scanned for")
    return known


def _inside(
    known: KnownSites,
    regions: ScannedRegions,
    facts: Facts,
    path: AnyPath,
    notes: list[str],
    *,
    strict: bool,
) -> KnownSites:
    """Skip known sites outside the scanned regions.

    Raises DataError if none is inside; if `strict`, for one beyond the end of a sequence.
    """
    used = [known.names[i] for i in np.unique(known.sequence)]
    _check_names(used, regions.names, path, SCANNED)
    inside = regions.holds(known)
    outside = len(known) - int(inside.sum())
    if outside == len(known):
        whole = "its only site is not" if outside == 1 else f"none of its {outside:,} sites is"
        raise DataError(f"{whole} in a scanned region", file=path)
    # A scan of FASTA files covers their sequences from end to end
    if "candidates" in regions.facts and "genome" not in facts:
        beyond = regions.beyond(known)
        if beyond.any():
            line = known.first_line_of(beyond)
            if strict:
                raise DataError("the site is beyond the end of the sequence", file=path, line=line)
            notes.append(
                f"{Path(path).name}: skipped {int(beyond.sum()):,}: {BEYOND} (first: line {line})"
            )
            known, inside = known.skip(beyond, BEYOND), inside[~beyond]
            outside = len(known) - int(inside.sum())
    if outside:
        verb = "was" if outside == 1 else "were"
        notes.append(f"{outside:,} of {len(known):,} known sites {verb} not scanned: skipped")
        known = known.skip(~inside, "not scanned")
    return known


def _check_ambiguous_names(
    keys: NameKeys, known: KnownSites, matches: Matches, regions: ScannedRegions | None
) -> None:
    """Raise DataError if two names of a file are the same as they are compared.

    Parameters
    ----------
    keys : NameKeys
        Of the predicted sites.
    """
    keys.check(known.names)
    if known.keys is not None:
        known.keys.check(matches.names if regions is None else regions.names)
    if regions is not None and regions.keys is not None:
        regions.keys.check(known.names)


def _check_names(
    known: Iterable[str], scanned: Iterable[str], path: AnyPath, where: str | Path
) -> None:
    """Raise a DataError if the two files have no name of a sequence in common."""
    ours, theirs = set(scanned), set(known)
    if not ours or ours & theirs:
        return
    one, other = min(theirs), min(ours)
    words = f"no sequence name is also in {Path(where).name}: '{one}' here, '{other}' there"
    rule = matching_rule(ours, theirs)
    if rule is not None:
        words += f"; they match with {rule.options()}"
    elif {name.removeprefix("chr") for name in ours} & {
        name.removeprefix("chr") for name in theirs
    }:
        words += "; only one of the files has names that begin with 'chr'"
    raise DataError(words, file=path)


def _no_candidates(
    matches: Matches, types: Sequence[Modification], *, in_genome: bool
) -> Iterable[str]:
    """Yield notes on known sites that were not candidates, of a table of all candidates."""
    missing = matches.known() - matches.with_row()
    for i in np.flatnonzero(missing).tolist():
        m, number = types[i], f"{missing[i]:,} of {matches.known()[i]:,}"
        was, are = ("was", "is") if missing[i] == 1 else ("were", "are")
        if in_genome and m.first_base_only:
            yield (
                f"{number} known {m.symbol} sites {was} not candidates: in annotated transcripts, "
                f"{m.symbol} is scanned for only at the first base"
            )
        else:
            yield (
                f"{number} known {m.symbol} sites {are} not on {m.context}: "
                "is this the same assembly, and are the positions 0-based as in BED?"
            )
