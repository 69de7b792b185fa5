"""Tables and pages of the studies in benchmarks/results."""

import pytest

from vqrna.studies.ablations import ABLATIONS
from vqrna.studies.run import collect_study


@pytest.mark.parametrize("study", ["lengths", "ablations"])
def test_the_kept_table_is_that_of_the_kept_cells(root, tmp_path, study):
    kept = root / "benchmarks" / "results" / study
    (tmp_path / "cells").symlink_to(kept / "cells")
    collect_study(study, tmp_path)
    assert (tmp_path / f"{study}.csv").read_bytes() == (kept / f"{study}.csv").read_bytes()


def test_the_page_lists_every_ablation(root):
    text = (root / "docs" / "ablations.md").read_text(encoding="utf-8")
    for ablation in ABLATIONS:
        assert f"`{ablation.key}`" in text
