"""However it is run, the files are the same to the last byte."""

import gzip
import json
import shutil

import pytest

from seeded import calling_model, files_in, letters, write_fasta
from vqrna.errors import DataError, UsageError
from vqrna.model.weights import load_model, save_model
from vqrna.prediction import (
    Output,
    PartStore,
    Shard,
    join,
    make_settings,
    predict,
    predict_files,
    tiles,
)

RECORDS = {
    "long": letters(2000, ambiguous=0.01),
    **{f"short{i}": letters(20 + 7 * i, seed=i) for i in range(30)},
    "none": "",
    "other": letters(1500, seed=99),
}
PARTS = 700


@pytest.fixture(autouse=True)
def small_parts(monkeypatch):
    monkeypatch.setattr(tiles, "PIECE", PARTS)


@pytest.fixture
def fasta(tmp_path):
    return write_fasta(tmp_path / "in.fa", RECORDS)


@pytest.fixture
def saved(tmp_path):
    """A model on disk, as shards need it."""
    path = tmp_path / "model.safetensors"
    save_model(calling_model(), path)
    return path


def bytes_of(folder) -> dict[str, bytes]:
    """All files but the one that says how it was run."""
    return {n: (folder / n).read_bytes() for n in files_in(folder) if n != "run.json"}


def work(fasta, out, saved=None, *, fdr=None, **more):
    model = load_model(saved, "cpu") if saved else calling_model()
    settings = make_settings(model.modifications, all_sites=fdr is None, fdr=fdr)
    output = Output(("tsv", "parquet", "bed"))
    return predict_files(
        [fasta], out, model, settings, output=output, model_path=saved, show_progress=False, **more
    )


@pytest.fixture
def whole(fasta, saved, tmp_path):
    work(fasta, tmp_path / "whole", saved, jobs=1)
    return bytes_of(tmp_path / "whole")


@pytest.mark.parametrize("jobs", [1, 2, 3])
def test_any_number_of_jobs(fasta, saved, tmp_path, whole, jobs):
    work(fasta, tmp_path / "out", saved, jobs=jobs)
    assert bytes_of(tmp_path / "out") == whole
    assert len(whole["sites.tsv"].splitlines()) > 5000


def test_plain_or_compressed(fasta, saved, tmp_path, whole):
    zipped = tmp_path / "in.fa.gz"
    zipped.write_bytes(gzip.compress(fasta.read_bytes()))
    work(zipped, tmp_path / "out", saved)
    assert bytes_of(tmp_path / "out") == whole


@pytest.mark.parametrize("piece", [300, 700, 10**6])
def test_the_size_of_a_part_shows_in_nothing(fasta, saved, tmp_path, whole, piece, monkeypatch):
    """On this device: tiles of other sizes give the same bits."""
    monkeypatch.setattr(tiles, "PIECE", piece)
    work(fasta, tmp_path / "out", saved)
    assert bytes_of(tmp_path / "out")["sites.tsv"] == whole["sites.tsv"]


def test_neighbours_in_the_file_make_no_difference():
    every = predict(RECORDS, model=calling_model(), all_sites=True).sites
    of_all = every.drop(columns="q_value")
    for name in ("short3", "other"):
        alone = predict({name: RECORDS[name]}, model=calling_model(), all_sites=True).sites
        there = of_all[of_all["sequence"] == name].reset_index(drop=True)
        assert there.equals(alone.drop(columns="q_value"))


@pytest.mark.parametrize("together", [True, False], ids=["one folder", "a folder each"])
@pytest.mark.parametrize("count", [1, 3])
def test_shards_that_are_joined(fasta, saved, tmp_path, whole, together, count):
    folders = [tmp_path / ("out" if together else f"out{i}") for i in range(count)]
    for i, folder in enumerate(folders):
        assert work(fasta, folder, saved, shard=Shard(i + 1, count)) is None
    found = join(folders, tmp_path / "joined")
    assert bytes_of(tmp_path / "joined") == whole
    assert found.records == len(RECORDS)
    assert found.empty_records == 1
    assert all(files_in(folder) == [] for folder in folders)


def test_shards_that_are_joined_where_they_are(fasta, saved, tmp_path, whole):
    for i in (2, 1):
        work(fasta, tmp_path / "out", saved, shard=Shard(i, 2))
    join([tmp_path / "out"])
    assert bytes_of(tmp_path / "out") == whole


def test_a_shard_that_begins_anew_leaves_the_others_alone(fasta, saved, tmp_path, whole):
    for i in (1, 2):
        work(fasta, tmp_path / "out", saved, shard=Shard(i, 2), fresh=True)
    join([tmp_path / "out"])
    assert bytes_of(tmp_path / "out") == whole


def test_every_shard_is_told_wherever_it_was_made(fasta, saved, tmp_path):
    for i in (2, 1, 3):
        work(fasta, tmp_path / "out", saved, shard=Shard(i, 3), jobs=i)
    join([tmp_path / "out"])
    told = json.loads((tmp_path / "out" / "run.json").read_text())
    assert [run["jobs"] for run in told["shards"]] == [1, 2, 3]


