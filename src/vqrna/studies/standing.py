"""How a trial stands, and what it tells of itself in the study."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

CHOSEN, WORKER, ERROR = "chosen", "worker", "error"
"""The values it got, the process that trains it, and why it failed."""

SURPLUS, RETRY_OF, ATTEMPT = "surplus", "retry of", "attempt"
"""It was one too many; whose values it got again, and how often that happened."""

BEST_EPOCH, EPOCHS = "best epoch", "epochs"

_STATES = {"COMPLETE": "complete", "PRUNED": "pruned", "RUNNING": "running", "WAITING": "waiting"}


def counts(trial: FrozenTrial) -> bool:
    """Tell whether a trial is one of those asked for: not if it was killed, or one too many."""
    return trial.state.name != "FAIL" or ERROR in trial.user_attrs


def state_of(trial: FrozenTrial) -> str:
    """Tell how a trial stands: complete, pruned, running, waiting, failed or interrupted."""
    if trial.state.name == "FAIL":
        return "failed" if ERROR in trial.user_attrs else "interrupted"
    return _STATES[trial.state.name]
