"""Shuffled sequences that keep every dinucleotide: what a scan finds in them is found by chance."""

from __future__ import annotations

import numpy as np


def dinucleotide_shuffle(tokens: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Shuffle a sequence so that each dinucleotide occurs as often as before.

    A random Eulerian path through the multigraph whose edges are the dinucleotides (Altschul and
    Erickson, Molecular Biology and Evolution 2:526, 1985): the last exits from the letters form a
    tree towards the final letter, drawn by a loop-erased random walk (Wilson, 1996), all other
    exits are in random order. All such sequences are equally likely.

    Parameters
    ----------
    tokens : np.ndarray, shape (S,), uint8
    generator : np.random.Generator

    Returns
    -------
    np.ndarray, shape (S,), uint8
        First and last letter are those of the input.
    """
    if len(tokens) < 3:
        return tokens.copy()
    letters = int(tokens.max()) + 1
    exits = [tokens[1:][tokens[:-1] == letter] for letter in range(letters)]
    last = _last_exits(exits, int(tokens[-1]), generator)
    queues = []
    for letter, nexts in enumerate(exits):
        end = np.flatnonzero(nexts == last.get(letter))[:1]  # the drawn exit, once: comes last
        order = generator.permutation(np.delete(nexts, end))
        queues.append(iter([*order.tolist(), *nexts[end].tolist()]))
    shuffled = np.empty_like(tokens)
    letter = int(tokens[0])
    shuffled[0] = letter
    for i in range(1, len(tokens)):
        letter = next(queues[letter])
        shuffled[i] = letter
    return shuffled


def _last_exits(
    exits: list[np.ndarray], final: int, generator: np.random.Generator
) -> dict[int, int]:
    """Draw, for each letter but the final one, the letter that its last exit leads to."""
    tree: dict[int, int] = {}
    for start in range(len(exits)):
        if not len(exits[start]):
            continue
        walk: dict[int, int] = {}
        letter = start
        while letter != final and letter not in tree:
            walk[letter] = int(generator.choice(exits[letter]))  # a later visit overwrites: no loop
            letter = walk[letter]
        letter = start
        while letter != final and letter not in tree:
            tree[letter] = walk[letter]
            letter = tree[letter]
    return tree
