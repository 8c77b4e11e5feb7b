"""For authors of suites."""
