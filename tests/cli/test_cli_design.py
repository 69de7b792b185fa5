"""`vqrna design`: its files, the summary and its errors."""

import json

import pandas as pd
import pysam
import pytest

from seeded import files_in
from vqrna.site_design.outcome import EFFECT_COLUMNS
from vqrna.site_design.run import DESIGN_COLUMNS

FILES = [
    "design_1.png", "design_1.svg", "designs.fasta", "designs.tsv", "effects.tsv", "run.json",
]  # fmt: skip


@pytest.fixture
def site(fasta, model):
    """A position of r1 whose probability of m6A is high at a prior of one half."""
    import vqrna

    table = vqrna.predict(fasta, model=model, all_sites=True, prior=0.5, device="cpu").sites
    own = table[(table.sequence == "r1") & (table.modification == "m6A")]
    own = own[own.position.between(60, 240)]
    return int(own.sort_values("probability").position.iloc[-1])


@pytest.fixture
def words(fasta, model, site):
    return [
        "design", fasta, "--sequence", "r1", "--modification", "m6A", "--position", site, "--goal",
        "remove", "--model", model, "--prior", "0.5", "--device", "cpu", "--keep-base", "--within",
        "20",
    ]  # fmt: skip


def test_the_files_agree(vqrna_main, words, out, site):
    done = vqrna_main(*words, "--out", out, "--alternatives", "4", "--dna")
    assert done.code == 0, done.err
    assert files_in(out) == FILES
    designs = pd.read_csv(out / "designs.tsv", sep="\t", keep_default_na=False)
    effects = pd.read_csv(out / "effects.tsv", sep="\t")
    assert tuple(designs.columns) == DESIGN_COLUMNS
    assert tuple(effects.columns) == EFFECT_COLUMNS
    assert set(designs.reached) == {"yes"}
    assert effects[effects.target == "yes"].position.tolist() == [site] * len(designs)
    with pysam.FastxFile(str(out / "designs.fasta")) as file:
        records = list(file)
    assert [r.name for r in records] == [f"r1_design{n}" for n in designs.design]
    assert all("U" not in r.sequence for r in records)
    assert designs.edits[0] in records[0].comment
    record = json.loads((out / "run.json").read_text())
    assert record["subcommand"] == "design"
    assert record["settings"]["goal"] == "remove: probability below 0.1"
    assert record["method"] == "exhaustive"
    assert sorted([*record["files"], "run.json"]) == FILES
    assert "all sets of this size and smaller were evaluated" in done.out


def test_a_run_with_fewer_pictures_removes_the_others(vqrna_main, words, out):
    assert vqrna_main(*words, "--out", out, "--plot", "2").code == 0
    assert (out / "design_2.png").exists()
    first = (out / "design_1.png").read_bytes()
    assert vqrna_main(*words, "--out", out, "--plot", "1").code == 0
    assert files_in(out) == FILES
    assert len((out / "design_1.png").read_bytes()) > 5000 < len(first)


def test_a_goal_that_is_not_reached_is_a_note(vqrna_main, words, out):
    done = vqrna_main(*words, "--out", out, "--below", "1e-30", "--max-edits", "1")
    assert done.code == 0
    assert "note: no design reaches the goal" in done.err
    assert set(pd.read_csv(out / "designs.tsv", sep="\t").reached) == {"no"}


@pytest.mark.parametrize(
    ("more", "code", "told"),
    [
        (["--goal", "kill"], 2, "unknown goal 'kill'"),
        (["--plot", "-1"], 2, "invalid --plot -1"),
        (["--cds", "1-10"], 2, "not whole codons"),
        (["--position", "301"], 1, ["record 'r1'", "beyond the end (length 300)"]),
        (["--sequence", "r9"], 1, "no sequence 'r9'"),
        (["--prior", "m6A=x"], 2, "invalid prior 'm6A=x'"),
        (["--out", ""], 2, "--out is empty"),
        (["--out", "-"], 2, "--out cannot be -"),
    ],
)
def test_errors_are_one_line(fails, words, out, more, code, told):
    fails(code, *words, "--out", out, *more, told=told)


def test_a_folder_that_cannot_be_used_is_reported_before_the_search(
    fails, words, fasta, monkeypatch
):
    monkeypatch.setattr("vqrna.site_design.search.EditSearch.run", None)
    fails(1, *words, "--out", fasta, told="is a file, but results need a folder")
