"""What docs/tuning.md says of settings and of the search that was run is what is there."""

import dataclasses
import re

import pandas as pd
import pytest

from vqrna import config as configs
from vqrna.studies import Settings, read_search


@pytest.fixture
def page(root):
    return (root / "docs" / "tuning.md").read_text(encoding="utf-8")


def of_seeds(root, which):
    return pd.read_csv(root / "docs" / "search" / f"seeds_{which}.csv")["value"]


def told(root):
    """The part of the page that tells results, from the kept tables."""
    table = pd.read_csv(root / "docs" / "search" / "trials.csv")
    best = table[table["state"] == "complete"].nlargest(5, "value")
    names = list(table.columns[table.columns.get_loc("seconds") + 1 : -2])
    lines = [
        "| trial | AUROC | " + " | ".join(f"`{name}`" for name in names) + " |",
        "|---" * (len(names) + 2) + "|",
    ]
    for row in best.to_dict("records"):
        cells = [
            "" if pd.isna(row[name]) else row[name] if isinstance(row[name], str)
            else f"{row[name]:.3g}" for name in names
        ]  # fmt: skip
        lines.append(f"| {row['trial']} | {row['value']:.4f} | " + " | ".join(cells) + " |")
    states = table["state"].value_counts()
    lines.append("")
    lines.append(
        f"{states['complete']} trials were complete and {states['pruned']} pruned, in "
        f"{table['seconds'].sum() / 60:.0f} minutes. Best: trial {best.iloc[0]['trial']}."
    )
    preset, found = of_seeds(root, "preset"), of_seeds(root, "best")
    lines.append("")
    lines.append("| five other seeds | mean AUROC | lowest | highest |\n|---|---|---|---|")
    for name, values in (("preset", preset), ("best settings", found)):
        lines.append(f"| {name} | {values.mean():.4f} | {values.min():.4f} | {values.max():.4f} |")
    return "\n".join(lines)


def test_the_results_are_those_of_the_kept_tables(root, page):
    assert told(root) in page, f"docs/tuning.md needs:\n{told(root)}"


def test_the_best_settings_are_kept(root):
    table = pd.read_csv(root / "docs" / "search" / "trials.csv")
    best = table[table["state"] == "complete"].nlargest(1, "value").iloc[0]
    config = configs.load(root / "docs" / "search" / "config.toml")
    assert config.training.learning_rate == pytest.approx(best["learning_rate"], rel=1e-5)
    assert config.model.width == best["width"]
    assert of_seeds(root, "best").min() > of_seeds(root, "preset").max()  # as the page says


def test_the_examples_can_be_read(root, page, tmp_path):
    search = read_search(root / "examples" / "search.toml")
    assert search.settings.trials == 24
    assert search.base.model.length == 101
    assert len(read_search(root / "examples" / "search_seeds.toml").space.grid(99)) == 5
    (shown,) = re.findall(r"```toml\n(\[search\].+?)```", page, flags=re.DOTALL)
    (tmp_path / "shown.toml").write_text(shown)
    labels = {p.label for p in read_search(tmp_path / "shown.toml").space.parameters}
    assert labels <= {p.label for p in search.space.parameters}


def test_every_setting_of_a_search_is_told_with_its_default(page):
    rows = dict(re.findall(r"^\| `(\w+)` \| ([^|]+) \|", page, flags=re.MULTILINE))
    for field in dataclasses.fields(Settings):
        assert field.name in rows
        if field.name not in {"metric", "hours"}:
            default = getattr(Settings(), field.name)
            assert rows[field.name] == str(default)
    assert set(rows) - {f.name for f in dataclasses.fields(Settings)} == {"preset", "modifications"}
