"""Runs to a folder: files, readers of others, resume, shards, streams; the same bytes each time."""

import gzip
import io
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pysam
import pysam.bcftools
import pytest
from genes import read_table, results, write_inputs, write_vcf

from seeded import files_in
from vqrna.variation import units
from vqrna.variation.output import COLUMNS, RECORD_COLUMNS
from vqrna.variation.vcf import SUBFIELDS

CONTIGS, RECORDS = 6, 60
FILES = ["records.tsv", "run.json", "variants.tsv", "variants.vcf.gz", "variants.vcf.gz.tbi"]


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    """A genome, its genes, a VCF and a model, as options of the command."""
    return write_inputs(tmp_path_factory.mktemp("inputs"), CONTIGS, RECORDS)


@pytest.fixture(autouse=True)
def small_units(monkeypatch):
    monkeypatch.setattr(units, "UNIT", 9)


@pytest.fixture
def run(vqrna_main, inputs, tmp_path):
    """Annotate the file; return the folder."""

    def call(name="out", *more, vcf=None, code=0):
        out = tmp_path / name
        done = vqrna_main("variants", vcf or inputs[0], *inputs[1], "--out", out, *more)
        assert done.code == code, done.err
        return out if code == 0 else done.err

    return call


def test_the_files_agree(run, inputs):
    out = run("out", "--format", "tsv,parquet")
    assert files_in(out) == sorted([*FILES, "variants.parquet"])
    effects, records = read_table(out / "variants.tsv"), read_table(out / "records.tsv")
    assert tuple(effects.columns) == COLUMNS
    assert tuple(records.columns) == RECORD_COLUMNS
    assert len(effects) > 100
    assert records.effects.sum() == len(effects)
    p_values = effects.p_value.replace("nan", np.nan).astype(
        float
    )  # nan where no random variant is at the distance
    assert p_values.notna().mean() > 0.9
    assert p_values.dropna().between(0, 1).all()
    parquet = pd.read_parquet(out / "variants.parquet")
    assert parquet["class"].tolist() == effects["class"].tolist()
    np.testing.assert_allclose(parquet.delta, effects.delta, atol=5e-5)
    two = records[records.id == "two"].iloc[0]
    assert (two.verdict, two.reason) == ("scored", "<DEL>: symbolic allele")
    with pysam.VariantFile(str(out / "variants.vcf.gz")) as file:
        counts = [len(record.info.get("VQRNA", ())) for record in file]
    assert counts == records.effects.tolist()
    named = json.loads((out / "run.json").read_text())["files"]
    assert set(named) <= set(files_in(out))


def test_other_programs_read_the_vcf(run, inputs):
    path = str(run() / "variants.vcf.gz")
    with pysam.TabixFile(path) as tabix:
        assert sum(1 for _ in tabix.fetch("c0")) == RECORDS // CONTIGS
    viewed = pysam.bcftools.view("-H", path, "c1").splitlines()
    assert len(viewed) == RECORDS // CONTIGS
    plain = inputs[0].read_text().splitlines()
    whole = pysam.bcftools.view("-H", path).splitlines()
    before = [line for line in plain if not line.startswith("#")]
    assert [line.split("\t")[:7] for line in whole] == [line.split("\t")[:7] for line in before]
    genome = inputs[1][1]
    assert "VQRNA=" in pysam.bcftools.norm("-f", genome, path)


@pytest.mark.skipif(shutil.which("bcftools") is None, reason="needs bcftools on the path")
def test_split_vep_reads_the_vcf(run):
    out = run()
    path = str(out / "variants.vcf.gz")

    def split(*options):
        command = ["bcftools", "+split-vep", path, "-a", "VQRNA", *options]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if "Could not load" in done.stderr or "No functional bcftools plugins" in done.stderr:
            pytest.skip("this bcftools has no plugins")
        assert done.returncode == 0, done.stderr
        return done.stdout

    named = [line.split("\t")[1] for line in split("-l").splitlines()]
    assert named == ["Consequence", *SUBFIELDS[1:]]
    effects = read_table(out / "variants.tsv")
    whole = "%CHROM\t%Consequence\t" + "\t".join(f"%{name}" for name in SUBFIELDS[1:]) + "\n"
    for form in (["-f", whole], ["-f", "%CHROM\t%VQRNA\n", "-A", "tab"]):
        rows = [line.split("\t") for line in split("-d", *form).splitlines()]
        assert sorted([*row[:1], *row[2:6], row[9]] for row in rows if row[9] != ".") == sorted(
            [e.chrom, e.gene, e.transcript, e.modification, str(e.position), e.kind]
            for e in effects.rename(columns={"class": "kind"}).itertuples()
        )
    added = split("-c", "MODIFICATION,DELTA:Float")
    with io.StringIO(added) as text:
        assert sum(";MODIFICATION=" in line for line in text) == effects.id.nunique()


@pytest.mark.parametrize("jobs", [1, 3])
def test_the_bytes_do_not_depend_on_jobs_or_shards(run, vqrna_main, tmp_path, jobs):
    whole = results(run("whole", "--jobs", 2))
    assert results(run("jobs", "--jobs", jobs)) == whole
    shards = [run(f"s{i}", "--jobs", jobs, "--shard", f"{i}/3") for i in (1, 2, 3)]
    done = vqrna_main("join", *shards, "--out", tmp_path / "joined")
    assert done.code == 0, done.err
    assert results(tmp_path / "joined") == whole
    assert not any(".vqrna" in name for shard in shards for name in files_in(shard))


