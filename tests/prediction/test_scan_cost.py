"""What the page of clusters says that a transcriptome costs is what was measured."""

import runpy

import pytest


@pytest.fixture
def script(root):
    return runpy.run_path(str(root / "benchmarks" / "scan_cost.py"))


def test_costs_by_hand(script):
    # 3.6 million nt at 1,000 nt/s are 3,600 s; on 16 cores 225 s, which is 4 min; on 640 some 6 s
    assert script["row"]("x", 3.6e6, 1000, None) == "| x | 4 Mnt | 60 min | 4 min | 1 min | 1.0 |"
    assert script["duration"](2) == "2.0 h"
    assert script["duration"](71) == "71 h"
    assert script["duration"](240) == "10 days"
