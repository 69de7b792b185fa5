"""What the README shows is what the programs give."""

import json
import re
from pathlib import Path

import pytest

from vqrna.data.fasta import read_fasta
from vqrna.model.weights import SHIPPED
from vqrna.prediction import predict

DEMO = Path(__file__).parents[1] / "examples" / "demo.fasta"


@pytest.fixture(scope="module")
def demo():
    return predict(DEMO, device="cpu", confidence="low").sites


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


def test_the_shuffled_record_has_weaker_calls_than_the_planted_ones(demo):
    names = {record.name for record in read_fasta(DEMO)}
    assert "shuffled" in names
    highest = demo.groupby("sequence")["probability"].max().reindex(sorted(names)).fillna(0)
    planted = highest.drop("shuffled")
    assert highest["shuffled"] < planted.median()


def test_the_demo_says_that_it_is_synthetic():
    assert all("synthetic" in record.description for record in read_fasta(DEMO))


def test_the_weights_are_small_enough_to_ship():
    assert SHIPPED.stat().st_size <= 5_000_000


def test_the_text_counts_the_planted_sites_of_the_first_table(root):
    text = (root / "README.md").read_text(encoding="utf-8")
    table = re.search(r"<!-- demo -->\n(.*?)<!-- -->", text, re.DOTALL)[1]
    rows = [line.strip("| ").split(" | ") for line in table.splitlines()[2:]]
    planted = sum(row[0] == f"planted_{row[3]}" and row[1] == "301" for row in rows)
    words = ("none", "one", "two", "three", "four", "all")[planted]
    assert f"{words} of these five are planted sites" in " ".join(text.split())


def test_the_numbers_in_the_text_are_those_of_the_shipped_model(root):
    """The example of docs/reading.md, and the types of which hardly any site is called."""
    from vqrna.model.weights import load_model

    model = load_model(device="cpu")
    medium = {t.modification: t for t in model.tiers if (t.window, t.tier) == ("whole", "medium")}
    text = " ".join((root / "docs" / "reading.md").read_text(encoding="utf-8").split())
    m6a = medium["m6A"]
    sites = 200 * m6a.recall
    listed = sites / m6a.precision_mixture
    assert f"finds {m6a.recall:.0%}".replace("%", " %") in text
    assert f"of them: {sites:.0f} sites. It also accepts about {listed - sites:.0f}"[:-1] in text
    assert f"{sites:.0f} of them ({m6a.precision_mixture:.0%}".replace("%", " %") in text
    accuracy = model.training["validation"]["m6A"]["acc"]
    assert f"accuracy of {accuracy:.0%}".replace("%", " %") in text
    rare = [symbol for symbol, tier in medium.items() if tier.recall < 0.02]
    assert f"{', '.join(rare[:-1])} and {rare[-1]} hardly ever reach" in text
