"""Many short records: little work for each, repeated ones evaluated once, the same results."""

import time

import numpy as np
import pandas as pd
import pytest

from seeded import LENGTH, letters, write_fasta
from tiny import random_tokens
from vqrna.prediction import make_settings, predict, predict_files, short_sequences, tiles
from vqrna.prediction.piece_batch import PieceBatch, group_pieces
from vqrna.prediction.short_sequences import Outputs, ShortSequences, spread
from vqrna.prediction.tiles import Piece, cut_units
from vqrna.region import Region
from vqrna.sequence import encode


def repeated(records: int, different: int, length: int = 5) -> list[tuple[str, str]]:
    """Records of a few sequences, in an order that is not that of their first use."""
    texts = [letters(length, seed=i) for i in range(different)]
    return [(f"r{i}", texts[7 * i % different]) for i in range(records)]


@pytest.fixture
def evaluated(monkeypatch, model):
    """Numbers of columns that the network evaluates."""
    columns = []
    scan = type(model).scan_batch

    def counting(self, tokens, *more, **options):
        columns.append(tokens.size)
        return scan(self, tokens, *more, **options)

    monkeypatch.setattr(type(model), "scan_batch", counting)
    return columns


@pytest.mark.parametrize("piece", [tiles.PIECE, 300])
@pytest.mark.parametrize("remembered", [tiles.REMEMBERED, 40])
def test_each_record_has_the_sites_that_it_has_alone(model, monkeypatch, piece, remembered):
    monkeypatch.setattr(tiles, "PIECE", piece)
    monkeypatch.setattr(tiles, "REMEMBERED", remembered)
    monkeypatch.setattr(short_sequences, "REMEMBERED", remembered)
    records = [*repeated(60, 9), ("long", letters(400)), ("none", ""), *repeated(30, 5, 60)]
    records += [("n", "NNN"), ("one", "A"), ("adapter", "AGAUCGGAAGAGC" * 3)]
    sites = predict(records, model=model, all_sites=True, jobs=2).sites
    alone = [predict([record], model=model, all_sites=True).sites for record in records]
    expected = pd.concat(alone, ignore_index=True).drop(columns="q_value")
    pd.testing.assert_frame_equal(sites.drop(columns="q_value"), expected)
    assert len(sites) > 1000


def test_repeated_records_are_evaluated_once(model, evaluated):
    once = predict(repeated(40, 40), model=model)
    columns = sum(evaluated)
    assert 40 * (5 + LENGTH // 2) < columns < 40 * (5 + LENGTH)
    evaluated.clear()
    often = predict(repeated(3000, 40), model=model, jobs=1)
    assert sum(evaluated) == columns
    assert often.records == 3000
    assert often.near_ties[1] == 75 * once.near_ties[1]


def test_other_units_use_what_was_evaluated(model, evaluated, monkeypatch):
    monkeypatch.setattr(tiles, "PIECE", 1000)
    predict(repeated(500, 3), model=model, jobs=1)
    assert len(evaluated) == 1


def test_a_record_costs_less_than_some_operations_on_short_arrays(model, tmp_path):
    """From file to file: nothing may be done record by record that can be done for many."""
    settings = make_settings(model.modifications)

    def seconds(records: int) -> float:
        fasta = write_fasta(tmp_path / f"{records}.fa", dict(repeated(records, 50)))
        out = tmp_path / f"out{records}"
        start = time.process_time()
        predict_files([fasta], out, model, settings, jobs=1, show_progress=False)
        return time.process_time() - start

    def operations(count: int) -> float:
        x = np.arange(5.0)
        start = time.process_time()
        for _ in range(count):
            np.where(x > 2, x, 0.0)
        return time.process_time() - start

    seconds(100)  # what is made on first use
    few, many = (min(seconds(n + i) for i in range(3)) for n in (500, 10_500))
    assert many - few < min(operations(10_000 * 60) for _ in range(3))


def test_pieces_side_by_side_do_not_see_each_other(model):
    texts = ["GGC", "A", "", "GCA", "CA", "A"]
    pieces = [Piece(Region.whole("x", encode(text)), opens=True) for text in texts]
    batch = PieceBatch.of(pieces, model.modifications)
    assert len(batch.at) == sum(map(len, texts))
    assert batch.tokens[batch.at].tolist() == encode("".join(texts)).tolist()
    together = batch.candidates(model.modifications)
    alone = [PieceBatch.of([piece], model.modifications) for piece in pieces]
    expected = np.concatenate([each.candidates(model.modifications) for each in alone])
    assert (together == expected).all()
    k = [m.symbol for m in model.modifications].index("m6Am")
    assert np.flatnonzero(together[:, k]).tolist() == [6]  # of GCA only, not of CA after GGC


def test_groups_of_pieces_are_bounded(monkeypatch):
    regions = [Region.whole("x", random_tokens(1, n)[0]) for n in (30, 60, 20, 1, 0, 100)]
    (unit,) = cut_units(regions, 0, 0)
    monkeypatch.setattr(tiles, "PIECE", 100)
    counts = [[piece.count for piece in group] for group in group_pieces(unit.pieces)]
    assert counts == [[30, 60], [20, 1, 0], [100]]


def test_a_full_store_forgets_all(monkeypatch):
    monkeypatch.setattr(short_sequences, "REMEMBERED", 10)
    store = ShortSequences(2)

    def outputs(*values: float) -> Outputs:
        made = Outputs.empty(len(values), 2)
        made.logits[:] = np.array(values)[:, None]
        return made

    store.add([b"ab", b"c"], outputs(1, 2, 3))
    known, recalled = store.recall([b"c", b"x", b"ab"])
    assert known.tolist() == [True, False, True]
    assert recalled.logits[:, 1].tolist() == [3, 1, 2]
    store.add([b"0123456789ab"], outputs(*range(12)))  # longer than all that it holds
    assert store.recall([b"c", b"0123456789ab"])[0].tolist() == [True, False]
    store.add([b"01234567"], outputs(*range(8)))
    assert store.recall([b"c", b"ab", b"01234567"])[0].tolist() == [False, False, True]


def test_ranges_one_after_the_other():
    assert spread(np.array([5, 0, 9]), np.array([2, 0, 3])).tolist() == [5, 6, 9, 10, 11]