@pytest.mark.parametrize("count", [1, 2])
def test_what_an_earlier_attempt_left_is_no_hindrance(fasta, saved, tmp_path, whole, count):
    work(fasta, tmp_path / "out0", saved, fdr=0.5, shard=Shard(1, 3))
    for i in range(count):
        work(fasta, tmp_path / f"out{i}", saved, shard=Shard(i + 1, count))
    join([tmp_path / f"out{i}" for i in range(count)], tmp_path / "joined")
    assert bytes_of(tmp_path / "joined") == whole
    assert files_in(tmp_path / "out0") == []


def test_a_false_discovery_rate_is_over_all_shards(fasta, saved, tmp_path):
    work(fasta, tmp_path / "whole", saved, fdr=0.9)
    for i in (1, 2):
        work(fasta, tmp_path / "out", saved, fdr=0.9, shard=Shard(i, 2))
    join([tmp_path / "out"])
    assert bytes_of(tmp_path / "out") == bytes_of(tmp_path / "whole")
    assert len(bytes_of(tmp_path / "whole")["sites.tsv"].splitlines()) > 12


def test_shards_may_be_asked_for_other_files(fasta, saved, tmp_path):
    work(fasta, tmp_path / "out", saved, shard=Shard(1, 1))
    join([tmp_path / "out"], formats=("tsv",))
    assert files_in(tmp_path / "out") == ["run.json", "scanned.bed", "sequences.tsv", "sites.tsv"]


def test_shards_may_be_moved_and_the_model_too(fasta, saved, tmp_path, whole):
    work(fasta, tmp_path / "out", saved, shard=Shard(1, 1))
    shutil.move(tmp_path / "out", tmp_path / "moved")
    saved.rename(tmp_path / "elsewhere.safetensors")
    with pytest.raises(DataError, match=r"model\.safetensors: no such file"):
        join([tmp_path / "moved"])
    join([tmp_path / "moved"], model=tmp_path / "elsewhere.safetensors")
    assert bytes_of(tmp_path / "moved") == whole


def test_what_is_missing_is_told(fasta, saved, tmp_path):
    work(fasta, tmp_path / "out", saved, shard=Shard(2, 3))
    message = r"out: shards 1 and 3 of 3 have not finished: run them \(--shard 1/3 and so on\)"
    with pytest.raises(DataError, match=message):
        join([tmp_path / "out"])
    work(fasta, tmp_path / "out", saved, shard=Shard(1, 3))
    with pytest.raises(DataError, match=r"out: shard 3 of 3 has not finished: run it \(--shard 3"):
        join([tmp_path / "out"])
    work(fasta, tmp_path / "out", saved, shard=Shard(3, 3))
    (store,) = PartStore.list_in(tmp_path / "out")
    store.drop(lambda number: number == 0)
    with pytest.raises(
        DataError, match=r"1 of \d+ parts are missing or damaged \(the first is part 1\)"
    ):
        join([tmp_path / "out"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="no shards of a scan"):
        join([tmp_path / "empty"])
    with pytest.raises(DataError, match="no such folder"):
        join([tmp_path / "nowhere"])


def test_shards_of_different_scans_are_not_joined(fasta, saved, tmp_path):
    work(fasta, tmp_path / "one", saved, shard=Shard(1, 2))
    work(fasta, tmp_path / "two", saved, fdr=0.5, shard=Shard(2, 2))
    place = rf"{tmp_path}/(one|two)/\.vqrna-parts-\w+ \(called from Python\)"
    with pytest.raises(DataError, match=f"different scans: {place}, {place}; remove"):
        join([tmp_path / "one", tmp_path / "two"])
    work(fasta, tmp_path / "one", saved, fdr=0.5, shard=Shard(1, 3))
    with pytest.raises(DataError, match=f"different scans: {place}, {place}; remove"):
        join([tmp_path / "one"])


def test_shards_of_another_model_are_not_joined(fasta, saved, tmp_path):
    work(fasta, tmp_path / "out", saved, shard=Shard(1, 1))
    save_model(calling_model(1), saved)
    with pytest.raises(DataError, match="but the shards were made with"):
        join([tmp_path / "out"])


def test_a_shard_needs_files_that_can_be_read_again(saved, tmp_path):
    model = calling_model()
    settings = make_settings(model.modifications)
    with pytest.raises(UsageError, match="read again"):
        predict_files(["-"], tmp_path / "o", model, settings, shard=Shard(1, 2))


@pytest.mark.parametrize("text", ["0/2", "3/2", "1", "a/b", "1/2/3", "-1/2", "", "²/3"])
def test_what_is_no_shard(text):
    with pytest.raises(UsageError, match="invalid shard"):
        Shard.parse(text)


def test_shards_share_the_work():
    assert Shard.parse("2/3") == Shard(2, 3)
    held = [[n for n in range(10) if Shard(i, 3).holds(n)] for i in (1, 2, 3)]
    assert sorted(number for numbers in held for number in numbers) == list(range(10))
