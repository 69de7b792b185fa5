"""The client with servers and files that are not what it expects."""

import pytest
import requests

from vqrna.client import Client, Job
from vqrna.errors import DataError, UsageError

CALLS = {
    "submit": lambda client: client.submit({"a": "GGACU"}),
    "explain": lambda client: client.explain("GGACU", 3, "m6A"),
    "variants": lambda client: client.variants("GGACU", "A3G"),
    "status": lambda client: Job(client, "1").status(),
    "wait": lambda client: Job(client, "1").wait(),
    "delete": lambda client: Job(client, "1").delete(),
}


@pytest.mark.parametrize("content", [b"<html>", b"[]"])
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_an_answer_of_another_server_is_a_data_error(monkeypatch, call, content):
    client = Client("http://localhost:1", retries=0)
    answer = requests.Response()
    answer.status_code, answer._content = 200, content
    monkeypatch.setattr(client._session, "request", lambda *_, **__: answer)
    with pytest.raises(DataError, match="http://localhost:1: the answer is not that of a vqrna"):
        call(client)


def test_a_file_that_cannot_be_read_is_a_data_error(tmp_path, monkeypatch):
    path = tmp_path / "a.fa"
    path.write_text(">a\nGGACU\n")

    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(type(path), "open", refuse)
    with pytest.raises(DataError, match=r"a\.fa: cannot be read \(Permission denied\)"):
        Client("http://localhost:1", retries=0).submit(path)


@pytest.mark.parametrize("wrong", [5, None, b"a.fa", ["GGACU"]])
def test_sequences_of_another_type_are_a_usage_error(wrong):
    words = f"must be a path or a mapping of name to sequence, not {type(wrong).__name__}"
    with pytest.raises(UsageError, match=words):
        Client("http://localhost:1", retries=0).submit(wrong)


def test_the_name_of_a_job_is_short():
    assert repr(Client("http://localhost:1").job("1")) == "Job(id='1')"
