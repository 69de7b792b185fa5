"""What the README shows is what the programs give."""

import json
import re
import runpy
from pathlib import Path

import pytest
from benchmarks.pages import read_results
from benchmarks.summary import summary

from vqrna.data.fasta import read_fasta
from vqrna.model.weights import SHIPPED
from vqrna.prediction import predict

DEMO = Path(__file__).parents[1] / "examples" / "demo.fasta"


@pytest.fixture(scope="module")
def demo():
    return predict(DEMO, device="cpu").sites


@pytest.mark.parametrize(
    ("name", "table", "page"),
    [
        ("validation_table", "table", "docs/evaluation.md"),
        ("evaluation_tables", "calls", "docs/evaluation.md"),
        ("training_speed", "table", "docs/speed.md"),
        ("scan_speed", "table", "docs/speed.md"),
        ("scan_speed", "engines_table", "docs/speed.md"),
        ("scan_memory", "table", "docs/speed.md"),
        ("scan_exact", "table", "docs/speed.md"),
        ("flags_check", "table", "docs/flags.md"),
        ("tail_check", "table", "docs/multiple_testing.md"),
        ("ism_speed", "table", "docs/motifs.md"),
    ],
)
def test_the_measured_table_is_the_kept_result(root, name, table, page):
    script = runpy.run_path(str(root / "benchmarks" / f"{name}.py"))
    measured = read_results(script["RESULTS"])
    assert script[table](measured) in (root / page).read_text(encoding="utf-8")


@pytest.mark.parametrize("part", ["codes", "letters"])
def test_what_the_model_reads_is_told_as_it_was_kept(root, part):
    script = runpy.run_path(str(root / "benchmarks" / "pictures.py"))
    kept = json.loads(script["RESULTS"].read_text(encoding="utf-8"))
    if part not in kept:
        pytest.skip(f"'make pictures' has not kept {part} yet")
    page = (root / "docs" / script["PAGES"][part]).read_text(encoding="utf-8")
    assert script["TABLES"][part](kept[part]) in page


def test_the_summary_in_the_readme_is_up_to_date(root):
    assert summary() in (root / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["validation", "evaluation", "flags", "scan_exact", "tail"])
def test_the_kept_result_is_of_the_shipped_model(root, name):
    from vqrna.model.weights import load_model

    measured = json.loads((root / f"benchmarks/results/{name}.json").read_text("utf-8"))
    assert measured["model"] == load_model(device="cpu").hash


def test_at_least_four_planted_types_are_called_where_they_were_planted(demo):
    planted = set()
    for record in read_fasta(DEMO):
        if match := re.fullmatch(r"planted_(\w+)", record.name):
            site = int(re.search(r"site at (\d+)", record.description)[1])
            rows = demo[(demo["sequence"] == record.name) & (demo["position"] == site)]
            if match[1] in set(rows["modification"]):
                planted.add(match[1])
    assert len(planted) >= 4


def test_nothing_is_called_in_the_shuffled_record(demo):
    names = {record.name for record in read_fasta(DEMO)}
    assert "shuffled" in names
    assert "shuffled" not in set(demo["sequence"])


def test_the_demo_says_that_it_is_synthetic():
    assert all("synthetic" in record.description for record in read_fasta(DEMO))


def test_the_weights_are_small_enough_to_ship():
    assert SHIPPED.stat().st_size <= 5_000_000


def test_the_demo_output_in_the_readme_is_what_predict_writes(root, demo):
    text = (root / "README.md").read_text(encoding="utf-8")
    shown = re.findall(r"^(planted_\w+)\t(\d+)\t", text, flags=re.M)
    assert shown == [(n, str(p)) for n, p in zip(demo["sequence"], demo["position"], strict=True)]
