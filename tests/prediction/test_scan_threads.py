"""Number of threads of a scan."""

import pytest
import torch

from vqrna.errors import UsageError
from vqrna.prediction.engines import resolve_jobs


def test_jobs():
    cpu = torch.device("cpu")
    assert resolve_jobs(3, cpu) == 3
    assert 1 <= resolve_jobs(None, cpu) <= 8
    assert resolve_jobs(None, torch.device("cuda")) == 2
    with pytest.raises(UsageError, match="--jobs"):
        resolve_jobs(0, cpu)
