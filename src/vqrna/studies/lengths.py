"""The study of window lengths: one training at each length."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from pathlib import Path

from vqrna import config as configs
from vqrna.config import PAPER_LENGTHS, Config
from vqrna.errors import UsageError
from vqrna.studies.plan import Plan, StudyVariant
from vqrna.training import WindowSource

STUDY = "lengths"

LENGTHS = PAPER_LENGTHS
"""The nine lengths of the paper's study, in nt."""


def plan_lengths(
    source: WindowSource,
    directory: str | PathLike[str],
    config: Config,
    lengths: Sequence[int] = LENGTHS,
    seeds: Sequence[int] = (0,),
    *,
    joint: bool = True,
) -> Plan:
    """Plan a cell for each length and seed.

    Parameters
    ----------
    source : WindowSource
        Windows of the types to study.
    directory : path-like
        Folder of the data.
    config : Config
        Its length and seed are replaced.
    lengths : sequence of int
        In nt; odd.
    seeds : sequence of int
    joint : bool
        One network for all types, or one each.

    Returns
    -------
    Plan
        For :func:`vqrna.run_study`.

    Raises
    ------
    UsageError
        If a length or seed is invalid or repeated, or a length exceeds that of the windows.
    """
    check_numbers(lengths, "--lengths")
    check_numbers(seeds, "--seeds")
    if max(lengths) > source.train.length:
        raise UsageError(
            f"the windows are {source.train.length} nt long: a length of {max(lengths)} nt would "
            "add nothing"
        )
    variants = tuple(
        StudyVariant(f"{length} nt", configs.replace(config, length=length), joint)
        for length in sorted(lengths)
    )
    return Plan(STUDY, variants, tuple(seeds), Path(directory), source)


def check_numbers(numbers: Sequence[int], option: str) -> None:
    """Reject an empty list and repeated numbers (UsageError)."""
    if not numbers:
        raise UsageError(f"{option} is empty")
    twice = [n for n in numbers if list(numbers).count(n) > 1]
    if twice:
        raise UsageError(f"{option} holds {twice[0]} twice")
