import pytest

from seeded import calling_model
from vqrna.model import TrainedModel


@pytest.fixture
def model() -> TrainedModel:
    """A tiny model that calls some sites."""
    return calling_model()
