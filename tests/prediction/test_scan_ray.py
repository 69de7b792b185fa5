"""A scan on Ray gives the bytes of one process, whoever dies on the way, and says what is wrong."""

import json
import os
import pickle
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from ray_stand_ins import PIECE, OnlyHere, SmallPieces, Waiting

import vqrna
from seeded import calling_model, files_in, letters, write_fasta
from vqrna.errors import DataError, missing_extra
from vqrna.model.weights import save_model
from vqrna.prediction import (
    FastaSource,
    Output,
    ThreadEngine,
    make_settings,
    predict_files,
    scan_units,
    tiles,
)

pytest.importorskip("ray", reason="needs the extra: pip install '.[ray]'")
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning:ray"),  # of its own older settings
    # Ray leaves closing its sockets and processes to Python's end
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

STORE = 80 << 20  # bytes of shared memory: about the least that Ray takes


@pytest.fixture(scope="module")
def cluster():
    """Two machines with one core each, both of them this one."""
    from ray.cluster_utils import Cluster

    from vqrna.runtime.ray_cluster import ENVIRONMENT

    # Workers import the stand-ins, and seeded and tiny that lie a folder higher
    places = [str(Path(__file__).parent), str(Path(__file__).parents[1])]
    if there := os.environ.get("PYTHONPATH"):
        places.append(there)
    handler = signal.getsignal(signal.SIGTERM)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (ENVIRONMENT | {"PYTHONPATH": os.pathsep.join(places)}).items():
            patch.setenv(name, value)
        about = {"num_cpus": 1, "object_store_memory": STORE, "include_dashboard": False}
        running = Cluster(initialize_head=True, head_node_args=about)
        running.add_node(num_cpus=1, object_store_memory=STORE)
        yield running
        running.shutdown()
    signal.signal(signal.SIGTERM, handler)


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "model.safetensors"
    save_model(calling_model(), path)
    return path


def bytes_of(folder) -> dict[str, bytes]:
    """All files but the one that says how it was run."""
    return {n: (folder / n).read_bytes() for n in files_in(folder) if n != "run.json"}


def wait_for(told, seconds=200.0) -> bool:
    """Wait until something is so, but not for ever."""
    end = time.monotonic() + seconds
    while not told() and time.monotonic() < end:
        time.sleep(0.02)
    return bool(told())


@pytest.mark.slow
def test_interrupted_and_resumed_it_gives_the_bytes_of_one_process(
    cluster, saved, tmp_path, vqrna_main, monkeypatch
):
    fasta = write_fasta(
        tmp_path / "in.fa",
        {"long": letters(3 * tiles.PIECE + 500), **{f"s{i}": letters(90, i) for i in range(9)}},
    )
    common = ["predict", "in.fa", "--model", saved, "--format", "tsv,bed"]
    monkeypatch.chdir(tmp_path)  # workers get the relative path, too
    assert fasta.exists()
    handler = signal.getsignal(signal.SIGTERM)

    def interrupt():
        if wait_for(lambda: list(tmp_path.glob("ray/.vqrna-parts-*/[0-9]*.part"))):
            os.kill(os.getpid(), signal.SIGINT)

    on_ray = [*common, "--out", "ray", "--engine", "ray", "--address", cluster.address]
    watcher = threading.Thread(target=interrupt)
    watcher.start()
    stopped = vqrna_main(*on_ray)
    watcher.join()
    assert stopped.code == 130, stopped.err
    assert "stopped: interrupted; finished parts are kept" in stopped.err
    assert 1 <= len(list(tmp_path.glob("ray/.vqrna-parts-*/[0-9]*.part"))) < 4

    done = vqrna_main(*on_ray)
    assert done.code == 0, done.err
    run = json.loads((tmp_path / "ray" / "run.json").read_text())
    lines = [line for line in done.err.splitlines() if not line.startswith("predicting: ")]
    note = f"vqrna: note: resumed: {run['resumed']} of 4 parts were kept from an earlier run"
    assert lines == [note]  # and no messages of Ray
    assert (run["engine"], run["device"], run["jobs"]) == ("ray", "cpu", 2)
    assert run["resumed"] >= 1
    assert vqrna_main(*common, "--out", "threads", "--jobs", 1).code == 0
    assert bytes_of(tmp_path / "ray") == bytes_of(tmp_path / "threads")
    assert signal.getsignal(signal.SIGTERM) is handler  # Ray puts its own in its place


