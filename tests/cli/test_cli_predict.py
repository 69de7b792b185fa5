"""The command `vqrna predict` with a tiny model."""

import io
import json
import os
import sys

import pandas as pd
import pytest

from seeded import SYMBOLS, files_in, letters, read_table, write_fasta
from tiny import fresh, random_tokens
from vqrna.data.benchmark import load_benchmark
from vqrna.evaluation import evaluate
from vqrna.model.weights import load_model, save_model
from vqrna.sequence import decode


@pytest.fixture
def fasta(tmp_path):
    return write_fasta(tmp_path / "in.fa", {"one": letters(800), "two": letters(60, seed=1)})


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


@pytest.fixture
def call(vqrna_main, fasta, model, out):
    """Predict to a folder, and read what is there."""

    def predict(*options):
        done = vqrna_main("predict", fasta, "--model", model, "--out", out, *options)
        assert (done.code, done.err) == (0, "")
        return read_table((out / "sites.tsv").read_text())

    return predict


def test_the_summary_counts_the_rows_of_the_file(vqrna_main, fasta, model, out):
    done = vqrna_main("predict", fasta, "--model", model, "--out", out, "--confidence", "low")
    assert done.err == ""
    lines = done.out.splitlines()
    assert lines[-2:] == [f"wrote {out / name}.tsv" for name in ("sites", "sequences")]
    sites = read_table((out / "sites.tsv").read_text())
    rows = read_table((out / "sequences.tsv").read_text())
    expected = rows["expected"].astype(float).sum()
    size, about = lines[0].split("; about ")
    assert size == f"2 sequences, 860 nt: {len(sites)} called sites"
    assert float(about.split()[0]) == pytest.approx(expected, rel=0.01)
    assert sum("most probable sites" in line for line in lines) == 1
    told = {line.split()[0]: line.split() for line in lines if line.split()[0] in SYMBOLS}
    assert list(told) == list(SYMBOLS)
    for symbol, row in told.items():
        calls = sites[sites["modification"] == symbol]["call"]
        counts = [len(calls), *((calls == tier).sum() for tier in ("low", "medium", "high"))]
        assert [int(n) for n in row[4:8]] == counts
        assert float(row[8]) == pytest.approx(len(calls) / 0.86, abs=6e-4)
    assert len(sites) > 5
    assert max(map(len, lines[1:-2])) <= 80


@pytest.mark.parametrize("columns", ["80", "40"])
def test_the_column_of_calls_without_a_tier_is_not_cut(
    vqrna_main, fasta, model, out, monkeypatch, columns
):
    monkeypatch.setenv("COLUMNS", columns)
    done = vqrna_main("predict", fasta, "--model", model, "--out", out, "--threshold", "0.2")
    lines = done.out.splitlines()
    (head,) = [i for i, line in enumerate(lines) if "candidates" in line]
    table = lines[head - 1 : head + 1 + len(SYMBOLS)]
    assert "no" in table[0].split()
    assert table[1].split() == [
        "type", "base", "candidates", "expected", "called", "tier", "low", "medium", "high",
        "kb", "shuffled",
    ]  # fmt: skip
    assert [line.split()[0] for line in table[2:]] == list(SYMBOLS)
    assert max(map(len, table)) <= 80
    assert "…" not in "".join(table)


def test_a_model_without_tiers_says_that_it_calls_nothing(vqrna_main, fasta, tmp_path, out):
    path = tmp_path / "never_measured.safetensors"
    save_model(fresh(symbols=("Am", "Psi")), path)
    done = vqrna_main("predict", fasta, "--model", path, "--out", out)
    assert done.code == 0
    assert done.err == (
        "vqrna: note: Am, Psi: this model has no calibration for scans, so no site reaches a "
        "confidence tier; use --threshold, --min-probability or --top (a calibration needs at "
        "least 20 modified validation windows: vqrna model calibrate)\n"
    )
    assert read_table((out / "sites.tsv").read_text()).empty
    done = vqrna_main("predict", fasta, "--model", path, "--out", out, "--threshold", "0.4")
    assert (done.code, done.err) == (0, "")


