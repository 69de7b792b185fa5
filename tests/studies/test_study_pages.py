"""What the pages of the studies tell is what their kept cells hold."""

import pytest

from vqrna.studies.ablations import ABLATIONS
from vqrna.studies.run import collect_study


@pytest.mark.parametrize("study", ["lengths", "ablations"])
def test_a_page_holds_the_tables_of_the_kept_cells(root, tmp_path, study):
    kept = root / "benchmarks" / "results" / study
    if not (kept / "cells").is_dir():
        pytest.skip("no cells are kept")
    (tmp_path / "cells").symlink_to(kept / "cells")
    collect_study(study, tmp_path)
    made = (tmp_path / f"{study}.md").read_text(encoding="utf-8")
    assert made == (kept / f"{study}.md").read_text(encoding="utf-8")
    assert (tmp_path / f"{study}.csv").read_bytes() == (kept / f"{study}.csv").read_bytes()
    told = made.partition("\n\n")[2].replace("\n## ", "\n### ")
    assert told.strip() in (root / "docs" / f"{study}.md").read_text(encoding="utf-8")
    assert f"../benchmarks/results/{study}/{study}.png" in (
        root / "docs" / f"{study}.md"
    ).read_text(encoding="utf-8")


def test_the_page_lists_every_ablation(root):
    text = (root / "docs" / "ablations.md").read_text(encoding="utf-8")
    for ablation in ABLATIONS:
        assert f"`{ablation.key}`" in text
