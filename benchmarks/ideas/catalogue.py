"""The ideas by name: the change of each, and the expectation before it was measured.

Kept cells are identified by the name and configuration of an idea: an idea that is changed needs
another name.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import benchmarks.ideas.quantizers  # noqa: F401  (registers quantisers)
from benchmarks.ideas.structure import fit_structured
from benchmarks.ideas.teachers import taught_by_networks
from benchmarks.ideas.training import pretrained, swapped_flanks, typed_parts, unlabelled_negatives
from benchmarks.quality.models import Spec, spec

from vqrna.config import preset, replace
from vqrna.errors import UsageError

BASE = replace(preset("vqrna"), epochs=3, precision="bfloat16")
"""The preset without a teacher, for three epochs: the same for all ideas."""

CONTROL, OURS, TREES = "control", "ours", "trees+"
"""Controls of ideas; the last two are models of the benchmark of quality."""


@dataclass(frozen=True)
class Idea:
    """One idea.

    Parameters
    ----------
    spec : Spec
        Name, title and change.
    expected : str
        Expectation before it was measured.
    control : str
        Name of an idea or of a model of the benchmark of quality.
    """

    spec: Spec
    expected: str
    control: str = CONTROL


def _network(name: str, title: str, expected: str, **more: object) -> Idea:
    settings = {"config": BASE, "joint": True, "minutes": 3.0, **more}
    return Idea(Spec(name, title, **settings), expected)  # type: ignore[arg-type]


IDEAS: tuple[Idea, ...] = (
    _network(CONTROL, "control", ""),
    _network(
        "no-codes",
        "no quantiser",
        "upper limit of the gain of a better quantiser",
        config=replace(BASE, quantizer="none"),
        scans=False,
    ),
    _network(
        "codes-128",
        "128 codes instead of 512",
        "slightly worse",
        config=replace(BASE, codebook_size=128),
    ),
    _network(
        "codes-2048",
        "2,048 codes",
        "slightly better for long motifs",
        config=replace(BASE, codebook_size=2048),
    ),
    _network(
        "published-loss",
        "nearest codes by distance, learned by gradient, as published",
        "few codes in use, worse",
        quantizer="euclidean",
        scans=False,
    ),
    _network(
        "finite-scalars",
        "three numbers of eight levels each instead of a codebook (FSQ, ICLR 2024)",
        "equal, without a codebook to maintain",
        quantizer="fsq",
        scans=False,
    ),
    _network(
        "residual",
        "a second code for the residual of the first (as in VQDNA, ICML 2024)",
        "closer to no quantiser",
        quantizer="residual",
        scans=False,
    ),
    Idea(
        Spec(
            "residual-long",
            "a second code for the residual, for eight epochs with the trees as teacher",
            config=spec(OURS).config,
            joint=True,
            quantizer="residual",
            scans=False,
            minutes=5.0,
        ),
        "a gain below .004, that of no quantiser in as long a training",
        OURS,
    ),
    _network(
        "rotation",
        "gradients rotated as the latent is rotated to its code (rotation trick, arXiv 2410.06424)",
        "more codes in use, slightly better",
        quantizer="rotation",
    ),
    _network(
        "late-codes",
        "gradual quantisation: all latents become codes after two thirds of the training",
        "recovers a part of the loss by quantisation",
        quantizer="late-codes",
    ),
    _network(
        "late-codes-2048",
        "the same with 2,048 codes",
        "recovers more",
        config=replace(BASE, codebook_size=2048),
        quantizer="late-codes",
    ),
    _network(
        "dropped-codes",
        "a tenth of the codes hidden in training",
        "less overfitting; worse in three epochs, possibly better in more",
        quantizer="dropped-codes",
    ),
    _network(
        "typed-parts",
        "separate hidden units for each type, in both parts of the head",
        "gain for types with a motif of their own",
        changed=typed_parts,
        scans=False,
    ),
    _network(
        "swapped-flanks",
        "a quarter of the windows get the flanks of another one (sequence mixup)",
        "better for the site, worse for the region",
        changed=swapped_flanks,
    ),
    _network(
        "unlabelled",
        "unmodified windows as unlabelled ones, 5 % of them modified (nnPU, NeurIPS 2017)",
        "no effect: random positions are rarely modified",
        changed=unlabelled_negatives,
    ),
    _network(
        "pretrained",
        "an epoch of predicting hidden codes, on all windows without labels",
        "better codes from the start",
        changed=pretrained,
        minutes=4.0,
    ),
    Idea(
        Spec(
            "taught-by-networks",
            "networks trained on two thirds of the windows as additional teachers",
            config=spec(OURS).config,
            joint=True,
            changed=partial(taught_by_networks, BASE),
            minutes=5.0,
        ),
        "gain of the average of networks and trees: about .003",
        OURS,
    ),
    Idea(
        Spec(
            "structure",
            "trees with unpaired probabilities of 51 nt, folded in 101 nt (ViennaRNA)",
            fit=fit_structured,
            settings={"folded": 101, "told": 51},
            localises=False,
            minutes=8.0,
        ),
        "gain for Psi and m1A, whose enzymes recognise stems and loops",
        TREES,
    ),
)

SPECS = tuple(idea.spec for idea in IDEAS)
NAMES = tuple(spec.name for spec in SPECS)


def idea(name: str) -> Idea:
    """Return the idea of a name (UsageError if unknown)."""
    for each in IDEAS:
        if each.spec.name == name:
            return each
    raise UsageError(f"unknown idea '{name}' (known: {', '.join(NAMES)})")
