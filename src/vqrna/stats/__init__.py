"""Statistics on arrays: metrics, intervals, calibration, null distributions, FDR and tiers."""
