"""Experiments on the load engine and the testers; ``python -m benchmarks.load``."""
