"""Before a search begins: the time that is promised, and a device that is not there."""

import sys

import pytest

from vqrna.errors import VqrnaError
from vqrna.studies import read_search, tune
from vqrna.studies.estimate import estimate_search
from vqrna.studies.search import threads_each
from vqrna.training import from_benchmark

FILE = """
[search]
trials = 7
jobs = {jobs}
[model]
length = 51
[training]
epochs = 3
[space]
dropout = [0.0, 0.1]
"""


@pytest.mark.parametrize(
    ("jobs", "cores", "engine", "at_once"),
    [(1, 8, "local", 1), (4, 8, "local", 4), (12, 2, "local", 2), (12, 2, "ray", 7)],
)
def test_more_jobs_than_cores_are_no_faster(
    data, search_file, monkeypatch, jobs, cores, engine, at_once
):
    for name in ("vqrna.studies.search", "vqrna.studies.estimate"):
        monkeypatch.setattr(sys.modules[name], "cores", lambda: cores)
    monkeypatch.setattr(sys.modules["vqrna.studies.estimate"], "_seconds", lambda *_: (10.0, 0.0))
    search = read_search(search_file(FILE.format(jobs=jobs)))
    source = from_benchmark(data, ["Am"], lambda line: None)
    told = estimate_search(search, source, "cpu", engine=engine)
    rounds = {1: 7, 2: 4, 4: 2, 7: 1}[at_once]
    assert told.at_once == at_once
    assert told.total == pytest.approx(10.0 * 3 * rounds)
    assert threads_each(search) == (None if jobs == 1 else max(1, cores // jobs))


def test_a_device_that_is_not_there_is_told_before_any_trial(data, search_file, tmp_path):
    search = read_search(search_file(FILE.format(jobs=1)))
    source = from_benchmark(data, ["Am"], lambda line: None)
    with pytest.raises(VqrnaError, match="cuda:99"):
        tune(search, source, data, tmp_path / "out", device="cuda:99", show_progress=False)
    assert not (tmp_path / "out").exists()