def test_types_that_cannot_reach_the_tier_are_named(vqrna_main, fasta, model, out):
    words = ("predict", fasta, "--model", model, "--out", out, "--prior", "m6A=1e-6,Psi=1e-6")
    done = vqrna_main(*words)
    assert done.code == 0
    assert done.err == (
        "vqrna: note: no site of these modifications can reach medium confidence (a probability "
        "of 0.1) with this model, which states at most: m6A 0.0045, Psi 0.0045; use "
        "--confidence low, --top or --min-probability\n"
    )
    note = done.err.removeprefix("vqrna: note: ").rstrip("\n")
    assert note in json.loads((out / "run.json").read_text())["notes"]
    assert vqrna_main(*words, "--min-probability", "0.001").err == ""


def test_the_head_of_the_file_says_how_to_make_it_again(vqrna_main, call, fasta, model, out):
    call("--all-sites", "--prior", "0.01")
    first = (out / "sites.tsv").read_bytes()
    head = (out / "scanned.bed").read_text()
    command = head.splitlines()[1]
    assert command == (f"# command: vqrna predict {fasta} --prior 0.01 --all-sites --model {model}")
    assert f"# model: {load_model(model, 'cpu').hash}\n" in head
    assert vqrna_main(*command.split()[3:], "--out", out, "--jobs", 2).code == 0
    assert (out / "sites.tsv").read_bytes() == first


def test_standard_output_holds_the_table_and_nothing_else(vqrna_main, call, fasta, model, out):
    call()
    words = ("predict", fasta, "--model", model, "--out")
    done = vqrna_main(*words, "-")
    assert done.code == 0
    found, expected = read_table(done.out), read_table((out / "sites.tsv").read_text())
    assert found.drop(columns="q_value").equals(expected.drop(columns="q_value"))
    assert done.err.startswith("2 sequences, 860 nt: ")


@pytest.mark.parametrize("target", ["folder", "-"])
def test_standard_input(vqrna_main, call, fasta, model, out, monkeypatch, target):
    expected = call()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(fasta.read_bytes())))
    target = out / "piped" if target == "folder" else "-"
    done = vqrna_main("predict", "-", "--model", model, "--out", target)
    assert done.code == 0
    text = done.out if target == "-" else (target / "sites.tsv").read_text()
    assert read_table(text).drop(columns="q_value").equals(expected.drop(columns="q_value"))
    if target != "-":
        assert read_table(text).equals(expected)
        assert files_in(target) == ["run.json", "scanned.bed", "sequences.tsv", "sites.tsv"]


def test_confidence_threshold_and_all_sites(call):
    everything = call("--all-sites", "--confidence", "low")
    assert len(call()) == everything["call"].isin(["medium", "high"]).sum()
    assert len(call("--confidence", "high")) == (everything["call"] == "high").sum()
    assert len(call("--threshold", "0.7")) == (everything["score"] >= 0.7).sum()
    marked = call("--all-sites")
    assert len(marked) == len(everything)
    assert set(marked["call"]) == {".", "medium", "high"}


@pytest.mark.parametrize(
    ("options", "priors"),
    [
        ([], "Am=0.0003 m6A=0.002 m6Am=0.003 Psi=0.002"),
        (["--prior", "0.01"], "Am=0.01 m6A=0.01 m6Am=0.01 Psi=0.01"),
        (["--prior", "m6A=0.1,Ψ=0.2"], "Am=0.0003 m6A=0.1 m6Am=0.003 Psi=0.2"),
        (["--prior", "0.5", "--prior", "8=1e-5"], "Am=0.5 m6A=1e-05 m6Am=0.5 Psi=0.5"),
    ],
)
def test_priors(call, out, options, priors):
    found = call("--all-sites", *options)
    assert f"# priors: {priors}\n" in (out / "scanned.bed").read_text()
    if options == ["--prior", "0.5"]:
        assert (found["probability"] - found["score"]).abs().max() < 1e-4


@pytest.mark.parametrize("name", ["Psi", "Ψ", "pseudouridine", "10", "Y", "psi"])
def test_a_type_has_many_names(call, name):
    assert set(call("--all-sites", "--modifications", f"m6A,{name}")["modification"]) == {
        "m6A",
        "Psi",
    }


def test_a_folder_s_name_is_shown_as_it_is(vqrna_main, fasta, model, tmp_path):
    out = tmp_path / "[bold]of[/bold] Ψ"
    done = vqrna_main("predict", fasta, "--model", model, "--out", out)
    assert done.out.splitlines()[-2] == f"wrote {out / 'sites.tsv'}"


