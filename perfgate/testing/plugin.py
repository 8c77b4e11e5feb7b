"""The pytest plugin of perfgate: registers what authors of suites may use.

Every test session of every user imports it, so it imports nothing beyond pytest.
"""

import pytest

__all__ = ["pytest_configure"]


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker of pytest-benchmark known where a suite is collected without it."""
    if not config.pluginmanager.hasplugin("benchmark"):
        config.addinivalue_line("markers", "benchmark: options of pytest-benchmark")
