"""A server for each test, and one for all tests of a file."""

import pytest

pytest.importorskip("fastapi", reason="needs vqrna[web]")

from web.serving import Running, serving


@pytest.fixture
def running(tmp_path):
    with serving(tmp_path) as each:
        yield each


@pytest.fixture(scope="module")
def shared(tmp_path_factory) -> Running:
    with serving(tmp_path_factory.mktemp("server")) as each:
        yield each
