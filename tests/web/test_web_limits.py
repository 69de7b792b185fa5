"""Rates and admission."""

import pytest
from starlette.requests import Request

from vqrna.web.errors import RequestError
from vqrna.web.limits import RateLimiter, Streams
from vqrna.web.security import client_address
from vqrna.web.settings import Limits
from web.serving import serving


def test_a_rate_limit_is_per_address_and_says_when_to_try_again():
    limiter = RateLimiter(60)
    for _ in range(10):
        limiter.check("a")
    with pytest.raises(RequestError, match="too many requests") as error:
        limiter.check("a")
    assert (error.value.status, error.value.retry_after) == (429, 1)
    limiter.check("b")


def test_the_oldest_addresses_are_forgotten_and_no_others(monkeypatch):
    monkeypatch.setattr("vqrna.web.limits._MOST_ADDRESSES", 5)
    limiter = RateLimiter(60)
    for _ in range(10):
        limiter.check("busy")
    for n in range(20):
        limiter.check(f"other {n}")
        with pytest.raises(RequestError):  # also keeps it among the latest ones
            limiter.check("busy")
    assert len(limiter._buckets) == 5


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2::7", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff:ffff:ffff:ffff", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("testclient", "testclient"),
    ],
)
def test_limits_count_a_network_of_ipv6_as_one_client(host, address):
    assert client_address(Request({"type": "http", "client": (host, 1)})) == address


def test_addresses_of_one_network_share_a_limit(tmp_path):
    with serving(tmp_path, Limits(requests_per_minute=60)) as running:
        statuses = []
        for n in range(30):
            running.client._transport.client = (f"2001:db8::{n:x}", 1)
            statuses.append(running.client.get("/api/model").status_code)
        assert statuses[:10] == [200] * 10
        assert 429 in statuses


def test_streams_are_counted_until_they_end():
    streams = Streams(Limits(streams_per_address=1))
    with streams.open("a"):
        assert streams.total == 1
        with pytest.raises(RequestError, match="too many open"), streams.open("a"):
            pass
    assert streams.total == 0


def test_a_limit_of_one_job(tmp_path):
    with serving(tmp_path, Limits(jobs_per_address=1)) as running:
        running.submit(">a\nACGU\n")
        answer = running.client.post("/api/jobs", json={"fasta": ">a\nACGU\n"})
    assert answer.json()["error"].startswith("1 of your jobs is waiting or running, the most")


def test_jobs_of_one_address_and_the_queue_are_limited(tmp_path):
    limits = Limits(jobs_per_address=2, queue=3)
    with serving(tmp_path, limits) as running:
        for _ in range(2):
            running.submit(">a\nACGU\n")
        answer = running.client.post("/api/jobs", json={"fasta": ">a\nACGU\n"})
        assert answer.status_code == 429
        assert "2 of your jobs are waiting" in answer.json()["error"]
        assert answer.headers["retry-after"] == "30"
        running.server.store.submit("x" * 32, {}, records=1, nt=1, queue="small", address="other")
        running.server.store._change("UPDATE jobs SET address='other'")
        answer = running.client.post("/api/jobs", json={"fasta": ">a\nACGU\n"})
        assert answer.status_code == 503
        assert "queue" in answer.json()["error"]


def test_too_large_inputs_are_refused_before_they_are_read(tmp_path):
    with serving(tmp_path, Limits(upload_bytes=1000)) as running:
        answer = running.client.post("/api/jobs", content=b"x", headers={
            "content-type": "application/json", "content-length": "99000000"})  # fmt: skip
        assert answer.status_code == 413
        answer = running.client.post("/api/jobs", json={"fasta": ">a\n" + "A" * 2000})
        assert answer.status_code == 413
        assert list(running.server.settings.jobs.iterdir()) == []
