"""The page about the formats says what the code does."""

import gzip
import re

import numpy as np
import pytest
from example_sites import random_sites

from vqrna.formats import FORMATS
from vqrna.formats.bedrmod import COVERAGE, FREQUENCY, UNIDENTIFIED
from vqrna.formats.bgzip import TABIX_REACH
from vqrna.sites import COLUMNS


@pytest.fixture
def page(root):
    return (root / "docs" / "formats.md").read_text(encoding="utf-8")


def test_every_format_is_told(page):
    table = page.partition("| `--format` |")[2].partition("\n\n")[0]
    assert sorted(re.findall(r"^\| `(\w+)` \|", table, flags=re.MULTILINE)) == list(FORMATS)


def test_every_column_is_told(page):
    table = page.partition("| column | meaning |")[2].partition("\n\n")[0]
    cells = [line.split("|")[1] for line in table.splitlines()[2:]]
    assert [name for cell in cells for name in re.findall(r"`(\w+)`", cell)] == list(COLUMNS)


def test_constants_are_told(page):
    assert f"`coverage` is {COVERAGE} throughout" in page
    assert f"`frequency` is {FREQUENCY} throughout" in page
    assert f"it says {UNIDENTIFIED} " in page.replace("\n", " ")
    assert f"{TABIX_REACH:,} nt" in page


def test_the_snippet_for_pandas_runs(page, written, monkeypatch, tmp_path):
    sites = random_sites(50, name="NA")
    written(
        "tsv,parquet",
        [sites.replace(q_value=np.where(sites.modification_index > 0, sites.q_value, np.nan))],
        folder=tmp_path / "results",
    )
    monkeypatch.chdir(tmp_path)
    told: dict = {}
    code = re.findall(r"```python\n(.+?)```", page, flags=re.DOTALL)[0]
    exec(code.partition("sites = pd.read_parquet")[0], told)
    assert set(told["sites"].sequence) == {"NA"}  # a name, where q_value has numbers and gaps
    assert told["sites"].q_value.isna().tolist() == (sites.modification_index == 0).tolist()
    exec(code, told)
    assert len(told["sites"]) == 50
    assert 0 < len(told["m6a"]) < 50


def test_the_line_for_ucsc_works(page, written, run, monkeypatch, tmp_path):
    written("bed", [random_sites(50)], folder=tmp_path / "results")
    monkeypatch.chdir(tmp_path)
    run("bash", "-c", re.findall(r"```bash\n(.+?)```", page, flags=re.DOTALL)[0])
    lines = gzip.decompress((tmp_path / "for_ucsc.bed.gz").read_bytes()).decode().splitlines()
    assert lines[0] == "track name=vqrna itemRgb=On"
    assert len(lines) == 51
