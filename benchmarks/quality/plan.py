"""The requested cells: models by splits by seeds, and by types for models of a single type."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.quality.cells import Job
from benchmarks.quality.models import BASELINES, spec
from benchmarks.quality.tasks import PUBLIC, SPLITS

from vqrna.errors import UsageError


def jobs(
    models: Sequence[str],
    splits: Sequence[str],
    seeds: Sequence[int],
    symbols: Sequence[str],
    types: Sequence[str] | None = None,
    epochs: int | None = None,
) -> list[Job]:
    """List the cells, split by split, seed by seed, the cheap models last.

    Parameters
    ----------
    models : sequence of str
        Names; ``baselines`` means all models that are not networks.
    splits : sequence of str
        Names; ``folds`` means all but the public one.
    seeds : sequence of int
        Deterministic models are listed once, with the first seed.
    symbols : sequence of str
        Types of the data.
    types : sequence of str, optional
        Requested types. Joint networks always have all types.
    epochs : int, optional
        For networks.

    Raises
    ------
    UsageError
        If a name is unknown.
    """
    if wrong := [t for t in types or () if t not in symbols]:
        raise UsageError(f"unknown type '{wrong[0]}' (known: {', '.join(symbols)})")
    chosen = tuple(s for s in symbols if types is None or s in types)
    names = [n for m in models for n in (BASELINES if m == "baselines" else (m,))]
    folds = tuple(s for s in SPLITS if s != PUBLIC)
    parts = [n for s in splits for n in (folds if s == "folds" else (s,))]
    if wrong := [s for s in parts if s not in SPLITS]:
        raise UsageError(f"unknown split '{wrong[0]}' (known: {', '.join(SPLITS)})")
    listed = []
    for seed in seeds:
        for split in dict.fromkeys(parts):
            for name in dict.fromkeys(names):
                model = spec(name)
                if not model.seeded and seed != seeds[0]:
                    continue
                used = seed if model.seeded else 0
                if model.config is None:
                    listed.append(Job(model, split, used, chosen))
                elif model.joint:
                    listed.append(Job(model, split, used, tuple(symbols), epochs))
                else:
                    listed += [Job(model, split, used, (symbol,), epochs) for symbol in chosen]
    return listed
