"""What docs/tuning.md says of settings and of the search that was run is what is there."""

import dataclasses
import re

import pandas as pd
import pytest
from benchmarks.search_table import seeds_of

from vqrna import config as configs
from vqrna.studies import SearchSettings, read_search


@pytest.fixture
def page(root):
    return (root / "docs" / "tuning.md").read_text(encoding="utf-8")


def test_the_best_settings_are_kept(root):
    table = pd.read_csv(root / "docs" / "search" / "trials.csv")
    best = table[table["state"] == "complete"].nlargest(1, "value").iloc[0]
    config = configs.load(root / "docs" / "search" / "config.toml")
    assert config.training.learning_rate == pytest.approx(best["learning_rate"], rel=1e-5)
    assert config.model.width == best["width"]
    assert seeds_of("best").min() > seeds_of("preset").max()  # as the page says


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
    for field in dataclasses.fields(SearchSettings):
        assert field.name in rows
        if field.name not in {"metric", "hours"}:
            default = getattr(SearchSettings(), field.name)
            assert rows[field.name] == str(default)
    assert set(rows) - {f.name for f in dataclasses.fields(SearchSettings)} == {
        "preset",
        "modifications",
    }
