"""Read, check, split and fetch windows and sequences."""
