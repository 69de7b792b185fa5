"""Summary of data and scores that a model keeps for its card."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from vqrna.data.studies import Study
from vqrna.data.windows import NEGATIVE, POSITIVE, Windows
from vqrna.model import TrainedModel

Scores = Mapping[str, Mapping[str, Mapping[str, float]]]


def data_summary(
    train: Windows, valid: Windows, studies: Sequence[Study], of_studies: Scores
) -> dict[str, Any]:
    """Count the windows and labels of the sources of a training.

    Parameters
    ----------
    train, valid : Windows
        Of the main data set.
    studies : sequence of Study
    of_studies : mapping
        Validation scores from :func:`vqrna.training.validation.validate_studies`.

    Returns
    -------
    dict
        ``windows`` (training and validation), ``labels`` (modified and unmodified, by symbol of
        the type), and ``studies`` (windows and validation scores), if there are any.
    """
    facts: dict[str, Any] = {
        "windows": {"train": len(train), "valid": len(valid)},
        "labels": {
            modification.symbol: {
                "train": [int((train.labels[:, m] == x).sum()) for x in (POSITIVE, NEGATIVE)],
                "valid": [int((valid.labels[:, m] == x).sum()) for x in (POSITIVE, NEGATIVE)],
            }
            for m, modification in enumerate(train.modifications)
        },
    }
    if studies:
        facts["studies"] = {
            study.name: {
                "windows": {"train": len(study.train), "valid": len(study.valid)},
                "validation": of_studies[study.name],
            }
            for study in studies
        }
    return facts


def earlier_facts(model: TrainedModel) -> dict[str, Any]:
    """Return what later weights keep of the training of `model`, which they are made from."""
    names = ("start", "command", "epochs", "best_epoch")
    return {name: model.training[name] for name in names if name in model.training}
