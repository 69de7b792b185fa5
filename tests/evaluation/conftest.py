import pytest

from small_scan import KNOWN, write_scan


@pytest.fixture
def scan(tmp_path):
    return write_scan(tmp_path / "scan")


@pytest.fixture
def known(tmp_path):
    path = tmp_path / "known.bed"
    path.write_text(KNOWN)
    return path
