"""Figures: each function takes arrays or tables and returns a matplotlib figure, without pyplot."""
