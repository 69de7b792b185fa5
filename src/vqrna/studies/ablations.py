"""The ablation study: the effect of leaving out one part of the model or its training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any

from vqrna import config as configs
from vqrna.config import Config
from vqrna.errors import UsageError
from vqrna.studies.lengths import check_numbers
from vqrna.studies.plan import Plan, StudyVariant
from vqrna.training import WindowSource

STUDY = "ablations"

FULL = "full"
"""Name of the variant without any change."""


@dataclass(frozen=True)
class Ablation:
    """One change to the full configuration."""

    key: str  # Name on the command line
    name: str  # Name in tables and pictures
    changes: dict[str, Any] = field(default_factory=dict)  # Settings and their new values
    joint: bool | None = None  # One network for all types, or one each; None changes nothing


ABLATIONS = (
    Ablation("no-quantizer", "no quantiser", {"quantizer": "none"}),
    Ablation("no-reconstruction", "no reconstruction loss", {"reconstruction_weight": 0.0}),
    Ablation("one-each", "one network per modification", joint=False),
    Ablation("no-shuffled", "no shuffled negatives", {"shuffled_weight": 0.0}),
    Ablation("no-ranking", "no ranking loss", {"ranking_weight": 0.0}),
    Ablation("no-other-types", "no negatives of other modifications", {"other_type_weight": 0.0}),
    Ablation("no-masking", "no hidden flanks", {"mask_rate": 0.0}),
    Ablation("context-51", "context of 51 nt", {"length": 51}),
    Ablation("context-201", "context of 201 nt", {"length": 201}),
    Ablation("context-1001", "context of 1001 nt", {"length": 1001}),
    Ablation("codebook-64", "64 codes", {"codebook_size": 64}),
    Ablation("codebook-128", "128 codes", {"codebook_size": 128}),
    Ablation("codebook-2048", "2048 codes", {"codebook_size": 2048}),
)
"""All ablations, in the order of tables and pictures."""


def applicable(config: Config, joint: bool = True) -> tuple[Ablation, ...]:
    """Return the ablations that change a configuration."""
    flat = {k: v for part in configs.to_dict(config).values() for k, v in part.items()}

    def applies(ablation: Ablation) -> bool:
        known = all(name in flat for name in ablation.changes)
        differs = any(flat.get(name) != value for name, value in ablation.changes.items())
        return known and (differs or ablation.joint not in (None, joint))

    return tuple(filter(applies, ABLATIONS))


def plan_ablations(
    source: WindowSource,
    directory: str | PathLike[str],
    config: Config,
    keys: Sequence[str] | None = None,
    seeds: Sequence[int] = (0,),
    *,
    joint: bool = True,
) -> Plan:
    """Plan the full model and its ablations, for each seed.

    Parameters
    ----------
    source : WindowSource
    directory : path-like
        Folder of the data.
    config : Config
        Of the full model.
    keys : sequence of str, optional
        Of `ABLATIONS`; all that change something if not given.
    seeds : sequence of int
    joint : bool
        Whether the full model is one network for all types.

    Returns
    -------
    Plan
        For :func:`vqrna.run_study`.

    Raises
    ------
    UsageError
        If a name is unknown or changes nothing.
    """
    check_numbers(seeds, "--seeds")
    able = {ablation.key: ablation for ablation in applicable(config, joint)}
    chosen = list(able) if keys is None else list(dict.fromkeys(keys))
    for key in chosen:
        if key not in able:
            known = {ablation.key for ablation in ABLATIONS}
            why = "changes nothing here" if key in known else "is unknown"
            raise UsageError(f"ablation '{key}' {why} (choose from: {', '.join(able)})")
    variants = [StudyVariant(FULL, config, joint)]
    for key, ablation in able.items():
        if key in chosen:
            changed = configs.replace(config, **ablation.changes)
            together = joint if ablation.joint is None else ablation.joint
            variants.append(StudyVariant(ablation.name, changed, together))
    if len(source.train.modifications) == 1:
        variants = [v for v in variants if v.joint == joint]  # joint has no effect on one type
    return Plan(STUDY, tuple(variants), tuple(seeds), Path(directory), source)
