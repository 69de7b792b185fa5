"""Edits of a sequence against scans of the edited sequence."""

import numpy as np
import pytest
import torch

from tiny import network, random_tokens, tiny
from vqrna.nn.dense import dense_network
from vqrna.nn.dense.edits import AT_ONCE, Edit, EditedSequence
from vqrna.sequence import AMBIGUOUS

W = 700
"""Evaluated positions of the reference."""

REPLACED = {
    "substitution": (1, 1),
    "insertion": (0, 7),
    "deletion": (6, 0),
    "replacement": (3, 11),
    "long insertion": (0, 160),
    "long deletion": (150, 0),
    "longer by far": (2, 90),
}
"""Letters removed and inserted."""


def dense(length: int, dtype: torch.dtype = torch.float64):
    return dense_network(network(tiny(length=length, codebook_size=64), 11, length, dtype))


def scan(engine, tokens: np.ndarray) -> np.ndarray:
    """Logits of all positions with a whole window."""
    return engine(torch.from_numpy(tokens[None])).logits[0].numpy()


def edited(engine, tokens: np.ndarray, edits) -> list[np.ndarray]:
    sequence = EditedSequence(engine, torch.from_numpy(tokens.astype(np.int64)))
    np.testing.assert_allclose(sequence.logits.numpy(), scan(engine, tokens), atol=1e-9)
    letters = [Edit(a, b, torch.from_numpy(x.astype(np.int64))) for a, b, x in edits]
    return [logits.numpy() for logits in sequence.edit(letters)]


def expected(engine, tokens: np.ndarray, edit, length: int) -> np.ndarray:
    """Logits from half a window before the edit to half a window after it, by a whole scan."""
    start, stop, letters = edit
    half = length // 2
    logits = scan(engine, np.concatenate([tokens[:start], letters, tokens[stop:]]))
    return logits[start - 2 * half : start + len(letters)]


@pytest.mark.parametrize("length", [51, 101, 501])
@pytest.mark.parametrize("name", REPLACED)
def test_logits_are_those_of_a_scan_of_the_edited_sequence(length, name):
    engine = dense(length)
    tokens = random_tokens(1, W + length - 1, seed=length, ambiguous=0.01)[0]
    removed, inserted = REPLACED[name]
    rng = np.random.default_rng(len(name))
    edits = []
    # Including the first and last place that the surroundings allow
    for start in (length - 1, length + 40, len(tokens) - (length - 1) - removed):
        edits.append((start, start + removed, rng.integers(0, 4, inserted).astype(np.uint8)))
    for edit, logits in zip(edits, edited(engine, tokens, edits), strict=True):
        assert logits.shape == (inserted + length - 1, 11)
        np.testing.assert_allclose(logits, expected(engine, tokens, edit, length), atol=1e-9)


def test_edits_do_not_depend_on_those_beside_them():
    length = 101
    engine = dense(length, torch.float32)
    tokens = random_tokens(1, W + length - 1, seed=4)[0]
    rng = np.random.default_rng(0)
    edits = []
    for _ in range(2 * AT_ONCE + 3):
        removed, inserted = rng.integers(0, 12, 2)
        start = int(rng.integers(length - 1, len(tokens) - length - 12))
        letters = rng.integers(0, 4, inserted).astype(np.uint8)
        edits.append((start, start + int(removed), letters))
    together = edited(engine, tokens, edits)
    for edit, logits in zip(edits, together, strict=True):
        np.testing.assert_allclose(logits, edited(engine, tokens, [edit])[0], atol=2e-5)
        np.testing.assert_allclose(logits, expected(engine, tokens, edit, length), atol=2e-5)


def test_letters_beyond_the_ends_are_ambiguous():
    length = 101
    engine = dense(length)
    tokens = random_tokens(1, 30, seed=1)[0]
    padded = np.pad(tokens, length - 1, constant_values=AMBIGUOUS)
    edit = (length - 1, length + 2, np.array([2], dtype=np.uint8))
    (logits,) = edited(engine, padded, [edit])
    np.testing.assert_allclose(logits, expected(engine, padded, edit, length), atol=1e-9)


def test_an_edit_changes_the_positions_near_and_far():
    length = 501
    engine = dense(length)
    tokens = random_tokens(1, W + length - 1, seed=2)[0]
    start = length + 100
    (logits,) = edited(
        engine, tokens, [(start, start + 1, np.array([(tokens[start] + 1) % 4], dtype=np.uint8))]
    )
    moved = np.abs(logits - scan(engine, tokens)[start - length + 1 : start + 1]).max(axis=1)
    assert moved[length // 2] > 0
    # Beyond the reach of the first part of the head
    assert (moved[: length // 4] > 0).any()
    assert (moved[-length // 4 :] > 0).any()
