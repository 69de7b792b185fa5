"""Predict modified sites with a trained model."""

from vqrna.prediction.engines import (
    ENGINES,
    Engine,
    ThreadEngine,
    engine_class,
    open_engine,
    resolve_jobs,
)
from vqrna.prediction.output import Output, parse_formats
from vqrna.prediction.parts import Part, Parts, PartStore
from vqrna.prediction.pictures import FIRST, draw_first
from vqrna.prediction.prediction import Prediction
from vqrna.prediction.run import predict, predict_files
from vqrna.prediction.scan import Shard, Tally, scan, scan_sequence, scan_units
from vqrna.prediction.settings import Settings, make_settings, parse_priors
from vqrna.prediction.shards import join
from vqrna.prediction.source import FastaSource, MemorySource, Source, as_source

__all__ = [
    "ENGINES",
    "FIRST",
    "Engine",
    "FastaSource",
    "MemorySource",
    "Output",
    "Part",
    "PartStore",
    "Parts",
    "Prediction",
    "Settings",
    "Shard",
    "Source",
    "Tally",
    "ThreadEngine",
    "as_source",
    "draw_first",
    "engine_class",
    "join",
    "make_settings",
    "open_engine",
    "parse_formats",
    "parse_priors",
    "predict",
    "predict_files",
    "resolve_jobs",
    "scan",
    "scan_sequence",
    "scan_units",
]
