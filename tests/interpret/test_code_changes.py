"""Changed codes are those of both windows; their effects are those of the network."""

import json

import numpy as np
import pandas as pd
import pytest

from seeded import calling_model, files_in, letters, write_fasta
from vqrna import DataError, UsageError, code_changes
from vqrna.interpret.code_changes import COLUMNS, parse_edits
from vqrna.interpret.code_types import code_types, shipped_atlas
from vqrna.interpret.codes import read_codes
from vqrna.model.weights import load_model, save_model
from vqrna.sequence import encode, windows_around

TEXT = letters(160, 3)
CODES = 64


def change(position, new=None):
    """A substitution at a position (from 1)."""
    old = TEXT[position - 1]
    return f"{old}{position}{new or 'ACGU'[('ACGU'.index(old) + 1) % 4]}"


def replaced(edits):
    out = list(TEXT)
    for old, position, new in parse_edits(edits):
        assert out[position - 1] == old
        out[position - 1] = new
    return "".join(out)


@pytest.mark.parametrize("places", [(80,), (70, 95), (60, 61, 62)], ids=str)
def test_the_table_equals_the_codes_of_both_windows(places):
    model, site = calling_model(), 81
    edits = [change(place) for place in places]
    result = code_changes({"s": TEXT}, "m6A", site, edits, model=model)
    pair = np.concatenate([
        windows_around(encode(x), np.array([site - 1]), model.length)
        for x in (TEXT, replaced(edits))
    ])  # fmt: skip
    coded = read_codes(model, pair)
    differs = np.flatnonzero(coded.codes[0] != coded.codes[1])
    assert len(differs)
    table = result.table
    assert tuple(table.columns) == COLUMNS
    assert table.token.tolist() == differs.tolist()
    assert table.ref_code.tolist() == coded.codes[0, differs].tolist()
    assert table.alt_code.tolist() == coded.codes[1, differs].tolist()
    scores = model.calibration.log_odds(coded.logits)[:, 1]
    assert (result.ref_log_odds, result.alt_log_odds) == pytest.approx(tuple(scores))
    for row in table.itertuples():
        inside = [e for e, p in zip(edits, places, strict=True) if row.start <= p <= row.stop]
        assert row.edits.split(",") == inside  # a token that sees no edit does not change
        assert row.stop - row.start + 1 == coded.layout.reach
        assert (row.at_site == "yes") == (row.start <= site <= row.stop)
    if len(table) == 1:
        assert table.effect[0] == pytest.approx(result.alt_log_odds - result.ref_log_odds, abs=1e-4)


def test_one_changed_code_has_the_whole_effect():
    model = calling_model()
    for place in (*range(46, 60), *range(102, 117)):  # few tokens see the ends of a window
        result = code_changes({"s": TEXT}, "Psi", 81, change(place), model=model)
        if len(result.table) == 1:
            whole = result.alt_log_odds - result.ref_log_odds
            assert result.table.effect[0] == pytest.approx(whole, abs=1e-4)
            return
    pytest.fail("no edit changes a single code")


def test_the_inverse_edit_exchanges_the_codes():
    model = calling_model()
    there = code_changes({"s": TEXT}, "m6A", 81, change(80), model=model)
    old, place, new = parse_edits(change(80))[0]
    changed = replaced(change(80))
    back = code_changes({"s": changed}, "m6A", 81, f"{new}{place}{old}", model=model)
    assert there.table.ref_code.tolist() == back.table.alt_code.tolist()
    assert there.table.alt_code.tolist() == back.table.ref_code.tolist()
    assert there.ref_log_odds == pytest.approx(back.alt_log_odds)


def test_an_edit_outside_the_window_changes_nothing():
    result = code_changes({"s": TEXT}, "m6A", 81, change(3), model=calling_model())
    assert len(result.table) == 0
    assert result.ref_log_odds == result.alt_log_odds
    assert result.plot().axes


def test_a_site_whose_base_is_edited_is_named():
    a = TEXT.index("A", 60) + 1
    model = calling_model()
    kept = code_changes({"s": TEXT}, "m6A", a, change(a - 2), model=model)
    assert kept.summary.endswith(f"{kept.alt_log_odds:.2f}")
    lost = code_changes({"s": TEXT}, "m6A", a, f"A{a}G", model=model)
    assert lost.summary.endswith("(not m6A: its base or context is missing after the edits)")
    back = code_changes({"s": TEXT[: a - 1] + "G" + TEXT[a:]}, "m6A", a, f"G{a}A", model=model)
    assert "missing before the edits" in back.summary


