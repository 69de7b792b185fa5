"""Reading, checking, splitting and fetching windows and sequences."""
