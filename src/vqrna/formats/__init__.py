"""Rows of sites in, files that other tools open out."""
