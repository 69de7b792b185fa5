"""The most probable sites of each sequence or transcript, however the scan is cut and run."""

import json
import random

import numpy as np
import pandas as pd
import pytest

from seeded import calling_model, files_in, letters, read_table, write_fasta
from vqrna.errors import UsageError
from vqrna.formats import FORMATS
from vqrna.genome import liftover, open_genome, regions
from vqrna.model.weights import load_model, save_model
from vqrna.prediction import Output, Shard, join, make_settings, predict, predict_files, tiles
from vqrna.sequence import centre

RECORDS = [
    ("a", letters(900, seed=1)),
    ("b", letters(150, seed=2)),
    ("none", ""),
    ("b", letters(400, seed=3)),
    ("b", letters(300, seed=4, ambiguous=0.2)),
    ("tiny", "A"),
]
"""Records of the same name follow each other: each is a sequence of its own."""

MODEL = calling_model()


def best(sites, top, key="sequence") -> pd.DataFrame:
    """The most probable sites of a table of candidates, by sorting."""
    order = ["probability", "score", "position"]
    ranked = sites.sort_values(order, ascending=[False, False, True])
    return ranked.groupby([key, "modification"]).head(top).sort_index()


def one_by_one(top, wanted=lambda sites: sites["score"] >= 0) -> pd.DataFrame:
    """The expected sites of `RECORDS`: the best of those that are wanted, of each record."""
    tables = []
    for number in range(len(RECORDS)):
        sites = CANDIDATES[CANDIDATES["record"] == number]
        tables.append(best(sites[wanted(sites)], top))
    return pd.concat(tables).drop(columns=["record"]).reset_index(drop=True)


def all_candidates() -> pd.DataFrame:
    named = [(f"{number}", text) for number, (_, text) in enumerate(RECORDS)]
    sites = predict(named, model=MODEL, all_sites=True, confidence="low").sites
    sites["record"] = sites["sequence"].astype(int)
    sites["sequence"] = [RECORDS[number][0] for number in sites["record"]]
    return sites


CANDIDATES = all_candidates()


@pytest.mark.parametrize("piece", [90, 10**6])
@pytest.mark.parametrize("top", [1, 3, 1000])
def test_the_best_of_each_sequence_of_any_tier(top, piece, monkeypatch):
    monkeypatch.setattr(tiles, "PIECE", piece)
    given = predict(RECORDS, model=MODEL, top=top)
    expected = one_by_one(top)
    expected["call"] = expected["call"].replace("", "threshold")
    pd.testing.assert_frame_equal(given.sites, expected)
    assert len(given.sites) > 0
    if top == 3:
        assert set(given.sites["call"]) == {"threshold", "low", "medium", "high"}
        assert given.summary["called"].sum() == len(expected)


@pytest.mark.parametrize(
    ("limits", "wanted"),
    [
        ({"confidence": "medium"}, lambda s: s["call"].isin(["medium", "high"])),
        ({"threshold": 0.9}, lambda s: s["score"] >= 0.9),
        ({"min_probability": 0.004}, lambda s: s["probability"] >= 0.004),
        ({"fdr": 0.3}, lambda s: s["q_value"] <= 0.3),
        (
            {"fdr": 0.5, "confidence": "medium"},
            lambda s: (s["q_value"] <= 0.5) & s["call"].isin(["medium", "high"]),
        ),
    ],
    ids=["tier", "score", "probability", "q-value", "q-value and tier"],
)
def test_other_limits_come_first(limits, wanted):
    given = predict(RECORDS, model=MODEL, top=2, **limits)
    expected = one_by_one(2, wanted)
    assert 0 < len(expected) < min(len(one_by_one(2)), wanted(CANDIDATES).sum())
    columns = ["sequence", "position", "modification", "probability", "q_value"]
    pd.testing.assert_frame_equal(given.sites[columns], expected[columns])


