"""Variants of a sequence: how probabilities change where the sequence is edited."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from vqrna.model import Model
from vqrna.sequence import centre, decode, encode
from vqrna.stats.tiers import DEFAULT_TIER, PROBABILITIES, TIERS, reached_tiers, tier_index
from vqrna.variation import make_variant_settings
from vqrna.variation.edits import edit_effects
from vqrna.variation.effects import CLASSES
from vqrna.variation.scanned_region import Comparison
from vqrna.variation.settings import VariantRules
from vqrna.web.errors import RequestError

LONGEST = 1000
"""Most nt that a variant removes or inserts."""

MIN_CHANGE = 0.01
"""Least change of a probability that is listed."""

MOST_EFFECTS = 15

SHOWN = 60
"""nt on either side of a variant in its picture."""

_MOST_DIGITS = 9

_BASES = "[ACGTUacgtu]"
_SHORT = re.compile(rf"({_BASES}+)([0-9]+)({_BASES}+|del|-)")
_DELETED = re.compile(r"([0-9]+)(?:[_-]([0-9]+))?del", re.IGNORECASE)
_INSERTED = re.compile(rf"([0-9]+)(?:_([0-9]+))?ins({_BASES}+)", re.IGNORECASE)
_LONG = re.compile(rf"([0-9]+)\s*({_BASES}+)\s*>\s*({_BASES}*|-)")


@dataclass(frozen=True)
class RequestedVariant:
    """An edit of one sequence."""

    label: str  # As the user wrote it
    sequence: str  # Name of the sequence, empty if not given
    position: int  # 1-based position of the first edited base, or of the base before an insertion
    ref: str  # Removed RNA letters; empty for an insertion
    alt: str  # Inserted RNA letters; empty for a deletion

    @property
    def start(self) -> int:
        """0-based index of the first removed base, or of the base behind an insertion."""
        return self.position - 1 if self.ref else self.position


def parse_variants(text: str, most: int) -> list[RequestedVariant]:
    """Read variants, separated by line ends, commas or semicolons.

    Raises RequestError (422) for what is not a variant, and for more than `most`.
    """
    labels = [part.strip() for part in re.split(r"[\n\r,;]+", text) if part.strip()]
    if not labels:
        raise RequestError(422, "no variant: write, for example, A1216G")
    if len(labels) > most:
        raise RequestError(422, f"{len(labels):,} variants (expected at most {most:,} at a time)")
    return [_parse(label) for label in labels]


def _parse(label: str) -> RequestedVariant:
    name, colon, rest = label.rpartition(":")
    rest = rest.strip() if colon else label
    if match := _SHORT.fullmatch(rest):
        alt = "" if match[3] in ("del", "-") else match[3]
        return _variant(label, name, match[2], match[1], alt)
    if match := _LONG.fullmatch(rest):
        return _variant(label, name, match[1], match[2], match[3].strip("-"))
    if match := _INSERTED.fullmatch(rest):
        _check_size(label, match[1], match[2] or "")
        variant = _variant(label, name, match[1], "", match[3])
        if match[2] and int(match[2]) != variant.position + 1:
            raise RequestError(
                422,
                f"'{label[:60]}': an insertion is between two adjacent positions (expected "
                f"{variant.position}_{variant.position + 1}ins)",
            )
        return variant
    if match := _DELETED.fullmatch(rest):
        _check_size(label, match[1], match[2] or "")
        first, last = int(match[1]), int(match[2] or match[1])
        if first <= last < first + LONGEST:
            return RequestedVariant(label, name, first, "N" * (last - first + 1), "")
    raise RequestError(
        422,
        f"'{label[:60]}' is not a variant (expected A1216G, 1216 A>G, NAME:1216 A>G, 1216del or "
        "1216insGG)",
    )


def _check_size(label: str, *positions: str, letters: Sequence[str] = ()) -> None:
    """Raise RequestError (422) for letters or positions that no sequence here can have."""
    if any(len(each) > LONGEST for each in letters):
        raise RequestError(422, f"'{label[:30]}…' is too long (at most {LONGEST:,} nt)")
    if any(len(each) > _MOST_DIGITS for each in positions):
        raise RequestError(422, f"'{label[:60]}': the position has more than {_MOST_DIGITS} digits")


def _variant(label: str, name: str, position: str, ref: str, alt: str) -> RequestedVariant:
    _check_size(label, position, letters=(ref, alt))
    letters = (decode(encode(ref)), decode(encode(alt)))
    return RequestedVariant(label, name, int(position), *letters)


def check_variant(variant: RequestedVariant, tokens: np.ndarray) -> RequestedVariant:
    """Compare a variant with its sequence; return it with the removed letters.

    Raises RequestError (422) if the position is outside, or the sequence has other letters there.
    """
    start, length = variant.start, len(tokens)
    inside = variant.position >= 1 and start + len(variant.ref) <= length
    if not inside or (not variant.ref and variant.position > length):
        raise RequestError(
            422, f"{variant.label}: position {variant.position:,} is outside the {length:,} nt"
        )
    here = decode(tokens[start : start + len(variant.ref)])
    if set(variant.ref) == {"N"}:
        _check_rest(variant, tokens)
        return RequestedVariant(
            variant.label, variant.sequence, variant.position, here, variant.alt
        )
    if here != variant.ref:
        shown = here if len(here) <= 20 else f"{here[:20]}…"
        raise RequestError(
            422,
            f"{variant.label}: the sequence has {shown} at position {variant.position:,}, not "
            f"{variant.ref[:20]}",
        )
    _check_rest(variant, tokens)
    if variant.ref == variant.alt:
        raise RequestError(422, f"{variant.label}: both sequences are the same")
    return variant


def _check_rest(variant: RequestedVariant, tokens: np.ndarray) -> None:
    """Raise RequestError (422) if a variant leaves nothing of its sequence."""
    if len(variant.ref) == len(tokens) and not variant.alt:
        raise RequestError(422, f"{variant.label}: the variant deletes the whole sequence")


def context(variant: RequestedVariant, tokens: np.ndarray, length: int) -> dict[str, Any]:
    """Return a variant with the part of its sequence that its effects depend on."""
    # An insertion or deletion in a repeat can be aligned up to half a window to the right
    flank = 3 * centre(length) + SHOWN
    first = max(0, variant.start - flank)
    stop = min(len(tokens), variant.start + len(variant.ref) + flank)
    return {
        "label": variant.label,
        "letters": decode(tokens[first:stop]),
        "first": first + 1,
        "index": variant.start - first,
        "ref": variant.ref,
        "alt": variant.alt,
    }


def compare_variants(
    model: Model,
    variants: list[dict[str, Any]],
    modifications: list[str],
    confidence: str | None = DEFAULT_TIER,
    min_probability: float | None = None,
    prior: dict[str, float] | float | None = None,
) -> dict[str, Any]:
    """Compare the reference and the edited sequence of each variant, as ``vqrna variants`` does.

    Parameters
    ----------
    variants : list of dict
        From :func:`context`.
    modifications : list of str
        All if empty.
    confidence : str or None
        Lowest tier of a site.
    min_probability : float or None
        Lowest probability of a site; the higher one of both limits counts.
    """
    least = [PROBABILITIES[tier_index(confidence)]] if confidence is not None else []
    least += [min_probability] if min_probability else []
    settings = make_variant_settings(
        model.modifications,
        modifications=modifications or None,
        prior=prior,
        min_delta=MIN_CHANGE,
        min_probability=round(max(least, default=PROBABILITIES[0]), 4),
        max_length=LONGEST,
    )
    rules = VariantRules(model, settings)
    return {
        "model": model.hash,
        "modifications": [m.symbol for m in settings.modifications],
        "min_probability": settings.min_probability,
        "variants": [_compare(rules, **each) for each in variants],
    }


def _compare(
    rules: VariantRules, label: str, letters: str, first: int, index: int, ref: str, alt: str
) -> dict[str, Any]:
    tokens = encode(letters)
    allele, comparison = edit_effects(rules, tokens, index, index + len(ref), encode(alt))
    edited = np.concatenate([tokens[: allele.start], allele.letters, tokens[allele.stop :]])
    rows = _rows(rules, comparison, tokens, edited, first)
    listed = [row for row in rows if abs(row["change"]) >= MIN_CHANGE]
    listed.sort(key=lambda row: (row["class"] not in ("gain", "loss"), -abs(row["change"])))
    return {
        "variant": label,
        "position": first + index - (0 if ref else 1),
        "ref": ref,
        "alt": alt,
        "effects": listed[:MOST_EFFECTS],
        "more_effects": max(0, len(listed) - MOST_EFFECTS),
        "alignment": _picture(rules, comparison, tokens, edited, first),
    }


def _rows(
    rules: VariantRules, comparison: Comparison, tokens: np.ndarray, edited: np.ndarray, first: int
) -> list[dict[str, Any]]:
    """Return all candidates of either sequence."""
    e = comparison.effects
    symbols = [m.symbol for m in rules.settings.modifications]
    tiers = [reached_tiers(p) for p in (e.ref_probability, e.alt_probability)]
    rows = []
    for n in range(len(e)):
        old, new = (
            int(side[n]) + comparison.start if side[n] >= 0 else None for side in (e.ref, e.alt)
        )
        finite = bool(np.isfinite(e.log_odds_delta[n]))
        rows.append({
            "modification": symbols[e.modification[n]],
            "position": None if old is None else old + first,
            "new_position": None if new is None else new + first,
            "distance": int(e.distance[n]),
            "base": None if old is None else decode(tokens[old : old + 1]),
            "new_base": None if new is None else decode(edited[new : new + 1]),
            "probability": float(e.ref_probability[n]),
            "new_probability": float(e.alt_probability[n]),
            "change": float(e.delta[n]),
            "log_odds_change": round(float(e.log_odds_delta[n]), 4) if finite else None,
            "call": _tier(tiers[0][n]),
            "new_call": _tier(tiers[1][n]),
            "class": CLASSES[e.class_index[n]],
        })  # fmt: skip
    return rows


def _tier(reached: int) -> str | None:
    return TIERS[reached - 1] if reached else None


def _picture(
    rules: VariantRules, comparison: Comparison, tokens: np.ndarray, edited: np.ndarray, first: int
) -> dict[str, Any]:
    """Return the aligned letters near a variant, and the probabilities in their columns."""
    a, e = comparison.alignment, comparison.effects
    sides = [
        _letters(rows, comparison.start, side) for rows, side in ((a.ref, tokens), (a.alt, edited))
    ]
    changed = np.flatnonzero([x != y for x, y in zip(*sides, strict=True)])
    low = max(0, int(changed[0]) - SHOWN)
    high = min(len(a.ref), int(changed[-1]) + SHOWN + 1)
    column = np.full(len(e), -1)
    for rows, own in ((a.alt, e.alt), (a.ref, e.ref)):
        place = np.full(int(rows.max(initial=0)) + 1, -1)
        place[rows[rows >= 0]] = np.flatnonzero(rows >= 0)
        column = np.where(own >= 0, place[np.maximum(own, 0)], column)
    inside = (column >= low) & (column < high)
    least = rules.settings.min_probability
    tracks = []
    for k, m in enumerate(rules.settings.modifications):
        own = np.flatnonzero(inside & (e.modification == k))
        tracks.append({
            "modification": m.symbol,
            "columns": (column[own] - low).tolist(),
            "reference": e.ref_probability[own].tolist(),
            "alternative": e.alt_probability[own].tolist(),
        })  # fmt: skip
    before = np.maximum.accumulate(a.ref)[low:high]
    return {
        "reference": sides[0][low:high],
        "alternative": sides[1][low:high],
        "positions": (before + comparison.start + first).tolist(),
        "min_probability": least,
        "tracks": tracks,
    }


def _letters(rows: np.ndarray, start: int, tokens: np.ndarray) -> str:
    """Return the letters of the rows of an alignment: ``-`` for a gap, a space beyond an end."""
    at = rows + start
    inside = (rows >= 0) & (at >= 0) & (at < len(tokens))
    known = decode(tokens[np.where(inside, at, 0)])
    gaps = np.where(rows < 0, "-", " ")
    return "".join(
        letter if here else gap for letter, here, gap in zip(known, inside, gaps, strict=True)
    )
