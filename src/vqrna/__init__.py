"""Where is an RNA modified, how sure is that, and why."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_PLACES = {
    "MODIFICATIONS": "vqrna.modifications",
    "DataError": "vqrna.errors",
    "Modification": "vqrna.modifications",
    "UsageError": "vqrna.errors",
    "VqrnaError": "vqrna.errors",
    "atlas": "vqrna.codes.atlas",
    "attention_maps": "vqrna.codes.attention",
    "attribute": "vqrna.attribution",
    "choose_sites": "vqrna.codes.chosen",
    "compare": "vqrna.comparing",
    "embed": "vqrna.codes.embedding",
    "evaluate": "vqrna.evaluation",
    "explain": "vqrna.attribution",
    "find_motifs": "vqrna.attribution",
    "load_benchmark": "vqrna.data.benchmark",
    "load_model": "vqrna.weights",
    "plan_ablations": "vqrna.studies.ablations",
    "plan_lengths": "vqrna.studies.lengths",
    "predict": "vqrna.predicting",
    "read_fasta": "vqrna.data.fasta",
    "run_study": "vqrna.studies.run",
    "spectrum": "vqrna.codes.spectrum",
    "token_effects": "vqrna.codes.attention",
    "train": "vqrna.training",
    "tune": "vqrna.tuning",
}
"""Where each public name lives; it is imported when first used, and torch not before."""

__all__ = [
    "MODIFICATIONS",
    "DataError",
    "Modification",
    "UsageError",
    "VqrnaError",
    "__version__",
    "atlas",
    "attention_maps",
    "attribute",
    "choose_sites",
    "compare",
    "embed",
    "evaluate",
    "explain",
    "find_motifs",
    "load_benchmark",
    "load_model",
    "plan_ablations",
    "plan_lengths",
    "predict",
    "read_fasta",
    "run_study",
    "spectrum",
    "token_effects",
    "train",
    "tune",
]

if TYPE_CHECKING:
    from vqrna.attribution import attribute, explain, find_motifs
    from vqrna.codes.atlas import atlas
    from vqrna.codes.attention import attention_maps, token_effects
    from vqrna.codes.chosen import choose_sites
    from vqrna.codes.embedding import embed
    from vqrna.codes.spectrum import spectrum
    from vqrna.comparing import compare
    from vqrna.data.benchmark import load_benchmark
    from vqrna.data.fasta import read_fasta
    from vqrna.errors import DataError, UsageError, VqrnaError
    from vqrna.evaluation import evaluate
    from vqrna.modifications import MODIFICATIONS, Modification
    from vqrna.predicting import predict
    from vqrna.studies.ablations import plan_ablations
    from vqrna.studies.lengths import plan_lengths
    from vqrna.studies.run import run_study
    from vqrna.training import train
    from vqrna.tuning import tune
    from vqrna.weights import load_model


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module 'vqrna' has no attribute '{name}'")
    value = getattr(import_module(_PLACES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_PLACES})
