"""Which sites are looked at."""

import dataclasses

import numpy as np
import pytest

import vqrna
from seeded import LENGTH, calling_model, letters, write_fasta
from tiny import fresh, planted, tiny
from vqrna.errors import DataError, UsageError
from vqrna.interpret.site_selection import (
    called_sites,
    central_sites,
    choose_sites,
    labelled_sites,
    top_sites,
)
from vqrna.modifications import modifications
from vqrna.sequence import centre, decode, encode
from vqrna.stats.scan_calibration import ScanCalibration


@pytest.fixture
def fasta(tmp_path):
    records = {"a": letters(300, 1), "b": letters(120, 2), "empty": ""}
    return write_fasta(tmp_path / "in.fa", records)


def test_called_sites_are_those_of_predict(fasta):
    model = calling_model()
    found = called_sites(model, fasta, confidence="low")
    told = vqrna.predict(fasta, model=model, confidence="low").sites
    labels = [
        (name, position + 1, m.symbol)
        for name, position, row in zip(found.names, found.positions, found.labels, strict=True)
        for m, label in zip(found.modifications, row, strict=True)
        if label == 1
    ]
    assert sorted(labels) == sorted(
        zip(told.sequence, told.position, told.modification, strict=True)
    )
    assert found.called
    record = {"a": letters(300, 1), "b": letters(120, 2)}
    for name, position, window in zip(found.names, found.positions, found.tokens, strict=True):
        assert decode(window)[centre(LENGTH)] == record[name][position]


def test_models_without_tiers_call_from_half(fasta):
    seeded = calling_model()
    none = ScanCalibration.none(len(seeded.modifications))
    model = dataclasses.replace(seeded, scan_calibration=none)
    found = called_sites(model, fasta, modifications="Am")
    tokens = encode(letters(300, 1))
    scores = model.score(model.scan(tokens))[:, 0]
    wanted = np.flatnonzero((scores >= 0.5) & (tokens == 0))
    assert found.positions[np.array(found.names) == "a"].tolist() == wanted.tolist()


def test_nothing_called_is_told(tmp_path):
    path = write_fasta(tmp_path / "g.fa", {"g": "GGGG" * 30})
    with pytest.raises(DataError, match="no site of Am is called"):
        called_sites(calling_model(), path, modifications="Am")


def test_records_as_windows(tmp_path):
    path = write_fasta(tmp_path / "w.fa", {"x": "ACGUA", "y": "CCGCC" + "A" * 4})
    found = central_sites(path, 7, modifications(["Am"]))
    assert [decode(w) for w in found.tokens] == ["NACGUAN", "CGCCAAA"]
    assert found.positions.tolist() == [2, 4]
    with pytest.raises(DataError, match="odd length"):
        central_sites(write_fasta(tmp_path / "e.fa", {"x": "ACGU"}), 7, ())


def test_labelled_windows():
    windows = planted(n=8, symbols=("Am", "Cm"))
    found = labelled_sites(windows)
    assert len(found) == 16
    assert not found.called
    assert (found.positions == 25).all()


def test_the_likeliest_come_first():
    model = fresh(tiny(), ("Am", "Cm"))
    sites = labelled_sites(planted(n=20, symbols=("Am", "Cm")))
    cm = modifications(["Cm"])[0]
    found = top_sites(model, sites, cm, 4)
    logits = model.logits(sites.tokens)[:, 1]
    best = np.sort(logits[sites.labels[:, 1] == 1])[::-1][:4]
    assert model.logits(found.tokens)[:, 1] == pytest.approx(best)
    with pytest.raises(DataError, match="no sites of Cm"):
        top_sites(model, sites.take(np.flatnonzero(sites.labels[:, 1] != 1)), cm, 4)


def test_windows_whose_base_cannot_carry_the_type_are_left_out(tmp_path):
    model = fresh(tiny(), ("Am", "Cm"))
    am, cm = modifications(["Am", "Cm"])
    flank = letters(25, 3)
    given = {"a": flank + "A" + flank, "g": flank + "G" + flank}
    path = write_fasta(tmp_path / "w.fa", given)
    sites = central_sites(path, model.length, (am, cm))
    told = []
    assert top_sites(model, sites, am, 4, told.append).names == ("a",)
    assert told == ["1 window that cannot carry the modification in the centre: left out"]
    with pytest.raises(DataError, match=r"can carry Cm \(C\)"):
        top_sites(model, sites, cm, 4)


def test_exactly_one_source(fasta):
    for given in ((None, None), (fasta, fasta.parent)):
        with pytest.raises(UsageError, match="either"):
            choose_sites(calling_model(), *given)
    with pytest.raises(UsageError, match="data must be a path, not int"):
        choose_sites(calling_model(), data=5)
    with pytest.raises(UsageError, match="surely"):
        choose_sites(calling_model(), fasta, None, confidence="surely")


def test_rows_are_taken_by_mask_and_by_index():
    sites = labelled_sites(planted(n=8, symbols=("Am",)))
    mask = np.arange(len(sites)) % 2 == 1
    by_mask, by_index = sites.take(mask), sites.take(np.flatnonzero(mask)[::-1])
    assert by_mask.names == sites.names[1::2] == by_index.names[::-1]
    assert np.array_equal(by_mask.tokens, sites.tokens[mask])
    assert np.array_equal(by_mask.positions, sites.positions[mask])
