from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from vqrna.data.fasta import FastaRecord
from vqrna.data.windows import WindowSet, identical, merge, stack
from vqrna.errors import DataError
from vqrna.modifications import Modification, modification
from vqrna.sequence import AMBIGUOUS, decode, encode

M5U, PSI, M6A = modification("m5U"), modification("Psi"), modification("m6A")


def window_set(sequences: str, kind, label: int, negatives: str = "random") -> WindowSet:
    rows = sequences.split()
    tokens = np.stack([encode(row) for row in rows])
    return WindowSet(
        tokens, tuple(f"{kind.symbol}{label}{i}" for i in range(len(rows))), kind, label, negatives
    )


def test_identical_windows_are_one_row_with_several_labels() -> None:
    windows = merge([window_set("AUG CUC", M5U, 1), window_set("CUC GUG", PSI, 1)])
    assert [decode(row) for row in windows.tokens] == ["AUG", "CUC", "GUG"]
    assert windows.labels.tolist() == [[1, -1], [1, 1], [-1, 1]]
    assert windows.names == ("m5U10", "m5U11", "Psi11")
    assert windows.modifications == (M5U, PSI)
    assert windows.conflicts == 0


def test_positive_wins_and_is_counted() -> None:
    windows = merge([window_set("AUG AUG CUC", M5U, 1), window_set("AUG GUG", M5U, 0)])
    assert windows.labels.tolist() == [[1], [1], [0]]
    assert windows.negative_set.tolist() == [[-1], [-1], [0]]
    assert windows.conflicts == 1


def test_negatives_remember_their_set_and_the_unnamed_set_wins() -> None:
    windows = merge(
        [
            window_set("AAG CAC", M6A, 0),
            window_set("CAC GAG", M6A, 0, "hard"),
            window_set("UAU", M6A, 1),
        ]
    )
    assert windows.negative_sets == ("random", "hard")
    assert windows.negative_set[:, 0].tolist() == [0, 0, 1, -1]
    assert windows.labels[:, 0].tolist() == [0, 0, 0, 1]


def test_many_sets_of_negatives_keep_their_numbers() -> None:
    words = [f"{n:09b}".translate({ord("0"): "C", ord("1"): "G"}) for n in range(130)]
    sets = [window_set(word, M6A, 0, f"s{n}") for n, word in enumerate(words)]
    windows = merge(sets)
    names = [windows.negative_sets[i] for i in windows.negative_set[:, 0]]
    assert names == [f"s{n}" for n in range(130)]
    # Digests are of the bytes: with few sets the type stays as it was
    assert merge(sets[:120]).negative_set.dtype == np.int8


def test_random_is_the_first_set_even_if_only_named_ones_are_there() -> None:
    assert merge([window_set("AAG", M6A, 0, "hard")]).negative_sets == ("random", "hard")


def test_asked_for_columns_may_hold_types_without_windows() -> None:
    windows = merge([window_set("AUG", PSI, 1)], (M5U, PSI))
    assert windows.labels.tolist() == [[-1, 1]]


def test_ambiguous_windows_are_alike_where_their_tokens_are() -> None:
    assert len(merge([window_set("ANG", M6A, 0), window_set("ARG", M6A, 0)])) == 1


def test_sets_of_different_lengths_meet_at_the_site() -> None:
    windows = merge([window_set("CAG", M6A, 1), window_set("UCAGU", M6A, 0)])
    assert [decode(row) for row in windows.tokens] == ["NCAGN", "UCAGU"]
    assert windows.length == 5


def test_take_by_mask_by_index_and_by_slice() -> None:
    windows = merge([window_set("AUG CUC GUG", M5U, 1)])
    for rows in (np.array([True, False, True]), np.array([0, 2]), slice(0, 3, 2)):
        some = windows.take(rows)
        assert [decode(row) for row in some.tokens] == ["AUG", "GUG"]
        assert (len(some), some.names, some.labels.shape) == (2, ("m5U10", "m5U12"), (2, 1))


def test_stack_puts_site_under_site() -> None:
    records = [FastaRecord(s, "", encode(s), 1, "f") for s in ("A", "CAG", "UCAGU")]
    assert [decode(row) for row in stack(records)] == ["NNANN", "NCAGN", "UCAGU"]
    assert stack([]).shape == (0, 1)


@pytest.mark.parametrize("sequence", ["", "AC"])
def test_stack_refuses_even_lengths(sequence: str) -> None:
    record = FastaRecord("w", "", encode(sequence), 3, "f.fa")
    with pytest.raises(DataError, match=r"f.fa, record 'w', line 3: the window is \d nt long"):
        stack([record])


def test_too_many_types_are_refused_before_they_take_memory() -> None:
    window = np.zeros((1, 3), np.uint8)
    types = [Modification(f"x{n}", f"x{n}", "N") for n in range(257)]
    with pytest.raises(DataError, match="257 modifications"):
        merge([WindowSet(window, ("a",), m, 1) for m in types])


def test_identical_agrees_with_a_dictionary() -> None:
    rng = np.random.default_rng(1)
    tokens = rng.integers(0, AMBIGUOUS + 1, size=(300, 3)).astype(np.uint8)
    first, kind = identical(tokens)
    seen: dict[bytes, int] = {}
    expected = [seen.setdefault(row.tobytes(), len(seen)) for row in tokens]
    assert kind.tolist() == expected
    assert (tokens[first][kind] == tokens).all()
    assert (np.diff(first) > 0).all()


def test_the_digest_changes_with_all_that_is_learned_from() -> None:
    windows = merge([window_set("AAUAA CCUCC", PSI, 1), window_set("GGUGA", PSI, 0)])
    (kind,) = windows.modifications
    changes = [
        {"tokens": windows.tokens[:, ::-1]},
        {"tokens": windows.tokens.reshape(5, 3)},
        {"labels": 1 - windows.labels},
        {"negative_set": np.zeros_like(windows.negative_set)},
        {"negative_sets": ("random", "hard")},
        {"modifications": (dataclasses.replace(kind, symbol="Xm"),)},
        {"modifications": (dataclasses.replace(kind, context="UN"),)},
        {"modifications": (dataclasses.replace(kind, context="NU", offset=1),)},
    ]
    found = [dataclasses.replace(windows, **change).digest for change in changes]
    assert len({windows.digest, *found}) == 1 + len(changes)
    renamed = dataclasses.replace(windows, names=("a", "b", "c"), conflicts=2)
    assert renamed.digest == windows.digest == windows.take(slice(None)).digest
