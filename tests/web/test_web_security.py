"""Hosts, tokens, origins and headers; names are never markup."""

import asyncio
import dataclasses
import os
from xml.etree import ElementTree

import pytest
from starlette.responses import Response

from vqrna.errors import DataError, UsageError
from vqrna.web.security import Guard
from vqrna.web.server import Server
from vqrna.web.settings import ServerSettings
from vqrna.web.svg import xml_text
from web.serving import DEMO, serving, shipped


def test_headers_of_every_answer(shared):
    for path in ("/", "/api/model", "/nothing", "/static/style.css"):
        headers = shared.client.get(path).headers
        policy = headers["content-security-policy"]
        assert "script-src 'self';" in policy
        assert "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["referrer-policy"] == "same-origin"


@pytest.mark.parametrize(
    "path", ["/", "/spectrum", "/atlas", "/atlas/9", "/method", "/model", "/privacy", "/api"]
)
def test_pages_have_no_inline_code_and_no_foreign_host(shared, path):
    text = shared.client.get(path).text
    assert " style=" not in text
    assert "<style" not in text
    assert " onclick" not in text
    assert all("src=" in part.split(">")[0] for part in text.split("<script")[1:])
    links = [part.split('"')[1] for part in text.replace("src=", "href=").split("href=")[1:]]
    assert links
    assert not [link for link in links if link.startswith(("http:", "https:", "//"))]


def test_names_are_escaped(shared):
    name = "<script>alert(1)</script>'\"&"
    id = shared.finished(f">{name}\n{DEMO.split(chr(10), 1)[1].split('>')[0]}", confidence="low")
    for path in (f"/jobs/{id}", f"/jobs/{id}/table", f"/api/jobs/{id}/track.svg"):
        text = shared.client.get(path).text
        assert "<script>alert" not in text
    assert "&lt;script&gt;" in shared.client.get(f"/jobs/{id}").text


@pytest.mark.parametrize(
    "headers",
    [{"origin": "http://evil.example"}, {"origin": "null"}, {"sec-fetch-site": "cross-site"}],
    ids=["origin", "null", "fetch"],
)
def test_pages_of_other_sites_cannot_submit(shared, headers):
    answer = shared.client.post("/api/jobs", json={"fasta": DEMO}, headers=headers)
    assert answer.status_code == 403
    assert shared.client.delete(f"/api/jobs/{'a' * 32}", headers=headers).status_code == 403


def test_other_host_names_are_refused(shared, tmp_path):
    assert shared.client.get("/", headers={"host": "evil.example"}).status_code == 421
    with serving(tmp_path, allowed_hosts=("rna.example",)) as running:
        assert running.client.get("/", headers={"host": "rna.example"}).status_code == 200


def test_a_token_is_required_everywhere(tmp_path):
    with serving(tmp_path, token="long enough") as running:
        client = running.client
        assert client.get("/health").status_code in (200, 503)
        for path in ("/", "/api/model", "/metrics", "/jobs/" + "a" * 32):
            assert client.get(path).status_code == 401
        assert client.get("/api/model").headers["www-authenticate"] == "Bearer"
        good = {"authorization": "Bearer long enough"}
        assert client.get("/api/model", headers=good).status_code == 200
        bad = {"authorization": "Bearer long enougH"}
        assert client.get("/api/model", headers=bad).status_code == 401
        assert client.post("/login", data={"token": "wrong"}).status_code == 401
        answer = client.post("/login", data={"token": "long enough"}, follow_redirects=False)
        assert answer.status_code == 303
        cookie = answer.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=strict" in cookie
        assert "long enough" not in cookie
        assert client.get("/").status_code == 200


@pytest.mark.parametrize(
    ("block_seconds", "blocks"), [(0.1, 8), (1.0, 1)], ids=["steady", "stopped"]
)
def test_the_time_limit_is_for_each_block_of_an_answer(running, block_seconds, blocks):
    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for n in range(8):
            await send({"type": "http.response.body", "body": b"x", "more_body": n < 7})

    async def send(message):
        if message["type"] == "http.response.body":
            await asyncio.sleep(block_seconds)
        sent.append(message)

    sent = []
    limits = dataclasses.replace(running.server.settings.limits, request_seconds=0.4)
    running.server.settings = dataclasses.replace(running.server.settings, limits=limits)
    scope = {"type": "http", "method": "GET", "path": "/", "headers": [(b"host", b"localhost")]}
    asyncio.run(Guard(app, running.server, None)(scope, None, send))
    assert len(sent) == (9 if blocks == 8 else 1)