def test_pictures_are_drawn_and_told(vqrna_main, model, out, tmp_path):
    fasta = write_fasta(tmp_path / "in.fa", {"a/b c": letters(80), "none": ""})
    words = ("predict", fasta, "--model", model, "--out", out, "--modifications", "Am")
    done = vqrna_main(*words, "--plot")
    assert done.code == 0
    drawn = ["tracks/01_a_b.png", "tracks/01_a_b.svg"]
    assert files_in(out) == ["run.json", "scanned.bed", "sequences.tsv", "sites.tsv", *drawn]
    assert f"wrote {out / 'tracks' / '01_a_b.png'}" in done.out
    assert f"wrote {out / 'tracks' / '01_a_b.svg'}" in done.out
    assert done.err.splitlines() == [
        "vqrna: note: empty records: 1 of 2",
        "vqrna: note: 1 sequence not plotted: empty or too long",
    ]


@pytest.mark.parametrize(
    ("source", "target", "words"),
    [
        ("in.fa", "-", "--plot needs an output folder"),
        ("-", "out", "standard input and pipes can only be read once"),
        ("pipe", "out", "standard input and pipes can only be read once"),
    ],
)
def test_what_cannot_be_drawn_is_told_first(
    vqrna_main, fasta, model, tmp_path, source, target, words
):
    os.mkfifo(tmp_path / "pipe")
    source = source if source == "-" else tmp_path / source
    target = target if target == "-" else tmp_path / target
    done = vqrna_main("predict", source, "--model", model, "--out", target, "--plot")
    assert (done.code, done.out) == (2, "")
    assert words in done.err
    assert not (tmp_path / "out").exists()


def test_the_centre_of_a_window_scores_as_in_evaluation(call, fasta, model, tmp_path):
    """Within 1e-5: what `evaluate` measures is what `predict` does."""
    for name, seed in (("8-1", 5), ("8-0", 6)):
        tokens = random_tokens(10, 1001, seed, ambiguous=0.01)
        tokens[:, 500] = 0
        folder = tmp_path / "data" / "valid"
        folder.mkdir(parents=True, exist_ok=True)
        write_fasta(
            folder / f"{name}.fasta", {f"{name}.{i}": decode(t) for i, t in enumerate(tokens)}
        )
    windows = load_benchmark(tmp_path / "data", "valid")
    loaded = load_model(model, "cpu")
    expected = evaluate(loaded, windows, resamples=0).scores.set_index("window")["score"]
    fasta.write_text("".join((folder / f"8-{n}.fasta").read_text() for n in (0, 1)))
    found = call("--all-sites", "--modifications", "m6A")
    central = found[found["position"] == 501].set_index("sequence")["score"]
    assert len(central) == 20
    assert (central - expected).abs().max() < 1e-5
    assert central.std() > 0.05


def test_long_names_and_brackets_leave_room_in_the_summary(vqrna_main, tmp_path, model, out):
    path = write_fasta(tmp_path / "long.fa", {"E" * 200 + "|x": letters(300), "[b]": "ACGU"})
    done = vqrna_main("predict", path, "--model", model, "--out", out)
    (cut,) = [line for line in done.out.splitlines() if line.startswith("EEE")]
    assert cut.split()[:2] == ["E" * 39 + "…", "300"]
    assert any(line.startswith("[b] ") for line in done.out.splitlines())


@pytest.mark.parametrize("plain", [True, False])
def test_names_are_cut_in_all_files(vqrna_main, tmp_path, model, out, plain):
    fasta = write_fasta(tmp_path / "tx.fa", {"E1.4|G1": letters(300), "E2.1|G2": letters(200)})
    bed = tmp_path / "r.bed"
    bed.write_text("E1.9\t10\t100\tr\t0\t+\n")
    words = ["predict", fasta, "--model", model, "--all-sites", "--out", out]
    words += [] if plain else ["--regions", bed]
    if not plain:
        refused = vqrna_main(*words)
        assert "they match with --name-until '|' --ignore-version" in refused.err
    assert vqrna_main(*words, "--name-until", "|", "--ignore-version").code == 0
    sites = pd.read_csv(out / "sites.tsv", sep="\t")
    assert set(sites.sequence) == ({"E1", "E2"} if plain else {"E1"})
    record = json.loads((out / "run.json").read_text())
    assert record["settings"]["names"] == "--name-until '|' --ignore-version"


