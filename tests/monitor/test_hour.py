"""An hour of ten operations at a hundredth of the rate; ``benchmarks.monitor`` has the whole."""

import gc
import sys

from benchmarks.monitor.hour import EXPECTED, Hour, problems


def test_an_hour_has_alerts_exactly_where_incidents_are_and_takes_no_more_memory_at_its_end() -> (
    None
):
    hour = Hour(100)
    held: dict[int, int] = {}

    def sample(minute: int) -> None:
        if minute in {30, 60}:
            gc.collect()
            held[minute] = sys.getallocatedblocks()

    hour.run(each_minute=sample)
    assert problems(hour) == []
    assert len(hour.alerts) == len(EXPECTED)
    # Rare times and new failures open buckets: some 1500 blocks. All records would be 180,000.
    assert held[60] - held[30] < 10_000