def test_an_answer_that_does_not_begin_in_time_is_an_error(running):
    async def app(scope, receive, send):
        await asyncio.sleep(5)

    async def send(message):
        sent.append(message)

    sent = []
    limits = dataclasses.replace(running.server.settings.limits, request_seconds=0.1)
    running.server.settings = dataclasses.replace(running.server.settings, limits=limits)
    scope = {"type": "http", "method": "GET", "path": "/", "headers": [(b"host", b"localhost")]}
    guard = Guard(app, running.server, lambda _, error: Response(str(error), error.status))
    asyncio.run(guard(scope, None, send))
    assert sent[0]["status"] == 504


def test_addresses_behind_a_proxy(tmp_path):
    with serving(tmp_path, root_path="/vqrna") as running:
        answer = running.client.post("/vqrna/api/jobs", json={"fasta": DEMO})
        assert answer.headers["location"] == f"/vqrna/api/jobs/{answer.json()['id']}"
        assert running.client.get(answer.headers["location"]).status_code == 200
        text = running.client.get("/vqrna/").text
        assert 'href="/vqrna/atlas"' in text
        assert 'src="/vqrna/static/' in text
        assert running.client.get("/vqrna/api/model").status_code == 200


def test_pictures_of_names_with_control_characters_are_xml(shared):
    id = shared.finished(f">a\x01b<\x1bc\x0c {'x'}\n{'ACGU' * 100}\n")
    answer = shared.client.get(f"/api/jobs/{id}/track.svg")
    assert "ab&lt;" in answer.text
    ElementTree.fromstring(answer.text)


def test_only_characters_of_xml_are_kept():
    text = "".join(map(chr, range(0x10000))) + "\U0001f600"
    root = ElementTree.fromstring(f"<a>{xml_text(text)}</a>")
    assert root.text.endswith("\ufffd\U0001f600")
    assert "<&>" not in xml_text("<&>")
    assert xml_text("a\ud800\x00\ufffeb") == "ab"


def test_a_folder_is_used_by_one_server(running):
    checked = running.server.settings.data / "checks" / "input"
    checked.write_text(">a\nACGU\n")
    with pytest.raises(DataError, match="another vqrna server"):
        Server(running.server.settings, shipped())
    assert checked.exists()


def test_a_server_removes_what_a_killed_one_was_checking(tmp_path):
    checks = tmp_path / "data" / "checks"
    checks.mkdir(parents=True)
    (checks / "left").touch()
    with serving(tmp_path) as running:
        assert list(checks.iterdir()) == []
        assert running.server.settings.jobs.is_dir()
        assert running.server.settings.data.stat().st_mode & 0o777 == 0o700


def test_a_server_that_cannot_be_set_up_releases_its_folder(tmp_path, monkeypatch):
    def failing(model):
        raise RuntimeError("no description")

    settings = ServerSettings(tmp_path / "data")
    with monkeypatch.context() as patched:
        patched.setattr("vqrna.web.server.describe", failing)
        with pytest.raises(RuntimeError) as kept:  # the traceback keeps the half-made server alive
            Server(settings, shipped())
    Server(settings, shipped()).stop()
    assert kept.value.args == ("no description",)


def test_making_a_server_leaves_the_umask_of_the_process(tmp_path):
    before = os.umask(0o022)
    try:
        Server(ServerSettings(tmp_path / "data"), shipped()).stop()
        assert os.umask(0o022) == 0o022
    finally:
        os.umask(before)


@pytest.mark.parametrize(
    "values",
    [{"workers": 1}, {"port": 70000}, {"root_path": "vqrna"}, {"root_path": "/a/"},
     {"token": "short"}],
    ids=range(5),
)  # fmt: skip
def test_bad_settings(tmp_path, values):
    with pytest.raises(UsageError):
        ServerSettings(tmp_path, **values)
