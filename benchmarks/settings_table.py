"""Tables of all settings for docs/training.md, from the docstrings of ``vqrna.config``."""

from __future__ import annotations

import inspect
import re

from vqrna.config import ModelConfig, TrainingConfig, preset

PARTS = {"model": ModelConfig, "training": TrainingConfig}


def described(part: type) -> list[tuple[list[str], str]]:
    """Return names and descriptions of the settings from a numpy docstring."""
    body = inspect.getdoc(part).partition("Parameters\n----------\n")[2]  # type: ignore[union-attr]
    settings: list[tuple[list[str], list[str]]] = []
    for line in body.splitlines():
        if line.startswith(" "):
            settings[-1][1].append(line.strip())
        elif line:
            settings.append((line.partition(" :")[0].split(", "), []))
    return [(names, " ".join(words)) for names, words in settings]


def table(part: str) -> str:
    """Return one row per setting with its values in both presets, as Markdown."""
    lines = ["| key | `vqrna` | `paper` | meaning |", "|---|---|---|---|"]
    for names, words in described(PARTS[part]):
        values = [
            ", ".join(_format(getattr(getattr(preset(which), part), name)) for name in names)
            for which in ("vqrna", "paper")
        ]
        keys = ", ".join(f"`{name}`" for name in names)
        meaning = re.sub(r"`+(\w+)`+", r"`\1`", words)
        meaning = re.sub(r":(?:mod|class|func):`~?([\w.]+)`", r"`\1`", meaning)
        lines.append(f"| {keys} | {values[0]} | {values[1]} | {meaning} |")
    return "\n".join(lines)


def _format(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
