"""A network with all that turns its logits into scores, p-values and calls, and several as one."""

from vqrna.model.inference import Precision, Scanned, codes_of, flag_tables, flags_of
from vqrna.model.model_set import Model, ModelSet
from vqrna.model.trained_model import TrainedModel, with_hash

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
