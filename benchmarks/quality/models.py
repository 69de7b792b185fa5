"""The models of the benchmark by name, with their approximate cost."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any

from benchmarks.quality import baselines
from benchmarks.quality.baselines import Baseline

from vqrna.config import Config, preset, replace
from vqrna.data.windows import Windows
from vqrna.errors import UsageError
from vqrna.training import teacher

Fit = Callable[[Windows, list[int], int], Baseline]


@dataclass(frozen=True)
class Spec:
    """One model of the benchmark.

    Parameters
    ----------
    name : str
        For ``--models``.
    title : str
        In tables.
    fit : callable, optional
        Fits a baseline to windows, columns and a seed.
    config : Config, optional
        Of a network.
    settings : dict
        Of a baseline, for the cell.
    joint : bool
        One model for all types.
    seeded : bool
        Whether a seed changes anything.
    localises : bool
        Whether its localisation is measured.
    scans : bool
        Whether positions are scored by dense scans; window by window if not.
    quantizer : str
        Entry of `vqrna.nn.quantizer.QUANTIZERS` to train with, in place of that of the
        configuration; the cell is still identified by name and configuration.
    changed : callable
        Context in which the network is built, trained and measured: the change of an idea.
    minutes : float
        Of one core, for one split, one seed and all types: an order of magnitude, for the plan.
        Of a network, for one epoch.
    """

    name: str
    title: str
    fit: Fit | None = None
    config: Config | None = None
    settings: dict[str, Any] | None = None
    joint: bool = False
    seeded: bool = True
    localises: bool = True
    scans: bool = True
    quantizer: str = ""
    changed: Callable[[], AbstractContextManager[object]] = nullcontext
    minutes: float = 1.0

    def configured(self, seed: int, epochs: int | None) -> Config:
        """Return the configuration of a network (UsageError for a baseline)."""
        if self.config is None:
            raise UsageError(f"{self.name} is not trained in epochs")
        return replace(self.config, seed=seed, epochs=epochs)

    def trained(self, seed: int, epochs: int | None) -> Config:
        """Return the configuration to train with."""
        return replace(self.configured(seed, epochs), quantizer=self.quantizer or None)


_TREES = {**teacher.TREES, "library": "LightGBM", "rounds": teacher.ROUNDS}
_PLAIN = "one-hot of 51 nt, counts of 1- to 4-mers in 501 nt"

_OURS = replace(preset("vqrna"), teacher="trees", epochs=8, precision="bfloat16")
"""As the shipped weights were trained (``make weights``)."""

SPECS: tuple[Spec, ...] = (
    Spec("ours", "vqrna", config=_OURS, joint=True, minutes=3.5),
    Spec(
        "ours-no-teacher",
        "vqrna without the teacher",
        config=replace(_OURS, teacher="none"),
        joint=True,
        minutes=3.5,
    ),
    Spec(
        "ours-no-codes",
        "vqrna without the quantiser",
        config=replace(_OURS, quantizer="none"),
        joint=True,
        scans=False,
        minutes=3.5,
    ),
    Spec(
        "paper",
        "published network, one per modification",
        config=preset("paper"),
        localises=False,
        minutes=8.5,
    ),
    Spec(
        "paper-joint",
        "published network, one for all",
        config=preset("paper"),
        joint=True,
        localises=False,
        minutes=8.0,
    ),
    Spec(
        "trees+",
        "trees, more counts and negatives",
        fit=baselines.fit_trees_more,
        settings={
            **_TREES,
            "features": f"{_PLAIN}, counts of 1- to 3-mers in 101 nt",
            # The name identifies kept cells: do not change it
            "negatives_of_other_types": teacher.ELSEWHERE,
        },
        minutes=3.5,
    ),
    Spec(
        "trees",
        "trees (LightGBM)",
        fit=baselines.fit_trees,
        settings={**_TREES, "features": _PLAIN},
        minutes=2.5,
    ),
    Spec(
        "logistic",
        "logistic regression",
        fit=baselines.fit_logistic,
        settings={"C": baselines.RIDGE, "features": f"{_PLAIN}, standardised"},
        seeded=False,
        minutes=0.7,
    ),
    Spec(
        "pwm51",
        "position-weight matrix, 51 nt",
        fit=partial(baselines.fit_matrix, length=51),
        settings={"length": 51, "pseudo_count": 1},
        seeded=False,
        minutes=0.2,
    ),
    Spec(
        "pwm15",
        "position-weight matrix, 15 nt",
        fit=partial(baselines.fit_matrix, length=15),
        settings={"length": 15, "pseudo_count": 1},
        seeded=False,
        minutes=0.2,
    ),
    Spec(
        "memoriser",
        "memoriser (shared 31-mers)",
        fit=baselines.fit_memoriser,
        settings={"pieces": baselines.SHARED, "within": 501},
        seeded=False,
        localises=False,
        minutes=1.0,
    ),
    Spec(
        "cpg",
        "CpG content of 501 nt",
        fit=baselines.fit_cpg,
        settings={"within": 501},
        seeded=False,
        localises=False,
        minutes=0.1,
    ),
)

ENSEMBLE = Spec("ensemble", "vqrna, mean of three trainings", joint=True)
"""The mean log-odds of the seeds of ``ours``, computed from their kept scores."""

ENSEMBLE_OF = "ours"

MEMBERS = (0, 1, 2)
"""Seeds of the ensemble."""

NAMES = tuple(spec.name for spec in SPECS)
BASELINES = tuple(spec.name for spec in SPECS if spec.fit is not None)


def spec(name: str) -> Spec:
    """Return the model of a name (UsageError if unknown)."""
    for each in SPECS:
        if each.name == name:
            return each
    raise UsageError(f"unknown model '{name}' (known: {', '.join(NAMES)})")
