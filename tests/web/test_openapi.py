"""Requests generated from the description of the API: no answer is an error of the server."""

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from web.serving import serving

schemathesis = pytest.importorskip("schemathesis", reason="needs schemathesis")

REQUESTS = 25
"""Requests of each operation."""


@pytest.fixture(scope="module")
def described(tmp_path_factory):
    """A server that answers questions, and its description."""
    with serving(tmp_path_factory.mktemp("openapi")) as running:
        description = running.client.get("/api/openapi.json").json()
        with running.answering():
            yield running, schemathesis.openapi.from_dict(description), running.finished()


def send(client, case, job):
    """Send a generated request; half of them about a job that exists."""
    path = case.formatted_path
    if "{id}" in case.path and len(path) % 2:
        path = case.path.replace("{id}", job)
        for name, value in case.path_parameters.items():
            path = path.replace(f"{{{name}}}", str(value))
    body = {}
    if not isinstance(case.body, schemathesis.core.NotSet):
        key = "json" if case.media_type == "application/json" else "data"
        body[key] = case.body
    headers = {k: v for k, v in (case.headers or {}).items() if k.isascii() and v.isascii()}
    return client.request(case.method, path, params=case.query, headers=headers, **body)


def test_generated_requests_are_answered(described):
    running, schema, job = described
    operations = [result.ok() for result in schema.get_all_operations()]
    assert len(operations) >= 12
    statuses = set()
    for operation in operations:

        @settings(
            max_examples=REQUESTS, derandomize=True, database=None, deadline=None,
            phases=[Phase.generate], suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        @given(case=operation.as_strategy())
        def check(case):
            answer = send(running.client, case, job)
            statuses.add(answer.status_code)
            healthy = answer.status_code == 503 and case.path == "/health"
            assert answer.status_code < 500 or healthy, (case.method, answer.url, answer.text)

        check()
    assert {200, 404, 422} <= statuses
    assert running.client.get("/api/model").status_code == 200
