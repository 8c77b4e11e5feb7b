"""What the monitor and its peers cost, and an hour of it; ``python -m benchmarks.monitor``."""
