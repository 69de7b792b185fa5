"""Explain one site: contribution of each base, substitutions, codes and nearest known motif."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

import numpy as np

from vqrna.interpret.attributions import hypothetical, model_and_column
from vqrna.interpret.codes import read_codes
from vqrna.interpret.known_motifs import nearest_motif
from vqrna.interpret.mutagenesis import LocalMutagenesis, Mutated, mutate
from vqrna.model import Model, TrainedModel
from vqrna.modifications import Modification, modification
from vqrna.nn.dense import supports_dense
from vqrna.sequence import ALPHABET, AMBIGUOUS, IUPAC, centre, decode, encode, windows_around
from vqrna.sites import round_significant
from vqrna.stats.calibration import sigmoid
from vqrna.stats.scan_calibration import Curve, probabilities, window_kinds
from vqrna.web.errors import RequestError

STRONGEST = 12
"""Substitutions that are listed."""

DIGITS = 5

_CACHED = 64

_MEANINGS = {
    letter: [base for base, allowed in zip(ALPHABET, mask, strict=False) if allowed]
    for letter, mask in IUPAC.items()
}


class Explainer:
    """Answer questions about sites and variants with one model, which stays prepared."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self._local: dict[int, LocalMutagenesis] = {}
        self._cache: OrderedDict[bytes, Mutated] = OrderedDict()

    def prepare(self) -> None:
        """Do the work that the first question would wait for."""
        for m in self.model.modifications:
            letters = "".join(next(iter(_MEANINGS[letter])) for letter in m.context)
            self.explain(letters, m.offset, m.symbol, None, 1)

    def answer(self, kind: str, content: dict[str, Any]) -> dict[str, Any]:
        """Return the answer to a question of :class:`vqrna.web.store.Store`."""
        if kind == "explain":
            return self.explain(**content)
        if kind == "variants":
            from vqrna.web.variants import compare_variants

            return compare_variants(self.model, **content)
        raise RequestError(400, f"unknown question '{kind}'")

    def explain(
        self, letters: str, index: int, modification: str, prior: float | None, first: int
    ) -> dict[str, Any]:
        """Explain a site.

        Parameters
        ----------
        letters : str
            The sequence, or a part with half a window on either side of the site.
        index : int
            0-based position of the site in `letters`.
        modification : str
            Symbol or name.
        prior : float or None
            Share of candidates that are modified; the documented one if None.
        first : int
            1-based position of the first letter in the whole sequence.
        """
        tokens = encode(letters)
        m = _find(modification, self.model)
        if not 0 <= index < len(tokens):
            raise RequestError(422, f"position {index + first} is outside the sequence")
        if not m.candidates(tokens)[index]:
            raise RequestError(
                422,
                f"position {index + first} ({decode(tokens[index : index + 1])}) cannot carry "
                f"{m.symbol}: it needs {m.context}",
            )
        single, column = model_and_column(self.model, m)
        half = centre(single.length)
        window = windows_around(tokens, np.array([index]), single.length)
        mutated = self._mutate(single, window[0])
        slope = float(single.calibration.slope[column])
        substituted, reference = mutated.logits[..., column], mutated.reference[column]
        contribution = slope * hypothetical(substituted, float(reference))
        change = slope * (substituted - reference)
        known = window[0] != AMBIGUOUS
        observed = np.minimum(window[0], len(ALPHABET) - 1)
        importance = np.where(known, contribution[observed, np.arange(len(observed))], 0.0)
        change[:, ~known] = 0
        log_odds = slope * float(reference) + float(single.calibration.intercept[column])
        score = float(single.score(mutated.reference[None])[0, column])
        prior = m.prior if prior is None else prior
        to_end = np.array(min(index, len(tokens) - 1 - index))
        cut = np.array([to_end < half])
        curves = single.scan_calibration.completed(single.calibration)[column]
        curve = curves[int(window_kinds(to_end, half))]
        inside = np.flatnonzero(
            (np.arange(single.length) - half + index >= 0)
            & (np.arange(single.length) - half + index < len(tokens))
        )
        shown = slice(int(inside[0]), int(inside[-1]) + 1)
        return {
            "modification": m.symbol,
            "position": index + first,
            "base": decode(tokens[index : index + 1]),
            "score": round(score, 6),
            "probability": _probability(curve, float(mutated.reference[column]), prior),
            "p_value": _number(single.p_values(mutated.reference[None], cut)[0, column]),
            "prior": prior,
            "model": self.model.hash,
            "first": index + first - half + shown.start,
            "letters": decode(window[0][shown]),
            "importance": _list(importance[shown]),
            "substitutions": {base: _list(change[b, shown]) for b, base in enumerate(ALPHABET)},
            "strongest": [
                row | {"probability": _probability(curve, float(x), prior)}
                for row, x in _strongest(change, substituted, window[0], index + first, log_odds)
            ],
            "codes": _codes(single, window, index + first),
            "motif": _motif(tokens, index, m),
        }

    def _mutate(self, single: TrainedModel, window: np.ndarray) -> Mutated:
        """Evaluate all substitutions; windows that were evaluated before are looked up."""
        key = f"{single.hash}{id(single)}".encode() + window.tobytes()
        if key in self._cache:
            self._cache.move_to_end(key)
            return self._cache[key]
        if supports_dense(single.network):
            if id(single) not in self._local:
                single.network.eval()
                self._local[id(single)] = LocalMutagenesis(single.network)
            mutated = self._local[id(single)](window)
        else:
            mutated = next(mutate(single.network, window[None]))
        self._cache[key] = mutated
        if len(self._cache) > _CACHED:
            self._cache.popitem(last=False)
        return mutated


