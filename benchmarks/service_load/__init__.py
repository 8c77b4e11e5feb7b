"""The services under load, against the local upstreams; ``python -m benchmarks.service_load``."""
