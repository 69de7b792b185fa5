"""Variants of circular sequences, and of annotations with features that cannot be used."""

import json

import pytest
from genes import LENGTH, SETTINGS, dna, write_genome, write_vcf

from seeded import calling_model
from vqrna import variants
from vqrna.errors import DataError
from vqrna.model.weights import save_model

TURN = 180
"""Where the same sequence is opened to be linear."""

START, STOP = 301, 460
"""Exon across the origin, 1-based."""


def annotate(folder, region: bool, shift: int = 0):
    head = f"c0\tx\tregion\t1\t{LENGTH}\t.\t+\t.\tID=r;Is_circular=true\n" if region else ""
    path = folder / "a.gff3"
    text = head
    for strand, name in (("+", "p"), ("-", "m")):
        place = f"c0\tx\t%s\t{START - shift}\t{STOP - shift}\t.\t{strand}\t.\t"
        text += place % "ncRNA" + f"ID={name}\n" + place % "exon" + f"Parent={name}\n"
    path.write_text(text)
    return path


@pytest.mark.parametrize("context", ["genome", "transcript"])
def test_a_circle_gives_the_effects_of_the_same_sequence_opened_elsewhere(tmp_path, context):
    letters = dna(LENGTH, 4)
    places = (302, 306, 358, 3, 52, 70, 95)  # in both parts of the exon
    tables = []
    for name, sequence, shift in (
        ("circle", letters, 0),
        ("line", letters[TURN:] + letters[:TURN], TURN),
    ):
        folder = tmp_path / name
        folder.mkdir()
        rows = []
        for at in sorted((place - 1 - shift) % LENGTH for place in places):
            ref = sequence[at : at + 2]
            changed = "".join("ACGT"["TGCA".index(base)] for base in ref)
            rows += [("c0", at + 1, ".", ref, changed), ("c0", at + 1, ".", ref[0], ref[0] + "GA")]
        effects = variants(
            write_vcf(folder, rows, sequences={"c0": sequence}),
            fasta=write_genome(folder, {"c0": sequence}),
            gtf=annotate(folder, not shift, shift),
            context=context,
            model=calling_model(),
            min_delta=0.01,
            **SETTINGS,
        ).effects
        for column in ("pos", "position"):
            effects[column] = (effects[column].astype(int) - 1 + shift) % LENGTH
        columns = ["pos", "ref", "alt", "position", "strand", "modification", "transcript", "delta"]
        tables.append(sorted(map(tuple, effects[columns].itertuples(index=False, name=None))))
    assert len(tables[0]) > 20
    assert [row[:-1] for row in tables[0]] == [row[:-1] for row in tables[1]]
    assert [row[-1] for row in tables[0]] == pytest.approx([row[-1] for row in tables[1]], abs=2e-4)


def test_skipped_features_are_noted_recorded_or_strictly_errors(tmp_path, vqrna_main):
    letters = dna(LENGTH, 4)
    genome = write_genome(tmp_path, {"c0": letters})
    exon = 'c0\tx\texon\t%d\t%d\t.\t+\t.\tgene_id "g"; transcript_id "%s";\n'
    gtf = tmp_path / "a.gtf"
    gtf.write_text(exon % (11, 200, "t") + exon % (300, LENGTH + 1, "u"))
    ref = letters[99]
    vcf = write_vcf(tmp_path, [("c0", 100, ".", ref, "C" if ref != "C" else "G")])
    save_model(calling_model(), tmp_path / "m.safetensors")
    words = ["variants", vcf, "--fasta", genome, "--gtf", gtf, "--null-variants", "0"]
    words += ["--model", tmp_path / "m.safetensors", "--out", tmp_path / "out"]
    done = vqrna_main(*words)
    assert done.code == 0
    assert f"note: {gtf}: skipped 1: end beyond the sequence (first: line 2)" in done.err
    (record,) = json.loads((tmp_path / "out" / "run.json").read_text())["skipped"]
    assert (record["reason"], record["count"], record["first_line"]) == (
        "end beyond the sequence",
        1,
        2,
    )
    done = vqrna_main(*words, "--strict")
    assert done.code == 1
    assert f"error: {gtf}, line 2: end 361 is beyond the end of c0" in done.err
    with pytest.raises(DataError, match=r"line 2: end 361 is beyond"):
        variants(vcf, fasta=genome, gtf=gtf, strict=True, model=calling_model(), **SETTINGS)


def test_an_allele_across_both_ends_of_a_transcript_around_the_circle_leaves_it_out(tmp_path):
    letters = dna(LENGTH, 4)
    region = f"c0\tx\tregion\t1\t{LENGTH}\t.\t+\t.\tID=r;Is_circular=true\n"
    gff = tmp_path / "a.gff3"
    gff.write_text(region + f"c0\tx\texon\t181\t{180 + LENGTH}\t.\t+\t.\tParent=t\n")
    flipped = {"A": "T", "C": "G", "G": "C", "T": "A"}
    rows = [
        (
            "c0",
            at,
            ".",
            letters[at - 1 : at + 1],
            "".join(flipped[x] for x in letters[at - 1 : at + 1]),
        )
        for at in (170, 180, 190)
    ]
    records = variants(
        write_vcf(tmp_path, rows, sequences={"c0": letters}),
        fasta=write_genome(tmp_path, {"c0": letters}),
        gtf=gff,
        context="transcript",
        model=calling_model(),
        **SETTINGS,
    ).records
    # Its first base is evaluated in the genome
    assert records.left_out.tolist() == ["", "t", ""]
