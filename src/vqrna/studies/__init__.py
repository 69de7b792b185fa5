"""Studies that compare many trainings, and searches for settings.

A cell is one finished training with its scores, in a small file. A study lists the cells that it
needs, trains the missing ones in processes of their own, and makes its table and picture from the
files. A search trains trials with settings drawn by Optuna.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

_PLACES = {
    "StudyCell": "cells",
    "CellStore": "cells",
    "DurationEstimate": "estimate",
    "Identity": "cells",
    "Parameter": "search_space",
    "Search": "search_config",
    "SearchSettings": "search_config",
    "Space": "search_space",
    "TuningResult": "search_results",
    "attempt": "cell",
    "data_name": "cells",
    "network_identity": "cells",
    "read_search": "search_files",
    "run_cell": "cell",
    "serve": "search",
    "tune": "search",
}
"""Module of each name, imported when first used: an invalid search is reported without torch."""

__all__ = [
    "CellStore",
    "DurationEstimate",
    "Identity",
    "Parameter",
    "Search",
    "SearchSettings",
    "Space",
    "StudyCell",
    "TuningResult",
    "attempt",
    "data_name",
    "network_identity",
    "read_search",
    "run_cell",
    "serve",
    "tune",
]

if TYPE_CHECKING:
    from vqrna.studies.cell import attempt, run_cell
    from vqrna.studies.cells import CellStore, Identity, StudyCell, data_name, network_identity
    from vqrna.studies.estimate import DurationEstimate
    from vqrna.studies.search import serve, tune
    from vqrna.studies.search_config import Search, SearchSettings
    from vqrna.studies.search_files import read_search
    from vqrna.studies.search_results import TuningResult
    from vqrna.studies.search_space import Parameter, Space


def __getattr__(name: str) -> Any:
    """Import a public name on first use."""
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)
    globals()[name] = value
    return value
