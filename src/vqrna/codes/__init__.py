"""What the codes of a codebook mean: which sequences take them, where, and to what effect."""
