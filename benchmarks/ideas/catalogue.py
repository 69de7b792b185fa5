"""The ideas by name: what each changes, and what was expected of it.

What is kept of an idea goes by its name and configuration: whoever changes what an idea does gives
it another name.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import benchmarks.ideas.quantizers  # noqa: F401  (registers quantisers)
from benchmarks.ideas.structure import fit_structured
from benchmarks.ideas.teachers import taught_by_networks
from benchmarks.ideas.training import (
    pretrained,
    swapped_flanks,
    typed_parts,
    unlabelled_negatives,
)
from benchmarks.quality.models import Spec, spec

from vqrna.config import preset, replace
from vqrna.errors import UsageError

BASE = replace(preset("vqrna"), epochs=3)
"""The network as it is, without a teacher, for three epochs: short, the same for all ideas."""

CONTROL, OURS, TREES = "control", "ours", "trees+"
"""What ideas are measured against; the last two are models of the benchmark of quality."""


@dataclass(frozen=True)
class Idea:
    """One idea.

    Parameters
    ----------
    spec : Spec
        Name, title and what it changes.
    expected : str
        Said before it was measured.
    control : str
        Name of what it is measured against: an idea or a model of the benchmark of quality.
    """

    spec: Spec
    expected: str
    control: str = CONTROL


def _network(name: str, title: str, expected: str, **more: object) -> Idea:
    settings = {"config": BASE, "joint": True, "minutes": 3.0, **more}
    return Idea(Spec(name, title, **settings), expected)  # type: ignore[arg-type]


IDEAS: tuple[Idea, ...] = (
    _network(CONTROL, "the network as it is", ""),
    _network(
        "no-codes",
        "no quantiser",
        "what any better quantiser could gain at most",
        config=replace(BASE, quantizer="none"),
        scans=False,
    ),
    _network(
        "codes-128",
        "128 codes in place of 512",
        "a little worse",
        config=replace(BASE, codebook_size=128),
    ),
    _network(
        "codes-2048",
        "2,048 codes",
        "a little better where the motif is long",
        config=replace(BASE, codebook_size=2048),
    ),
    _network(
        "published-loss",
        "codes nearest by distance, learned by gradient, as published",
        "few codes in use, worse",
        quantizer="euclidean",
        scans=False,
    ),
    _network(
        "finite-scalars",
        "three numbers of eight levels each in place of a codebook (FSQ, ICLR 2024)",
        "as good, without a codebook to look after",
        quantizer="fsq",
        scans=False,
    ),
    _network(
        "residual",
        "a second code for what the first leaves (as in VQDNA, ICML 2024)",
        "nearer to no quantiser",
        quantizer="residual",
        scans=False,
    ),
    _network(
        "rotation",
        "gradients turned as the latent is turned to its code (rotation trick, arXiv 2410.06424)",
        "more codes in use, a little better",
        quantizer="rotation",
    ),
    _network(
        "late-codes",
        "latents become codes little by little, all of them from two thirds of the training on",
        "a share of what codes cost is won back",
        quantizer="late-codes",
    ),
    _network(
        "late-codes-2048",
        "the same with 2,048 codes",
        "more of it",
        config=replace(BASE, codebook_size=2048),
        quantizer="late-codes",
    ),
    _network(
        "dropped-codes",
        "a tenth of the codes hidden in training",
        "less learned by heart; worse in three epochs, perhaps better in more",
        quantizer="dropped-codes",
    ),
    _network(
        "typed-parts",
        "hidden units of its own for each type, in both parts of the head",
        "types with a motif of their own gain",
        changed=typed_parts,
        scans=False,
    ),
    _network(
        "swapped-flanks",
        "a quarter of the windows get the flanks of another one (a mixup of sequences)",
        "the site is told better, the region worse",
        changed=swapped_flanks,
    ),
    _network(
        "unlabelled",
        "unmodified windows as unlabelled ones, a twentieth of them modified (nnPU, NeurIPS 2017)",
        "nothing: random positions are hardly ever modified",
        changed=unlabelled_negatives,
    ),
    _network(
        "pretrained",
        "an epoch of telling hidden codes from those around them, on all windows without labels",
        "better codes from the start",
        changed=pretrained,
        minutes=4.0,
    ),
    Idea(
        Spec(
            "taught-by-networks",
            "networks of two thirds of the windows among the teachers, with the trees",
            config=spec(OURS).config,
            joint=True,
            changed=partial(taught_by_networks, BASE),
            minutes=5.0,
        ),
        "what an average of networks and trees knows more than either: some .003",
        OURS,
    ),
    Idea(
        Spec(
            "structure",
            "trees that read how likely 51 nt are unpaired, too, folded in 101 nt (ViennaRNA)",
            fit=fit_structured,
            settings={"folded": 101, "told": 51},
            localises=False,
            minutes=8.0,
        ),
        "Psi and m1A gain, whose enzymes read stems and loops",
        TREES,
    ),
)

SPECS = tuple(idea.spec for idea in IDEAS)
NAMES = tuple(spec.name for spec in SPECS)


def idea(name: str) -> Idea:
    """Find an idea by name (UsageError if there is none)."""
    for each in IDEAS:
        if each.spec.name == name:
            return each
    raise UsageError(f"unknown idea '{name}' (known: {', '.join(NAMES)})")
