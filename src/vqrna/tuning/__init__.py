"""Search for settings on validation windows: resumable, joined by many processes, watched live."""

from vqrna.tuning.estimate import Estimate, estimate
from vqrna.tuning.results import TuningResult
from vqrna.tuning.run import serve, tune
from vqrna.tuning.search import Search, Settings, read_search
from vqrna.tuning.space import Parameter, Space

__all__ = [
    "Estimate",
    "Parameter",
    "Search",
    "Settings",
    "Space",
    "TuningResult",
    "estimate",
    "read_search",
    "serve",
    "tune",
]
