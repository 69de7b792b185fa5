"""Features that `vqrna predict --gtf` and `--regions` skip are shown, recorded, or errors."""

import json

import pytest

from seeded import letters

GTF = (
    'chr1\tx\texon\t41\t200\t.\t+\t.\tgene_id "g"; transcript_id "a";\n'
    'chr1\tx\texon\t241\t501\t.\t+\t.\tgene_id "g"; transcript_id "b";\n'
    'chr1\tx\texon\t241\t300\t.\t+\t.\tgene_id "g";\n'
    'chr1\tx\texon\t251\t300\t.\t+\t.\tgene_id "g";\n'
)
REASONS = {"end beyond the sequence": (1, 2), "exon without transcript": (2, 3)}


@pytest.fixture
def genome(tmp_path):
    path = tmp_path / "g.fa"
    path.write_text(f">chr1\n{letters(500, seed=2)}\n")
    return path


@pytest.fixture
def annotation(tmp_path):
    path = tmp_path / "a.gtf"
    path.write_text(GTF)
    return path


def notes(file):
    return [
        f"vqrna: note: {file}: skipped {count}: {reason} (first: line {line})"
        for reason, (count, line) in REASONS.items()
    ]


def skipped(out):
    rows = json.loads((out / "run.json").read_text())["skipped"]
    assert all(set(row) == {"file", "reason", "count", "first_line"} for row in rows)
    return [(row["file"], row["reason"], row["count"], row["first_line"]) for row in rows]


def test_skipped_features_are_in_the_summary_and_the_record(
    vqrna_main, genome, annotation, model, out
):
    bed = annotation.with_name("r.bed")
    bed.write_text("chr1\t10\t30\tr\t0\t+\nchr1\t5\t5\tz\t0\t+\n")
    words = ["predict", genome, "--gtf", annotation, "--regions", bed, "--model", model]
    done = vqrna_main(*words, "--out", out)
    assert done.code == 0
    expected = [*notes(annotation), f"vqrna: note: {bed}: skipped 1: zero length (first: line 2)"]
    assert [x for x in done.err.splitlines() if "skipped" in x] == expected
    assert skipped(out) == [
        *((str(annotation), reason, *rest) for reason, rest in REASONS.items()),
        (str(bed), "zero length", 1, 2),
    ]


def test_on_standard_output_they_are_on_standard_error(vqrna_main, genome, annotation, model):
    done = vqrna_main("predict", genome, "--gtf", annotation, "--model", model, "--out", "-")
    assert [x for x in done.err.splitlines() if "skipped" in x] == notes(annotation)


def test_of_shards_they_are_shown_and_recorded_when_joined(
    vqrna_main, genome, annotation, model, out
):
    words = ["predict", genome, "--gtf", annotation, "--model", model, "--out", out]
    done = vqrna_main(*words, "--shard", "1/1")
    assert [x for x in done.err.splitlines() if "skipped" in x] == notes(annotation)
    joined = vqrna_main("join", out)
    assert joined.code == 0
    assert [x for x in joined.err.splitlines() if "skipped" in x] == notes(annotation.resolve())
    assert [row[1:] for row in skipped(out)] == [(k, *v) for k, v in REASONS.items()]


def test_strict_makes_them_an_error(fails, genome, annotation, model, out):
    words = ("predict", genome, "--gtf", annotation, "--model", model, "--out", out, "--strict")
    fails(
        1, *words, told=[f"{annotation}, line", "exon without transcript (expected transcript_id)"]
    )
    annotation.write_text("".join(GTF.splitlines(keepends=True)[:2]))
    fails(1, *words, told=[f"{annotation}, line 2: end 501 is beyond the end of chr1 (500 nt in"])


def test_strict_changes_nothing_else(vqrna_main, genome, annotation, model, tmp_path):
    annotation.write_text(GTF.splitlines(keepends=True)[0])
    words = ("predict", genome, "--gtf", annotation, "--model", model, "--all-sites", "--out")
    for name, more in (("lenient", ()), ("strict", ("--strict",))):
        assert vqrna_main(*words, tmp_path / name, *more).code == 0
    tables = [(tmp_path / name / "sites.tsv").read_bytes() for name in ("lenient", "strict")]
    assert tables[0] == tables[1]


def test_notes_on_the_annotation_are_recorded(vqrna_main, genome, annotation, model, out):
    exon = 'chr1\tx\texon\t41\t200\t.\t+\t.\tgene_id "g"; transcript_id "a";\n'
    annotation.write_text(exon + exon.replace("\t+\t", "\t-\t"))
    done = vqrna_main("predict", genome, "--gtf", annotation, "--model", model, "--out", out)
    notes = json.loads((out / "run.json").read_text())["notes"]
    assert notes[0].startswith("a.gtf: transcripts on several chromosomes or strands: 1 (")
    assert f"vqrna: note: {notes[0]}" in done.err.splitlines()


def test_strict_needs_a_genome(fails, fasta, out):
    fails(2, "predict", fasta, "--strict", "--out", out, told="--strict need --regions or --gtf")


@pytest.mark.parametrize("end", ["", "\n"])
def test_bare_carriage_returns_have_the_same_message_with_and_without_an_annotation(
    fails, genome, annotation, model, out, end
):
    genome.write_bytes(f">chr1\r{letters(60)}\r{letters(60)}\r{letters(9)}{end}".encode())
    words = ("predict", genome, "--model", model, "--out", out)
    told = f"{genome}: has bare carriage returns as line ends (old Mac): convert it"
    assert fails(1, *words, told=told) == fails(1, *words, "--gtf", annotation, told=told)


@pytest.mark.parametrize(
    ("context", "size"), [("genome", "160 distinct nt"), ("transcript", "321 nt evaluated")]
)
def test_the_header_says_that_shared_bases_count_once(
    vqrna_main, genome, annotation, model, out, context, size
):
    exon = 'chr1\tx\texon\t41\t200\t.\t+\t.\tgene_id "g"; transcript_id "a";\n'
    annotation.write_text(exon + exon.replace('"a"', '"b"'))
    words = ("predict", genome, "--gtf", annotation, "--model", model, "--context", context)
    done = vqrna_main(*words, "--out", out)
    head = done.out.splitlines()[0]
    assert head.startswith(size)
    assert done.out.count("160 ") >= 2  # one row for each transcript


def test_each_reason_is_noted_once(vqrna_main, genome, annotation, model, out):
    lost = 'chrZ\tx\texon\t41\t200\t.\t+\t.\tgene_id "g"; transcript_id "z";\n'
    annotation.write_text(GTF + lost)
    done = vqrna_main("predict", genome, "--gtf", annotation, "--model", model, "--out", out)
    lines = [x for x in done.err.splitlines() if "a.gtf" in x]
    assert [x.rsplit("a.gtf: ")[1].split(": ")[0] for x in lines] == [
        "1 of 3 transcripts are left out",
        "1 of 3 transcripts are left out",
        "skipped 1",
        "skipped 2",
    ]
    assert sum("chrZ" in x for x in lines) == 1
    assert not any("sequence not in the genome" in x for x in lines)
    assert "sequence not in the genome" in [row[1] for row in skipped(out)]
