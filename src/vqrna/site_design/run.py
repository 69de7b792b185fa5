"""Design edits of a sequence, in memory or written to a folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import torch

from vqrna.data.sequences import Sequences
from vqrna.errors import DataError, UsageError
from vqrna.interpret.code_changes import select_sequence
from vqrna.model import Model
from vqrna.model.weights import load_model
from vqrna.modifications import Modification
from vqrna.modifications import modification as find_modification
from vqrna.prediction.engines import resolve_jobs
from vqrna.runtime.arguments import integer
from vqrna.sequence import centre, decode
from vqrna.site_design.constraints import Constraints, make_constraints
from vqrna.site_design.goals import Goal, make_goal
from vqrna.site_design.outcome import EFFECT_COLUMNS, Evaluator, Outcome, effect_rows
from vqrna.site_design.scorer import SiteScorer
from vqrna.site_design.search import BEAM, EXACT, EditSearch, Probability, SearchResult
from vqrna.sites import round_significant
from vqrna.variation.settings import (
    MIN_PROBABILITY,
    VariantRules,
    VariantSettings,
    make_variant_settings,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MAX_EDITS = 3
ALTERNATIVES = 10

POOL = 100
"""Sets whose effects on other sites are compared; those that move the target most."""

DESIGN_COLUMNS = (
    "design", "edits", "count", "codons", "ref_probability", "alt_probability", "delta",
    "log_odds_delta", "reached", "gained", "lost", "other",
)  # fmt: skip
"""Columns of the table of designs."""


@dataclass(frozen=True, eq=False)
class SiteDesign:
    """Designs for one site, the best first.

    Attributes
    ----------
    sequence : str
        Name of the sequence.
    modification : str
    position : int
        1-based.
    goal : Goal
    reached : bool
        Whether the designs reach the goal; if not, they are the closest ones.
    method : str
        How sets of their size were searched: ``exhaustive``, or ``beam search, width N``.
    size : int
        Number of substitutions of the designs; of the largest sets that were evaluated if no set
        reaches the goal.
    number : int
        Number of sets of this size that reach the goal, of which the best are listed.
    evaluated : int
        Number of sets that were evaluated.
    designs : pandas.DataFrame
        One row per design, with the columns :data:`vqrna.site_design.run.DESIGN_COLUMNS`.
    effects : pandas.DataFrame
        The target and all sites that change, by design, with the columns
        :data:`vqrna.site_design.outcome.EFFECT_COLUMNS`.
    sequences : dict of str to str
        Edited sequences (RNA letters), by the name of the design.
    paths : tuple of pathlib.Path
        Written files.
    notes : tuple of str
        Notes for the user.
    """

    sequence: str
    modification: str
    position: int
    goal: Goal
    reached: bool
    method: str
    size: int
    number: int
    evaluated: int
    designs: pd.DataFrame
    effects: pd.DataFrame
    sequences: Mapping[str, str]
    settings: VariantSettings
    constraints: Constraints
    outcomes: tuple[Outcome, ...]
    model_hash: str
    paths: tuple[Path, ...] = ()
    notes: tuple[str, ...] = field(default=())

    def summary(self) -> str:
        """Return the result of the search in one sentence."""
        size = self.size
        edits = f"{size} substitution{'' if size == 1 else 's'}"
        if not self.reached:
            return f"no set of up to {edits} reaches the goal ({self._certainty(size)})"
        more = "" if self.method == "exhaustive" else " or more"
        one = self.number == 1 and not more
        sets = f"{self.number:,}{more} set{'' if one else 's'}"
        verb = "reaches" if one else "reach"
        return f"{sets} of {edits} {verb} the goal ({self._certainty(size)})"

    def _certainty(self, size: int) -> str:
        if self.method == "exhaustive":
            return "all sets of this size and smaller were evaluated"
        return (
            f"all sets of up to {EXACT} were evaluated, larger ones by {self.method}, which can "
            "miss sets"
        )

    def plot(self, design: int = 1) -> Figure:
        """Draw the unchanged and the edited sequence with the probabilities around the edits.

        Parameters
        ----------
        design : int
            Number of the design, from 1.

        Raises
        ------
        UsageError
            If there is no design of this number.
        """
        from vqrna.site_design.pictures import design_figure

        if not 1 <= design <= len(self.outcomes):
            raise UsageError(f"invalid design {design} (there are {len(self.outcomes)})")
        outcome, row = self.outcomes[design - 1], self.designs.iloc[design - 1]
        before, after = outcome.probabilities()
        words = f"{row['edits']}: probability {before:.3g} → {after:.3g}"
        words += f" · codons {row['codons']}" if row["codons"] else ""
        title = f"{self.sequence[:50]}: {self.goal.name} {self.modification} at {self.position:,}"
        title += f" (design {design})" if len(self.outcomes) > 1 else ""
        tokens = self.constraints.tokens
        return design_figure(outcome, tokens, self.settings, title, words, self.model_hash)


def design(
    fasta: Sequences,
    modification: str | Modification,
    position: int,
    goal: str,
    *,
    sequence: str | None = None,
    max_edits: int = MAX_EDITS,
    below: float | None = None,
    at_least: float | None = None,
    cds: tuple[int, int] | str | None = None,
    avoid: Sequence[str] | str = (),
    within: int | None = None,
    keep_base: bool = False,
    alternatives: int = ALTERNATIVES,
    beam: int = BEAM,
    model: Model | str | PathLike[str] | None = None,
    prior: float | Mapping[str, float] | None = None,
    min_delta: float = 0.05,
    min_probability: float = MIN_PROBABILITY,
    device: str = "auto",
    jobs: int | None = None,
    show_progress: bool = False,
) -> SiteDesign:
    """Design the smallest set of substitutions that removes, adds or strengthens a site.

    Single substitutions and pairs are searched exhaustively, larger sets by beam search; the first
    size that reaches the goal ends the search. Its sets are ranked by the number of other sites
    that they create or remove, then by the change of the target.

    Parameters
    ----------
    fasta : path, text, mapping, table or iterable
        As for :func:`vqrna.predict`.
    modification : str or Modification
    position : int
        1-based position of the site.
    goal : {"remove", "add", "strengthen"}
        See :func:`vqrna.site_design.make_goal`.
    sequence : str, optional
        Name of the sequence, if there are several.
    max_edits : int
        Largest number of substitutions.
    below, at_least : float, optional
        Limits of the probability: 0.1 to remove and add, 0.3333 to strengthen, if not given.
    cds : (int, int) or str, optional
        First and last position of a reading frame, 1-based: only synonymous substitutions there.
    avoid : str or sequence of str
        Positions, ranges (``100-130``) that are not edited, and motifs (``GAAUUC``) that no edit
        may create.
    within : int, optional
        Largest distance in nt of an edit from the site; all that the model sees if not given.
    keep_base : bool
        Do not edit the base of the site itself.
    alternatives : int
        Number of designs to return.
    beam : int
        Width of the beam search.
    model : Model or path, optional
        The shipped one if not given.
    prior : float or mapping of str to float, optional
        Assumed fraction of candidates that are modified.
    min_delta : float
        Least change of the probability of another site that is reported.
    min_probability : float
        Least probability of a site, for the classes gain and loss.
    device : str
        Device for a model that is loaded.
    jobs : int, optional
        Number of threads, which does not change the result; one per core, up to 8, if not given.
    show_progress : bool

    Returns
    -------
    SiteDesign

    Raises
    ------
    DataError
        If the input is invalid, the position is outside the sequence or ambiguous, the goal is
        reached already, or nothing may be edited.
    UsageError
        If a setting is invalid.

    Examples
    --------
    >>> import vqrna
    >>> result = vqrna.design("my.fa", "m6A", 300, "remove", cds=(1, 600))  # doctest: +SKIP
    >>> result.designs.edits[0], result.plot().savefig("design.png")  # doctest: +SKIP
    """
    wanted = make_goal(goal, below=below, at_least=at_least)
    for name, value, least in (
        ("max-edits", max_edits, 1), ("alternatives", alternatives, 1), ("beam", beam, 1),
        ("within", 0 if within is None else within, 0),
    ):  # fmt: skip
        if integer(value, f"--{name}") < least:
            raise UsageError(f"invalid --{name} {value} (expected {least} or more)")
    if not isinstance(position, int | np.integer) or position < 1:
        raise UsageError(f"invalid --position {position!r:.40} (expected a whole number from 1)")
    position = int(position)
    threads = resolve_jobs(jobs, torch.device("cpu"))
    loaded = model if isinstance(model, Model) else load_model(model, device)
    target = find_modification(modification, loaded.modifications)
    settings = make_variant_settings(
        loaded.modifications, prior=prior, min_delta=min_delta, min_probability=min_probability,
        null_variants=0,
    )  # fmt: skip
    name, tokens = select_sequence(fasta, sequence, position)
    constraints = make_constraints(tokens, cds=cds, avoid=avoid, name=name)
    at, rules = position - 1, VariantRules(loaded, settings)
    column = settings.modifications.index(target)
    scorer = SiteScorer(loaded, target)
    evaluator = Evaluator(rules, tokens, at, column, centre(scorer.length))
    _check_start(target, tokens, at, wanted, evaluator.reference(), name)
    search = EditSearch(
        scorer,
        constraints,
        at,
        wanted,
        _site_probability(rules, column, evaluator.kind),
        within,
        keep_base,
        threads,
    )
    searched = search.run(
        max_edits, keep=max(POOL, alternatives), beam=beam, show_progress=show_progress
    )
    if not searched.sets:
        raise DataError(
            f"no substitution near position {position:,} is allowed (the reading frame, --avoid "
            "and --within leave none)",
            record=name,
        )
    outcomes = _rank(searched, evaluator, wanted)[:alternatives]
    return _result(searched, outcomes, name, target, at, wanted, settings, constraints, loaded.hash)


def _check_start(
    m: Modification, tokens: np.ndarray, at: int, goal: Goal, probability: float, name: str
) -> None:
    """Raise DataError if the goal makes no sense for the unchanged sequence."""
    base = decode(tokens[at : at + 1])
    if goal.name != "add" and not m.candidates(tokens)[at]:
        needed = f"a base that can carry {m.symbol} (context {m.context}, here {base})"
        advice = "; use --goal add" if goal.name == "strengthen" else ""
        raise DataError(f"position {at + 1:,} is not {needed}{advice}", record=name)
    probability = float(round_significant(np.array(probability)))
    if goal.reached(np.array(probability)):
        option = "--below" if goal.lowers else "--at-least"
        raise DataError(
            f"{m.symbol} at position {at + 1:,} has probability {probability:.4g}, which reaches "
            f"the goal already ({goal.describe()}); change {option}",
            record=name,
        )


def _site_probability(rules: VariantRules, column: int, kind: int) -> Probability:
    """Return a function from logits of one modification (N,) to probabilities as written."""
    types, own = len(rules.model.modifications), int(rules.settings.columns[column])

    def probability(logits: np.ndarray) -> np.ndarray:
        every = np.zeros((len(logits), types))
        every[:, own] = logits
        kinds = np.full(len(logits), kind, dtype=np.uint8)
        return round_significant(rules.probabilities(rules.log_odds(every, kinds)[:, column]))

    return probability


def _rank(searched: SearchResult, evaluator: Evaluator, goal: Goal) -> list[Outcome]:
    """Sort sets by the number of other sites gained or lost, then by the change of the target."""
    outcomes = evaluator([each.edits for each in searched.sets])
    if searched.reached:  # the last digit of a complete evaluation decides
        kept = [o for o in outcomes if goal.reached(np.array(o.probabilities()[1]))]
        outcomes = kept or outcomes

    def key(outcome: Outcome) -> tuple[float, ...]:
        changed = len(outcome.others("gain")) + len(outcome.others("loss"))
        after = outcome.probabilities()[1]
        target = after if goal.lowers else -after
        total = float(np.abs(outcome.effects.delta[outcome.moved]).sum())
        if searched.reached:
            return changed, target, total
        return target, len(outcome.edits), changed, total

    return sorted(outcomes, key=lambda outcome: (key(outcome), outcome.edits))


def _result(
    searched: SearchResult,
    outcomes: Sequence[Outcome],
    name: str,
    m: Modification,
    at: int,
    goal: Goal,
    settings: VariantSettings,
    constraints: Constraints,
    model_hash: str,
) -> SiteDesign:
    tokens = constraints.tokens
    symbols = [each.symbol for each in settings.modifications]
    rows, effects, sequences = [], [], {}
    for number, outcome in enumerate(outcomes, start=1):
        before, after = outcome.probabilities()
        gained, lost = (outcome.others(c) for c in ("gain", "loss"))
        others = outcome.moved.sum() - (
            outcome.target_row is not None and outcome.moved[outcome.target_row]
        )
        rows.append((
            number, edit_names(outcome, tokens), len(outcome.edits),
            "; ".join(constraints.codon_changes(dict(outcome.edits))), before, after,
            float(np.round(after - before, 6)), outcome.log_odds_delta(),
            "yes" if goal.reached(np.array(after)) else "no",
            _sites(outcome, gained, symbols), _sites(outcome, lost, symbols), int(others),
        ))  # fmt: skip
        effects.append(effect_rows(outcome, number, tokens, symbols))
        edited = tokens.copy()
        edited[[p for p, _ in outcome.edits]] = [b for _, b in outcome.edits]
        sequences[f"{name}_design{number}"] = decode(edited)
    notes = []
    if not searched.reached:
        notes.append(f"no design reaches the goal ({goal.describe()}); the closest ones are listed")
    return SiteDesign(
        name,
        m.symbol,
        at + 1,
        goal,
        searched.reached,
        searched.method,
        searched.size,
        searched.number,
        searched.evaluated,
        pd.DataFrame(rows, columns=list(DESIGN_COLUMNS)),
        pd.concat(effects, ignore_index=True) if effects else pd.DataFrame(columns=EFFECT_COLUMNS),
        sequences,
        settings,
        constraints,
        tuple(outcomes),
        model_hash,
        notes=tuple(notes),
    )


def edit_names(outcome: Outcome, tokens: np.ndarray) -> str:
    """Return the substitutions as ``A300G,C305U`` (1-based)."""
    return ",".join(
        f"{decode(tokens[[p]])}{p + 1}{decode(np.array([b], dtype=np.uint8))}"
        for p, b in outcome.edits
    )


def _sites(outcome: Outcome, rows: np.ndarray, symbols: Sequence[str]) -> str:
    e = outcome.effects
    return ",".join(f"{symbols[e.modification[r]]}:{e.anchor[r] + 1}" for r in rows.tolist())