def test_repeated_names_and_empty_records_are_told(vqrna_main, tmp_path, model, out):
    odd = tmp_path / "odd.fa"
    odd.write_text(">a\nGGACU\n>a\nGGACU\n>b\n>a one more\nGGACU\n")
    done = vqrna_main("predict", odd, "--model", model, "--out", out)
    assert done.code == 0
    assert "records with the name of an earlier record: 2 of 4" in done.err
    assert "empty records: 1 of 4" in done.err


@pytest.mark.parametrize("in_folder", [True, False])
def test_gaps_are_noted_since_they_count_as_positions(vqrna_main, tmp_path, model, out, in_folder):
    aligned = write_fasta(tmp_path / "a.fa", {"x": "ACGU", "aligned": "AC--GU", "too": "A-"})
    done = vqrna_main("predict", aligned, "--model", model, "--out", out if in_folder else "-")
    assert done.code == 0
    assert "sequences with gaps (-), which count as positions: 2 (the first: aligned)" in done.err
    if in_folder:
        notes = json.loads((out / "run.json").read_text())["notes"]
        assert sum("gaps" in note for note in notes) == 1


def test_however_it_is_typed_the_file_is_the_same(vqrna_main, fasta, model, tmp_path):
    ways = [
        ["--confidence", "low", "--jobs", "2", fasta, "--out", tmp_path / "a"],
        [fasta, "-j2", "--confidence=low", "--out", tmp_path / "b", "--device", "cpu"],
        ["--out", tmp_path / "c", "--fresh", fasta, "--format", "tsv,bed", "--confidence", "low"],
    ]
    for words in ways:
        assert vqrna_main("predict", "--model", model, *words).code == 0
    for file in ("sites.tsv", "scanned.bed"):
        first, *others = [(tmp_path / name / file).read_bytes() for name in "abc"]
        assert others == [first, first]
    command = f"# command: vqrna predict {fasta} --confidence low --model {model}"
    assert first.decode().splitlines()[1] == command


def test_an_empty_folder_name_is_a_fault_of_the_command(vqrna_main, fasta, model):
    done = vqrna_main("predict", fasta, "--model", model, "--out", "")
    assert (done.code, done.out) == (2, "")
    assert "--out is empty" in done.err
    assert vqrna_main("predict", fasta, "--model", model, "--out", "x", "--format", "").code == 2


def test_with_a_false_discovery_rate_nothing_is_said_of_chance(vqrna_main, fasta, model, out):
    done = vqrna_main("predict", fasta, "--model", model, "--out", out, "--fdr", "0.5")
    rows = [line.split() for line in done.out.splitlines() if line.split()[0] in SYMBOLS]
    assert [row[-1] for row in rows] == ["–"] * len(SYMBOLS)


@pytest.mark.parametrize("quick", [True, False])
def test_fast_is_used_where_the_device_is_faster(vqrna_main, fasta, model, out, monkeypatch, quick):
    monkeypatch.setattr("vqrna.runtime.devices.fast_bfloat16", lambda device: quick)
    done = vqrna_main("predict", fasta, "--model", model, "--out", out, "--fast")
    assert done.code == 0
    assert ("--fast is ignored" in done.err) is not quick
    settings = json.loads((out / "run.json").read_text())["settings"]
    assert settings.get("precision", "float32") == ("fast" if quick else "float32")


def test_near_ties_are_counted_and_told(vqrna_main, fasta, model, out, monkeypatch):
    from vqrna.model import TrainedModel

    real = TrainedModel.scan_batch

    def tied(self, tokens, *more, **options):
        found = real(self, tokens, *more, **options)
        found.near_ties[:] = False
        found.near_ties[0, [0, 5, 810]] = True
        return found

    monkeypatch.setattr(TrainedModel, "scan_batch", tied)
    done = vqrna_main("predict", fasta, "--model", model, "--out", out)
    assert (
        "nearly tied codes, computed in double precision: 2 of 860" in done.out
    )  # 810 lies between the sequences


