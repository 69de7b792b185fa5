"""What a study consists of, and the making of the cells that are not there yet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

from vqrna import config as configs
from vqrna.config import Config
from vqrna.errors import DataError
from vqrna.runtime.files import output_directory
from vqrna.runtime.jobs import Job, run_jobs
from vqrna.runtime.progress import duration, progress
from vqrna.runtime.provenance import command_line
from vqrna.stats.bootstrap import RESAMPLES
from vqrna.studies.cell import LOG_NAME, Task
from vqrna.studies.cells import Cell, CellStore, Identity, data_name, network_identity
from vqrna.training import Source

WORKER = "vqrna.studies.cell"
"""Module that makes a cell, as a program."""

CELLS, RUNS = "cells", "runs"
"""Folders of a study: its small result files, and what each training left."""


@dataclass(frozen=True)
class Variant:
    """One thing that a study compares with others.

    Parameters
    ----------
    name : str
    config : Config
        Its seed does not count.
    joint : bool
        One network for all types, or one each.
    """

    name: str
    config: Config
    joint: bool = True


@dataclass(frozen=True, eq=False)
class Plan:
    """Every variant with every seed, on the same windows.

    Parameters
    ----------
    study : str
    variants : tuple of Variant
    seeds : tuple of int
    directory : pathlib.Path
        Of the data, in the benchmark layout.
    source : Source
        What was read of it.
    model : str
        What the cells' models are called; that of the architecture if empty.
    """

    study: str
    variants: tuple[Variant, ...]
    seeds: tuple[int, ...]
    directory: Path
    source: Source
    model: str = ""

    @property
    def types(self) -> tuple[str, ...]:
        """Symbols of the modifications."""
        return tuple(m.symbol for m in self.source.train.modifications)

    def cells(self) -> dict[Identity, Variant]:
        """Name all cells, seed by seed, so that a first look at all variants comes early."""
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

    Parameters
    ----------
    identity : Identity
    reason : str
        One line.
    folder : pathlib.Path
        Where its log and its error lie.
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
    """Make the cells that are not there, each in a process of its own.

    A cell that fails, crashes or is killed is told and does not end the study. Called again after
    whatever happened, it goes on where it was.

    Parameters
    ----------
    identities : sequence of Identity
    directory : path-like
        The data; on a cluster, a folder that all machines see.
    out : path-like
        The cells come into its folder ``cells``.
    runs : path-like, optional
        For what the trainings leave; ``OUT/runs`` if not given.
    jobs, engine, address, device
        See :func:`vqrna.runtime.jobs.run_jobs`.
    resamples : int
        For the intervals.
    show_progress : bool

    Returns
    -------
    list of Failure
    """
    folder = output_directory(out).absolute()
    store = CellStore(folder / CELLS)
    place = (folder / RUNS) if runs is None else output_directory(runs).absolute()
    todo = [identity for identity in identities if store.get(identity) is None]
    named = {identity.name: identity for identity in todo}
    command = command_line()
    failures: list[Failure] = []

    def waiting() -> Iterator[Job]:
        for identity in todo:
            run = place / identity.name
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
            except DataError as error:  # a full disk, say: the next may have better luck
                failures.append(Failure(identity, str(error), run))
                continue
            yield Job(identity.name, WORKER, (path,), run / LOG_NAME)

    with progress(len(todo), "cells", unit="cells", show=show_progress) as bar:
        outcomes = run_jobs(waiting(), jobs, engine=engine, address=address, device=device)
        for outcome in outcomes if todo else ():
            identity = named[outcome.job.name]
            told = f"{identity.variant}, seed {identity.seed}"
            cell = store.get(identity)
            if cell is None:
                reason = outcome.reason or "its process ended well, but there is no cell"
                failures.append(Failure(identity, reason, place / identity.name))
                bar.say(f"{told}: failed: {reason}")
            else:
                bar.say(f"{told}: {_in_short(cell)} ({duration(outcome.seconds)})")
            bar.advance()
    return failures


def _in_short(cell: Cell) -> str:
    """Tell the AUROC of a cell, all types together."""
    symbol = "mean" if len(cell.identity.types) > 1 else cell.identity.types[0]
    whole = cell.score(symbol)[0]
    apart = cell.score(symbol, windows="non_overlapping")[0]
    return f"AUROC {whole:.4f}, non-overlapping {apart:.4f}"
