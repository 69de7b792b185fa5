"""The memory of a scan does not grow with its input (all of it: ``make benchmark-memory``)."""

import importlib.util

import pytest

from vqrna.model.weights import SHIPPED

pytestmark = pytest.mark.skipif(not SHIPPED.is_file(), reason="no weights are shipped yet")


@pytest.fixture
def measure(root):
    place = root / "benchmarks" / "scan_memory.py"
    spec = importlib.util.spec_from_file_location("scan_memory", place)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.measure


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("resource") is None, reason="needs Unix")
def test_memory_is_flat_through_the_whole_path_with_a_stub_for_the_network(measure, tmp_path):
    """Six formats are written; a million letters are a megabyte, so that copies would show."""
    few = measure(tmp_path, "1 Mnt", 1, 10**6, stub=True, packed=False)
    many = measure(tmp_path, "6 Mnt", 1, 6 * 10**6, stub=True, packed=False)
    assert many["peak_mb"] < few["peak_mb"] + 60
    assert many["peak_mb"] < 1000
