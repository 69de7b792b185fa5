"""A genome from files to files: the same rows in folder and stream, all columns without rows."""

import os

import pandas as pd
import pyarrow.parquet as pq
import pytest
from toy_genome import gtf, write, write_genome

from seeded import calling_model, files_in, letters, read_table
from vqrna.errors import DataError
from vqrna.genome import open_genome
from vqrna.model.weights import load_model, save_model
from vqrna.prediction import Output, Shard, join, make_settings, predict_files, tiles
from vqrna.sequence import centre

GENES = {
    "T1": ("G", "one", "+", [(40, 200), (260, 420)]),
    "T2": ("G", "one", "+", [(100, 200), (260, 300)]),
    "T3": ("H", "one", "-", [(30, 90), (150, 380)]),
}


@pytest.fixture
def opened(tmp_path):
    genome = write_genome(tmp_path, {"one": letters(500, seed=3).replace("U", "T")}, 60)
    annotation = write(tmp_path, "a.gtf", gtf(GENES))

    def call(context="genome"):
        return open_genome(
            genome,
            annotation=annotation,
            context=context,
            flank=centre(calling_model().length),
            modifications=calling_model().modifications,
        )

    return call


def work(source, out, formats=("tsv",), **settings):
    model = calling_model()
    chosen = make_settings(model.modifications, **settings)
    output = Output(formats, by_transcript=str(out) != "-")
    return predict_files(source, out, model, chosen, output=output, show_progress=False)


@pytest.mark.parametrize("context", ["genome", "transcript"])
def test_standard_output_holds_the_rows_of_the_main_table(opened, tmp_path, capsys, context):
    done = work(opened(context), tmp_path, all_sites=True)
    expected = read_table(done.path.read_text())
    streamed = work(opened(context), "-", all_sites=True)
    found = read_table(capsys.readouterr().out)
    assert set(found.pop("q_value")) == {"nan"}
    pd.testing.assert_frame_equal(found, expected.drop(columns="q_value"), check_exact=True)
    assert set(found["strand"]) == {"+", "-"}
    assert (streamed.in_genome, streamed.repeated_names) == (True, 0)


@pytest.mark.parametrize("name", ["transcripts.tsv", "scanned.bed", "run.json"])
def test_files_appear_together_or_not_at_all(opened, tmp_path, name):
    work(opened(), tmp_path / "out")
    before = {n: (tmp_path / "out" / n).read_bytes() for n in files_in(tmp_path / "out")}
    (tmp_path / "out" / name).unlink()
    (tmp_path / "out" / name).mkdir()
    with pytest.raises(DataError, match=rf"{name}: cannot write: is a folder"):
        work(opened(), tmp_path / "out", ("tsv", "bed"), all_sites=True)
    left = {n: (tmp_path / "out" / n).read_bytes() for n in files_in(tmp_path / "out")}
    del before[name]
    assert {n: data for n, data in left.items() if not n.startswith(".vqrna-parts")} == before


@pytest.mark.parametrize("context", ["genome", "transcript"])
def test_what_reports_nothing_has_all_columns(opened, tmp_path, capsys, context):
    heads = []
    for name, settings in (("all", {"all_sites": True}), ("none", {"threshold": 1.0})):
        out = tmp_path / name
        work(opened(context), out, ("tsv", "parquet"), **settings)
        work(opened(context), "-", **settings)
        texts = [(out / f"{t}.tsv").read_text() for t in ("sites", "transcripts")]
        tables = [read_table(text) for text in (*texts, capsys.readouterr().out)]
        assert all(table.empty == (name == "none") for table in tables)
        schema = pq.read_schema(out / "sites.parquet")
        heads.append([*(list(table) for table in tables), *map(str, schema)])
    assert heads[0] == heads[1]
    assert heads[0][0][-5:] == ["lowest_score", "transcript", "transcripts", "reported_in", "gene"]


@pytest.mark.parametrize("change", ["renamed", "touched", "gone"])
def test_shards_are_joined_with_the_annotation_that_they_saw(opened, tmp_path, change):
    save_model(calling_model(), tmp_path / "m.safetensors")
    model = load_model(tmp_path / "m.safetensors", "cpu")
    chosen = make_settings(model.modifications, all_sites=True)
    there = {"model_path": tmp_path / "m.safetensors", "show_progress": False}
    for i in (1, 2):
        source = opened("transcript")
        predict_files(source, tmp_path / "out", model, chosen, shard=Shard(i, 2), **there)
    file = tmp_path / "a.gtf"
    before = file.read_text()
    if change == "gone":
        file.unlink()
    else:
        file.write_text(before.replace('"T1"', '"T2"') if change == "renamed" else before)
        os.utime(file, ns=(1, 1))
    if change == "touched":  # a new time alone changes nothing
        assert join([tmp_path / "out"]).paths
        return
    with pytest.raises(DataError, match=r"a\.gtf: (has changed|no such file)"):
        join([tmp_path / "out"])


@pytest.mark.parametrize("context", ["genome", "transcript"])
@pytest.mark.parametrize("piece", [70, 10**6])
def test_the_table_by_sequence_adds_up_the_rows_of_each_transcript(
    opened, tmp_path, monkeypatch, context, piece
):
    """Bases of several exons, shared by transcripts; m6Am at their own first bases only."""
    monkeypatch.setattr(tiles, "PIECE", piece)
    work(opened(context), tmp_path, all_sites=True, confidence="low")
    rows = read_table((tmp_path / "transcripts.tsv").read_text())
    table = read_table((tmp_path / "sequences.tsv").read_text()).set_index("sequence")
    assert table.index.tolist() == list(dict.fromkeys(rows["sequence"]))
    numbers = {"probability": float, "score": float, "position": int}
    rows = rows.astype(numbers)
    for name, row in table.iterrows():
        own = rows[rows["sequence"] == name]
        assert int(row["called"]) == (own["call"] != ".").sum()
        assert float(row["expected"]) == pytest.approx(own["probability"].sum(), rel=1e-3)
        assert row["gene"] == own["gene"].iloc[0]
        assert int(row["length"]) == sum(stop - start for start, stop in GENES[name][3])
        for symbol, sites in own.groupby("modification"):
            assert float(row[f"{symbol}_expected"]) == pytest.approx(
                sites["probability"].sum(), rel=1e-3
            )
            order = ["probability", "score", "position"]
            best = sites.sort_values(order, ascending=[False, False, True]).iloc[0]
            assert int(float(row[f"{symbol}_best_position"])) == best["position"]
            assert float(row[f"{symbol}_best_probability"]) == best["probability"]
