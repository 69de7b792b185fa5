"""Sites to write, made by hand or by chance."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vqrna.formats import Description
from vqrna.modifications import modification
from vqrna.sites import FLAGS, Sites, round_significant
from vqrna.stats.tiers import TIERS

KINDS = tuple(modification(name) for name in ("m6A", "Psi", "m5C"))

FACTS = {
    "vqrna": "1.2.3",
    "command": "vqrna predict a.fa --prior m6A=0.01",
    "model": "abc",
    "priors": "m6A=0.01",
}


def make_sites(names: str | Sequence[str], positions: Sequence[int], **columns: object) -> Sites:
    """Sites with telling values; columns may be given one value for all, too."""
    count = len(positions)
    named = [names] * count if isinstance(names, str) else list(names)
    told: dict[str, object] = {
        "reverse": False,
        "base": 0,
        "modification_index": 0,
        "score": 0.5,
        "probability": 0.25,
        "p_value": 1e-5,
        "q_value": 0.001,
        "tier": 2,
        "flags": 0,
    }
    extra = columns.pop("extra", {})
    told |= columns
    types = {"reverse": bool, "base": np.uint8, "modification_index": np.uint8, "tier": np.uint8}
    types["flags"] = np.uint8
    arrays = {
        name: np.array(np.broadcast_to(value, count), dtype=types.get(name, np.float64))
        for name, value in told.items()
    }
    return Sites(
        sequence=np.array(named, dtype=object),
        position=np.array(positions, dtype=np.int64),
        extra={name: np.asarray(column) for name, column in extra.items()},
        **arrays,
    )


def random_sites(count: int, seed: int = 0, name: str = "chr1", length: int = 0) -> Sites:
    """Sites of one sequence, each place, strand and kind once, in order."""
    rng = np.random.default_rng(seed)
    length = length or 2 * count
    keys = np.sort(rng.choice(length * 2 * len(KINDS), count, replace=False))
    position, rest = np.divmod(keys, 2 * len(KINDS))
    reverse, kind = np.divmod(rest, len(KINDS))
    return make_sites(
        name,
        position,
        reverse=reverse,
        modification_index=kind,
        base=rng.integers(0, 5, count),
        score=rng.random(count).round(6),
        probability=round_significant(rng.random(count) ** 4),
        p_value=round_significant(rng.random(count) ** 8),
        q_value=round_significant(rng.random(count)),
        tier=rng.integers(0, len(TIERS) + 1, count),
        flags=rng.integers(0, 1 << len(FLAGS), count),
    )


def describe(lengths: dict[str, int] | list[tuple[str, int]], **changes: object) -> Description:
    pairs = list(lengths.items()) if isinstance(lengths, dict) else lengths
    told = {"facts": FACTS, "modifications": KINDS, "sequences": lambda: iter(pairs)}
    return Description(**(told | changes))  # type: ignore[arg-type]
