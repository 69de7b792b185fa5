"""The codebook atlas of the shipped model: what is known of each code."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from vqrna.interpret.code_types import shipped_atlas

FDR = 0.05
"""Codes below this false discovery rate differ at the site."""


@dataclass(frozen=True, eq=False)
class CodeAtlas:
    """Atlas of one model, as ``benchmarks/web_atlas.py`` writes it.

    Parameters
    ----------
    data : dict
        The data of the atlas page of `vqrna atlas`; see
        :func:`vqrna.interpret.atlas.page_data`.
    """

    data: dict[str, Any]

    @classmethod
    def shipped(cls, model_hash: str) -> CodeAtlas | None:
        """Return the atlas of a model, or None if only that of another model is available."""
        data = shipped_atlas(model_hash)
        return None if data is None else cls(data)

    @property
    def symbols(self) -> list[str]:
        """Symbols of the modifications."""
        return [each["symbol"] for each in self.data["types"]]

    @cached_property
    def log_odds(self) -> np.ndarray:
        """Log-odds at the site, (K, M); nan for unused codes."""
        return np.array(self.data["log_odds"], dtype=float)

    @cached_property
    def q(self) -> np.ndarray:
        """False discovery rates at the site, (K, M)."""
        return np.array(self.data["q"], dtype=float)

    @cached_property
    def order(self) -> list[int]:
        """Used codes, by modification and descending log-odds."""
        usage = np.array(self.data["usage"], dtype=float)
        group = np.array(self.data["group"])
        own = self.log_odds[np.arange(len(group)), group]
        tested = ~np.isnan(self.q[np.arange(len(group)), group])
        order = np.lexsort((-np.nan_to_num(own), ~tested, group))
        return [int(k) for k in order if usage[k] > 0]

    def of(self, symbol: str) -> list[int]:
        """Return the codes that are most specific for a modification, best first."""
        own = self.symbols.index(symbol)
        return [k for k in self.order if self.data["group"][k] == own]

    def matching(self, text: str) -> list[int]:
        """Return the codes whose consensus contains letters, or whose number is `text`."""
        wanted = text.strip().upper().replace("T", "U")
        return [k for k in self.order if wanted in self.data["reads"][k] or wanted == str(k)]

    def __len__(self) -> int:
        return len(self.data["usage"])

    def entry(self, code: int) -> dict[str, Any]:
        """Return what the pages show of a code."""
        data, own = self.data, self.data["group"][code]
        return {
            "code": code,
            "reads": data["reads"][code],
            "usage": data["usage"][code],
            "holding": data["holding"][code],
            "tokens": data["sites"][code],
            "type": own,
            "symbol": self.symbols[own],
            "log_odds": data["log_odds"][code][own],
            "q": data["q"][code][own],
            "significant": (data["q"][code][own] or 1) < FDR and data["q"][code][own] is not None,
            "knock_out": data["knock_out"][code][own],
            "bits": data["bits"][code],
            "nearest": list(zip(data["nearest"][code], data["distance"][code], strict=True)),
            "rows": [
                {
                    "type": t,
                    "symbol": symbol,
                    "log_odds": data["log_odds"][code][t],
                    "q": data["q"][code][t],
                    "whole": data["whole"][code][t],
                    "knock_out": data["knock_out"][code][t],
                }
                for t, symbol in enumerate(self.symbols)
            ],
            "profile": data["profile"][code],
            "profiled": data["profiled"][code],
        }
