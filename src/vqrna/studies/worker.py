"""The process that makes one cell: reads its task, trains, measures, keeps the result.

``python -m vqrna.studies.worker TASK.json``; exit code 0 if the cell is there in the end.
"""

from __future__ import annotations

import dataclasses
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vqrna.config import validated
from vqrna.errors import DataError, VqrnaError
from vqrna.runtime.files import output_directory, write_text
from vqrna.studies.cells import Identity

TASK_NAME = "task.json"
LOG_NAME = "log.txt"


@dataclass(frozen=True)
class Task:
    """What a process needs to make a cell.

    Parameters
    ----------
    identity : Identity
    data : str
        Folder in the benchmark layout.
    store : str
        Folder of the cells.
    folder : str
        Of this cell's run.
    device : str
    resamples : int
    command : str
        How the study was called.
    """

    identity: Identity
    data: str
    store: str
    folder: str
    device: str
    resamples: int
    command: str

    def write(self) -> Path:
        """Leave the task in the folder of its run."""
        path = output_directory(self.folder) / TASK_NAME
        write_text(path, json.dumps(dataclasses.asdict(self), indent=1) + "\n")
        return path


def main(arguments: list[str]) -> int:
    """Make the cell of a task; gives the exit code."""
    try:
        task: Task = validated(Task, json.loads(Path(arguments[0]).read_text(encoding="utf-8")))
        _make(task)
    except VqrnaError as error:
        print(f"vqrna: error: {error}", file=sys.stderr)
        return error.exit_code
    return 0


def _make(task: Task) -> None:
    import torch

    from vqrna.studies.cell import run_cell
    from vqrna.studies.cells import CellStore, data_name
    from vqrna.training import from_benchmark

    torch.set_num_threads(1)
    identity = task.identity
    source = from_benchmark(task.data, identity.types, _ignore)
    if data_name(source.train, source.valid) != identity.data:
        raise DataError("its windows are not those that the study began with", file=task.data)
    run_cell(
        identity,
        source,
        task.folder,
        CellStore(task.store),
        device=task.device,
        resamples=task.resamples,
        command=task.command,
        show_progress=True,
    )


def _ignore(line: str) -> Any:
    """Missing files were told when the study began."""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
