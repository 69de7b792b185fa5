"""Combine trained networks into an ensemble, which predicts with the mean of their logits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from os import PathLike
from typing import Any

from vqrna.data.studies import pool
from vqrna.errors import DataError, UsageError
from vqrna.model import TrainedModel
from vqrna.model.weights import MOST_MEMBERS, load_model, save_model, tensor_checksum
from vqrna.nn.model import EnsembleNetwork, SiteNetwork
from vqrna.runtime.files import probe_file
from vqrna.runtime.provenance import command_line
from vqrna.training.calibrate import calibrate_model
from vqrna.training.source import training_source
from vqrna.training.summary import data_summary, earlier_facts
from vqrna.training.validation import validate_studies


def combine(
    models: Sequence[str | PathLike[str]],
    data: str | PathLike[str],
    out: str | PathLike[str],
    *,
    studies: str | PathLike[str] | None = None,
    show_progress: bool = True,
) -> TrainedModel:
    """Combine networks that were trained with different seeds, calibrate and measure them as one.

    Parameters
    ----------
    models : sequence of path-like
        Weights files, folders of training runs, or names of weights in the package. Of an
        ensemble, each of its networks.
    data : path-like
        Folder of the data set that the networks were trained on, in the benchmark layout.
    out : path-like
        File for the weights of the ensemble.
    studies : path-like, optional
        Folder of the studies that the networks were also trained on.

    Returns
    -------
    TrainedModel
        With the hash of the file.

    Raises
    ------
    DataError
        If a file is missing or invalid, `out` cannot be written, or a network was trained on other
        data.
    UsageError
        If the models are not 2 to 16 different networks of this package with the same settings
        and types.
    """
    named = [(path, member) for path in models for member in _members(path)]
    if not 2 <= len(named) <= MOST_MEMBERS:
        raise UsageError(f"an ensemble has 2 to {MOST_MEMBERS} networks, not {len(named)}")
    paths, members = [path for path, _ in named], [member for _, member in named]
    _check_alike(paths, members)
    first = members[0]
    probe_file(out)
    source = training_source(first.modifications, data, studies)
    network = EnsembleNetwork([m.network for m in members if isinstance(m.network, SiteNetwork)])
    of_studies = validate_studies(network, source.studies, first.config)
    summary: dict[str, Any] = data_summary(source.train, source.valid, source.studies, of_studies)
    for path, member in named:
        _check_data(path, member, summary)
    summary["command"] = command_line()
    summary["members"] = [
        {"network": _network_hash(member), **earlier_facts(member)} for member in members
    ]
    model = calibrate_model(
        TrainedModel.fresh(network, first.config, first.modifications),
        pool(source.train, source.studies),
        source.valid,
        summary,
        known=[study.valid for study in source.studies],
        show_progress=show_progress,
    )
    return save_model(model, out)


def _members(path: str | PathLike[str]) -> list[TrainedModel]:
    """Return a network, or those of an ensemble, each with what is known of its training."""
    model = load_model(path, "cpu")
    if isinstance(model, TrainedModel) and isinstance(model.network, EnsembleNetwork):
        data = {
            name: model.training[name] for name in ("labels", "studies") if name in model.training
        }
        return [
            replace(
                TrainedModel.fresh(network, model.config, model.modifications),
                training=data | {name: fact for name, fact in facts.items() if name != "network"},
            )
            for network, facts in zip(
                model.network.networks, model.training["members"], strict=True
            )
        ]
    if not isinstance(model, TrainedModel) or not isinstance(model.network, SiteNetwork):
        raise UsageError(
            f"{path} cannot be combined: not a single network of the architecture vqrna"
        )
    return [model]


def _network_hash(model: TrainedModel) -> str:
    """Identify the weights of the network; the hash of a model depends on its calibration, too."""
    return tensor_checksum(model.network.state_dict())[:12]


def _check_alike(models: Sequence[str | PathLike[str]], members: Sequence[TrainedModel]) -> None:
    """Reject networks that occur twice, or differ in settings or types."""
    first = members[0]
    seen: dict[str, str | PathLike[str]] = {}
    for path, member in zip(models, members, strict=True):
        network = _network_hash(member)
        if network in seen:
            raise UsageError(f"{path} and {seen[network]} are the same network")
        seen[network] = path
        if member.config.model != first.config.model:
            raise UsageError(f"{path} and {models[0]} differ in the settings of the network")
        if member.modifications != first.modifications:
            raise UsageError(f"{path} and {models[0]} predict different modifications")


def _check_data(path: str | PathLike[str], member: TrainedModel, summary: dict[str, Any]) -> None:
    """Reject data with other numbers of labels: overlaps and flags would be wrong."""
    counts = {name: study["windows"] for name, study in member.training.get("studies", {}).items()}
    given = {name: study["windows"] for name, study in summary.get("studies", {}).items()}
    labels = member.training.get("labels")
    if labels is not None and (labels != summary["labels"] or counts != given):
        raise DataError("was trained on other windows than those that are given", file=path)
