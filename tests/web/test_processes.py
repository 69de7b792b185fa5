"""A real server with its workers: the client, killed workers, and a killed server."""

import os
import signal
import time

import numpy as np
import pandas as pd
import pytest

import vqrna
from vqrna.client import Client
from vqrna.errors import DataError, UsageError
from web.processes import server_process
from web.serving import DEMO


@pytest.fixture(scope="module")
def serve(tmp_path_factory):
    with server_process(tmp_path_factory.mktemp("serve")) as each:
        yield each


def large(nt: int = 400_000) -> dict[str, str]:
    letters = np.random.default_rng(0).choice(list("ACGU"), nt)
    return {"large": "".join(letters)}


def until_running(job) -> None:
    for _ in range(600):
        if job.status()["status"] == "running":
            return
        time.sleep(0.05)
    raise AssertionError(job.status())


def test_the_client_submits_waits_and_downloads(serve, tmp_path):
    (tmp_path / "a.fa").write_text(DEMO)
    job = Client(serve.url).submit(tmp_path / "a.fa", modifications=["m5U"], prior={"m5U": 1e-3})
    sites = job.sites()
    expected = vqrna.predict(tmp_path / "a.fa", modifications=["m5U"], prior={"m5U": 1e-3}).sites
    assert 301 in set(sites["position"])
    pd.testing.assert_frame_equal(sites, expected)
    assert "planted_m5U\t301" in job.download(tmp_path / "my.sites.tsv").read_text()
    with pytest.raises(UsageError, match=r"unknown ending of 'sites\.xls'"):
        job.download(tmp_path / "sites.xls")
    path = job.download(tmp_path / "sites.tsv")
    assert "planted_m5U\t301" in path.read_text()
    assert Client(serve.url).job(job.id).delete()["status"] == "expired"
    with pytest.raises(DataError, match="expired"):
        job.wait()


def test_errors_reach_the_client(serve, tmp_path):
    client = Client(serve.url, retries=0)
    with pytest.raises(UsageError, match="unknown modification"):
        client.submit({"a": "ACGU"}, modifications=["m9Z"])
    with pytest.raises(DataError, match="must not contain line breaks"):
        client.submit({"a\n>b": "ACGU"})
    with pytest.raises(DataError, match="larger than 20 MB"):
        client.submit({"a": "ACGU" * 6_000_000})
    with pytest.raises(DataError, match="not a nucleotide"):
        client.submit({"a": "MQV"})
    with pytest.raises(DataError, match="no such file"):
        client.submit(tmp_path / "missing.fa")
    with pytest.raises(DataError, match="no answer"):
        Client("http://127.0.0.1:1", retries=0).job("x").status()


def test_explanations_and_variants_from_the_client(serve):
    letters = DEMO.split(">planted_m5U")[1].split("\n", 1)[1].split(">")[0]
    client = Client(serve.url)
    assert client.explain(letters, 301, "m5U")["motif"]["mismatches"] == 0
    assert client.variants(letters, ["U301C"])[0]["effects"][0]["class"] == "loss"


def test_small_jobs_pass_large_ones_and_cancelling_works(serve):
    client = Client(serve.url)
    jobs = [client.submit(large()) for _ in range(2)]
    until_running(jobs[0])
    client.submit({"a": DEMO.split("\n", 1)[1].split(">")[0]}).wait(60)
    assert jobs[1].status()["status"] in ("queued", "running")
    for job in reversed(jobs):
        job.delete()
    for job in jobs:
        with pytest.raises(DataError, match="cancelled"):
            job.wait(60)


def test_no_job_is_lost_when_workers_and_the_server_are_killed(serve):
    client = Client(serve.url)
    job = client.submit(large())
    until_running(job)
    for pid in serve.worker_pids():
        os.kill(pid, signal.SIGKILL)
    small = client.submit({"a": "GGACU" * 40})
    serve.kill()
    serve.start()
    again = Client(serve.url)
    again.job(small.id).wait(120)
    state = again.job(job.id).wait(120).status()
    assert state["progress"] == 1
