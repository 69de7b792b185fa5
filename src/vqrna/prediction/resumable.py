"""Runs whose finished parts are kept in the output folder until the results are complete."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from os import PathLike
from typing import TypeVar

from vqrna.prediction.parts import PartStore
from vqrna.prediction.scan import Shard
from vqrna.runtime.files import results_directory
from vqrna.runtime.inputs import refuse_inputs
from vqrna.runtime.lock import folder_lock

Store = TypeVar("Store", bound=PartStore)


@contextmanager
def resumable_run(
    kind: type[Store],
    out: str | PathLike[str],
    key: str | None,
    outputs: Sequence[str],
    *,
    shard: Shard | None = None,
    fresh: bool = False,
) -> Iterator[Store]:
    """Lock an output folder and open the store of its finished parts, while the body runs.

    After an error or a kill the parts stay, and the same command resumes the run. A complete run
    removes them; a shard keeps them for ``vqrna join``.

    Parameters
    ----------
    kind : type of PartStore
    out : path-like
        Output folder; it is created.
    key : str or None
        Identifies the run; None if it cannot be resumed, so that no parts stay.
    outputs : sequence of str
        Names of files that may not be inputs of the run, which would be lost.
    shard : Shard, optional
        The share of the run that is done.
    fresh : bool
        Ignore the parts of an earlier run.

    Raises
    ------
    DataError
        If the folder cannot be written, or another run writes to it.
    UsageError
        If an output would replace an input.
    """
    share = None if shard is None else f"{shard.index}-of-{shard.count}"
    with results_directory(out) as folder, folder_lock(folder, share):
        refuse_inputs(folder, outputs)
        store = kind(folder, f"once-{os.getpid()}" if key is None else key)
        if fresh and shard is not None:
            store.drop(shard.holds)  # other shards may be running or complete
        elif fresh:
            store.clear()
        try:
            yield store
        except BaseException as error:
            if key is None:
                store.remove()
            elif store.remove_if_empty():
                error.add_note("finished parts are kept: the same command resumes the run")
            raise
        if shard is None:
            store.clear()