def _find(name: str, model: Model) -> Modification:
    return modification(name, model.modifications)


def _probability(curve: Curve, logit: float, prior: float) -> float:
    """Return the probability in a scan, as in the table of sites."""
    return float(round_significant(probabilities(curve(np.array(logit)), prior)))


def _strongest(
    change: np.ndarray, logits: np.ndarray, window: np.ndarray, position: int, log_odds: float
) -> Iterator[tuple[dict[str, Any], float]]:
    """Yield the substitutions beside the site that change the log-odds most, with their logits."""
    half = centre(len(window))
    sizes = np.abs(change)
    sizes[:, half] = 0  # without the site itself
    order = np.argsort(-sizes, axis=None, kind="stable")[:STRONGEST]
    bases, columns = np.unravel_index(order, sizes.shape)
    for base, column in zip(bases.tolist(), columns.tolist(), strict=True):
        if not sizes[base, column]:
            continue
        after = float(sigmoid(np.array(log_odds + change[base, column])))
        row = {
            "position": position + column - half,
            "from": decode(window[column : column + 1]),
            "to": ALPHABET[base],
            "change": _round(change[base, column]),
            "score": round(after, 6),
        }
        yield row, float(logits[base, column])


def _codes(single: TrainedModel, window: np.ndarray, position: int) -> list[dict[str, Any]]:
    """Return the codes of the tokens that cover the site; none without a codebook."""
    if not single.network.quantizer.has_codebook:
        return []
    coded = read_codes(single, window)
    layout = coded.layout
    half, reach = centre(single.length), layout.reach
    rows = []
    for t in np.flatnonzero(layout.at_site):
        start = int(layout.starts[t])
        columns = np.arange(start, start + reach) + half
        inside = (columns >= 0) & (columns < single.length)
        letters = np.where(inside, window[0][np.clip(columns, 0, single.length - 1)], AMBIGUOUS)
        rows.append(
            {"code": int(coded.codes[0, t]), "start": position + start, "letters": decode(letters)}
        )
    return rows


def _motif(tokens: np.ndarray, index: int, m: Modification) -> dict[str, Any] | None:
    match = nearest_motif(tokens, index, m.symbol)
    if match is None:
        return None
    return {
        "pattern": match.motif.pattern,
        "name": match.motif.name,
        "source": match.motif.source,
        "artefact": match.motif.artefact,
        "shift": match.shift,
        "mismatches": match.mismatches,
        "letters": match.letters,
    }


def _round(value: Any) -> float:
    return float(f"{float(value):.{DIGITS}g}")


def _number(value: Any) -> float | None:
    return None if np.isnan(value) else _round(value)


def _list(values: np.ndarray) -> list[float]:
    return [round(value, 4) for value in values.tolist()]
