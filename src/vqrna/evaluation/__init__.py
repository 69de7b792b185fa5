"""How well does a model tell modified windows from unmodified ones, and how sure is that.

The walk: windows -> masked flanks -> scores -> cells (which windows against which) -> measures with
intervals -> table and JSON.
"""

from vqrna.evaluation.cells import NINE
from vqrna.evaluation.flanks import FLANKS, KEPT, mask_flanks
from vqrna.evaluation.results import KEYS, SCHEMA_VERSION, Evaluation
from vqrna.evaluation.run import evaluate

__all__ = [
    "FLANKS",
    "KEPT",
    "KEYS",
    "NINE",
    "SCHEMA_VERSION",
    "Evaluation",
    "evaluate",
    "mask_flanks",
]
