"""A process that makes trials of a study, one after another, until there are enough."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from vqrna.config import validated
from vqrna.errors import VqrnaError
from vqrna.studies.optuna_storage import database_errors, mend, open_storage, open_study
from vqrna.studies.search_config import Search
from vqrna.studies.standing import counts

DONE = "done"


@dataclass(frozen=True)
class Order:
    """What a worker is told.

    Parameters
    ----------
    search : Search
    url : str
        Of the database.
    identity : str
        Of the search and its data.
    data : str
        Folder in the benchmark layout.
    modifications : tuple of str
    out : str
        Folder of the search.
    limit : int
        So many trials are wanted in all.
    until : float or None
        No trial begins after this time (seconds since 1970).
    device : str
    threads : int or None
        Of torch; its own choice if None.
    """

    search: Search
    url: str
    identity: str
    data: str
    modifications: tuple[str, ...]
    out: str
    limit: int
    until: float | None = None
    device: str = "auto"
    threads: int | None = None

    def to_json(self) -> str:
        """Write it for another process."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Order:
        """Read what :meth:`to_json` wrote."""
        found: Order = validated(cls, json.loads(text))
        return found


def work(order: Order, worker: str) -> str:
    """Make trials until there are enough.

    Parameters
    ----------
    order : Order
    worker : str
        Name of this process (:func:`~vqrna.studies.optuna_storage.new_worker`).

    Returns
    -------
    str
        `DONE`, or why the whole search has to stop.
    """
    import torch

    from vqrna.studies.trial import Objective, StopSearchError, TrialError
    from vqrna.training import from_benchmark

    if order.threads is not None:
        torch.set_num_threads(order.threads)
    try:
        source = from_benchmark(order.data, order.modifications, lambda line: None)
        with database_errors(order.url):
            study = open_study(open_storage(order.url), order.search, order.identity)
            objective = Objective(
                order.search, source, Path(order.out), order.limit, worker, order.device
            )
            while _wanted(study, order):
                study.optimize(objective, n_trials=1, catch=(TrialError,))
    except StopSearchError as error:
        return str(error)
    except VqrnaError as error:
        return str(error)
    return DONE


def _wanted(study: Any, order: Order) -> bool:
    """Tell whether one more trial may begin."""
    if order.until is not None and time.time() >= order.until:
        return False
    mend(study)
    trials = study.get_trials(deepcopy=False)
    if any(trial.state.name == "WAITING" for trial in trials):
        return True
    return sum(counts(trial) for trial in trials) < order.limit


def main() -> None:
    """Be a worker: the order is the first line of standard input, the answer the last of output.

    When the input ends, the process that gave the order has died, and this one ends, too.
    """
    first = sys.stdin.readline()
    told = json.loads(first)
    answer, sys.stdout = sys.stdout, sys.stderr

    def outlive_nobody() -> None:
        sys.stdin.read()
        os._exit(1)

    threading.Thread(target=outlive_nobody, daemon=True).start()
    said = work(Order.from_json(told["order"]), told["worker"])
    print(json.dumps(said), file=answer, flush=True)
    os._exit(0)  # the thread above still waits
