"""Golden predictions: tables of the shipped model, and tiny models in each format of weights.

``make golden`` writes them. They are compared within `TOLERANCE`, which covers other processors
and versions of torch.
"""

from __future__ import annotations

import dataclasses
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from seeded import calling_model
from tiny import random_tokens
from vqrna.model import Model, TrainedModel
from vqrna.model.weights import FORMAT_VERSION, load_model, save_model
from vqrna.nn.model import EnsembleNetwork
from vqrna.prediction import predict
from vqrna.runtime.files import write_text
from vqrna.sequence import decode, encode
from vqrna.stats.null_distribution import NullDistribution

FOLDER = Path(__file__).parent
DEMO = FOLDER.parents[1] / "examples" / "demo.fasta"
GOLDEN = {"shipped": FOLDER / "demo.tsv", "ensemble": FOLDER / "demo-ensemble.tsv"}
"""Table of each model in the package."""

EVERY = 20
"""Of the candidates that are not called, every so many are kept."""

TOLERANCE: dict[str, dict[str, float]] = {
    "score": {"atol": 1e-5, "rtol": 0},
    "probability": {"atol": 1e-6, "rtol": 1e-3},
    # A rank more or less among the highest null scores is several percent
    "p_value": {"atol": 0, "rtol": 0.05},
    "q_value": {"atol": 0, "rtol": 0.05},
}
"""Allowed differences of columns, as for :func:`numpy.testing.assert_allclose`."""

EXACT = ["sequence", "position", "strand", "base", "modification", "call", "warnings"]
"""Columns without tolerance."""


def demo_sites(model: Model | None = None, jobs: int = 1) -> pd.DataFrame:
    """Return all candidate sites of the bundled input."""
    loaded = load_model(device="cpu") if model is None else model
    return predict(DEMO, model=loaded, all_sites=True, jobs=jobs).sites


def thinned(sites: pd.DataFrame) -> pd.DataFrame:
    """Return called sites and every `EVERY`-th of the others."""
    keep = (sites["call"] != "") | (np.arange(len(sites)) % EVERY == 0)
    return sites[keep].reset_index(drop=True)


def write_golden(name: str) -> Path:
    """Write the table of a model in the package, after a line with the model's hash."""
    model = load_model(name, device="cpu")
    rows = thinned(demo_sites(model)).to_csv(sep="\t", index=False, lineterminator="\n")
    write_text(GOLDEN[name], f"# model: {model.hash}\n{rows}")
    return GOLDEN[name]


def read_golden(name: str = "shipped") -> tuple[str, pd.DataFrame]:
    """Return the hash of the model and the table."""
    first, _, rows = GOLDEN[name].read_text(encoding="utf-8").partition("\n")
    table = pd.read_csv(io.StringIO(rows), sep="\t", keep_default_na=False)
    return first.removeprefix("# model: "), table


def weights_file(version: int) -> Path:
    """Return the path of the tiny model in a format of weights."""
    return FOLDER / f"weights-{version}.safetensors"


def tiny_with_small_nulls() -> TrainedModel:
    """Return a model that calls sites, with few null values."""
    model = calling_model()
    tokens = random_tokens(1, 3000, seed=7)[0]
    logits = model.scan(tokens)
    each = [logits[m.candidates(tokens), k] for k, m in enumerate(model.modifications)]

    def nulls(start: int, stop: int) -> tuple[NullDistribution, ...]:
        return tuple(NullDistribution.from_logits(x[start:stop], 1000) for x in each)

    return dataclasses.replace(
        model,
        off_site=nulls(0, 150),
        shuffled=nulls(150, 300),
        off_site_cut=nulls(0, 90),
        shuffled_cut=nulls(90, 180),
    )


def numbers(model: TrainedModel, sequence: str) -> dict[str, Any]:
    """Return logits, scores and p-values of a model at every seventh position of a sequence."""
    logits = model.scan(encode(sequence))[::7]
    p_values = [null.p_value(logits[:, k]) for k, null in enumerate(model.shuffled)]
    return {
        "modifications": [m.symbol for m in model.modifications],
        "logits": np.round(logits, 6).tolist(),
        "scores": np.round(model.score(logits), 6).tolist(),
        "shuffled": np.round(p_values, 6).tolist(),
    }


def write_weights() -> Path | None:
    """Write a tiny ensemble in the present format, unless there is one; its numbers beside it.

    Single networks are still written in the format before.
    """
    path = weights_file(FORMAT_VERSION)
    if path.exists():
        return None
    members = [tiny_with_small_nulls().network, calling_model(seed=5).network]
    ensemble = dataclasses.replace(tiny_with_small_nulls(), network=EnsembleNetwork(members))
    model = save_model(ensemble, path)
    sequence = decode(random_tokens(1, 120, seed=11, ambiguous=0.01)[0])
    values = {"sequence": sequence, **numbers(model, sequence)}
    write_text(path.with_suffix(".json"), json.dumps(values) + "\n")
    return path
