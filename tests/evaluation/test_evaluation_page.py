"""The page on evaluations shows what the benchmark measured of the shipped model."""

import json
import runpy

import pytest


@pytest.fixture(scope="module")
def script(pytestconfig):
    return runpy.run_path(str(pytestconfig.rootpath / "benchmarks" / "evaluation_tables.py"))


@pytest.fixture(scope="module")
def measured(script):
    return script["read_results"](script["RESULTS"])


def test_the_tables_of_the_page_are_the_kept_results(script, measured):
    page = script["PAGE"].read_text(encoding="utf-8")
    for name, table in script["TABLES"].items():
        assert f"<!-- {name} -->\n{table(measured)}\n<!-- -->" in page
        assert len(table(measured).splitlines()) >= 4


def test_the_kept_results_are_of_the_shipped_model(measured):
    from vqrna.model.weights import load_model

    assert measured["model"] == load_model(device="cpu").hash


def test_what_was_measured_is_kept_as_it_was(script, tmp_path):
    """Numbers go into the file and out of it again; the page's pictures are there."""
    kept = script["RESULTS"].read_text(encoding="utf-8")
    script["write_results"].__globals__["RESULTS"] = tmp_path / "again.json"
    script["write_results"](json.loads(kept))
    assert (tmp_path / "again.json").read_text(encoding="utf-8") == kept
    for name in ("reliability", "cross_types"):
        assert (script["IMAGES"] / f"{name}.png").is_file()
