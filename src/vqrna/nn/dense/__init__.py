"""The dense engine: the network at every position of a sequence, exactly and fast."""
