"""Studies that compare many trainings, and searches for settings.

A cell is one finished training with its scores, in a small file. A study lists the cells that it
needs, trains the missing ones in processes of their own, and makes its table and picture from the
files. A search trains trials with settings drawn by Optuna.
"""

from vqrna.studies.cell import attempt, run_cell
from vqrna.studies.cells import Cell, CellStore, Identity, data_name, network_identity
from vqrna.studies.estimate import Estimate
from vqrna.studies.search import serve, tune
from vqrna.studies.search_config import Search, Settings
from vqrna.studies.search_files import read_search
from vqrna.studies.search_results import TuningResult
from vqrna.studies.search_space import Parameter, Space

__all__ = [
    "Cell",
    "CellStore",
    "Estimate",
    "Identity",
    "Parameter",
    "Search",
    "Settings",
    "Space",
    "TuningResult",
    "attempt",
    "data_name",
    "network_identity",
    "read_search",
    "run_cell",
    "serve",
    "tune",
]