@pytest.mark.parametrize("piece", [90, 10**6])
def test_the_table_by_sequence_counts_them(piece, monkeypatch):
    monkeypatch.setattr(tiles, "PIECE", piece)
    given = predict(RECORDS, model=MODEL, top=2)
    plain = predict(RECORDS, model=MODEL)
    assert given.sequences["expected"].equals(plain.sequences["expected"])
    assert given.sequences["called"].sum() == len(given.sites)
    assert given.sequences["m6A_called"].tolist() == [2, 2, 0, 2, 2, 1]
    first = predict(RECORDS[:1], model=MODEL, top=1)
    for site in first.sites.itertuples():
        row = first.sequences.iloc[0]
        assert row[f"{site.modification}_best_position"] == site.position
        assert row[f"{site.modification}_best_probability"] == site.probability


def test_ties_are_resolved_by_position():
    repeat = letters(71, seed=5)
    sites = predict({"r": repeat * 8}, model=MODEL, top=3, modifications="Psi").sites
    every = predict({"r": repeat * 8}, model=MODEL, all_sites=True, modifications="Psi").sites
    whole = every[every["warnings"] == ""]
    highest = whole[whole["probability"] == whole["probability"].max()]
    assert len(highest) > 3
    if whole["probability"].max() == every["probability"].max():
        assert sites["position"].tolist() == sorted(highest["position"])[:3]


def bytes_of(folder) -> dict[str, bytes]:
    return {n: (folder / n).read_bytes() for n in files_in(folder) if n != "run.json"}


@pytest.mark.parametrize("fdr", [None, 0.9])
def test_the_same_bytes_however_it_is_run(tmp_path, monkeypatch, fdr, capsys):
    monkeypatch.setattr(tiles, "PIECE", 300)
    fasta = write_fasta(tmp_path / "in.fa", {f"s{i}": letters(90 * i, seed=i) for i in range(9)})
    path = tmp_path / "m.safetensors"
    save_model(MODEL, path)
    model = load_model(path, "cpu")
    settings = make_settings(model.modifications, top=3, fdr=fdr)
    output = Output(tuple(FORMATS))

    def work(name, **more):
        return predict_files([fasta], tmp_path / name, model, settings, output=output,
                             model_path=path, show_progress=False, **more)  # fmt: skip

    work("whole", jobs=1)
    whole = bytes_of(tmp_path / "whole")
    table = read_table(whole["sites.tsv"].decode())
    memory = predict(fasta, model=model, top=3, fdr=fdr).sites
    assert table["position"].tolist() == memory["position"].tolist()
    assert table.groupby(["sequence", "modification"]).size().max() == 3
    work("threads", jobs=3)
    assert bytes_of(tmp_path / "threads") == whole
    for index in (1, 2):
        assert work(f"shard{index}", shard=Shard(index, 2)) is None
    join([tmp_path / "shard1", tmp_path / "shard2"], tmp_path / "joined")
    assert bytes_of(tmp_path / "joined") == whole
    record = json.loads((tmp_path / "whole" / "run.json").read_text())
    assert record["settings"]["top"] == 3
    assert record["settings"]["confidence"] is None
    called = "the 3 most probable of each sequence and modification"
    assert record["settings"]["called"].endswith(called)
    if fdr is None:
        capsys.readouterr()
        predict_files([fasta], "-", model, settings, show_progress=False)
        streamed = read_table(capsys.readouterr().out)
        pd.testing.assert_frame_equal(
            streamed.drop(columns="q_value"), table.drop(columns="q_value")
        )


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"top": 0}, "invalid number of top sites 0 (expected 1 or more)"),
        ({"top": -3}, "invalid number of top sites -3 (expected 1 or more)"),
        ({"top": 1.5}, "invalid number of top sites 1.5 (expected a whole number)"),
        ({"top": 5, "all_sites": True}, "--top and --all-sites cannot be combined"),
    ],
)
def test_invalid_numbers(values, message):
    with pytest.raises(UsageError) as caught:
        make_settings(MODEL.modifications, **values)
    assert message in str(caught.value)


