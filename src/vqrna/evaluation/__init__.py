"""How well does a model tell modified windows from unmodified ones, and how sure is that.

The walk: windows -> masked flanks -> scores -> cells (which windows against which) -> measures with
intervals -> table and JSON.
"""

from vqrna.evaluation.agreement import Agreement
from vqrna.evaluation.cells import NINE
from vqrna.evaluation.comparing_report import write_report
from vqrna.evaluation.flanks import FLANKS, KEPT, mask_flanks
from vqrna.evaluation.known_sites import compare
from vqrna.evaluation.localisation import Localisation, localise
from vqrna.evaluation.positions import ScorePositions, dense, window_by_window
from vqrna.evaluation.results import KEYS, SCHEMA_VERSION, Evaluation
from vqrna.evaluation.run import evaluate

__all__ = [
    "FLANKS",
    "KEPT",
    "KEYS",
    "NINE",
    "SCHEMA_VERSION",
    "Agreement",
    "Evaluation",
    "Localisation",
    "ScorePositions",
    "compare",
    "dense",
    "evaluate",
    "localise",
    "mask_flanks",
    "window_by_window",
    "write_report",
]
