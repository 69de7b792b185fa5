"""Run a study: make its missing cells, then the table and picture of all its cells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

from vqrna.errors import DataError
from vqrna.runtime.run_record import write_run_record
from vqrna.stats.bootstrap import RESAMPLES
from vqrna.studies import ablations, lengths
from vqrna.studies.cells import CellStore, StudyCell
from vqrna.studies.plan import CELLS, Failure, Plan, run_plan
from vqrna.studies.report import check_one_series, write_ablations, write_lengths


@dataclass(frozen=True, eq=False)
class StudyResult:
    """Results of a study.

    Attributes
    ----------
    cells : tuple of StudyCell
        The finished cells of the plan.
    failures : tuple of Failure
        Cells that failed in this run.
    files : tuple of pathlib.Path
        Table and picture; empty without cells.
    """

    cells: tuple[StudyCell, ...]
    failures: tuple[Failure, ...]
    files: tuple[Path, ...]


def run_study(
    plan: Plan,
    out: str | PathLike[str],
    *,
    runs: str | PathLike[str] | None = None,
    jobs: int | None = 1,
    engine: str = "local",
    address: str | None = None,
    device: str = "auto",
    resamples: int = RESAMPLES,
    palette: str = "types",
    show_progress: bool = True,
) -> StudyResult:
    """Make the missing cells of a study, and write its table and picture.

    Parameters
    ----------
    plan : Plan
        From :func:`vqrna.studies.lengths.plan_lengths` or
        :func:`vqrna.studies.ablations.plan_ablations`.
    out : path-like
        For cells, table and picture.
    runs, jobs, engine, address, device, resamples, show_progress
        See :func:`vqrna.studies.plan.run_plan`.
    palette : str
        Colours of the picture: ``types`` or ``colorblind``.

    Returns
    -------
    StudyResult
        Finished cells, those that failed, and the paths of table and picture.

    Raises
    ------
    DataError
        If a kept cell is damaged or a file cannot be written (not if cells fail).
    UsageError
        If the engine, the number of jobs or the palette is invalid.
    """
    identities = list(plan.cells())
    failures = run_plan(
        identities,
        plan.directory,
        out,
        runs=runs,
        jobs=jobs,
        engine=engine,
        address=address,
        device=device,
        resamples=resamples,
        show_progress=show_progress,
    )
    store = CellStore(Path(out) / CELLS)
    made = [cell for identity in identities if (cell := store.get(identity)) is not None]
    cells = in_order(plan.study, made)
    files = write_report(plan.study, cells, out, palette, failures) if cells else []
    return StudyResult(tuple(cells), tuple(failures), tuple(files))


def collect_study(study: str, out: str | PathLike[str], palette: str = "types") -> StudyResult:
    """Write table and picture of the cells in a folder.

    Raises DataError if there are no cells, one is damaged, or they belong to several studies.

    Parameters
    ----------
    study : str
        ``lengths`` or ``ablations``.
    """
    store = CellStore(Path(out) / CELLS)
    cells = [cell for cell in store.all() if cell.identity.study == study]
    if not cells:
        raise DataError(
            "contains no cells of this study yet (add --data to make them)", file=store.folder
        )
    check_one_series(cells)
    cells = in_order(study, cells)
    return StudyResult(tuple(cells), (), tuple(write_report(study, cells, out, palette)))


def in_order(study: str, cells: Sequence[StudyCell]) -> list[StudyCell]:
    """Sort cells for tables: by length or in the order of the ablations, then by seed."""
    names = [ablations.FULL, *(ablation.name for ablation in ablations.ABLATIONS)]
    known = {name: i for i, name in enumerate(names)}

    def rank(cell: StudyCell) -> tuple[int, int]:
        if study == lengths.STUDY:
            return cell.identity.config["model"]["length"], cell.identity.seed
        return known.get(cell.identity.variant, len(known)), cell.identity.seed

    return sorted(cells, key=rank)


def write_report(
    study: str,
    cells: Sequence[StudyCell],
    out: str | PathLike[str],
    palette: str,
    failures: Sequence[Failure] = (),
) -> list[Path]:
    """Write table, picture and ``run.json`` of a study from sorted cells (:func:`in_order`)."""
    if study == lengths.STUDY:
        files = write_lengths(cells, out, palette)
    else:
        files = write_ablations(cells, out, ablations.FULL, palette)
    failed = [
        {"variant": each.identity.variant, "seed": each.identity.seed, "reason": each.reason}
        for each in failures
    ]
    record = write_run_record(
        out,
        "lengths" if study == lengths.STUDY else "ablate",
        files,
        settings={"types": list(cells[0].identity.types)},
        results={"cells": len(cells), "failures": failed},
    )
    return [*files, record]
