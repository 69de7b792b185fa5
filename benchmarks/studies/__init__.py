"""Benchmark on the validation windows of other studies, also for models trained without them."""
