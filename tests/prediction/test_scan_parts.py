"""Finished parts: on disk and back, whole or not there."""

import dataclasses
import json
import shutil

import numpy as np
import pytest

from seeded import SYMBOLS, calling_model, files_in
from tiny import random_tokens
from vqrna.errors import DataError
from vqrna.prediction import Part, Parts, PartStore, make_settings, scan_units
from vqrna.prediction.part_files import PartState, write_part
from vqrna.prediction.parts import Spans
from vqrna.prediction.scoring import score_unit
from vqrna.prediction.source import MemorySource
from vqrna.prediction.tiles import Piece, Unit, cut_units
from vqrna.region import Region
from vqrna.sequence import decode
from vqrna.sites import DTYPES, Sites, flag_names
from vqrna.stats.fdr import PValueCounts
from vqrna.variation.store import VariantStore

PLAN = {
    "vqrna": "1", "command": "c", "units": 1, "shard": [1, 1], "settings": {}, "source": {},
    "model": {"path": None, "hash": "h"}, "sequences": "s", "origins": {}, "repeated_names": 0,
    "inputs": {}, "output": {},
}  # fmt: skip


def part(records=None, **settings) -> Part:
    model = calling_model()
    records = records or {"a": 300, "b|Ψ": 0, "c": 90}
    made = {n: decode(random_tokens(1, k, seed=k)[0]) for n, k in records.items()}
    chosen = make_settings(model.modifications, **settings)
    (unit,) = scan_units(MemorySource(made), model, chosen)
    return score_unit(model, unit, chosen)


def spans(*rows) -> Part:
    """A part that did nothing but scan (name, start, stop, reverse)."""
    columns = (
        [np.array(column) for column in zip(*rows, strict=True)] if rows else [np.array([])] * 4
    )
    made = Spans(columns[0].astype(object), columns[1], columns[2], columns[3].astype(bool))
    counts = PValueCounts(1)
    return Part(Sites.empty(), np.zeros(1, np.int64), counts, made, 0, len(rows), 0)


@pytest.mark.parametrize("settings", [{"all_sites": True}, {}, {"modifications": "Am"}])
def test_a_store_gives_back_what_it_was_given(tmp_path, settings):
    given = part(**settings)
    store = PartStore(tmp_path, "key")
    assert not store.has(0)
    assert store.read(0) is None
    store.write(0, given)
    assert store.has(0)
    found = store.read(0)
    for name in DTYPES:
        np.testing.assert_array_equal(getattr(found.sites, name), getattr(given.sites, name))
        assert getattr(found.sites, name).dtype == getattr(given.sites, name).dtype
    assert found.p_values.to_json() == given.p_values.to_json()
    np.testing.assert_array_equal(found.candidates, given.candidates)
    counts = [(p.nt, p.records, p.empty, p.near_ties, p.tokens) for p in (found, given)]
    assert counts[0] == counts[1]
    assert list(Parts([found]).spans()) == list(Parts([given]).spans())
    assert counts[0][:3] == (390, 3, 1)


def test_every_candidate_is_counted(tmp_path):
    called, every = part(), part(all_sites=True)
    assert len(called.sites) < len(every.sites) == every.candidates.sum()
    for one in (called, every):
        assert one.p_values.candidates.tolist() == one.candidates.tolist()
    assert every.candidates[SYMBOLS.index("Am")] > every.candidates[SYMBOLS.index("m6Am")] > 0


def test_nothing_at_all_is_kept_too(tmp_path):
    store = PartStore(tmp_path, "key")
    store.write(3, part({"n": 0}))
    found = store.read(3)
    assert (len(found.sites), found.records, found.empty) == (0, 1, 1)
    assert list(Parts([store.read(3)]).spans()) == []


