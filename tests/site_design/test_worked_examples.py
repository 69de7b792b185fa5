"""The worked examples of the pages run as shown, and `predict` confirms the designs."""

import re
import shlex
import shutil

import pandas as pd
import pytest
from Bio.Seq import Seq

from vqrna.data.fasta import read_fasta
from vqrna.interpret.code_changes import code_changes
from vqrna.sequence import decode

CDS = slice(150, 600)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with the examples, in which the commands run."""
    return tmp_path_factory.mktemp("examples")


@pytest.fixture
def run(vqrna_main, root, folder, monkeypatch):
    """Run the commands of a section of a page; return the lines of its tables."""
    monkeypatch.chdir(folder)
    if not (folder / "examples").exists():
        shutil.copytree(root / "examples" / "edits", folder / "examples" / "edits")

    def call(page, containing):
        text = (root / "docs" / f"{page}.md").read_text(encoding="utf-8")
        blocks = re.findall(r"```sh\n([^`]+)```\n((?:(?!```).)+?)!\[", text, re.DOTALL)
        block = next(each for each in blocks if containing in each[0])
        for line in block[0].splitlines():
            words = shlex.split(line)
            assert words[0] == "vqrna"
            done = vqrna_main(*words[1:])
            assert done.code == 0, done.err
        rows = [line.strip("| ").split("|") for line in block[1].splitlines() if line[:1] == "|"]
        return [[cell.strip() for cell in row] for row in rows[2:]]

    return call


def numbers(cell):
    return [float(each) for each in cell.split("→")]


def table(path):
    return pd.read_csv(path, sep="\t", comment="#", keep_default_na=False)


def check_designs(out, rows, symbol, position):
    designs, checked = table(f"{out}/designs.tsv"), table(f"{out}/check/sites.tsv")
    for number, (_, edits, codons, probability) in enumerate(rows):
        row = designs.iloc[number]
        assert (row.edits, row.codons) == (edits, codons)
        shown = [row.ref_probability, row.alt_probability]
        assert shown == pytest.approx(numbers(probability), rel=0.05)
    own = checked[(checked.modification == symbol) & (checked.position == position)]
    assert own.sequence.tolist() == [f"synthetic_1_design{n}" for n in designs.design]
    assert own.probability.tolist() == pytest.approx(designs.alt_probability.tolist(), rel=2e-3)
    return own


def test_an_m6a_site_is_removed_without_changing_the_protein(run, folder):
    rows = run("design", "--goal remove")
    own = check_designs("removed", rows, "m6A", 362)
    assert set(own.call) == {"."}
    original = decode(next(read_fasta("examples/edits/transcript.fa")).tokens)
    assert original[359:364] == "GGACU"
    for record in read_fasta("removed/designs.fasta"):
        edited = decode(record.tokens)
        assert edited != original
        assert Seq(edited[CDS]).translate() == Seq(original[CDS]).translate()
        assert edited.count("GAAUUC") <= original.count("GAAUUC")


def test_a_psi_site_is_added(run, folder):
    rows = run("design", "--goal add")
    own = check_designs("added", rows, "Psi", 767)
    assert not set(own.call) & {"", "."}
    first = decode(next(read_fasta("added/designs.fasta")).tokens)
    assert first[764:773] == "GUUACACUC"
    assert (folder / "added" / "design_1.png").exists()


def test_a_vcf_becomes_pictures(run, folder):
    rows = run("variants", "examples/edits/variants.vcf")
    effects, records = table("effects/variants.tsv"), table("effects/records.tsv")
    for name, variant, symbol, position, probability, class_name, distance in rows:
        row = effects[(effects.id == name) & (effects.modification == symbol)].iloc[0]
        assert variant == f"{row.ref}{row.pos}{row.alt}"
        assert (str(row.position), row["class"], str(row.distance)) == (
            position, class_name, distance
        )  # fmt: skip
        shown = [row.ref_probability, row.alt_probability]
        assert shown == pytest.approx(numbers(probability), rel=0.05)
    assert dict(zip(records.id, records.verdict, strict=True))["intron"] == "no site near"
    kept = effects[(effects.id == "upstream_deletion") & (effects.modification == "m6A")]
    assert 562 not in set(kept.position)
    assert len(list((folder / "effects").glob("variant_*.png"))) == 3
    assert (folder / "effects" / "variant_02_chrS_563.png").exists()


def test_the_effect_of_a_changed_code_is_as_stated(run, root, folder):
    shutil.copy(root / "examples" / "demo.fasta", folder / "examples")
    run("codes", "vqrna mutate")
    changes = table("edit/code_changes.tsv")
    first = changes.iloc[changes.effect.abs().argmax()]
    page = " ".join((root / "docs" / "codes.md").read_text(encoding="utf-8").split())
    alone = re.search(
        rf"from `{first.ref_reads}` to `{first.alt_reads}`, explains the effect: "
        r"(-[\d.]+) if it alone changes, (-[\d.]+) with all four",
        page,
    )
    assert float(alone[1]) == pytest.approx(first.effect, abs=0.06)
    result = code_changes("examples/demo.fasta", "m6A", 177, "C178A", sequence="planted_Um")
    assert float(alone[2]) == pytest.approx(result.alt_log_odds - result.ref_log_odds, abs=0.06)
    assert len(changes) == 4
    assert changes.effect.abs().sort_values().iloc[-2] < 0.2  # the others have none


def test_the_files_are_those_of_the_script(root):
    transcript = (root / "examples/edits/transcript.fa").read_text().split("\n", 1)[1]
    genome = (root / "examples/edits/genome.fa").read_text().split("\n", 1)[1].replace("\n", "")
    exons = [
        line.split("\t")[3:5]
        for line in (root / "examples/edits/genes.gtf").read_text().splitlines()
        if line.split("\t")[2] == "exon"
    ]
    spliced = "".join(genome[int(a) - 1 : int(b)] for a, b in exons)
    assert spliced.replace("T", "U") == transcript.replace("\n", "")
    for line in (root / "examples/edits/variants.vcf").read_text().splitlines():
        if not line.startswith("#"):
            _, pos, _, ref, *_ = line.split("\t")
            assert genome[int(pos) - 1 : int(pos) - 1 + len(ref)] == ref
