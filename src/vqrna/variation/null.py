"""Empirical p-values: how often a random variant of the same kind changes a site as much.

For each kind and size class of alleles that has effects, variants are placed at random in the
evaluated sequences and scored as those of the user. An effect is compared with all candidate
positions of its modification at the same distance from these variants.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from vqrna.genome.fasta import Reader
from vqrna.model import Model
from vqrna.runtime.progress import progress
from vqrna.runtime.threads import map_in_order
from vqrna.sequence import ALPHABET, AMBIGUOUS, centre
from vqrna.sites import round_significant
from vqrna.variation.alleles import KINDS, SIZES
from vqrna.variation.parts import VariantPart
from vqrna.variation.scoring import Placed, evaluate, place
from vqrna.variation.settings import VariantRules, VariantSettings
from vqrna.variation.track_source import TrackSource
from vqrna.variation.tracks import Target, Track

PER_PLACE = 10
"""Random variants at one place: neighbours share a scan of the reference."""

SPREAD = 100
"""Largest distance in nt of a variant from its place."""

DISTANCES = (1, 2, 3, 5, 9, 17, 33, 65, 129)
"""First distance of each bin on either side of an edit; edited positions are one more bin."""

LONGEST = 60
"""Largest size in the last size class."""

_PLACES_AT_ONCE = 4

Group = tuple[int, int]
"""Index in :data:`KINDS`, and size class."""


def distance_bins(distance: np.ndarray) -> np.ndarray:
    """Return the bin of each distance: 0 for edited positions, negative on the 5' side."""
    return np.sign(distance) * np.searchsorted(DISTANCES, np.abs(distance), side="right")


@dataclass(frozen=True, eq=False)
class NullTable:
    """Changes of probabilities by random variants."""

    # Absolute changes, sorted, by group, modification and distance bin
    changes: dict[tuple[Group, int, int], np.ndarray]

    def p_values(self, part: VariantPart) -> np.ndarray:
        """Return the p-value of each effect of a part, (E,); nan without random variants.

        It is (k + 1) / (n + 1) for k of n random changes that are at least as large.
        """
        effects = part.effects
        p = np.full(len(effects["allele"]), np.nan)
        keys = zip(
            part.kind[effects["allele"]].tolist(),
            part.size[effects["allele"]].tolist(),
            effects["modification"].tolist(),
            distance_bins(effects["distance"]).tolist(),
            strict=True,
        )
        rows: dict[tuple[Group, int, int], list[int]] = {}
        for row, (kind, size, modification, distance) in enumerate(keys):
            rows.setdefault(((kind, size), modification, distance), []).append(row)
        for key, members in rows.items():
            if key in self.changes:
                null = self.changes[key]
                observed = np.abs(effects["delta"][members])
                larger = len(null) - np.searchsorted(null, observed, side="left")
                p[members] = (larger + 1) / (len(null) + 1)
        return round_significant(p)


def groups_of(parts: Sequence[VariantPart] | Iterator[VariantPart]) -> list[Group]:
    """Return the groups of the alleles that have effects, sorted."""
    groups: set[Group] = set()
    for part in parts:
        alleles = np.unique(part.effects["allele"])
        groups.update(zip(part.kind[alleles].tolist(), part.size[alleles].tolist(), strict=True))
    return sorted(groups)


def sample_null(
    groups: Sequence[Group],
    source: TrackSource,
    model: Model,
    settings: VariantSettings,
    *,
    jobs: int = 1,
    show_progress: bool = False,
) -> NullTable:
    """Score random variants of each group; the same ones for the same seed."""
    collected: dict[tuple[Group, int, int], list[np.ndarray]] = {}
    places = -(-settings.null_variants // PER_PLACE)
    total = places * PER_PLACE * len(groups)
    rules, half = VariantRules(model, settings), centre(model.length)

    def score(item: tuple[Group, int]) -> list[tuple[tuple[int, int], np.ndarray]]:
        group, first = item
        rng = np.random.default_rng([settings.seed, *group, first])
        count = min(_PLACES_AT_ONCE, places - first)
        changes = []
        with source.genome.reader() as reader:
            drawn = source.sample_targets(rng, count)
            placed = [
                random_variant(rng, group, track, at, reader, half)
                for track, at in drawn
                for _ in range(PER_PLACE)
            ]
            for each in evaluate(placed, reader, rules, half, everything=True):
                effects = each.comparison.effects
                changes.append(
                    (effects.modification, distance_bins(effects.distance), np.abs(effects.delta))
                )
        return _by_key(changes)

    items = [(group, first) for group in groups for first in range(0, places, _PLACES_AT_ONCE)]
    with progress(total, "random variants", unit="variants", show=show_progress) as bar:
        for (group, first), scored in map_in_order(items, lambda item, _: score(item), jobs):
            for (modification, distance), changes in scored:
                key = (group, modification, distance)
                collected.setdefault(key, []).append(changes)
            bar.advance(PER_PLACE * min(_PLACES_AT_ONCE, places - first))
    return NullTable({key: np.sort(np.concatenate(c)) for key, c in collected.items()})


def _by_key(
    changes: Sequence[tuple[np.ndarray, np.ndarray, np.ndarray]],
) -> list[tuple[tuple[int, int], np.ndarray]]:
    """Group changes by modification and distance bin."""
    modification, distance, change = (
        np.concatenate(column) for column in zip(*changes, strict=True)
    )
    if not len(change):  # np.split would return one part without a key
        return []
    order = np.lexsort((distance, modification))
    modification, distance, change = modification[order], distance[order], change[order]
    opens = np.flatnonzero(
        np.diff(modification, prepend=-1).astype(bool) | np.diff(distance, prepend=-99).astype(bool)
    )
    keys = [(int(modification[i]), int(distance[i])) for i in opens]
    return list(zip(keys, np.split(change, opens[1:]), strict=True))


def random_variant(
    rng: np.random.Generator, group: Group, track: Track, at: int, reader: Reader, half: int
) -> Placed:
    """Draw a variant of a group near a position of a track."""
    kind, size_class = KINDS[group[0]], group[1]
    low = 1 if size_class == 0 else SIZES[size_class - 1] + 1
    high = SIZES[size_class] if size_class < len(SIZES) else LONGEST
    size = int(rng.integers(low, high + 1))
    removed, inserted = {
        "substitution": (size, size), "insertion": (0, size), "deletion": (size, 0),
        "delins": (size, 1 if size == 1 else int(rng.integers(1, size))),
    }[kind]  # fmt: skip
    if kind == "delins" and rng.random() < 0.5:
        removed, inserted = inserted, removed
    removed = min(removed, track.length)
    start = int(np.clip(at + rng.integers(-SPREAD, SPREAD + 1), 0, track.length - removed))
    letters = rng.integers(0, len(ALPHABET), inserted).astype(np.uint8)
    if kind == "substitution":
        ref = track.read(reader, start, start + removed)
        shifted = (ref + rng.integers(1, len(ALPHABET), removed)) % len(ALPHABET)
        letters = np.where(ref == AMBIGUOUS, letters[: len(ref)], shifted).astype(np.uint8)
    return place(0, Target(track, start, start + removed, letters), reader, half)