def random_annotation(rng, length) -> str:
    """Overlapping transcripts of both strands, with exons."""
    lines = []
    for number in range(14):
        strand = rng.choice("+-")
        bounds = sorted(rng.sample(range(length + 1), 2 * rng.randrange(1, 4)))
        if number < 2:
            bounds = [10 * number, length - 10]  # across most windows
        for start, stop in zip(bounds[::2], bounds[1::2], strict=True):
            lines.append(
                f"one\tt\texon\t{start + 1}\t{stop}\t.\t{strand}\t.\t"
                f'gene_id "g{number // 3}"; transcript_id "t{(number * 7) % 14}";\n'
            )
    return "".join(lines)


@pytest.mark.parametrize("context", ["genome", "transcript"])
@pytest.mark.parametrize("seed", [0, 1])
def test_the_best_of_each_transcript_of_a_genome(tmp_path, monkeypatch, context, seed):
    rng = random.Random(seed)
    genome = write_fasta(tmp_path / "g.fa", {"one": letters(1500, seed=seed).replace("U", "T")})
    annotation = tmp_path / "a.gtf"
    annotation.write_text(random_annotation(rng, 1500))
    bed = tmp_path / "r.bed"
    bed.write_text("one\t100\t700\tregion\t0\t+\none\t650\t1200\t.\n")
    source = open_genome(
        genome, annotation=annotation, regions=bed, context=context,
        flank=centre(MODEL.length), modifications=MODEL.modifications,
    )  # fmt: skip

    def work(name, by_transcript=True, **settings):
        chosen = make_settings(MODEL.modifications, **settings)
        output = Output(("tsv", "bed"), by_transcript=by_transcript)
        predict_files(source, tmp_path / name, MODEL, chosen, output=output, show_progress=False)
        return tmp_path / name

    def table(folder, name):
        return pd.read_csv(folder / f"{name}.tsv", sep="\t", keep_default_na=False)

    every = work("every", all_sites=True, confidence="low")
    work("large", top=3)
    monkeypatch.setattr(regions, "WINDOW", 97)
    monkeypatch.setattr(tiles, "PIECE", 160)
    monkeypatch.setattr(liftover, "BATCH", 40)
    small = work("small", top=3)
    names = ["sites.tsv", "transcripts.tsv", "sequences.tsv", "scanned.bed"]
    for name in names[:3]:
        assert (small / name).read_bytes() == (tmp_path / "large" / name).read_bytes(), name

    expected = best(table(every, "transcripts"), 3)
    given = table(small, "transcripts")
    columns = ["sequence", "position", "modification", "score", "probability", "genome_position"]
    pd.testing.assert_frame_equal(given[columns], expected[columns].reset_index(drop=True))

    key = ["chromosome", "genome_position", "genome_strand", "modification"]
    reported = expected.groupby(key).size()
    main = table(small, "sites")
    counted = main.set_index(["sequence", "position", "strand", "modification"])["reported_in"]
    assert counted.to_dict() == reported.to_dict()
    assert main["transcripts"].ge(main["reported_in"]).all()
    assert main["transcripts"].gt(main["reported_in"]).any()
    listed = set(zip(*(expected[name] for name in ["transcript_id", *key[1:]]), strict=True))
    named = ["transcript", "position", "strand", "modification"]
    assert listed >= set(zip(*(main[name] for name in named), strict=True))

    sequences = table(small, "sequences").set_index("sequence")
    per_transcript = given.groupby("sequence").size().reindex(sequences.index, fill_value=0)
    assert sequences["called"].tolist() == per_transcript.tolist()
    for call in ("low", "medium", "high"):
        own = given[(given["modification"] == "m6A") & (given["call"] == call)]
        counts = own.groupby("sequence").size().reindex(sequences.index, fill_value=0)
        assert sequences[f"m6A_{call}"].tolist() == counts.tolist()
    assert sequences["expected"].tolist() == (
        table(every, "sequences").set_index("sequence")["expected"].tolist()
    )
    top_one = best(given[given["modification"] == "Psi"], 1).set_index("sequence")["position"]
    with_sites = sequences.loc[top_one.index, "Psi_best_position"]
    np.testing.assert_array_equal(with_sites.astype(float), top_one)