@pytest.mark.slow
def test_a_killed_actor_changes_nothing(cluster, tmp_path, monkeypatch):
    from vqrna.prediction.ray_engine import RayEngine
    from vqrna.runtime.ray_cluster import ray_cluster

    monkeypatch.setattr(tiles, "PIECE", PIECE)
    fasta = write_fasta(tmp_path / "in.fa", {f"s{i}": letters(2500, i) for i in range(20)})
    folder = tmp_path / "workers"
    folder.mkdir()
    model = Waiting.of(calling_model(), folder)
    settings = make_settings(model.modifications, all_sites=True)
    source = SmallPieces((str(fasta),))
    output = Output(("tsv", "parquet"))

    def work(out, engine):
        predict_files(
            source, tmp_path / out, model, settings, output=output, engine=engine,
            show_progress=False,
        )  # fmt: skip

    work("threads", ThreadEngine(model, settings, 1))
    (folder / f"{os.getpid()}.pid").unlink()
    (folder / "wait").touch()
    killed = []

    def kill():
        """Wait until both actors are in the middle of a unit; kill one, and let the other go on."""
        if wait_for(lambda: len(list(folder.glob("*.pid"))) == 2):
            killed.append(int(next(folder.glob("*.pid")).stem))
            os.kill(killed[0], signal.SIGKILL)
        (folder / "wait").unlink()

    killer = threading.Thread(target=kill)
    killer.start()
    with ray_cluster(cluster.address) as found:
        assert (found.device, found.actors, found.nodes) == ("cpu", 2, 2)
        work("ray", RayEngine(found, source, model, settings))
    killer.join()
    assert killed
    assert len(list(folder.glob("*.pid"))) == 3  # another took the place of the one that died
    assert bytes_of(tmp_path / "ray") == bytes_of(tmp_path / "threads")
    assert len(bytes_of(tmp_path / "ray")["sites.tsv"].splitlines()) > 10_000


@pytest.mark.slow
def test_a_worker_that_cannot_open_the_input_is_told_in_one_line(cluster, tmp_path):
    from vqrna.prediction.ray_engine import RayEngine
    from vqrna.runtime.ray_cluster import ray_cluster

    fasta = write_fasta(tmp_path / "in.fa", {"s": letters(500)})
    model = calling_model()
    settings, source = make_settings(model.modifications), OnlyHere((str(fasta),))
    with (
        ray_cluster(cluster.address) as found,
        pytest.raises(DataError, match=r"all workers see: .*in\.fa: no such file") as told,
    ):
        list(
            RayEngine(found, source, model, settings).run(scan_units(source, model, settings), int)
        )
    assert "\n" not in str(told.value)


@pytest.fixture
def no_store(monkeypatch):
    """Ray's object store gives what is asked for."""
    monkeypatch.setattr("ray.get", lambda held: held)


def rows_of(source, numbers, sums, folder):
    from vqrna.prediction.ray_engine import read_share

    shared = (pickle.dumps(source), 35, 35, folder)
    return list(read_share(*shared, np.array(numbers), np.array(sums)))


def test_a_share_holds_what_is_wanted_and_nothing_else(no_store, tmp_path, monkeypatch):
    monkeypatch.setattr(tiles, "PIECE", PIECE)
    write_fasta(tmp_path / "in.fa", {f"s{i}": letters(3000, i) for i in range(6)})
    source = FastaSource((str(tmp_path / "in.fa"),))
    cut = list(tiles.cut_units(source.regions(), 35, 35))
    assert len(cut) == 6
    sums = [unit.digest for unit in cut]
    assert len(set(sums)) == 6
    rows = rows_of(source, [1, 4], [sums[1], sums[4]], tmp_path)
    assert [row["number"][0].as_py() for row in rows] == [1, 4]
    assert all(row["error"][0].as_py() == "" for row in rows)


