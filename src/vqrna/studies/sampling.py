"""What draws values, and what ends hopeless trials: Optuna's, as the settings want them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vqrna.errors import UsageError
from vqrna.studies.search_config import Search
from vqrna.studies.standing import counts

if TYPE_CHECKING:
    from optuna.pruners import BasePruner
    from optuna.samplers import BaseSampler


def optuna_module() -> Any:
    """Import Optuna, quiet, or say how to get it."""
    try:
        import optuna
    except ImportError:
        raise UsageError("tune needs the extra: pip install 'vqrna[tune]'") from None
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna


def sampler(search: Search) -> BaseSampler:
    """Make what draws values, from the seed, the place in line and earlier trials."""
    optuna = optuna_module()
    settings = search.settings

    def make(seed: int) -> BaseSampler:
        if settings.sampler == "tpe":
            return optuna.samplers.TPESampler(seed=seed, n_startup_trials=settings.startup)
        if settings.sampler == "evolution":
            return optuna.samplers.NSGAIISampler(seed=seed, population_size=settings.population)
        return optuna.samplers.RandomSampler(seed=seed)  # of a grid all points are laid out before

    class ByTrial(optuna.samplers.BaseSampler):  # type: ignore[name-defined]
        """Begins anew for each trial, so that a search that goes on repeats no draws."""

        def __init__(self) -> None:
            self.inner = make(settings.seed)

        def before_trial(self, study: Any, trial: Any) -> None:
            earlier = study.get_trials(deepcopy=False)[: trial.number]
            rank = sum(counts(t) for t in earlier)  # an interruption changes numbers, not this
            self.inner = make(settings.seed * 1_000_003 % 2**31 + rank)
            self.inner.before_trial(study, trial)

        def infer_relative_search_space(self, study: Any, trial: Any) -> Any:
            return self.inner.infer_relative_search_space(study, trial)

        def sample_relative(self, study: Any, trial: Any, space: Any) -> Any:
            return self.inner.sample_relative(study, trial, space)

        def sample_independent(self, study: Any, trial: Any, name: str, distribution: Any) -> Any:
            return self.inner.sample_independent(study, trial, name, distribution)

        def after_trial(self, study: Any, trial: Any, state: Any, values: Any) -> None:
            self.inner.after_trial(study, trial, state, values)

    made: BaseSampler = ByTrial()
    return made


def pruner(search: Search) -> BasePruner:
    """Make what ends hopeless trials."""
    optuna = optuna_module()
    settings = search.settings
    if settings.pruner == "median":
        return optuna.pruners.MedianPruner(n_startup_trials=5, n_warmup_steps=settings.warmup)
    if settings.pruner == "hyperband":
        return optuna.pruners.HyperbandPruner(
            min_resource=max(1, settings.warmup), max_resource=search.base.training.epochs
        )
    return optuna.pruners.NopPruner()
