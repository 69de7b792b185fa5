"""Human-readable files of a run: history.csv, train.log and the training curves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from vqrna.plots.curves import training_curves
from vqrna.plots.style import save_figure
from vqrna.runtime.files import write_text
from vqrna.training.losses import OPTIONAL_COLUMNS

PAPER_SCORES = ("acc", "bacc", "se", "sp", "mcc", "auroc")
"""Scores of the published log, in its order: ACC, BACC, SE, SP, MCC, AUC."""


def write(
    folder: Path, history: list[dict[str, Any]], best_epoch: int, curves: bool = True
) -> pd.DataFrame:
    """Write all files, the curves only if asked for; return the table of ``history.csv``."""
    table = write_history(folder, history)
    write_log(folder, history, best_epoch)
    if curves:
        write_curves(folder, table)
    return table


def write_history(folder: Path, history: list[dict[str, Any]]) -> pd.DataFrame:
    """Write and return ``history.csv``, a row per epoch."""
    nested = ("valid", "studies")
    table = pd.DataFrame([{k: v for k, v in row.items() if k not in nested} for row in history])
    write_text(folder / "history.csv", table.to_csv(index=False, float_format="%.6g"))
    return table


def write_log(folder: Path, history: list[dict[str, Any]], best_epoch: int) -> None:
    """Write ``train.log``: the lines of the published log per epoch, for every type."""
    lines = []
    for row in history:
        lines.append(
            f"epoch: {row['epoch']}, loss: {row['loss']:.5f}, "
            f"vq_loss: {row['loss_quantization']:.5f}, "
            f"recon_error: {row['loss_reconstruction']:.5f}, "
            f"loss_CE: {row['loss_classification']:.5f}, "
            + "".join(f"{name}: {row[name]:.5f}, " for name in OPTIONAL_COLUMNS if name in row)
            + f"perplexity: {row['perplexity']:.1f}, codes: {row['codes_used']}"
        )
        lines.append(f"{'=' * 16} Valid Performance. Epoch[{row['epoch']}] {'=' * 16}")
        lines.append("[type,\tACC,\tBACC,\tSE,\tSP,\tMCC,\tAUC]")
        for symbol, scores in row["valid"].items():
            lines.append(_log_line(symbol, scores))
        for study, types in row.get("studies", {}).items():
            lines += [_log_line(f"{study} {symbol}", scores) for symbol, scores in types.items()]
        lines.append("=" * 60)
        if row["best"]:
            lines.append("best so far: weights kept")
        lines.append("")
    lines.append(f"kept: epoch {best_epoch}")
    write_text(folder / "train.log", "\n".join(lines) + "\n")


def _log_line(name: str, scores: dict[str, float]) -> str:
    return ",\t".join([name, *(f"{scores[key]:.4f}" for key in PAPER_SCORES)])


def write_curves(folder: Path, table: pd.DataFrame) -> None:
    """Draw ``curves.png`` and ``curves.svg``."""
    save_figure(training_curves(table), folder / "curves.png")