def test_files_of_the_scan_before_do_not_lie_beside_those_of_this_one(
    vqrna_main, fasta, model, tmp_path, out
):
    words = ("--model", model, "--out", out)
    assert vqrna_main("predict", fasta, *words, "--format", "tsv,bed,parquet").code == 0
    (out / "sites.mine.txt").write_text("mine")
    other = write_fasta(tmp_path / "other.fa", {"x": letters(300, seed=5)})
    assert vqrna_main("predict", other, *words).code == 0
    kept = ["run.json", "scanned.bed", "sequences.tsv", "sites.mine.txt", "sites.tsv"]
    assert files_in(out) == kept
    assert vqrna_main("predict", other, *words, "--plot").code == 0
    assert files_in(out) == [*kept, "tracks/01_x.png", "tracks/01_x.svg"]
    (out / "tracks" / "mine.png").touch()
    assert vqrna_main("predict", fasta, *words, "--modifications", "Am", "--plot").code == 0
    pictures = [f"tracks/{name}" for name in ("01_one", "02_two")]
    pictures = [f"{name}.{ending}" for name in pictures for ending in ("png", "svg")]
    assert files_in(out) == [*kept, *pictures, "tracks/mine.png"]
    (out / "tracks" / "mine.png").unlink()
    assert vqrna_main("predict", other, *words).code == 0
    assert files_in(out) == kept
    assert not (out / "tracks").exists()
    (out / "run.json").write_text("[]")
    assert vqrna_main("predict", other, *words).code == 0
    (out / "run.json").write_text('{"files": ["../../x", 3, "sites.mine.txt"]}')
    assert vqrna_main("predict", other, *words).code == 0
    assert files_in(out) == [name for name in kept if name != "sites.mine.txt"]


def test_shards_without_sequences_are_noted_and_missing_ones_named(vqrna_main, model, tmp_path):
    fasta = write_fasta(tmp_path / "one.fa", {"one": letters(300)})
    out = tmp_path / "out"

    def shard(number):
        return vqrna_main(
            "predict", fasta, "--model", model, "--out", out, "--shard", f"{number}/2"
        )

    first = shard(1)
    assert (first.code, first.err) == (0, "")
    early = vqrna_main("join", out)
    assert early.code == 1
    assert "shard 2 of 2 has not finished: run it (--shard 2/2), or name its folder" in early.err
    late = shard(2)
    assert late.code == 0
    assert "shard 2/2 has no sequences: the input is small and was cut into 1 part" in late.err
    joined = vqrna_main("join", out)
    assert joined.code == 0
    whole = tmp_path / "whole"
    assert vqrna_main("predict", fasta, "--model", model, "--out", whole).code == 0
    assert (out / "sites.tsv").read_bytes() == (whole / "sites.tsv").read_bytes()


def test_a_false_discovery_rate_that_leaves_nothing_says_why(vqrna_main, fasta, model, out):
    done = vqrna_main("predict", fasta, "--model", model, "--out", out, "--fdr", "1e-9")
    assert done.code == 0
    table = read_table((out / "sites.tsv").read_text())
    assert table.empty
    vqrna_main("predict", fasta, "--model", model, "--out", out, "--all-sites")
    table = read_table((out / "sites.tsv").read_text())
    best = table.loc[table["q_value"].astype(float).idxmin()]
    line = next(line for line in done.err.splitlines() if "leaves no site" in line)
    shown = f"the lowest q-value is {best['q_value']:.3g} ({best['modification']})"
    assert shown in line
    assert "use a higher --fdr, or call by tiers" in line


def test_calls_by_a_threshold_have_a_column_of_their_own(vqrna_main, fasta, model, out):
    done = vqrna_main("predict", fasta, "--model", model, "--out", out, "--threshold", "0.5")
    assert done.out.count("tier low medium high") == 1
    assert "threshold" in set(read_table((out / "sites.tsv").read_text())["call"])
    done = vqrna_main("predict", fasta, "--model", model, "--out", out)
    assert "tier low" not in done.out


def test_called_sites_unlike_the_training_data_are_counted(vqrna_main, tmp_path, out):
    """With the shipped model: the flag `ood` alone is easily missed in a table."""
    path = tmp_path / "odd.fa"
    path.write_text(f">odd\n{'GGACU' * 60}\n")
    done = vqrna_main("predict", path, "--out", out, "--modifications", "m6A")
    sites = read_table((out / "sites.tsv").read_text())
    unlike = int(sites["warnings"].str.contains("ood").sum())
    assert unlike > 0
    assert (
        f"note: called sites that are unlike the training data (warning ood): {unlike} of "
        f"{len(sites)};" in done.err
    )
    assert any(
        "warning ood" in note for note in json.loads((out / "run.json").read_text())["notes"]
    )
