"""Predict modified sites with a trained model."""

from vqrna.predicting.pictures import draw_first
from vqrna.predicting.prediction import Prediction
from vqrna.predicting.run import predict, predict_files
from vqrna.predicting.settings import Settings, make_settings, parse_priors

__all__ = [
    "Prediction",
    "Settings",
    "draw_first",
    "make_settings",
    "parse_priors",
    "predict",
    "predict_files",
]
