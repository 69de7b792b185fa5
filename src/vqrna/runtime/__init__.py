"""The machine beneath the science: files, progress, provenance, devices, processes and Ray."""
