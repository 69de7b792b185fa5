"""From sequences in memory, or in files, to a table in memory."""

import gzip

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import vqrna
from seeded import LENGTH, calling_model, letters, write_fasta
from vqrna.data.fasta import FastaRecord
from vqrna.errors import DataError
from vqrna.model.weights import save_model
from vqrna.prediction import predict
from vqrna.sequence import encode, windows_around
from vqrna.sites import COLUMNS
from vqrna.stats.tiers import EDGE


def table(sequences, model, **settings) -> pd.DataFrame:
    return predict(sequences, model=model, **settings).sites


def test_the_same_sequences_in_any_form_give_the_same_sites(model, tmp_path):
    sequences = {"one": letters(300), "two": letters(80, seed=1)}
    expected = predict(sequences, model=model)
    assert len(expected.sites) > 2
    assert (expected.records, expected.nt, expected.path) == (2, 380, None)
    file = write_fasta(tmp_path / "a.fa", sequences)
    zipped = tmp_path / "a.fa.gz"
    zipped.write_bytes(gzip.compress(file.read_bytes()))
    halves = [write_fasta(tmp_path / name, {name: sequences[name]}) for name in sequences]
    records = [FastaRecord(name, "", encode(text), 1, "") for name, text in sequences.items()]
    for form in (file, str(file), zipped, [file], halves, records, iter(records)):
        found = predict(form, model=model)
        pd.testing.assert_frame_equal(found.sites, expected.sites)
        pd.testing.assert_frame_equal(found.summary, expected.summary)


def test_a_model_may_be_a_path(model, tmp_path):
    save_model(model, tmp_path / "m.safetensors")
    sequences = {"a": letters(200)}
    by_path = table(sequences, str(tmp_path / "m.safetensors"), device="cpu")
    pd.testing.assert_frame_equal(by_path, table(sequences, model))


def test_it_is_the_public_name(model):
    assert vqrna.predict is predict


@pytest.mark.parametrize("length", [1, 2, 7, 25, 26, 35, 36, 70, 71, 72, 141, 1200])
def test_every_score_is_that_of_the_window_around_the_site(model, length):
    text = letters(length, seed=length, ambiguous=0.03)
    tokens = encode(text)
    found = table({"a": text}, model, all_sites=True)
    site = found["position"].to_numpy() - 1
    symbols = [m.symbol for m in model.modifications]
    kind = found["modification"].map(symbols.index).to_numpy(int)
    logits = model.logits(windows_around(tokens, site, LENGTH))
    score = model.score(logits)[np.arange(len(found)), kind]
    # This model's slope stretches small differences of large logits, and their rounding with them
    np.testing.assert_allclose(found["score"], score, atol=5e-5)
    assert [text[s] for s in site] == found["base"].tolist()
    expected = [
        (position + 1, m.symbol)
        for position in range(length)
        for m in model.modifications
        if m.candidates(tokens)[position]
    ]
    assert list(zip(found["position"], found["modification"], strict=True)) == expected


def test_scores_differ_from_site_to_site(model):
    """Else the comparison with windows would say nothing."""
    found = table({"a": letters(1200)}, model, all_sites=True, modifications="Am")
    assert found["score"].std() > 0.1
    assert found["score"].round(4).nunique() > 100


def test_every_form_of_sequences_has_the_same_sites(model):
    text = letters(300)
    expected = table({"sequence": text}, model, all_sites=True)
    for given in (text, [("sequence", text)], pd.Series({"sequence": text})):
        pd.testing.assert_frame_equal(table(given, model, all_sites=True), expected)


def test_the_documentation_of_predict_lists_the_columns():
    lines = [line for line in vqrna.predict.__doc__.splitlines() if "- ``" in line]
    assert tuple(line.split("``")[1] for line in lines) == COLUMNS


def test_columns_and_their_kinds(model):
    for sequences in ({"a": letters(400)}, {"a": ""}, {}):
        found = table(sequences, model)
        assert tuple(found.columns) == COLUMNS
        assert found["position"].dtype == np.int64
        assert {found[c].dtype.kind for c in ("score", "probability", "p_value", "q_value")} == {
            "f"
        }


