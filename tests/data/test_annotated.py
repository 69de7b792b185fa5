import numpy as np
import pytest

from vqrna.data.annotated import AROUND, annotated
from vqrna.data.windows import Windows
from vqrna.modifications import modifications
from vqrna.sequence import AMBIGUOUS

LENGTH = 101


@pytest.fixture
def transcript():
    return np.random.default_rng(0).integers(0, 4, 400).astype(np.uint8)


def around(transcript: np.ndarray, site: int, length: int = LENGTH) -> np.ndarray:
    return transcript[site - length // 2 : site + length // 2 + 1]


def known(tokens: list[np.ndarray], labels: list[list[int]]) -> Windows:
    labels_ = np.array(labels, dtype=np.int8).reshape(len(tokens), 2)
    return Windows(
        tokens=np.array(tokens, dtype=np.uint8).reshape(len(tokens), -1),
        labels=labels_,
        negative_set=np.where(labels_ == 0, 0, -1).astype(np.int8),
        negative_sets=("random",),
        names=tuple(f"w{i}" for i in range(len(tokens))),
        modifications=modifications(["Am", "m6A"]),
    )


def test_sites_are_found_in_the_windows_of_their_neighbours(transcript):
    sites = [100, 117, 130, 160]
    labels = [[1, -1], [-1, 1], [0, 0], [1, 0]]  # the third is none, of either type
    windows = known([around(transcript, s) for s in sites], labels)
    found = annotated(windows.tokens, windows)
    for row, centre in enumerate(sites):
        within = [s - centre + LENGTH // 2 for s in (100, 117, 160)]
        seen = [at for at in within if 14 <= at < LENGTH - 14]
        assert np.flatnonzero(found[row]).tolist() == seen
    assert found.sum() == 8


def test_windows_of_another_length_are_looked_into(transcript):
    windows = known([around(transcript, 100)], [[1, -1]])
    found = annotated(transcript[None], windows)
    assert np.flatnonzero(found[0]).tolist() == [100]


def test_ambiguity_is_never_a_match(transcript):
    """An ambiguous letter must not pass for the A whose number its bits would give."""
    transcript[100] = transcript[105] = 0
    windows = known([around(transcript, 100)], [[1, -1]])
    hidden = around(transcript, 100).copy()
    hidden[LENGTH // 2 + 5] = AMBIGUOUS
    assert not annotated(hidden[None], windows).any()
    of_it = known([hidden], [[1, -1]])
    assert not annotated(around(transcript, 100)[None], of_it).any()


def test_one_base_less_alike_is_no_match(transcript):
    windows = known([around(transcript, 100)], [[1, -1]])
    for offset in (-15, -14, -1, 0, 14, 15):
        other = around(transcript, 100).copy()
        other[LENGTH // 2 + offset] = (other[LENGTH // 2 + offset] + 1) % 4
        assert annotated(other[None], windows).any() == (abs(offset) == 15)


def test_where_nothing_is_known_nothing_is_found(transcript):
    windows = known([around(transcript, 100)], [[0, -1]])
    assert not annotated(transcript[None], windows).any()
    short = np.zeros((2, AROUND - 2), dtype=np.uint8)
    assert annotated(short, known([around(transcript, 100)], [[1, -1]])).shape == short.shape
