"""Several formats in one go: all files whole or none, whatever happens on the way."""

import errno
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from example_sites import describe, make_sites, random_sites
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vqrna.errors import DataError, UsageError
from vqrna.formats import FORMATS, writers, writing
from vqrna.runtime import files
from vqrna.sites import concat_sites

GIVEN = {"organism": "9606", "assembly": "x", "annotation": "y 1"}


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def write(folder: Path, blocks, formats=FORMATS):
    folder.mkdir(exist_ok=True)
    with writers(formats, folder, describe({"a": 9999, "b": 9999}, **GIVEN)) as out:
        for block in blocks:
            out.write(block)
    return out


def some():
    return [random_sites(700, 1, "a"), random_sites(300, 2, "b")]


def test_all_formats_at_once(tmp_path):
    out = write(tmp_path, some())
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(p.name for p in out.paths)
    assert out.notes == ()


def test_number_of_files(tmp_path):
    formats = ["tsv", "parquet", "bedrmod", "bed", "bedgraph", "bigwig"]
    assert len(write(tmp_path, some(), formats).paths) == 3 + 2 + 6 * 2 + 6


def test_a_format_named_twice_is_written_once(tmp_path):
    assert len(write(tmp_path, some(), ["tsv", "tsv"]).paths) == 1


def test_an_unknown_format_is_told(tmp_path):
    with pytest.raises(UsageError, match=r"unknown format 'xls' \(known: bed, bedgraph,"):
        write(tmp_path, [], ["xls"])
    assert list(tmp_path.iterdir()) == []


@settings(max_examples=4, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=st.lists(st.integers(0, 1000), max_size=12))
def test_the_same_sites_cut_in_any_way_give_the_same_bytes(tmp_path_factory, cuts):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(writing, "BATCH", 300)
        sites = concat_sites(some())
        whole, pieces = tmp_path_factory.mktemp("whole"), tmp_path_factory.mktemp("pieces")
        write(whole, [sites])
        edges = [0, *sorted(cuts), len(sites)]
        write(pieces, [sites.take(slice(*edges[i : i + 2])) for i in range(len(edges) - 1)])
    assert contents(whole) == contents(pieces)


def test_no_file_is_there_before_the_end(tmp_path):
    with writers(FORMATS, tmp_path, describe({"a": 9999}, **GIVEN)) as out:
        out.write(some()[0])
        assert all(path.name.startswith(".part-") for path in tmp_path.iterdir())
        assert out.paths == ()


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, DataError])
def test_an_error_leaves_older_files_and_nothing_else(tmp_path, error):
    write(tmp_path, some())
    before = contents(tmp_path)

    def fail():
        with writers(FORMATS, tmp_path, describe({"a": 9999}, **GIVEN)) as out:
            for seed in range(3):
                out.write(random_sites(writing.BATCH // 2, seed, f"c{seed}"))
            raise error("enough")

    with pytest.raises(error):
        fail()
    assert contents(tmp_path) == before


@pytest.mark.parametrize("call", range(1, 8))
@pytest.mark.parametrize("older", [True, False])
def test_a_disk_that_fails_when_files_take_their_names(tmp_path, monkeypatch, call, older):
    formats = ("tsv", "parquet", "bed", "bedrmod", "bigwig")
    if older:
        write(tmp_path, [make_sites("a", [3, 7])], formats)
    before = contents(tmp_path)
    real, count = files._rename, 0

    def rename(*paths):
        nonlocal count
        count += 1
        if count == call:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(*paths)

    monkeypatch.setattr(files, "_rename", rename)
    with pytest.raises(DataError, match="cannot write: the disk is full"):
        write(tmp_path, some(), formats)
    assert count >= call
    assert contents(tmp_path) == before


@pytest.fixture
def small_disk(tmp_path):
    """A file system with room for next to nothing."""
    place = tmp_path / "small"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", str(place)]
    try:
        if subprocess.run(mount, capture_output=True, check=False).returncode:
            pytest.skip("may not mount a small file system here")
    except FileNotFoundError:
        pytest.skip("no mount on this system")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("room", [250_000, 4_096])
def test_a_full_disk(small_disk, capfd, name, room):
    (small_disk / "ballast").write_bytes(bytes(280_000 - room))
    sites = random_sites(40_000, 1, "a", 500_000)
    rng = np.random.default_rng(0)
    extra = {"note": np.array([f"{x:.16f}" for x in rng.random(40_000)], dtype=object)}
    with pytest.raises(DataError, match="cannot write: the disk is full") as told:
        write(small_disk, [sites.replace(extra=extra)], [name])
    assert str(small_disk) in str(told.value)
    assert [path.name for path in small_disk.iterdir()] == ["ballast"]
    assert capfd.readouterr().err == ""


def test_a_folder_that_is_not_there_is_told(tmp_path):
    with (
        pytest.raises(DataError, match="the folder does not exist"),
        writers(["tsv"], tmp_path / "no", describe({})),
    ):
        pass


def test_a_file_in_the_way_is_told_before_any_work(tmp_path):
    (tmp_path / "sites.bed.gz").mkdir()
    with (
        pytest.raises(DataError, match="is a folder, not a file"),
        writers(["tsv", "bed"], tmp_path, describe({})),
    ):
        raise AssertionError("too late")
    assert [path.name for path in tmp_path.iterdir()] == ["sites.bed.gz"]


def test_extra_columns_may_come_with_a_block_of_none(tmp_path):
    extra = {"transcript": np.array([], dtype=object)}
    write(tmp_path, [make_sites("a", []), make_sites("a", [], extra=extra)], ["tsv"])
    assert (tmp_path / "sites.tsv").read_text().endswith("\twarnings\ttranscript\n")


def test_memory_does_not_grow_with_the_number_of_sites(tmp_path):
    """Ten times the sites, each in a process of its own: the peak hardly moves."""
    code = (
        "import resource, sys; sys.path.insert(0, sys.argv[1])\n"
        "from example_sites import describe, random_sites\n"
        "from vqrna.formats import FORMATS, tracks, writers, writing\n"
        "import numpy as np\n"
        "sites = random_sites(5000)\n"
        "writing.BATCH = tracks.BATCH = 5000\n"
        "with writers(FORMATS, sys.argv[2], describe({f'c{i}': 1 << 20 for i in range(99)},\n"
        "    organism='1', assembly='x')) as out:\n"
        "    for i in range(int(sys.argv[3])):\n"
        "        out.write(sites.replace(sequence=np.full(5000, f'c{i}', object)))\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)"
    )
    peak = []
    for blocks in (6, 60):
        folder = tmp_path / str(blocks)
        folder.mkdir()
        words = [sys.executable, "-c", code, Path(__file__).parent, folder, blocks]
        done = subprocess.run(list(map(str, words)), capture_output=True, text=True, check=True)
        peak.append(int(done.stdout))
    assert peak[1] < peak[0] + 25  # MiB; the sites take 40


def test_formats_are_listed_without_loading_their_libraries():
    check = (
        "import sys, vqrna.formats; "
        "print(*sorted({'pyarrow.parquet', 'pysam', 'torch'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
