"""How well does a model tell modified windows from unmodified ones, and how sure is that.

The walk: windows -> masked flanks -> scores -> cells (which windows against which) -> measures with
intervals -> table and JSON.
"""

from vqrna.evaluation.cells import KEYS, NINE
from vqrna.evaluation.known_sites import Agreement, compare
from vqrna.evaluation.localisation import Localisation, localise
from vqrna.evaluation.positions import ScorePositions, dense, window_by_window
from vqrna.evaluation.report import write_agreement_report
from vqrna.evaluation.results import SCHEMA_VERSION, Evaluation
from vqrna.evaluation.run import FLANKS, KEPT, evaluate, mask_flanks

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
    "write_agreement_report",
]