def atlas_table(codes=CODES):
    order = np.random.default_rng(0).permutation(codes)
    return pd.DataFrame({
        "code": order, "reads": [f"R{k}" for k in order],
        "type": ["m6A" if k % 2 else "" for k in order],
        "log_odds_site": [k / 10 if k % 2 else "" for k in order],
    })  # fmt: skip


def test_types_are_those_of_an_atlas(tmp_path):
    path = tmp_path / "codebook.tsv"
    atlas_table().to_csv(path, sep="\t", index=False)
    result = code_changes({"s": TEXT}, "m6A", 81, change(80), model=calling_model(), atlas=path)
    for row in result.table.itertuples():
        assert row.ref_reads == f"R{row.ref_code}"
        assert row.alt_type == ("m6A" if row.alt_code % 2 else "")
        if row.ref_code % 2:
            assert row.ref_log_odds == row.ref_code / 10
        else:
            assert np.isnan(row.ref_log_odds)
    unknown = code_changes({"s": TEXT}, "m6A", 81, change(80), model=calling_model())
    assert set(unknown.table.ref_type) == {""}
    assert unknown.atlas == ""


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (atlas_table().iloc[1:], "of another codebook: the model has the codes 0 to 63"),
        (atlas_table().drop(columns="type"), "has no column 'type'"),
        (pd.concat([atlas_table().iloc[:1]] * CODES), "of another codebook"),
    ],
    ids=["short", "column", "repeated"],
)
def test_other_tables_are_refused(tmp_path, table, words):
    path = tmp_path / "x.tsv"
    table.to_csv(path, sep="\t", index=False)
    with pytest.raises(DataError, match=words):
        code_types(CODES, "", path)
    with pytest.raises(DataError, match="no such file"):
        code_types(CODES, "", tmp_path / "none.tsv")


def test_the_shipped_atlas_has_every_code_of_the_shipped_model():
    model = load_model(device="cpu")
    data = shipped_atlas(model.hash)
    codes = len(model.network.quantizer.codebook)
    types = code_types(codes, model.hash)
    assert len(types.symbols) == len(types.reads) == codes == len(data["usage"])
    assert set(types.symbols) <= {"", *(m.symbol for m in model.modifications)}
    assert shipped_atlas("another") is None


@pytest.mark.parametrize(
    ("error", "words", "edits"),
    [
        (UsageError, "invalid edit '81G'", "81G"),
        (UsageError, "replaces a base by itself", "A81A"),
        (UsageError, "position 5 is edited twice", "A5C,A5G"),
        (UsageError, "invalid edit ''", ""),
        (DataError, "beyond the end", "A999C"),
        (DataError, "the base at 80 is", None),
    ],
)
def test_invalid_edits_are_one_line(error, words, edits):
    if edits is None:
        edits = f"{'A' if TEXT[79] != 'A' else 'C'}80G"
    with pytest.raises(error) as caught:
        code_changes({"s": TEXT}, "m6A", 81, edits, model=calling_model())
    assert words in str(caught.value)


def test_the_command_writes_table_and_picture(vqrna_main, tmp_path):
    save_model(calling_model(), tmp_path / "m.safetensors")
    fasta = write_fasta(tmp_path / "in.fa", {"a": TEXT, "b": TEXT})
    words = ["mutate", fasta, "-m", "m6A", "-p", "81", "-e", change(80).lower(), "--device", "cpu"]
    words += ["--model", tmp_path / "m.safetensors", "--out", tmp_path / "out"]
    done = vqrna_main(*words)
    assert done.code == 2
    assert "select one with --sequence NAME" in done.err
    assert not (tmp_path / "out").exists()
    done = vqrna_main(*words, "--sequence", "b")
    assert done.code == 0, done.err
    names = ["code_changes.png", "code_changes.svg", "code_changes.tsv", "run.json"]
    assert files_in(tmp_path / "out") == names
    table = pd.read_csv(tmp_path / "out" / "code_changes.tsv", sep="\t")
    record = json.loads((tmp_path / "out" / "run.json").read_text())
    assert record["changed"] == len(table) > 0
    assert f"{len(table)} of {record['codes']} codes change" in done.out
