import pytest

from seeded import calling_model
from vqrna.trained import TrainedModel


@pytest.fixture
def model() -> TrainedModel:
    """A tiny model that calls some sites."""
    return calling_model()