def test_candidates_follow_the_rule_of_the_type(model):
    found = table({"a": "CAGCACCAACAUBCATCAn"}, model, all_sites=True)
    of_type = found.groupby("modification")["position"].apply(list)
    assert of_type["Am"] == of_type["m6A"] == [2, 5, 8, 9, 11, 15, 18]
    assert of_type["m6Am"] == [5, 8, 18]  # not at 2, before which nothing stands; not after B
    assert of_type["Psi"] == [12, 16]


@pytest.mark.parametrize(
    ("text", "positions"), [("CA", []), ("A", []), ("BCA", []), ("GCA", [3]), ("ACA", [])]
)
def test_m6am_needs_its_whole_context(model, text, positions):
    found = table({"a": text}, model, all_sites=True, modifications="m6Am")
    assert found["position"].tolist() == positions


def test_case_and_t_for_u_make_no_difference(model):
    text = letters(150)
    expected = table({"a": text}, model, all_sites=True)
    for other in (text.lower(), text.replace("U", "T"), f"{text[:70]}\n {text[70:]}\n"):
        pd.testing.assert_frame_equal(table({"a": other}, model, all_sites=True), expected)
    assert set(expected["base"]) == {"A", "U"}


def test_flags_tell_what_is_unusual(model):

    def flags(text):
        """Give the flags of 1-based positions."""
        found = table({"a": text}, model, all_sites=True, modifications="Am")
        return found.set_index("position")["warnings"]

    half = LENGTH // 2
    long = flags("A" * 200 + "N" + "A" * 200)
    assert set(long.loc[:EDGE]) == set(long.loc[401 - EDGE + 1 :]) == {"end,edge"}
    assert set(long.loc[EDGE + 1 : half]) == {"end"}
    assert set(long.loc[401 - half + 1 : 401 - EDGE]) == {"end"}
    assert set(long.loc[201 - half : 201 + half]) == {"ambiguous"}
    assert set(long.loc[half + 1 : 201 - half - 1]) == {""}
    assert set(long.loc[201 + half + 1 : 401 - half]) == {""}

    short = flags("AN" + "A" * 68)
    assert len(short) == LENGTH - 2
    assert all(flag.startswith("short,end") for flag in short)
    assert [at for at, flag in short.items() if not flag.endswith("ambiguous")] == [
        *range(2 + half + 1, 71)
    ]
    window = flags("A" * LENGTH)
    assert [at for at, flag in window.items() if flag == ""] == [half + 1]


def test_empty_and_repeated_records(model):
    text = letters(120)
    file = [
        FastaRecord("x", "", encode(t), 1, "") for t in (text, "", "NNNN", text, "CCGG")
    ]  # fmt: skip
    found = predict(file, model=model, all_sites=True)
    alone = table({"x": text}, model, all_sites=True)
    pd.testing.assert_frame_equal(found.sites, pd.concat([alone, alone], ignore_index=True))
    assert (found.records, found.nt) == (5, 248)


def test_no_sequence_at_all(model):
    found = predict({}, model=model)
    assert found.sites.empty
    assert found.summary["candidates"].tolist() == [0] * 4
    assert found.summary["calls_per_kb"].tolist() == [0.0] * 4


@pytest.mark.parametrize("cuts", [{"PIECE": 64}, {"TILE": 50}, {"PIECE": 1}], ids=str)
def test_pieces_make_no_difference(model, monkeypatch, cuts):
    sequences = {"a": letters(300, ambiguous=0.02), "b": letters(20), "c": letters(65)}
    expected = predict(sequences, model=model, all_sites=True)
    for name, value in cuts.items():
        monkeypatch.setattr(f"vqrna.prediction.tiles.{name}", value)
    found = predict(sequences, model=model, all_sites=True)
    ranks = ["p_value", "q_value"]  # and the rank may be the next one
    smooth = found.sites.drop(columns=ranks)
    pd.testing.assert_frame_equal(smooth, expected.sites[smooth.columns], atol=1e-5, rtol=0)
    np.testing.assert_allclose(found.sites[ranks], expected.sites[ranks], rtol=0.03)
    pd.testing.assert_frame_equal(found.summary, expected.summary)
    assert found.nt == expected.nt == 385


