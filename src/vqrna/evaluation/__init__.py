"""Measure models on labelled windows, and predicted sites against known ones.

`evaluate` scores windows, optionally with masked flanks; `cells` compares the positives of a type
with each set of negatives and adds bootstrap intervals; `position_evaluation` scans around sites;
`results` and `report` hold and write the tables. `compare` matches the output of a scan with a
user's known sites.
"""

from vqrna.evaluation.agreement import Agreement, compare
from vqrna.evaluation.cells import KEYS, NINE
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
