"""What the pages under docs say is what the code does."""

import dataclasses
import re
from pathlib import Path

import pytest

from benchmarks import settings_table
from vqrna.data.user_files import load_table, load_windows_fasta
from vqrna.data.windows import NEGATIVE, POSITIVE
from vqrna.modifications import MODIFICATIONS, modification
from vqrna.stats.tiers import PROBABILITIES, TIERS

PAGES = sorted(path.stem for path in (Path(__file__).parents[1] / "docs").glob("*.md"))


def read(root, page: str) -> str:
    return (root / "docs" / f"{page}.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(("name", "part"), settings_table.PARTS.items())
def test_every_setting_is_described(name, part):
    names = [name for some, _ in settings_table.described(part) for name in some]
    assert names == [field.name for field in dataclasses.fields(part)]


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(root, page):
    for target in re.findall(r"\]\(([^)#]+)", read(root, page)):
        assert target.startswith("https://") or (root / "docs" / target).exists(), target


def test_the_files_shown_can_be_read(root, tmp_path):
    fasta, table = re.findall(r"```\n((?:>|sequence,).+?)```", read(root, "data"), flags=re.DOTALL)
    (tmp_path / "a.fa").write_text(fasta.replace("…\n", ""))
    (tmp_path / "a.csv").write_text(table)
    pair = load_windows_fasta(tmp_path / "a.fa", tmp_path / "a.fa", "ac4C")
    assert pair.labels.tolist() == [[POSITIVE]]
    rows = load_table(tmp_path / "a.csv")
    assert rows.labels.tolist() == [[POSITIVE], [NEGATIVE]]
    assert rows.negative_sets == ("random", "same_motif")


def test_the_tiers_of_the_page_are_those_of_the_code(root):
    row = r"^\| `(\w+)`(?: \(default\))? \| 1 in (\d+) \|"
    rows = re.findall(row, read(root, "probabilities"), flags=re.MULTILINE)
    limits = [(tier, 1 / int(number)) for tier, number in rows]
    assert limits == list(zip(TIERS, PROBABILITIES, strict=True))


def test_the_names_of_modifications_on_the_page_are_names(root):
    section = read(root, "data").split("## Names of modifications")[1].split("## ")[0]
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in section.splitlines()]
    rows = [row for row in rows if len(row) == 4][2:]
    assert [row[0] for row in rows] == [m.symbol for m in MODIFICATIONS]
    for m, (_, name, codes, others) in zip(MODIFICATIONS, rows, strict=True):
        assert (name, tuple(filter(None, codes.split(", ")))) == (m.name, m.codes)
        assert {modification(other) for other in filter(None, others.split(", "))} <= {m}


@pytest.mark.parametrize(("page", "last"), [("codes", "effects"), ("motifs", "motifs")])
def test_the_notebook_of_a_page_runs(root, page, last, monkeypatch):
    """Every line of it, on a tiny model and a few windows."""
    import vqrna
    from seeded import calling_model
    from tiny import planted
    from vqrna.interpret import site_selection

    windows = dataclasses.replace(
        planted(24, length=101, symbols=("Am",)), modifications=vqrna.MODIFICATIONS[7:8]
    )
    given = []
    monkeypatch.setattr(vqrna, "load_model", calling_model)
    for place in (vqrna, site_selection):
        monkeypatch.setattr(place, "load_benchmark", lambda *x, **_: given.append(x) or windows)
    monkeypatch.setattr(site_selection, "select_modifications", lambda *_: None)
    code = re.search(r"## In a notebook\n.*?```python\n(.+?)```", read(root, page), re.DOTALL)[1]
    names: dict[str, object] = {}
    exec(compile(code, page, "exec"), names)
    assert given[0] == ("DIR", "valid", ["m6A"])
    assert names[last] is not None
    if page == "codes":
        assert names["points"].latents.shape[0] == 24
        assert names["effects"].effects.shape[0] == 8
        assert set(names["result"].table().modification) == {"m6A"}
    else:
        assert names["why"].values.shape == (12, 4, names["model"].length)
