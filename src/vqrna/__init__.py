"""Where is an RNA modified, how sure is that, and why."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from vqrna._version import __version__

_PLACES = {
    "MODIFICATIONS": "vqrna.modifications",
    "DataError": "vqrna.errors",
    "Modification": "vqrna.modifications",
    "UsageError": "vqrna.errors",
    "VqrnaError": "vqrna.errors",
    "atlas": "vqrna.interpret.atlas",
    "attention_maps": "vqrna.interpret.attention",
    "attribute": "vqrna.interpret",
    "choose_sites": "vqrna.interpret.site_selection",
    "code_changes": "vqrna.interpret.code_changes",
    "compare": "vqrna.evaluation",
    "design": "vqrna.site_design",
    "embed": "vqrna.interpret.embedding",
    "evaluate": "vqrna.evaluation",
    "explain": "vqrna.interpret",
    "find_motifs": "vqrna.interpret",
    "load_benchmark": "vqrna.data.benchmark",
    "load_model": "vqrna.model.weights",
    "plan_ablations": "vqrna.studies.ablations",
    "plan_lengths": "vqrna.studies.lengths",
    "predict": "vqrna.prediction",
    "read_fasta": "vqrna.data.fasta",
    "run_study": "vqrna.studies.run",
    "spectrum": "vqrna.interpret.spectrum",
    "token_effects": "vqrna.interpret.attention",
    "train": "vqrna.training.train",
    "tune": "vqrna.studies",
    "variants": "vqrna.variation",
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
    "code_changes",
    "compare",
    "design",
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
    "variants",
]

if TYPE_CHECKING:
    from vqrna.data.benchmark import load_benchmark
    from vqrna.data.fasta import read_fasta
    from vqrna.errors import DataError, UsageError, VqrnaError
    from vqrna.evaluation import compare, evaluate
    from vqrna.interpret import attribute, explain, find_motifs
    from vqrna.interpret.atlas import atlas
    from vqrna.interpret.attention import attention_maps, token_effects
    from vqrna.interpret.code_changes import code_changes
    from vqrna.interpret.embedding import embed
    from vqrna.interpret.site_selection import choose_sites
    from vqrna.interpret.spectrum import spectrum
    from vqrna.model.weights import load_model
    from vqrna.modifications import MODIFICATIONS, Modification
    from vqrna.prediction import predict
    from vqrna.site_design import design
    from vqrna.studies import tune
    from vqrna.studies.ablations import plan_ablations
    from vqrna.studies.lengths import plan_lengths
    from vqrna.studies.run import run_study
    from vqrna.training.train import train
    from vqrna.variation import variants


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module 'vqrna' has no attribute '{name}'")
    value = getattr(import_module(_PLACES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_PLACES})