def test_a_long_sequence_costs_no_more_than_its_length(model, monkeypatch):
    """Each row is evaluated with half a window to either side, and nothing else."""
    monkeypatch.setattr("vqrna.prediction.tiles.PIECE", 256)
    seen = []
    scan = type(model).scan_batch

    def counting(self, tokens, *more, **options):
        seen.append(tokens.shape)
        return scan(self, tokens, *more, **options)

    monkeypatch.setattr(type(model), "scan_batch", counting)
    predict({"a": letters(1000)}, model=model)
    assert seen == [(1, 256 + LENGTH - 1)] * 4


def test_q_values_are_those_of_all_candidates_of_the_type(model):
    """Benjamini and Hochberg, by another program, on what all sites show."""
    sequences = {"a": letters(3000), "b": letters(500, seed=4)}
    every = table(sequences, model, all_sites=True)
    for _, of_type in every.groupby("modification"):
        expected = stats.false_discovery_control(of_type["p_value"])
        np.testing.assert_allclose(of_type["q_value"], expected, rtol=1e-3)
    called = table(sequences, model)
    both = called.merge(every, on=["sequence", "position", "modification"])
    assert len(both) == len(called) > 10
    pd.testing.assert_series_equal(both["q_value_x"], both["q_value_y"], check_names=False)


@pytest.mark.parametrize("all_sites", [False, True])
def test_a_false_discovery_rate_is_a_filter(model, all_sites):
    sequences = {"a": letters(3000)}
    every = table(sequences, model, all_sites=all_sites, confidence="low")
    rate = float(every["q_value"].quantile(0.3))
    found = predict(sequences, model=model, all_sites=all_sites, confidence="low", fdr=rate)
    passed = every["q_value"] <= rate
    if all_sites:
        assert len(found.sites) == len(every)
        assert (found.sites.loc[~passed, "call"] == "").all()
        pd.testing.assert_series_equal(found.sites["q_value"], every["q_value"])
    else:
        left = every[passed].reset_index(drop=True)
        pd.testing.assert_frame_equal(found.sites, left)
        assert 0 < len(left) < len(every)
    assert found.summary["called"].sum() == (every["call"][passed] != "").sum()


def test_a_rate_that_no_null_can_show_is_told(model):
    found = predict({"a": letters(3000)}, model=model, fdr=1e-9)
    of_types = [words for words in found.unreachable if "a null of" in words]
    assert len(of_types) == 4
    assert all("--fdr 1e-09 filters out everything" in words for words in of_types)
    assert predict({"a": letters(3000)}, model=model, fdr=1.0).unreachable == ()
    assert predict({"a": letters(3000)}, model=model).unreachable == ()


def test_a_wrong_letter_is_told_with_its_record(model):
    with pytest.raises(DataError, match=r"record 'b': 'E' at position 3"):
        predict({"a": "ACGU", "b": "ACE"}, model=model)


def test_a_missing_file_is_told(model, tmp_path):
    with pytest.raises(DataError, match=r"no\.fa: no such file"):
        predict(tmp_path / "no.fa", model=model)


def test_the_same_call_gives_the_same_numbers(model):
    sequences = {"a": letters(500)}
    first = table(sequences, model, all_sites=True)
    pd.testing.assert_frame_equal(table(sequences, model, all_sites=True), first, check_exact=True)


def test_another_model_gives_other_numbers(model):
    sequences = {"a": letters(500)}
    other = table(sequences, calling_model(1), all_sites=True)
    assert not np.allclose(other["score"], table(sequences, model, all_sites=True)["score"])
