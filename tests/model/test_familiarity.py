"""What tells windows unlike those of the training, against a count by hand."""

import numpy as np
import pytest
import torch

from tiny import random_tokens
from vqrna.model.familiarity import (
    MOST,
    STEPS,
    Familiarity,
    measure_windows,
    pair_counts,
    pair_evidence,
    unambiguous,
)
from vqrna.nn.encoder import TOKEN_STRIDE
from vqrna.sequence import AMBIGUOUS

CODES = 6
REACH = 23


def codes_and_letters(count=150, seed=0):
    """Codes of a row, and its letters, some of them ambiguous."""
    rng = np.random.default_rng(seed)
    letters = random_tokens(1, count + REACH - 1, seed)[0]
    letters[[40, 41, 90]] = AMBIGUOUS
    return torch.from_numpy(rng.integers(0, CODES, count)), torch.from_numpy(letters)


def by_hand(codes, seen, span, evidence):
    """Every window by itself."""
    rows = []
    for start in range(len(codes) - span + 1):
        part, there = codes[start : start + span].tolist(), seen[start : start + span].tolist()
        pairs = [
            int(evidence[part[i], part[i + TOKEN_STRIDE]])
            for i in range(span - TOKEN_STRIDE)
            if there[i] and there[i + TOKEN_STRIDE]
        ]
        kept = [code for code, good in zip(part, there, strict=True) if good]
        rows.append((sum(pairs), len(pairs), len(kept), len(set(kept))))
    return rows


@pytest.mark.parametrize("span", [4, 29, 150])
def test_windows_of_a_row_are_measured_as_one_by_one(span):
    codes, letters = codes_and_letters()
    seen = unambiguous(letters, REACH)
    evidence = torch.from_numpy(np.random.default_rng(1).integers(-99, 99, (CODES, CODES)))
    found = measure_windows(codes, seen, span, evidence.to(torch.int8))
    expected = by_hand(codes, seen, span, evidence)
    assert torch.stack(list(found), dim=1).tolist() == [list(row) for row in expected]


def test_a_token_counts_if_it_sees_bases_only():
    _, letters = codes_and_letters()
    expected = [not (letters[i : i + REACH] == AMBIGUOUS).any() for i in range(150)]
    assert unambiguous(letters, REACH).tolist() == expected


def test_evidence_is_the_log_of_how_much_likelier_a_pair_is():
    """Two codes that take turns, or do not; smoothing aside."""
    turns = torch.tensor([[0.0, 1e6], [1e6, 0.0]])
    even = torch.full((2, 2), 5e5)
    evidence = pair_evidence(turns, even) / STEPS
    # A pair that never occurs has the smoothing alone: 0.25 / 4 against 0.25 + 0.25 / 4
    assert evidence[0, 1] == pytest.approx(np.log((0.5 + 1 / 16) / 0.625 / 0.5), abs=0.02)
    assert evidence[0, 0] == pytest.approx(np.log((1 / 16) / 0.625 / 0.5), abs=0.02)
    assert not pair_evidence(turns, turns).any()
    assert np.abs(pair_evidence(torch.eye(50) * 1e9, torch.ones(50, 50))).max() <= MOST * STEPS


def test_pairs_are_codes_three_nt_apart():
    codes = torch.tensor([[0, 1, 2, 3, 4], [3, 3, 3, 3, 3]])
    expected = np.zeros((5, 5))
    expected[0, 3] = expected[1, 4] = 1
    expected[3, 3] = 2
    assert pair_counts(codes, 5).tolist() == expected.tolist()


def test_a_window_goes_by_the_thresholds_of_the_largest_size_that_it_reaches():
    length = 40 + REACH - 1
    letters = torch.zeros(3, length, dtype=torch.uint8)
    letters[1, length - 20 :] = AMBIGUOUS  # 20 tokens left
    letters[2, length - 31 :] = AMBIGUOUS  # 9
    codes = torch.arange(40).remainder(CODES).expand(3, 40)
    nothing = np.zeros((CODES, CODES), dtype=np.int8)

    def ood(least, fewest):
        sizes = np.array([10, 20, 30])
        told = Familiarity(nothing, sizes, np.array(least), np.array(fewest))
        return told.out_of_distribution(codes, letters, length)[:, 0].tolist()

    never = [-1.0, -1.0, -1.0]
    assert ood(never, [6, 6, 6]) == [False, False, False]
    assert ood(never, [6, 6, 7]) == [True, False, False]
    assert ood(never, [7, 7, 6]) == [False, True, False]
    assert ood(never, [7, 6, 6]) == [False, False, False]
    assert ood([-1.0, 0.5, -1.0], [0, 0, 0]) == [False, True, False]
    assert ood([0.0, 0.0, 0.0], [0, 0, 0]) == [False, False, False]


def test_rows_and_cuts_change_nothing():
    rng = np.random.default_rng(4)
    length = 51
    letters = torch.from_numpy(random_tokens(1, 400, seed=5, ambiguous=0.01))
    codes = torch.from_numpy(rng.integers(0, CODES, (1, 400 - REACH + 1)))
    evidence = rng.integers(-99, 99, (CODES, CODES)).astype(np.int8)
    told = Familiarity(evidence, np.array([8, 29]), np.array([0.0, 2.0]), np.array([5, 6]))
    whole = told.out_of_distribution(codes, letters, length)[0]
    assert 20 < whole.sum() < 330
    for start, stop in ((0, 51), (7, 200), (100, 400)):
        part = told.out_of_distribution(
            codes[:, start : stop - REACH + 1], letters[:, start:stop], length
        )
        assert part[0].equal(whole[start : stop - length + 1])
