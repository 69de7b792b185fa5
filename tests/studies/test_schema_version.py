"""JSON files of searches state the version of their fields."""

import json

import pytest

from tiny_search import SEARCH, TINY
from vqrna.errors import DataError
from vqrna.studies.search_config import RECORD, SearchRecord, read_record, write_record
from vqrna.studies.search_files import read_search


@pytest.fixture
def record(tmp_path):
    (tmp_path / "search.toml").write_text(SEARCH + TINY, encoding="utf-8")
    write_record(tmp_path, SearchRecord("x", read_search(tmp_path / "search.toml")))
    return tmp_path / RECORD


def test_the_record_of_a_search_states_its_version(record):
    values = json.loads(record.read_text())
    assert values["schema_version"] == 1
    assert read_record(record.parent).identity == "x"


def test_a_record_of_an_earlier_vqrna_has_none(record):
    values = json.loads(record.read_text())
    del values["schema_version"]
    record.write_text(json.dumps(values))
    assert read_record(record.parent).identity == "x"


def test_a_record_of_a_later_vqrna_is_refused(record):
    values = json.loads(record.read_text())
    record.write_text(json.dumps(values | {"schema_version": 2}))
    with pytest.raises(DataError, match="schema_version is not 1"):
        read_record(record.parent)
