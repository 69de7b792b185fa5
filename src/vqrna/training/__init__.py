"""Train models: one joint network, or one a modification as published."""

from vqrna.training.calibrate import recalibrate
from vqrna.training.ensemble import combine
from vqrna.training.loop import TrainingResult, train_network
from vqrna.training.source import (
    WindowSource,
    from_benchmark,
    from_fasta,
    from_sets,
    from_table,
    with_studies,
)
from vqrna.training.train import TrainingRun, train

__all__ = [
    "TrainingResult",
    "TrainingRun",
    "WindowSource",
    "combine",
    "from_benchmark",
    "from_fasta",
    "from_sets",
    "from_table",
    "recalibrate",
    "train",
    "train_network",
    "with_studies",
]
