"""Many trainings measured side by side: window lengths, ablations, baselines; cell by cell.

A cell is one finished training with its scores, in a small file of its own. A study names the
cells that it wants; those that are not there are made, by processes of their own, and the table
and picture follow from the files.
"""

from vqrna.studies.cells import Cell, CellStore, Identity, data_name, network_identity
from vqrna.studies.runner import attempt, run_cell

__all__ = [
    "Cell",
    "CellStore",
    "Identity",
    "attempt",
    "data_name",
    "network_identity",
    "run_cell",
]
