from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vqrna.sequence import decode, dinucleotide_shuffle, encode


def dinucleotides(tokens: np.ndarray) -> Counter:
    return Counter(pairwise(tokens.tolist()))


@given(st.lists(st.integers(0, 4), max_size=60), st.integers(0, 2**32))
def test_every_dinucleotide_occurs_as_often_as_before(letters, seed):
    tokens = np.array(letters, dtype=np.uint8)
    before = tokens.copy()
    shuffled = dinucleotide_shuffle(tokens, np.random.default_rng(seed))
    assert dinucleotides(shuffled) == dinucleotides(tokens)
    assert shuffled.dtype == np.uint8
    assert (tokens == before).all()
    if letters:
        assert (shuffled[0], shuffled[-1]) == (tokens[0], tokens[-1])


def test_a_long_sequence_becomes_another():
    tokens = np.random.default_rng(0).integers(0, 4, 1001).astype(np.uint8)
    generator = np.random.default_rng(1)
    one, two = (dinucleotide_shuffle(tokens, generator) for _ in range(2))
    assert (one == tokens).mean() < 0.35  # chance is a quarter
    assert (one == two).mean() < 0.35


def test_the_seed_decides():
    tokens = encode("ACGUUGCAACGGUCA" * 5)
    one, two = (dinucleotide_shuffle(tokens, np.random.default_rng(3)) for _ in range(2))
    assert (one == two).all()


def all_with_the_same_dinucleotides(sequence: str) -> set[str]:
    """Walk every Eulerian path, by brute force."""
    found = set()

    def walk(path: str, left: Counter) -> None:
        if not +left:
            found.add(path)
        for edge in +left:
            if edge[0] == path[-1]:
                walk(path + edge[1], left - Counter([edge]))

    walk(sequence[0], Counter(pairwise(sequence)))
    return found


@pytest.mark.parametrize("sequence", ["ACAGAUA", "ACAGACGAUCA", "AACACAGCAU", "GGAGGCG"])
def test_all_sequences_are_equally_likely(sequence):
    possible = all_with_the_same_dinucleotides(sequence)
    assert len(possible) > 1
    generator = np.random.default_rng(0)
    tokens = encode(sequence)
    n = 300 * len(possible)
    counts = Counter(decode(dinucleotide_shuffle(tokens, generator)) for _ in range(n))
    assert set(counts) == possible
    expected = n / len(possible)
    chi_square = sum((count - expected) ** 2 / expected for count in counts.values())
    freedom = len(possible) - 1
    assert chi_square < freedom + 4 * (2 * freedom) ** 0.5  # four standard deviations


@pytest.mark.parametrize("sequence", ["", "A", "AC", "AAAAA", "ACACACAC"])
def test_what_has_no_other_order_stays(sequence):
    shuffled = dinucleotide_shuffle(encode(sequence), np.random.default_rng(0))
    assert decode(shuffled) == sequence