def test_shards_keep_how_names_are_cut(vqrna_main, inputs, tmp_path):
    vcf, genome = inputs[0], tmp_path / "named.fa"
    genome.write_text(re.sub("(>.*)", r"\1|y", Path(inputs[1][1]).read_text()))
    options = ["--fasta", genome, *inputs[1][4:], "--name-until", "|"]
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    assert vqrna_main("variants", vcf, *options, "--out", whole).code == 0
    for i in (1, 2):
        words = ["--out", parts, "--shard", f"{i}/2"]
        assert vqrna_main("variants", vcf, *options, *words).code == 0
    assert vqrna_main("join", parts).code == 0
    assert len(read_table(whole / "variants.tsv")) > 20
    assert results(parts) == results(whole)


def test_an_incomplete_set_of_shards_is_reported(run, vqrna_main):
    out = run("s", "--shard", "1/2")
    done = vqrna_main("join", out)
    assert done.code == 1
    assert f"{out}: shard 2 of 2 has not finished: run it (--shard 2/2)" in done.err


def test_a_stopped_run_resumes_with_the_same_bytes(run, monkeypatch):
    whole = results(run("whole", "--jobs", 1))
    real, left = units.score_records, 4

    def stop(*arguments):
        nonlocal left
        left -= 1
        if not left:
            raise KeyboardInterrupt
        return real(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(units, "score_records", stop)
        error = run("out", "--jobs", 1, code=130)
    assert "the same command resumes" in error
    out = run("out", "--jobs", 1)
    assert json.loads((out / "run.json").read_text())["resumed"] == 3
    assert results(out) == whole


def test_a_changed_input_is_not_resumed(run, inputs, tmp_path, monkeypatch):
    vcf = tmp_path / "a.vcf"
    vcf.write_bytes(inputs[0].read_bytes())
    run("out", "--shard", "1/2", vcf=vcf)
    stat = vcf.stat()
    text = vcf.read_text().replace("\tc0_0\t", "\tc0_9\t")
    vcf.write_text(text)
    os.utime(vcf, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    out = run("out", vcf=vcf)
    assert json.loads((out / "run.json").read_text())["resumed"] == 0
    assert "c0_9" in (out / "records.tsv").read_text()


def test_standard_input_and_output(vqrna_main, inputs, run, monkeypatch):
    expected = gzip.decompress((run() / "variants.vcf.gz").read_bytes()).decode()
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(inputs[0].read_bytes())))
    done = vqrna_main("variants", "-", *inputs[1], "--out", "-")
    assert done.code == 0
    # The header has the command as it was typed: here it names standard input
    said = [line for line in done.out.splitlines() if not line.startswith("##vqrna_command=")]
    assert len(said) == len(done.out.splitlines()) - 1
    assert said == [
        line for line in expected.splitlines() if not line.startswith("##vqrna_command=")
    ]


def test_standard_input_is_named_in_the_record(vqrna_main, inputs, tmp_path, monkeypatch):
    records = []
    for name in ("one", "two"):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(inputs[0].read_bytes())))
        done = vqrna_main("variants", "-", *inputs[1], "--out", tmp_path / name)
        assert done.code == 0, done.err
        records.append(json.loads((tmp_path / name / "run.json").read_text())["skipped"])
    assert records[0] == records[1]
    assert {each["file"] for each in records[0]} == {"-"}


def test_an_unsorted_file_gets_no_index(run, inputs, tmp_path):
    lines = inputs[0].read_text().splitlines()
    vcf = tmp_path / "b.vcf"
    head = [line for line in lines if line.startswith("#")]
    vcf.write_text("\n".join(head + lines[len(head) :][::-1]) + "\n")
    out = run("out", vcf=vcf)
    assert "variants.vcf.gz.tbi" not in files_in(out)
    (note,) = [n for n in json.loads((out / "run.json").read_text())["notes"] if "index" in n]
    assert re.search(r"has no index: the input is not sorted \(first at \w+:\d+\)", note)


def test_a_file_without_records(run, tmp_path):
    vcf = write_vcf(tmp_path, [], "empty.vcf")
    out = run("out", "--format", "tsv,parquet", vcf=vcf)
    assert len(read_table(out / "variants.tsv")) == 0
    assert len(pd.read_parquet(out / "variants.parquet")) == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--min-delta", "0"], "invalid --min-delta 0"),
        (["--min-probability", "2"], "invalid --min-probability 2"),
        (["--max-length", "0"], "invalid --max-length 0"),
        (["--null-variants", "-1"], "invalid --null-variants -1"),
        (["--seed", "-1"], "invalid --seed -1"),
        (["--format", "xlsx"], "unknown format 'xlsx'"),
        (["--transcripts", "a.fa"], "either --fasta"),
        (["--context", "spliced"], "unknown context 'spliced'"),
    ],
)
def test_wrong_options_are_usage_errors(run, options, message):
    error = run("out", *options, code=2)
    assert message in error
    assert len(error.splitlines()) == 1


def test_a_malformed_record_stops_the_run_before_the_work(run, inputs, tmp_path):
    vcf = tmp_path / "c.vcf"
    vcf.write_text(inputs[0].read_text() + "c5\tx\t.\tA\tG\t.\t.\t.\n")
    error = run("out", vcf=vcf, code=1)
    assert len(error.splitlines()) == 1
    assert "line 69" in error or "line " in error
    assert "invalid POS 'x'" in error
    assert not (tmp_path / "out").exists()


def test_it_runs_as_a_program(inputs, tmp_path):
    command = [sys.executable, "-m", "vqrna", "variants", str(inputs[0]), *inputs[1], "--out", "-"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("##fileformat=VCF")


@pytest.mark.skipif(sys.platform == "darwin", reason="file names must be UTF-8 there")
def test_a_folder_whose_name_is_not_utf_8(run):
    out = run(os.fsdecode(b"a\xff"), "--format", "parquet")
    table = pd.read_parquet(io.BytesIO((out / "variants.parquet").read_bytes()))
    assert len(table) > 100
