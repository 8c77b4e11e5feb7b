"""An hour of ten operations at a hundredth of the rate; ``benchmarks.monitor`` has the whole."""

import tracemalloc

from benchmarks.monitor.hour import EXPECTED, Hour, problems


def test_an_hour_has_alerts_exactly_where_incidents_are_and_takes_no_more_memory_at_its_end() -> (
    None
):
    hour = Hour(100)
    held: dict[int, int] = {}

    def sample(minute: int) -> None:
        if minute == 15:
            tracemalloc.start()
        held[minute] = tracemalloc.get_traced_memory()[0]
        if minute == 60:
            tracemalloc.stop()

    hour.run(each_minute=sample)
    assert problems(hour) == []
    assert len(hour.alerts) == len(EXPECTED)
    # Rare times and new failures open buckets: some 50 kB. All records would be 4 MB.
    assert held[60] - held[30] < 100_000
