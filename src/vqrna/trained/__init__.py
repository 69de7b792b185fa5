"""A network with all that turns its logits into scores, p-values and calls, and several as one."""

from vqrna.trained.evaluation import Precision, Scanned
from vqrna.trained.flags import codes_of, flag_tables, flags_of
from vqrna.trained.model import TrainedModel, with_hash
from vqrna.trained.modelset import Model, ModelSet

__all__ = [
    "Model",
    "ModelSet",
    "Precision",
    "Scanned",
    "TrainedModel",
    "codes_of",
    "flag_tables",
    "flags_of",
    "with_hash",
]
