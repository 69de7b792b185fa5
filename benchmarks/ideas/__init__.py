"""Alternative parts of network and training, each measured in a short training."""
