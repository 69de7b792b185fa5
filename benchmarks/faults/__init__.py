"""Kills, full disks and other faults during the main commands, and what remains of the results."""
