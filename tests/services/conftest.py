from collections.abc import Iterator

import pytest
import stamina


@pytest.fixture(autouse=True)
def _retries_do_not_sleep() -> Iterator[None]:
    """Keep the number of attempts and leave out the backoff, which is on the real clock."""
    with stamina.set_testing(True, attempts=100, cap=True):
        yield
