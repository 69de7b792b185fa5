"""Training without pictures: drawing them takes longer than all of the training."""

import pytest

from vqrna.training import report


@pytest.fixture
def no_curves(monkeypatch):
    monkeypatch.setattr(report, "write_curves", lambda folder, table: None)
