"""Predict modified sites with a trained model."""

from vqrna.predicting.output import Output, parse_formats
from vqrna.predicting.pictures import draw_first
from vqrna.predicting.plan import join
from vqrna.predicting.prediction import Prediction
from vqrna.predicting.run import predict, predict_files
from vqrna.scanning.settings import Settings, make_settings, parse_priors

__all__ = [
    "Output",
    "Prediction",
    "Settings",
    "draw_first",
    "join",
    "make_settings",
    "parse_formats",
    "parse_priors",
    "predict",
    "predict_files",
]
