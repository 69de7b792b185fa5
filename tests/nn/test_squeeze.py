"""Rows that are mostly empty: fewer columns are evaluated, with the same numbers."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tiny import network, random_tokens, tiny
from vqrna.nn.dense import dense_network
from vqrna.nn.dense import network as engine
from vqrna.nn.dense.squeeze import squeeze
from vqrna.sequence import AMBIGUOUS


def row_of(runs: list[int], empty: list[int]) -> torch.Tensor:
    """A row of runs of letters with ambiguous ones before, between and after them."""
    parts = [np.full(empty[0], AMBIGUOUS, np.uint8)]
    for number, (letters, after) in enumerate(zip(runs, empty[1:], strict=True)):
        parts.append(random_tokens(1, letters, seed=number, ambiguous=0.05)[0])
        parts.append(np.full(after, AMBIGUOUS, np.uint8))
    return torch.from_numpy(np.concatenate(parts))


@given(
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 30)), min_size=1, max_size=8),
    st.integers(0, 30),
    st.integers(0, 7),
)
def test_each_column_has_one_with_the_same_neighbours(runs, before, margin):
    row = row_of([letters for letters, _ in runs], [before, *(after for _, after in runs)])
    reach = 2 * margin + 1
    squeezed = squeeze(row, reach)
    if squeezed is None:
        assert (row == AMBIGUOUS).all()
        return
    kept = row[squeezed.kept]
    if len(row) < reach or len(kept) < reach:
        return
    full, short = row.unfold(0, reach, 1), kept.unfold(0, reach, 1)
    rows = squeezed.rows(len(full), len(short))
    assert short[rows].equal(full)
    empty = (short == AMBIGUOUS).all(dim=1)
    assert not (empty[1:] & empty[:-1]).any()  # one of neighbours is enough


@pytest.mark.parametrize("length", [51, 101, 333, 501])
@pytest.mark.parametrize("context_dtype", [None, torch.bfloat16])
def test_sites_with_a_letter_have_the_same_numbers(length, context_dtype, monkeypatch):
    one = network(tiny(length=length, codebook_size=64), 11, 0, torch.float32)
    monkeypatch.setattr(engine, "MOST_LETTERS", 1)
    dense, half = dense_network(one, context_dtype), length // 2
    rng = np.random.default_rng(length)
    layouts = [
        ([5, 28, 1, 60, 3], [half] * 6),
        ([1], [half, half]),
        (rng.integers(1, 40, 30).tolist(), rng.integers(0, 2 * dense.reach, 31).tolist()),
        ([half + 9, 12, half + 9], [0, 300, 270, 3]),
        ([half + 9, 7], [1, dense.reach, half]),
    ]
    for runs, empty in layouts:
        row = row_of(runs, empty)[None]
        expected = dense(row)
        output = dense(row, letters_only=True)
        assert output.codes.equal(expected.codes)
        assert output.near_ties.equal(expected.near_ties)
        letters = row[:, half : row.shape[1] - half] < AMBIGUOUS
        assert letters.any()
        assert output.logits[letters].equal(expected.logits[letters])
        assert output.logits[~letters].isnan().all()


def test_few_columns_are_evaluated_behind_the_codes(monkeypatch):
    dense = dense_network(network(tiny(length=501, codebook_size=64), 11, 0, torch.float32))
    counts = []
    context = dense.context

    def counting(codes, sites):
        counts.append(len(codes))
        return context(codes, sites)

    monkeypatch.setattr(dense, "context", counting)
    dense(row_of([20] * 10, [250] * 11)[None], letters_only=True)
    assert 10 * (20 + dense.reach) < counts[0] < 11 * (20 + dense.reach)
