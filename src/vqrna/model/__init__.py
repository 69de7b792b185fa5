"""Trained models: a network with calibration, nulls, tiers and flags; several models as one."""

from vqrna.model.inference import Precision, Scanned, dense_codes
from vqrna.model.model_set import Model, ModelSet
from vqrna.model.trained_model import TrainedModel

__all__ = ["Model", "ModelSet", "Precision", "Scanned", "TrainedModel", "dense_codes"]
