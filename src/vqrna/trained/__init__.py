"""A network with all that turns its logits into scores, p-values and calls, and several as one."""

from vqrna.trained.evaluation import Precision, Scanned
from vqrna.trained.model import TrainedModel, with_hash
from vqrna.trained.modelset import Model, ModelSet

__all__ = ["Model", "ModelSet", "Precision", "Scanned", "TrainedModel", "with_hash"]
