"""Sites as Parquet."""

import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from example_sites import FACTS, KINDS, make_sites, random_sites

from vqrna.formats import writing
from vqrna.formats.parquet import table
from vqrna.modifications import MOST_MODIFICATIONS, Modification
from vqrna.sites import COLUMNS


def test_pandas_reads_back_what_was_there(written):
    sites = random_sites(500)
    (path,) = written("parquet", [sites]).paths
    assert path.name == "sites.parquet"
    found = pd.read_parquet(path)
    told = sites.table(KINDS)
    assert tuple(found.columns) == COLUMNS
    assert found.index.equals(pd.RangeIndex(500))
    for column in ("sequence", "position", "score", "probability", "p_value", "q_value"):
        assert found[column].tolist() == told[column].tolist()
    for column in ("strand", "base", "modification"):
        assert isinstance(found[column].dtype, pd.CategoricalDtype)
        assert found[column].astype(object).tolist() == told[column].tolist()
    for column in ("call", "warnings"):
        assert found[column].astype(object).fillna("").tolist() == told[column].tolist()


def test_the_types_are_those_one_would_want(written):
    (path,) = written("parquet", [random_sites(50)]).paths
    kinds = pd.read_parquet(path).dtypes
    assert kinds["position"] == np.int64
    assert kinds["score"] == kinds["p_value"] == np.float64
    assert pd.api.types.is_string_dtype(kinds["sequence"])
    found = pd.read_parquet(path)
    assert found.call.cat.ordered
    tier = random_sites(50).tier
    assert (found.call >= "medium").tolist() == (tier >= 2).tolist()
    rising = make_sites("a", range(5), tier=[4, 1, 2, 3, 0])
    (path,) = written("parquet", [rising]).paths
    call = pd.read_parquet(path).call
    assert call.astype(object).tolist()[:4] == ["threshold", "low", "medium", "high"]
    assert call.cat.codes.tolist() == [0, 1, 2, 3, -1]


def test_what_is_not_known_is_null(written):
    extra = {"transcript": np.array([None], dtype=object), "lowest_score": np.array([np.nan])}
    sites = make_sites("a", [0], tier=0, q_value=np.nan, extra=extra)
    (path,) = written("parquet", [sites]).paths
    row = pq.read_table(path).to_pylist()[0]
    told = ("q_value", "call", "warnings", "transcript", "lowest_score")
    assert {name: row[name] for name in told} == dict.fromkeys(told)
    assert row["score"] == 0.5


def test_all_types_of_a_model_have_a_name():
    kinds = [Modification(f"x{n}", f"x{n}", "N") for n in range(MOST_MODIFICATIONS)]
    sites = make_sites("a", range(len(kinds)), modification_index=np.arange(len(kinds)))
    assert table(sites, kinds)["modification"].to_pylist() == [m.symbol for m in kinds]
    few = table(make_sites("a", [0]), kinds[:128])["modification"]
    assert few.type.index_type == pa.int8()


def test_names_are_kept_as_they_are(written):
    names = ["a\tb", '#"', "Ψ x,y", ""]
    (path,) = written("parquet", [make_sites(names, [0, 1, 2, 3])]).paths
    assert pq.read_table(path)["sequence"].to_pylist() == names


def test_facts_and_units_stand_in_the_schema(written):
    (path,) = written("parquet", [random_sites(5)], assembly="GRCh38").paths
    schema = pq.read_schema(path)
    told = {key.decode(): value.decode() for key, value in schema.metadata.items()}
    assert told["program"] == "vqrna 1.2.3"
    assert told["command"] == FACTS["command"]
    assert told["model"] == "abc"
    assert told["priors"] == FACTS["priors"]
    assert told["assembly"] == "GRCh38"
    assert json.loads(told["modifications"])[1] == {
        "symbol": "Psi",
        "name": "pseudouridine",
        "modomics": "Y",
        "color": KINDS[1].color,
    }
    assert schema.field("position").metadata[b"unit"] == b"nt, 1-based"
    assert all(b"description" in schema.field(name).metadata for name in COLUMNS)
    assert b"calibrated" in schema.field("score").metadata[b"description"]


def test_rows_are_kept_in_groups_of_bounded_size(written, monkeypatch):
    monkeypatch.setattr(writing, "BATCH", 100)
    (path,) = written("parquet", [random_sites(250)]).paths
    file = pq.ParquetFile(path)
    assert [file.metadata.row_group(i).num_rows for i in range(3)] == [100, 100, 50]
    assert file.metadata.row_group(0).column(0).compression == "ZSTD"


def test_an_empty_scan_has_typed_columns(written):
    nothing = make_sites("a", [], extra={"transcripts": np.array([], dtype=np.int64)})
    (path,) = written("parquet", [nothing]).paths
    found = pd.read_parquet(path)
    assert len(found) == 0
    assert tuple(found.columns) == (*COLUMNS, "transcripts")
    assert found.transcripts.dtype == np.int64
