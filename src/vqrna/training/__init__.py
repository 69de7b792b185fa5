"""Train models: one joint network, or one a modification as published."""

from vqrna.training.run import TrainingResult, train_network

__all__ = ["TrainingResult", "train_network"]
