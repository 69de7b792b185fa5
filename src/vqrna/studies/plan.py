"""The plan of a study, and the jobs that make its missing cells."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

from vqrna import config as configs
from vqrna.config import Config
from vqrna.errors import DataError
from vqrna.runtime.files import output_directory
from vqrna.runtime.jobs import ProcessJob, run_jobs
from vqrna.runtime.progress import duration, progress
from vqrna.runtime.provenance import command_line
from vqrna.stats.bootstrap import RESAMPLES
from vqrna.studies.cell import LOG_NAME, Task
from vqrna.studies.cells import CellStore, Identity, StudyCell, data_name, network_identity
from vqrna.training import WindowSource

WORKER = "vqrna.studies.cell"
"""Module that makes a cell, run as a program."""

CELLS, RUNS = "cells", "runs"
"""Folders of a study: its result files, and the files of its trainings."""


@dataclass(frozen=True)
class StudyVariant:
    """A configuration that a study compares with others.

    Attributes
    ----------
    name : str
    config : Config
        Its seed is ignored.
    joint : bool
        One network for all types, or one each.
    """

    name: str
    config: Config
    joint: bool = True


@dataclass(frozen=True, eq=False)
class Plan:
    """Every variant with every seed, on the same windows.

    Attributes
    ----------
    study : str
    variants : tuple of StudyVariant
    seeds : tuple of int
    directory : pathlib.Path
        Of the data, in the benchmark layout.
    source : WindowSource
        The windows of this folder.
    model : str
        Name of the model; that of the architecture if empty.
    """

    study: str
    variants: tuple[StudyVariant, ...]
    seeds: tuple[int, ...]
    directory: Path
    source: WindowSource
    model: str = ""

    @property
    def types(self) -> tuple[str, ...]:
        """Symbols of the modifications."""
        return tuple(m.symbol for m in self.source.train.modifications)

    def cells(self) -> dict[Identity, StudyVariant]:
        """Return all cells, seed by seed, so that the first results cover all variants."""
        data = data_name(self.source.train, self.source.valid)
        return {
            network_identity(
                self.study,
                variant.name,
                configs.replace(variant.config, seed=seed),
                self.types,
                data,
                joint=variant.joint,
                model=self.model or None,
            ): variant
            for seed in self.seeds
            for variant in self.variants
        }


@dataclass(frozen=True)
class Failure:
    """A cell that could not be made.

    Attributes
    ----------
    identity : Identity
    reason : str
        One line.
    folder : pathlib.Path
        With its log and traceback.
    """

    identity: Identity
    reason: str
    folder: Path


def run_plan(
    identities: Sequence[Identity],
    directory: str | PathLike[str],
    out: str | PathLike[str],
    *,
    runs: str | PathLike[str] | None = None,
    jobs: int | None = 1,
    engine: str = "local",
    address: str | None = None,
    device: str = "auto",
    resamples: int = RESAMPLES,
    show_progress: bool = True,
) -> list[Failure]:
    """Make the missing cells, each in a process of its own.

    A cell that fails, crashes or is killed is reported and does not end the study. Calling this
    again resumes the study.

    Parameters
    ----------
    directory : path-like
        The data; on a cluster, a folder that all machines see.
    out : path-like
        Cells are written to its folder ``cells``.
    runs : path-like, optional
        For the files of the trainings; ``OUT/runs`` if not given.
    jobs, engine, address, device
        See :func:`vqrna.runtime.jobs.open_pool`.
    resamples : int
        For the intervals.

    Returns
    -------
    list of Failure
    """
    folder = output_directory(out).absolute()
    store = CellStore(folder / CELLS)
    run_folder = (folder / RUNS) if runs is None else output_directory(runs).absolute()
    todo = [identity for identity in identities if store.get(identity) is None]
    named = {identity.name: identity for identity in todo}
    command = command_line()
    failures: list[Failure] = []

    def waiting() -> Iterator[ProcessJob]:
        for identity in todo:
            run = run_folder / identity.name
            task = Task(
                identity,
                str(Path(directory).absolute()),
                str(store.folder),
                str(run),
                device,
                resamples,
                command,
            )
            try:
                path = str(task.write())
            except DataError as error:  # for example a full disk: the next cell may succeed
                failures.append(Failure(identity, str(error), run))
                continue
            yield ProcessJob(identity.name, WORKER, (path,), run / LOG_NAME)

    with progress(len(todo), "cells", unit="cells", show=show_progress) as bar:
        outcomes = run_jobs(waiting(), jobs, engine=engine, address=address, device=device)
        for outcome in outcomes if todo else ():
            identity = named[outcome.job.name]
            name = f"{identity.variant}, seed {identity.seed}"
            cell = store.get(identity)
            if cell is None:
                reason = outcome.reason or "its process succeeded without writing the cell"
                failures.append(Failure(identity, reason, run_folder / identity.name))
                bar.say(f"{name}: failed: {reason}")
            else:
                bar.say(f"{name}: {_summary(cell)} ({duration(outcome.seconds)})")
            bar.advance()
    return failures


def _summary(cell: StudyCell) -> str:
    symbol = "mean" if len(cell.identity.types) > 1 else cell.identity.types[0]
    every = cell.score(symbol)[0]
    non_overlapping = cell.score(symbol, windows="non_overlapping")[0]
    return f"AUROC {every:.4f}, non-overlapping {non_overlapping:.4f}"