@pytest.mark.parametrize(
    ("numbers", "sums"), [([0], [123]), ([7], [123])], ids=["other letters", "fewer sequences"]
)
def test_another_input_on_a_worker_is_noticed(no_store, tmp_path, numbers, sums):
    from vqrna.prediction.ray_engine import part_of

    write_fasta(tmp_path / "in.fa", {"s": letters(300)})
    rows = rows_of(FastaSource((str(tmp_path / "in.fa"),)), numbers, sums, tmp_path)
    assert len(rows) == 1
    with pytest.raises(DataError, match=f"worker {socket.gethostname()} .* differs from the input"):
        part_of(rows[0])


def test_a_folder_that_a_worker_does_not_have_is_told(no_store, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_fasta(tmp_path / "in.fa", {"s": letters(300)})
    rows = rows_of(FastaSource(("in.fa",)), [0], [0], tmp_path / "elsewhere")
    assert "elsewhere" in rows[0]["error"][0].as_py()


def test_an_actor_of_another_version_says_so(no_store):
    from vqrna.prediction.ray_engine import UnitScorer, part_of, row_of

    actor = UnitScorer(b"", "cpu", "99.0")
    answer = actor(row_of(3))
    assert isinstance(answer, pa.Table)
    with pytest.raises(DataError, match=rf"has vqrna {vqrna.__version__}, .* needs 99\.0"):
        part_of(answer)


@pytest.mark.parametrize(("end", "told"), [("os._exit(3)", True), ("sys.exit(3)", False)])
def test_if_ray_ends_the_process_somebody_says_so(end, told):
    script = (
        "import os, sys\nfrom vqrna.runtime.ray_cluster import report_sudden_exit\n"
        f"with report_sudden_exit(): {end}"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 3
    assert ("Ray on this machine died" in done.stderr) == told
    assert len(done.stderr.splitlines()) == told


def refused(vqrna_main, saved, fasta, *more):
    told = vqrna_main("predict", fasta, "--model", saved, "--engine", "ray", *more)
    assert len(told.err.splitlines()) == 1
    return told.code, told.err


def test_what_cannot_be_is_refused_in_one_line(vqrna_main, saved, tmp_path, monkeypatch):
    fasta, out = write_fasta(tmp_path / "in.fa", {"s": letters(300)}), tmp_path / "out"
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # nobody listens there
        nobody = f"127.0.0.1:{taken.getsockname()[1]}"
        code, told = refused(vqrna_main, saved, fasta, "--out", out, "--address", nobody)
    assert (code, nobody in told) == (1, True)
    for more, words in {
        ("--out", "-"): "--engine ray needs an output folder",
        ("--out", out, "--address", "ray://head:10001"): "HOST:PORT of the head of a Ray cluster",
        ("--out", out, "--device", "cuda:1"): "expected auto, cpu or cuda",
        ("--out", out, "--jobs", "0"): "--jobs",
    }.items():
        code, told = refused(vqrna_main, saved, fasta, *more)
        assert (code, words in told) == (2, True), told
    code, told = refused(vqrna_main, saved, "-", "--out", out)
    assert (code, "standard input" in told) == (2, True)
    told = vqrna_main("predict", fasta, "--out", out, "--address", "auto")
    assert (told.code, "needs --engine ray" in told.err) == (2, True)
    told = vqrna_main("predict", fasta, "--out", out, "--engine", "dask")
    assert (told.code, "known: threads, ray" in told.err) == (2, True)
    monkeypatch.setitem(sys.modules, "ray", None)
    code, told = refused(vqrna_main, saved, fasta, "--out", out)
    assert (code, told) == (2, f"vqrna: error: --engine ray needs Ray: {missing_extra('ray')}\n")
    assert not out.exists()
