"""Ideas for the network, each tried by itself in a short training against the network as it is."""
