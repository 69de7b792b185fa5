"""Search for the smallest set of substitutions that reaches a goal.

All single substitutions are evaluated, then, if none reaches the goal, all pairs. Larger sets are
searched by beam search: the best sets of one size are extended by every further substitution. The
first size with a set that reaches the goal ends the search.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from vqrna.runtime.progress import progress
from vqrna.runtime.threads import map_in_order
from vqrna.sequence import ALPHABET, centre, windows_around
from vqrna.site_design.constraints import Constraints
from vqrna.site_design.goals import Goal
from vqrna.site_design.scorer import SiteScorer

BEAM = 20
"""Sets of one size that are extended."""

EXACT = 2
"""Largest size of which all sets are evaluated."""

Edits = tuple[tuple[int, int], ...]
"""Positions (0-based) and bases, sorted."""

Probability = Callable[[np.ndarray], np.ndarray]
"""Converts logits of the modification at the site to probabilities as they are written."""


@dataclass(frozen=True)
class EditSet:
    """Substitutions, and what they do to the site."""

    edits: Edits
    logit: float  # Of the site; infinite, and negative, where the edits destroy its context


@dataclass(frozen=True)
class SearchResult:
    """Result of a search."""

    sets: tuple[EditSet, ...]  # The best first
    reached: bool  # Whether they reach the goal
    # Number of substitutions of each; of the largest sets that were evaluated if none reaches it
    size: int
    number: int  # Number of sets of this size that reach the goal, including those not in `sets`
    evaluated: int  # Sets that were evaluated
    beam: int | None  # Width of the beam if sets of this size were searched by it, else None

    @property
    def method(self) -> str:
        """How sets of this size were searched."""
        return "exhaustive" if self.beam is None else f"beam search, width {self.beam}"


_Key = tuple[float, ...]
"""Sorts sets, the best first."""


class _Extensions(NamedTuple):
    """Sets of one more substitution than a parent, evaluated."""

    evaluated: int
    closest: list[tuple[_Key, EditSet]]
    reached: list[EditSet]


@dataclass
class _Best:
    """The best sets so far."""

    most: int
    sets: dict[Edits, tuple[_Key, EditSet]] = field(default_factory=dict)

    def add(self, key: _Key, edits: EditSet) -> None:
        self.sets[edits.edits] = key, edits
        if len(self.sets) > 4 * self.most + 1000:
            self.trim()

    def trim(self) -> None:
        ordered = sorted(self.sets.values(), key=lambda each: (each[0], each[1].edits))
        self.sets = {each.edits: (key, each) for key, each in ordered[: self.most]}

    def result(self) -> tuple[EditSet, ...]:
        self.trim()
        return tuple(each for _, each in self.sets.values())

    def ranked(self) -> tuple[tuple[_Key, EditSet], ...]:
        self.trim()
        return tuple(self.sets.values())


@dataclass(frozen=True, eq=False)
class EditSearch:
    """A search of edits of one sequence for one site.

    Parameters
    ----------
    scorer : SiteScorer
    constraints : Constraints
    position : int
        0-based position of the site.
    goal : Goal
    probability : callable
        Converts logits to probabilities.
    within : int or None
        Largest distance in nt of an edit from the site; the whole window if not given.
    keep_base : bool
        Whether the base of the site is not edited.
    jobs : int
        Number of threads; the result does not depend on it.
    """

    scorer: SiteScorer
    constraints: Constraints
    position: int
    goal: Goal
    probability: Probability
    within: int | None = None
    keep_base: bool = False
    jobs: int = 1

    def run(
        self, max_edits: int, *, keep: int, beam: int = BEAM, show_progress: bool = False
    ) -> SearchResult:
        """Return the best sets of the smallest size that reaches the goal.

        If no set of up to `max_edits` substitutions does, the closest are returned, without those
        of which a part does as much.

        Parameters
        ----------
        keep : int
            Number of sets to return.
        """
        evaluated = 0
        parents: tuple[EditSet, ...] = (EditSet((), 0.0),)
        closest: list[tuple[_Key, EditSet]] = []
        size = 0
        for size in range(1, max_edits + 1):
            exhaustive = size <= EXACT
            if size == EXACT:
                # Substitutions that only another in their codon permits are parents, too
                parents = tuple(EditSet(((p, b),), 0.0) for p, b in self._substitutions())
            solutions, frontier, count = _Best(keep), _Best(max(beam, keep)), 0
            with progress(
                len(parents), f"sets of {size}", unit="sets", show=show_progress and size > 1
            ) as bar:
                for extended in self._extend(parents, frontier.most, ordered=exhaustive):
                    evaluated += extended.evaluated
                    for key, edits in extended.closest:
                        frontier.add(key, edits)
                    for edits in extended.reached:
                        count += self._collect(edits, solutions)
                    bar.advance()
            if count:
                return SearchResult(
                    solutions.result(), True, size, count, evaluated, None if exhaustive else beam
                )
            closest += frontier.ranked()
            parents = frontier.result()[:beam]
            if size >= EXACT and not parents:
                break
        permitted = [each for each in closest if self._permitted(each[1].edits)]
        return SearchResult(
            self._without_idle(permitted)[:keep], False, size, 0, evaluated,
            beam if size > EXACT else None,
        )  # fmt: skip

    def _extend(
        self, parents: Sequence[EditSet], most: int, *, ordered: bool
    ) -> Iterator[_Extensions]:
        """Extend each parent by one substitution, in threads; yield in the order of the parents."""

        def work(parent: EditSet, _: object) -> _Extensions:
            columns, bases = self._extensions(parent.edits, ordered=ordered)
            return self._evaluate(parent.edits, columns, bases, most)

        return (result for _, result in map_in_order(parents, work, self.jobs))

    def _without_idle(self, ranked: Sequence[tuple[_Key, EditSet]]) -> tuple[EditSet, ...]:
        """Sort sets of all sizes; leave out those with substitutions that do nothing."""
        sign = 1 if self.goal.lowers else -1
        logits = np.array([each.logit for _, each in ranked])
        probability = sign * self.probability(logits) if len(logits) else logits
        order = sorted(
            range(len(ranked)),
            key=lambda i: (ranked[i][0][0], probability[i], len(ranked[i][1].edits), ranked[i]),
        )
        kept: list[EditSet] = []
        for i in order:
            edits = set(ranked[i][1].edits)
            if not any(set(each.edits) < edits for each in kept):
                kept.append(ranked[i][1])
        return tuple(kept)

    def _permitted(self, edits: Edits) -> bool:
        return not self.constraints.created_motifs(dict(edits))

    def _collect(self, solution: EditSet, solutions: _Best) -> int:
        if not self._permitted(solution.edits):
            return 0
        known = solution.edits in solutions.sets
        solutions.add((0, solution.logit if self.goal.lowers else -solution.logit), solution)
        return int(not known)

    def _region(self) -> tuple[int, int]:
        """Return first position and stop of what may be edited."""
        reach = centre(self.scorer.length)
        reach = reach if self.within is None else min(reach, self.within)
        first = max(0, self.position - reach)
        return first, min(len(self.constraints.tokens), self.position + reach + 1)

    def _allowed(self, mask: np.ndarray) -> np.ndarray:
        """Restrict a mask (4, S) to the region, and to other bases than that of the site."""
        allowed = np.zeros_like(mask)
        first, stop = self._region()
        allowed[:, first:stop] = mask[:, first:stop]
        if self.keep_base or self.goal.name == "strengthen":
            allowed[:, self.position] = False
        return allowed

    def _substitutions(self) -> Iterator[tuple[int, int]]:
        """List the substitutions by position, those that need another in their codon included."""
        positions, bases = np.nonzero(self._allowed(self.constraints.editable).T)
        return zip(positions.tolist(), bases.tolist(), strict=True)

    def _extensions(self, edits: Edits, *, ordered: bool) -> tuple[np.ndarray, np.ndarray]:
        """Return positions and bases that may be added to edits, sorted by position.

        Parameters
        ----------
        ordered : bool
            Only positions after the last edit: every set has one parent.
        """
        constraints, present = self.constraints, dict(edits)
        alone = self._allowed(constraints.alone)
        if ordered and edits:
            alone[:, : edits[-1][0] + 1] = False
        for position in present:
            alone[:, position] = False
        if constraints.cds is not None:
            editable = self._allowed(constraints.editable)
            unfinished = not constraints.synonymous(present)
            if unfinished:  # only a second edit of the codon can make it synonymous
                alone[:] = False
            for first in {f for p in present if (f := constraints.codon(p)) is not None}:
                for position in range(first, first + 3):
                    later = not ordered or position > edits[-1][0]
                    for base in range(len(ALPHABET)):
                        joint = position not in present and later and editable[base, position]
                        alone[base, position] = bool(joint) and constraints.synonymous(
                            {**present, position: base}
                        )
        positions, bases = np.nonzero(alone.T)
        return positions, bases

    def _evaluate(
        self, edits: Edits, positions: np.ndarray, bases: np.ndarray, most: int
    ) -> _Extensions:
        """Evaluate extensions; return the `most` closest, and those that reach the goal."""
        if not len(positions):
            return _Extensions(0, [], [])
        tokens = self.constraints.tokens
        if edits:
            tokens = tokens.copy()
            tokens[[p for p, _ in edits]] = [b for _, b in edits]
        half = centre(self.scorer.length)
        window = windows_around(tokens, np.array([self.position]), self.scorer.length)[0]
        columns = positions - self.position + half
        logits = self.scorer.logits(window, columns, bases)
        matches = self.scorer.matches(window, columns, bases)
        carries = matches == self.scorer.context_size
        reached = self.goal.reached(np.where(carries, self.probability(logits), 0.0))
        logits = np.where(carries, logits, -np.inf) if self.goal.lowers else logits
        missing = np.zeros_like(matches) if self.goal.lowers else -matches
        score = logits if self.goal.lowers else -logits
        if self.goal.name == "strengthen":
            missing = np.where(carries, 0, len(tokens))

        def made(row: int) -> EditSet:
            return _extended(edits, int(positions[row]), int(bases[row]), float(logits[row]))

        closest = np.lexsort((score, missing))[:most].tolist()
        return _Extensions(
            len(positions),
            [((int(missing[row]), float(score[row])), made(row)) for row in closest],
            [made(row) for row in np.flatnonzero(reached).tolist()],
        )


def _extended(edits: Edits, position: int, base: int, logit: float) -> EditSet:
    return EditSet(tuple(sorted((*edits, (position, base)))), logit)
