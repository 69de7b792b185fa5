"""Variants of a sequence: how probabilities change where the sequence is edited."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np

from vqrna.model import Model
from vqrna.prediction import make_settings, scan_sequence
from vqrna.sequence import AMBIGUOUS, centre, decode, encode
from vqrna.sites import Sites
from vqrna.stats.tiers import CALLS, DEFAULT_TIER
from vqrna.web.errors import RequestError

LONGEST = 1000
"""Most nt that a variant removes or inserts."""

MIN_CHANGE = 0.005
"""Least change of a probability that is listed."""

MOST_EFFECTS = 15

SHOWN = 60
"""nt on either side of a variant in its picture."""

_BASES = "[ACGTUacgtu]"
_SHORT = re.compile(rf"({_BASES}+)(\d+)({_BASES}+|del|-)")
_DELETED = re.compile(r"(\d+)(?:[_-](\d+))?del", re.IGNORECASE)
_INSERTED = re.compile(rf"(\d+)(?:_\d+)?ins({_BASES}+)", re.IGNORECASE)
_LONG = re.compile(rf"(\d+)\s*({_BASES}+)\s*>\s*({_BASES}*|-)")


@dataclass(frozen=True)
class Variant:
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


def parse_variants(text: str, most: int) -> list[Variant]:
    """Read variants, separated by line ends, commas or semicolons.

    Raises RequestError (422) for what is not a variant, and for more than `most`.
    """
    labels = [part.strip() for part in re.split(r"[\n\r,;]+", text) if part.strip()]
    if not labels:
        raise RequestError(422, "no variant: write, for example, A1216G")
    if len(labels) > most:
        raise RequestError(422, f"{len(labels):,} variants (expected at most {most:,} at a time)")
    return [_parse(label) for label in labels]


def _parse(label: str) -> Variant:
    name, colon, rest = label.rpartition(":")
    rest = rest.strip() if colon else label
    if match := _SHORT.fullmatch(rest):
        alt = "" if match[3] in ("del", "-") else match[3]
        return _variant(label, name, match[2], match[1], alt)
    if match := _LONG.fullmatch(rest):
        return _variant(label, name, match[1], match[2], match[3].strip("-"))
    if match := _INSERTED.fullmatch(rest):
        return _variant(label, name, match[1], "", match[2])
    if match := _DELETED.fullmatch(rest):
        first, last = int(match[1][:9]), int((match[2] or match[1])[:9])
        if first <= last < first + LONGEST:
            return Variant(label, name, first, "N" * (last - first + 1), "")
    raise RequestError(
        422,
        f"'{label[:60]}' is not a variant (expected A1216G, 1216 A>G, NAME:1216 A>G, 1216del or "
        "1216insGG)",
    )


def _variant(label: str, name: str, position: str, ref: str, alt: str) -> Variant:
    if len(ref) > LONGEST or len(alt) > LONGEST or len(position) > 9:
        raise RequestError(422, f"'{label[:30]}…' is too long (at most {LONGEST:,} nt)")
    letters = (decode(encode(ref)), decode(encode(alt)))
    return Variant(label, name, int(position), *letters)


def check_variant(variant: Variant, tokens: np.ndarray) -> Variant:
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
        return Variant(variant.label, variant.sequence, variant.position, here, variant.alt)
    if here != variant.ref:
        shown = here if len(here) <= 20 else f"{here[:20]}…"
        raise RequestError(
            422,
            f"{variant.label}: the sequence has {shown} at position {variant.position:,}, not "
            f"{variant.ref[:20]}",
        )
    if variant.ref == variant.alt:
        raise RequestError(422, f"{variant.label}: both sequences are the same")
    return variant


def context(variant: Variant, tokens: np.ndarray, length: int) -> dict[str, Any]:
    """Return a variant with the part of its sequence that its effects depend on."""
    flank = 2 * centre(length) + SHOWN
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
    confidence: str = DEFAULT_TIER,
    prior: dict[str, float] | float | None = None,
) -> dict[str, Any]:
    """Predict the reference and the edited sequence of each variant.

    Parameters
    ----------
    variants : list of dict
        From :func:`context`.
    modifications : list of str
        All if empty.
    confidence : str
        Lowest tier of a site.
    """
    settings = make_settings(
        model.modifications,
        modifications=modifications,
        confidence=confidence,
        prior=prior,
        all_sites=True,
    )
    half = centre(model.length)
    symbols = [m.symbol for m in settings.modifications]
    return {
        "model": model.hash,
        "modifications": symbols,
        "variants": [_compare(model, settings, half, symbols, **each) for each in variants],
    }


def _compare(
    model: Model, settings: Any, half: int, symbols: list[str],
    label: str, letters: str, first: int, index: int, ref: str, alt: str,
) -> dict[str, Any]:  # fmt: skip
    reference = encode(letters)
    edited = np.concatenate([reference[:index], encode(alt), reference[index + len(ref) :]])
    shift = len(alt) - len(ref)
    sides = []
    for tokens, removed in ((reference, ref), (edited, alt)):
        sites = scan_sequence(model, label, tokens, settings)
        end = index + len(removed)
        near = (sites.position >= index - half) & (sites.position < end + half)
        sides.append(sites.take(near))
    before, after = (_rows(sites) for sites in sides)
    effects = []
    aligned = {(p, k): (p, k) for p, k in before}
    moved = {}
    for p, k in after:
        if p < index:
            moved[p, k] = p
        elif p >= index + len(alt):
            moved[p, k] = p - shift
        elif len(ref) == len(alt):
            moved[p, k] = p
    taken = set()
    for (p, k), row in after.items():
        origin = moved.get((p, k))
        old = before.get((origin, k)) if origin is not None else None
        if old is not None:
            taken.add((origin, k))
        effects.append(_effect(symbols[k], origin, p, old, row, first, index, reference, edited))
    for p, k in aligned:
        if (p, k) not in taken:
            effects.append(
                _effect(symbols[k], p, None, before[p, k], None, first, index, reference, edited)
            )
    kept = [
        e for e in effects if abs(e["change"]) >= MIN_CHANGE or e["class"] in ("gained", "lost")
    ]
    kept.sort(key=lambda e: (e["class"] not in ("gained", "lost"), -abs(e["change"])))
    return {
        "variant": label,
        "position": first + index - (0 if ref else 1),
        "ref": ref,
        "alt": alt,
        "effects": kept[:MOST_EFFECTS],
        "more_effects": max(0, len(kept) - MOST_EFFECTS),
        "tracks": {
            "reference": _picture(sides[0], symbols, reference, first, index, len(ref)),
            "alternative": _picture(sides[1], symbols, edited, first, index, len(alt)),
        },
    }


def _rows(sites: Sites) -> dict[tuple[int, int], tuple[float, float, int]]:
    keys = zip(sites.position.tolist(), sites.modification_index.tolist(), strict=True)
    values = zip(sites.score.tolist(), sites.probability.tolist(), sites.tier.tolist(), strict=True)
    return dict(zip(keys, values, strict=True))


def _effect(
    symbol: str, old_at: int | None, new_at: int | None,
    old: tuple[float, float, int] | None, new: tuple[float, float, int] | None,
    first: int, index: int, reference: np.ndarray, edited: np.ndarray,
) -> dict[str, Any]:  # fmt: skip
    old_score, old_probability, old_tier = old or (0.0, 0.0, 0)
    new_score, new_probability, new_tier = new or (0.0, 0.0, 0)
    if new_tier and not old_tier:
        kind = "gained"
    elif old_tier and not new_tier:
        kind = "lost"
    else:
        kind = "stronger" if new_score > old_score else "weaker"
    at = old_at if old_at is not None else new_at
    assert at is not None
    return {
        "modification": symbol,
        "position": None if old_at is None else old_at + first,
        "new_position": None if new_at is None else new_at + first,
        "distance": at - index,
        "base": None if old is None or old_at is None else decode(reference[old_at : old_at + 1]),
        "new_base": None if new is None or new_at is None else decode(edited[new_at : new_at + 1]),
        "score": old_score,
        "new_score": new_score,
        "probability": old_probability,
        "new_probability": new_probability,
        "call": CALLS[old_tier - 1] if old_tier else None,
        "new_call": CALLS[new_tier - 1] if new_tier else None,
        "change": round(new_probability - old_probability, 6),
        "class": kind,
    }


def _picture(
    sites: Sites, symbols: list[str], tokens: np.ndarray, first: int, index: int, edited: int
) -> dict[str, Any]:
    """Return the scores near a variant."""
    low, high = max(0, index - SHOWN), min(len(tokens), index + edited + SHOWN)
    tracks = []
    for k, symbol in enumerate(symbols):
        own = sites.take((sites.modification_index == k) & (sites.position >= low))
        own = own.take(own.position < high)
        tracks.append(
            {
                "modification": symbol,
                "positions": (own.position + first).tolist(),
                "scores": own.score.tolist(),
                "called": (own.tier > 0).tolist(),
            }
        )
    return {
        "first": low + first,
        "letters": decode(np.where(tokens[low:high] > 3, AMBIGUOUS, tokens[low:high])),
        "edited": [index + first, index + first + edited - 1],
        "tracks": tracks,
    }
