"""Pages of the API reference: the public names of ``vqrna``, by subject."""

from __future__ import annotations

import vqrna

SUBJECTS: dict[str, tuple[str, ...]] = {
    "Predict": ("predict", "variants", "design", "compare", "load_model", "read_fasta"),
    "Explain": (
        "explain",
        "attribute",
        "find_motifs",
        "spectrum",
        "atlas",
        "embed",
        "attention_maps",
        "token_effects",
        "choose_sites",
        "code_changes",
    ),
    "Train": ("train", "tune", "evaluate", "load_benchmark"),
    "Study": ("plan_lengths", "plan_ablations", "run_study"),
    "Modifications": ("MODIFICATIONS", "Modification"),
    "Errors": ("VqrnaError", "DataError", "UsageError"),
}
"""Public names by subject; every public name is in one."""

RESULTS: dict[str, tuple[str, ...]] = {
    "Predict": (
        "vqrna.prediction.Prediction",
        "vqrna.genome.open_genome",
        "vqrna.model.TrainedModel",
        "vqrna.client.Client",
    )
}
"""Other documented objects of a subject: what its functions return or take."""


def page(subject: str) -> str:
    """Return the path of the page of a subject."""
    return f"api/{subject.lower()}.md"


def pages() -> dict[str, str]:
    """Return the text of each page by its path.

    Raises
    ------
    ValueError
        If a public name has no subject.
    """
    listed = {name for names in SUBJECTS.values() for name in names}
    if missing := set(vqrna.__all__) - listed - {"__version__"}:
        raise ValueError(f"benchmarks/site/api.py: no subject for {', '.join(sorted(missing))}")
    texts = {}
    for subject, names in SUBJECTS.items():
        objects = [f"vqrna.{name}" for name in names if name in vqrna.__all__]
        entries = [f"::: {name}\n" for name in (*objects, *RESULTS.get(subject, ()))]
        texts[page(subject)] = "\n".join([f"# {subject}", "", *entries])
    return texts
