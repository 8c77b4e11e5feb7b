"""An hour of ten operations on a clock of its own, with incidents at known times."""

import math
import random
from collections.abc import Callable
from dataclasses import dataclass

from perfgate.monitor import Alert, PerformanceMonitor, sre_burn_rates

__all__ = ["EXPECTED", "OPERATIONS", "STEPS_PER_S", "Expected", "Hour", "problems"]

HOUR_S = 3600
STEPS_PER_S = 10
OPERATIONS = tuple(f"operation-{number}" for number in range(10))
OBJECTIVE = 0.999
WINDOW_S = 65
"""A window, and the twelfth of one by which it moves on."""
_TIMES = 10_007
_FAILING = 9973
"""One operation of so many fails at any time; a prime, so that no rate divides it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """An alert that must come, and when: seconds from the start, each within a range."""

    operation: str
    rule: str
    fires: tuple[float, float]
    ends: tuple[float, float]


def _windowed(operation: int, rule: str, began_s: float, ended_s: float) -> Expected:
    return Expected(
        operation=OPERATIONS[operation],
        rule=rule,
        fires=(began_s, began_s + WINDOW_S),
        ends=(ended_s, ended_s + WINDOW_S),
    )


P95, ERRORS, SLOW, RATE = "p95 < 200ms", "error_rate < 5%", "max < 20s", "ops_per_s > {rate:g}"
(PAGE, *_) = sre_burn_rates(OBJECTIVE)
EXPECTED = (
    _windowed(1, P95, 600, 780),  # five times as slow
    _windowed(2, ERRORS, 1200, 1320),  # one in five fails
    # 1.44 % of all since the start: after 93 s of it. Over when it has left the last 5 min.
    Expected(operation=OPERATIONS[2], rule=PAGE.expression, fires=(1285, 1310), ends=(1590, 1630)),
    Expected(operation=OPERATIONS[3], rule=SLOW, fires=(1800, 1801), ends=(1830, 1836)),
    _windowed(4, RATE, 2400, 2520),  # nobody comes
    _windowed(5, ERRORS, 3000, 3120),  # half of them fail
    Expected(operation=OPERATIONS[5], rule=PAGE.expression, fires=(3080, 3105), ends=(3400, 3430)),
)
"""And none beside: not for two seconds of slowness in operation 6, at 900, nor for 1 % of failures
in operation 7 from 2000 to 2030."""


class Hour:
    """A monitor, and what happens to it at so many records a second."""

    def __init__(self, per_s: int) -> None:
        self._per_step = per_s // (STEPS_PER_S * len(OPERATIONS))
        if self._per_step < 1:
            raise ValueError(f"at least {STEPS_PER_S * len(OPERATIONS)} records a second")
        self.now_s = 0.0
        self._counts = [0] * len(OPERATIONS)
        rate = self._per_step * STEPS_PER_S / 2
        self.rate_rule = RATE.format(rate=rate)
        rules = (P95, ERRORS, SLOW, self.rate_rule, PAGE)
        self.monitor = PerformanceMonitor(
            {f"shop:{operation}": rules for operation in OPERATIONS}, clock=lambda: self.now_s
        )
        self.alerts: list[Alert] = []
        self.monitor.on("performance:threshold-resolved", self.alerts.append)
        source = random.Random(11)
        self._times_ms = [source.lognormvariate(math.log(30), 0.5) for _ in range(_TIMES)]

    def run(self, *, each_minute: Callable[[int], None]) -> None:
        """Let the hour pass."""
        for second in range(HOUR_S):
            for step in range(STEPS_PER_S):
                self.now_s = second + (step + 1) / STEPS_PER_S
                for number in range(len(OPERATIONS)):
                    self._step(number, second, is_first=step == 0)
            self.monitor.evaluate()
            if second % 60 == 59:
                each_minute(second // 60 + 1)

    @property
    def records(self) -> int:
        """How many were recorded, without the slow one."""
        return sum(self._counts)

    def _step(self, number: int, second: int, *, is_first: bool) -> None:
        if number == 4 and 2400 <= second < 2520:
            return
        record, operation = self.monitor.record_operation, OPERATIONS[number]
        count = self._counts[number]
        self._counts[number] += self._per_step
        begin = count % (_TIMES - self._per_step)
        times = self._times_ms[begin : begin + self._per_step]
        factor = _factor(number, second)
        every = _failing_every(number, second)
        if number == 3 and second == 1800 and is_first:
            record("shop", operation, 30_000.0, True)  # noqa: FBT003 - as services call it
        for place, time_ms in enumerate(times):
            if (count + place) % every:
                record("shop", operation, time_ms * factor, True)  # noqa: FBT003 - as above
            else:
                record("shop", operation, time_ms, False, "Boom")  # noqa: FBT003 - as above


def _factor(number: int, second: int) -> float:
    is_slow = (number == 1 and 600 <= second < 780) or (number == 6 and 900 <= second < 902)
    return 5.0 if is_slow else 1.0


def _failing_every(number: int, second: int) -> int:
    if number == 2 and 1200 <= second < 1320:
        return 5
    if number == 5 and 3000 <= second < 3120:
        return 2
    if number == 7 and 2000 <= second < 2030:
        return 100
    return _FAILING


def problems(hour: Hour) -> list[str]:
    """Compare the alerts with the incidents; nothing where they agree."""
    report = hour.monitor.generate_performance_report()
    began = report.timestamp.timestamp() - report.duration_s
    left = {
        (each.operation, hour.rate_rule if each.rule == RATE else each.rule): each
        for each in EXPECTED
    }
    found = []
    for alert in report.alerts:
        expected = left.pop((alert.operation, alert.rule), None)
        fired_s = alert.first_seen.timestamp() - began
        what = f"{alert.operation} {alert.rule} at {fired_s:.1f} s"
        if expected is None:
            found.append(f"{what}: nothing had happened")
            continue
        if not expected.fires[0] <= fired_s <= expected.fires[1]:
            found.append(f"{what}: expected from {expected.fires[0]} to {expected.fires[1]}")
        ended_s = alert.resolved_at.timestamp() - began if alert.resolved_at else math.inf
        if not expected.ends[0] <= ended_s <= expected.ends[1]:
            found.append(f"{what}: over at {ended_s:.1f}, expected {expected.ends}")
    found += [f"{operation} {rule}: no alert" for operation, rule in left]
    total = sum(each.total_operations for each in report.operations)
    if total != hour.records + 1:
        found.append(f"{total} operations counted, {hour.records + 1} recorded")
    return found