@pytest.mark.parametrize("broken", [b"", b"half a part", None])
def test_a_broken_part_is_not_there(tmp_path, broken):
    store = PartStore(tmp_path, "key")
    store.write(0, part())
    (file,) = [p for p in tmp_path.rglob("*") if p.is_file()]
    data = file.read_bytes()
    file.write_bytes(data[: len(data) // 2] if broken is None else broken)
    assert not store.has(0)
    assert store.read(0) is None
    with pytest.raises(DataError, match="part 1 is missing or damaged"):  # join counts from 1, too
        list(Parts([store]))


def test_a_part_belongs_to_its_number_sequences_and_run(tmp_path):
    store = PartStore(tmp_path, "key")
    store.write(0, part(), "abc")
    (file,) = [p for p in tmp_path.rglob("*") if p.is_file()]
    assert store.state(0, "abc") is store.state(0) is PartState.COMPLETE
    assert store.state(0, "abd") is PartState.OTHER
    assert store.state(1, "abc") is PartState.MISSING
    shutil.copy(file, file.with_name("0000001.part"))
    assert store.state(1, "abc") is PartState.OTHER
    assert store.read(1) is None
    other = PartStore(tmp_path, "lock")
    other.write(0, part(), "abc")
    shutil.copy(file, other.directory / file.name)
    assert other.state(0, "abc") is PartState.OTHER


def test_every_bit_of_a_part_counts(tmp_path):
    store = PartStore(tmp_path, "key")
    store.write(0, spans(("a", 0, 10, False)), "abc")
    (file,) = [p for p in tmp_path.rglob("*") if p.is_file()]
    data = file.read_bytes()
    for at in [*range(0, 120), *range(120, len(data), 97)]:
        file.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
        assert store.state(0, "abc") in (PartState.DAMAGED, PartState.OTHER), at
        assert store.read(0) is None


def test_the_digest_of_a_unit_depends_on_all_that_its_result_depends_on():
    tokens = random_tokens(1, 90, seed=1)[0]
    given = Region("t", tokens, 10, 80, 5, False, np.ones(70, bool), {"m6A": np.array([12])}, 3, 4)
    changed_tokens = tokens.copy()
    changed_tokens[40] ^= 1
    wanted = np.ones(70, bool)
    wanted[3] = False
    changes = [
        {"name": "u"},
        {"tokens": changed_tokens},
        {"start": 11, "wanted": np.ones(69, bool)},
        {"stop": 79, "wanted": np.ones(69, bool)},
        {"first": 6},
        {"reverse": True},
        {"wanted": None},
        {"wanted": wanted},
        {"only": {}},
        {"only": {"m6A": np.array([13])}},
        {"only": {"m1A": np.array([12])}},
        {"before": 4},
        {"after": 5},
    ]
    regions = [given, *(dataclasses.replace(given, **change) for change in changes)]
    digests = [Unit(0, (Piece(region, True),)).digest for region in regions]
    digests.append(Unit(0, (Piece(given, False),)).digest)
    digests.append(Unit(0, (Piece(given, True), Piece(given, True))).digest)
    assert len(set(digests)) == len(digests)
    assert Unit(7, (Piece(dataclasses.replace(given), True),)).digest == digests[0]


def test_parts_are_removed_by_number_by_run_or_all(tmp_path):
    one, two = PartStore(tmp_path, "one"), PartStore(tmp_path, "two")
    for store in (one, two):
        for number in range(4):
            store.write(number, spans())
        store.write_plan(PLAN)
    one.drop(lambda number: number % 2 == 0)
    assert [one.has(number) for number in range(4)] == [False, True, False, True]
    assert one.read_plans() == [PLAN]
    one.remove()
    assert [store.key for store in PartStore.list_in(tmp_path)] == ["two"]
    assert all(two.has(number) for number in range(4))


def test_no_part_is_unpickled(tmp_path):
    store = PartStore(tmp_path, "key")
    store.write(0, part())
    (file,) = [p for p in tmp_path.rglob("*") if p.is_file()]
    with file.open("wb") as handle:
        np.savez(handle, names=np.array([{"run": "this"}], dtype=object))
    assert store.read(0) is None
    with pytest.raises(ValueError, match="allow_pickle"):
        write_part(file, "key", 0, "", {"names": np.array([{"run": "this"}], dtype=object)})


def test_stores_are_found_and_cleared(tmp_path):
    for key in ("one", "two"):
        PartStore(tmp_path, key).write(0, part())
    (tmp_path / "mine.tsv").touch()
    assert [store.key for store in PartStore.list_in(tmp_path)] == ["one", "two"]
    PartStore(tmp_path, "two").clear()
    assert files_in(tmp_path) == ["mine.tsv"]


def test_a_plan_is_kept_and_a_broken_one_told(tmp_path):
    store = PartStore(tmp_path, "key")
    assert store.read_plans() == []
    for shard in (10, 2, 1, 2):
        store.write_plan(PLAN | {"units": shard}, shard)
    assert [plan["units"] for plan in store.read_plans()] == [1, 2, 10]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{", "Expecting"),
        ("5", "not a JSON object"),
        ("{}", "vqrna: is missing"),
        (json.dumps({**PLAN, "shard": [1]}), "shard: List should have at least 2"),
        (json.dumps({**PLAN, "model": {"path": None}}), "model.hash: is missing"),
        (json.dumps({**PLAN, "units": "2"}), "units: must be a whole number"),
    ],
)
def test_a_damaged_plan_is_reported(tmp_path, text, problem):
    store = PartStore(tmp_path, "key")
    store.write_plan(PLAN)
    (path,) = store.directory.iterdir()
    path.write_text(text)
    message = rf"{path.name}: invalid plan of a shard \({problem}.*\): run the shard again"
    with pytest.raises(DataError, match=message):
        store.read_plans()


def test_a_damaged_plan_of_variants_is_reported(tmp_path):
    store = VariantStore(tmp_path, "key")
    store.write_plan(PLAN)
    with pytest.raises(DataError, match=r"invalid plan of a shard \(vcf: is missing\)"):
        store.read_plans()


def test_spans_of_one_sequence_are_put_together():
    first = spans(("a", 0, 10, False), ("a", 10, 14, False), ("b", 0, 5, False))
    second = spans(("b", 5, 9, False), ("b", 0, 3, False), ("c", 20, 30, True), ("c", 15, 20, True))
    third = spans(("c", 10, 15, False))
    assert list(Parts([first, second, third]).spans()) == [
        ("a", 0, 14, False),
        ("b", 0, 9, False),
        ("b", 0, 3, False),  # another of the same name
        ("c", 15, 30, True),
        ("c", 10, 15, False),
    ]
    assert list(Parts([spans()]).spans()) == []


def test_what_is_between_the_wanted_positions_does_not_count():
    model = calling_model()
    chosen = make_settings(model.modifications, all_sites=True)
    tokens = random_tokens(1, 200, seed=1)[0]
    wanted = np.zeros(100, dtype=bool)
    wanted[:10] = wanted[50:70] = True
    region = Region("chr", tokens, 60, 160, 1000, False, wanted)
    (unit,) = cut_units([region], 35, 35)
    found = score_unit(model, unit, chosen)
    assert (unit.nt, unit.wanted, found.nt) == (100, 30, 30)
    assert set(found.sites.position.tolist()) <= {*range(1000, 1010), *range(1050, 1070)}
    assert found.candidates.sum() == len(found.sites) == found.p_values.candidates.sum()


def test_a_type_may_be_looked_for_in_some_places_alone():
    model = calling_model()
    chosen = make_settings(model.modifications, all_sites=True, modifications="m6A,Psi")
    tokens = np.zeros(90, dtype=np.uint8)  # A throughout
    region = Region("t", tokens, 0, 90, 0, False, None, {"m6A": np.array([3, 40])})
    (unit,) = cut_units([region], 35, 35)
    assert score_unit(model, unit, chosen).sites.position.tolist() == [3, 40]


def test_the_reverse_strand_counts_down():
    model = calling_model()
    chosen = make_settings(model.modifications, all_sites=True)
    tokens = random_tokens(1, 120, seed=2)[0]
    ahead = Region("chr", tokens, 20, 100, 500)
    back = Region("chr", tokens, 20, 100, 579, True)
    parts = [score_unit(model, next(cut_units([s], 35, 35)), chosen) for s in (ahead, back)]
    places = [p.sites.position for p in parts]
    assert (places[1] == 1079 - places[0]).all()
    assert (parts[0].sites.score == parts[1].sites.score).all()
    assert [list(Parts([p]).spans()) for p in parts] == [
        [("chr", 500, 580, False)],
        [("chr", 500, 580, True)],
    ]


def test_what_was_cut_out_of_a_long_sequence_is_not_short():
    model = calling_model()
    chosen = make_settings(model.modifications, all_sites=True)
    tokens = random_tokens(1, 60, seed=3)[0]
    flags = {}
    for name, before in (("alone", 0), ("within", 5000)):
        region = Region("chr", tokens, 40, 60, 5040, before=before)
        (unit,) = cut_units([region], 35, 35)
        flags[name] = set(flag_names(score_unit(model, unit, chosen).sites.flags))
    assert flags == {"alone": {"short,end,edge"}, "within": {"end,edge"}}
