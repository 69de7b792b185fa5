"""Edited sequences: the incremental engine, and the scan of the surroundings of each edit."""

import numpy as np
import pytest

from tiny import fresh, random_tokens, tiny, tiny_paper
from vqrna.model.edited import ROWS, EditedScan, TokenEdit
from vqrna.nn.dense import supports_dense

LENGTH, W = 51, 120


def models():
    """Models that are scanned densely, and window by window."""
    return {
        "dense": fresh(tiny(length=LENGTH), ("Am", "m6A"), 0),
        "windows": fresh(tiny_paper(length=LENGTH), ("Am",), 0),
    }


def random_edits(tokens: np.ndarray, count: int) -> list[TokenEdit]:
    rng = np.random.default_rng(3)
    edits = []
    for _ in range(count):
        removed, inserted = (int(x) for x in rng.integers(0, 6, 2))
        start = int(rng.integers(LENGTH - 1, len(tokens) - LENGTH - 6))
        letters = rng.integers(0, 4, inserted).astype(np.uint8)
        edits.append(TokenEdit(start, start + removed, letters))
    return edits


@pytest.mark.parametrize("name", ["dense", "windows"])
def test_both_ways_give_the_logits_of_a_whole_scan(name):
    model = models()[name]
    assert supports_dense(model.network) == (name == "dense")
    tokens = random_tokens(1, W + LENGTH - 1, seed=1)[0]
    scan = EditedScan(model, tokens)
    half = LENGTH // 2
    # A whole scan has ambiguous letters beyond the ends of the tokens: compare the inner positions
    whole = model.scan(tokens, half, len(tokens) - half)
    np.testing.assert_allclose(scan.logits, whole, atol=1e-5)
    edits = random_edits(tokens, 2 * ROWS + 3)  # more than one batch
    for edit, logits in zip(edits, scan.edit(edits), strict=True):
        changed = np.concatenate([tokens[: edit.start], edit.letters, tokens[edit.stop :]])
        low, high = edit.start - half, edit.start + len(edit.letters) + half
        assert logits.shape == (high - low, len(model.modifications))
        np.testing.assert_allclose(logits, model.scan(changed, low, high), atol=1e-5)


def test_the_fallback_agrees_with_the_incremental_engine(monkeypatch):
    model = models()["dense"]
    tokens = random_tokens(1, W + LENGTH - 1, seed=2)[0]
    edits = random_edits(tokens, ROWS + 1)
    incremental = list(EditedScan(model, tokens).edit(edits))
    monkeypatch.setattr("vqrna.model.edited.supports_dense", lambda _: False)
    rescanned = list(EditedScan(model, tokens).edit(edits))
    for a, b in zip(incremental, rescanned, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


def test_no_edits():
    model = models()["dense"]
    assert list(EditedScan(model, random_tokens(1, W, seed=0)[0]).edit([])) == []
