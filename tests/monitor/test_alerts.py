import asyncio
import logging
import threading

import pytest

from perfgate.monitor import (
    Alert,
    AlertState,
    BurnRate,
    Settings,
    Severity,
    Threshold,
    sre_burn_rates,
)
from tests.monitor.scene import TARGET, Scene

EXCEEDED = "performance:threshold-exceeded"


# --- thresholds


def test_a_single_slow_operation_fires_once_and_ends_when_no_other_came_for_the_cooldown() -> None:
    scene = Scene("max < 500ms")
    scene.run(10)
    scene.monitor.record_operation("stripe", "refund", 800.0, trace_id="4bf92f")
    scene.run(5)
    scene.monitor.record_operation("stripe", "refund", 600.0, trace_id="other")
    (alert,) = scene.fired
    assert (alert.observed, alert.threshold, alert.trace_id) == (0.8, 0.5, "4bf92f")
    assert (alert.service, alert.operation, alert.rule) == ("stripe", "refund", "max < 500ms")
    assert (alert.window_s, alert.samples, alert.state) == (None, 1, AlertState.FIRING)
    scene.run(29)
    assert scene.resolved == []
    scene.run(7)  # looked at every 5 s
    (over,) = scene.resolved
    assert (over.state, over.count, over.observed) == (AlertState.RESOLVED, 2, 0.8)
    assert scene.fired == [alert]


def test_the_bound_itself_is_kept_or_not_as_it_is_written() -> None:
    exclusive, inclusive = Scene("max < 500ms"), Scene("max <= 500ms")
    for scene in (exclusive, inclusive):
        scene.monitor.record_operation("stripe", "refund", 500.0)
    assert (len(exclusive.fired), len(inclusive.fired)) == (1, 0)


@pytest.mark.parametrize(
    ("rule", "bad", "observed"),
    [
        pytest.param("p95 < 100ms", {"ms": 200.0}, 0.2, id="p95"),
        pytest.param("median <= 100ms", {"ms": 200.0}, 0.2, id="median"),
        pytest.param("mean < 100ms", {"ms": 200.0}, 0.2, id="mean"),
        pytest.param("error_rate < 10%", {"failing_every": 2}, 0.5, id="error-rate"),
        pytest.param("success_rate > 90%", {"failing_every": 2}, 0.5, id="success-rate"),
        pytest.param("ops_per_s > 10", {"per_s": 2}, 2.0, id="rate-low"),
        pytest.param("ops_per_s < 100", {"per_s": 200}, 200.0, id="rate-high"),
    ],
)
def test_a_window_that_goes_bad_fires_once_and_one_that_recovers_ends_it(
    rule: str, bad: dict[str, float], observed: float
) -> None:
    scene = Scene(rule)
    scene.run(120)
    assert scene.fired == []
    scene.run(180, **bad)  # type: ignore[arg-type]
    (alert,) = scene.fired
    assert 120 <= scene.at_s(alert) <= 185
    assert alert.window_s == 60
    assert scene.resolved == []
    scene.run(180)
    (over,) = scene.resolved
    assert over.observed == pytest.approx(observed, rel=0.02)
    assert over.resolved_at is not None
    assert len(scene.fired) == 1
    assert scene.monitor.evaluate() == ()


def test_too_few_operations_say_nothing() -> None:
    scene = Scene("p95 < 1ms", "error_rate < 1%")
    scene.run(120, per_s=1, ms=500.0, failing_every=60)  # 60 in a window: p95 needs 72
    assert scene.fired == []


def test_near_the_threshold_an_alert_stays_as_it_is() -> None:
    scene = Scene("mean < 100ms")
    scene.run(60, ms=105.0)
    scene.run(120, ms=95.0)  # kept, but not by a tenth
    assert (len(scene.fired), scene.resolved) == (1, [])
    scene.run(120, ms=85.0)
    assert len(scene.resolved) == 1
    scene.run(120, ms=95.0)
    assert len(scene.fired) == 1


def test_what_is_exceeded_again_during_the_cooldown_is_counted_and_fires_after_it() -> None:
    scene = Scene("mean < 100ms", settings=Settings(window_s=12, cooldown_s=100))
    scene.run(20, ms=200.0)
    scene.run(20, ms=10.0)
    (over,) = scene.resolved
    scene.run(40, ms=200.0)
    assert len(scene.fired) == 1
    scene.run(80, ms=200.0)
    assert len(scene.fired) == 2
    assert over.resolved_at is not None
    waited_s = (scene.fired[1].first_seen - over.resolved_at).total_seconds()
    assert 100 <= waited_s <= 102
    assert scene.monitor.generate_performance_report().suppressed_alerts > 0


def test_operations_that_cease_are_found_by_evaluating() -> None:
    scene = Scene("ops_per_s > 1")
    scene.run(120)
    scene.now_s += 300
    (firing,) = scene.monitor.evaluate()
    assert (firing.observed, firing.metric) == (0, "ops_per_s")
    assert len(scene.fired) == 1


def test_operations_that_never_come_are_found_once_a_window_has_passed() -> None:
    scene = Scene("ops_per_s > 1")
    scene.now_s += 50
    assert scene.monitor.evaluate() == ()
    scene.now_s += 20
    assert len(scene.monitor.evaluate()) == 1


def test_a_time_from_another_clock_does_not_stop_the_windows() -> None:
    scene = Scene("mean < 100ms")
    scene.monitor.record_operation("stripe", "refund", 1.0, at_s=1.8e9)
    scene.run(10, ms=200.0)
    assert len(scene.fired) == 1


def test_new_thresholds_replace_the_old_and_end_their_alerts() -> None:
    scene = Scene("max < 1ms")
    scene.run(1)
    severe = Threshold(expression="max < 5s", severity=Severity.TICKET)
    scene.monitor.set_thresholds(TARGET, severe)
    assert (len(scene.fired), len(scene.resolved)) == (1, 1)
    scene.run(1)
    scene.monitor.record_operation("stripe", "refund", 6000.0)
    assert [alert.severity for alert in scene.fired] == [Severity.PAGE, Severity.TICKET]
    scene.monitor.set_thresholds(TARGET)
    scene.monitor.record_operation("stripe", "refund", 6000.0)
    assert len(scene.fired) == 2
    (operation,) = scene.monitor.generate_performance_report().operations
    assert operation.total_operations == 42


@pytest.mark.parametrize(
    ("target", "rule", "problem"),
    [
        pytest.param("stripe", "p95 < 1s", "service:operation", id="target"),
        pytest.param(TARGET, "p97 < 1s", "no metric 'p97'", id="metric"),
        pytest.param(TARGET, "p95 < 1", "has no unit", id="unit"),
        pytest.param(TARGET, "p95 < 120% of baseline", "no baseline", id="relative"),
        pytest.param(TARGET, "max > 1s", "write max <", id="lower-max"),
    ],
)
def test_a_threshold_that_cannot_be_read_is_refused(target: str, rule: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        Scene(thresholds={target: [rule]})


def test_a_65th_operation_cannot_be_watched() -> None:
    scene = Scene(thresholds={f"shop:{number}": ["max < 1s"] for number in range(63)})
    with pytest.raises(ValueError, match="64"):
        scene.monitor.set_thresholds("shop:one-more", "max < 1s")


@pytest.mark.parametrize(
    "settings",
    [{"window_s": 0}, {"cooldown_s": -1}, {"hysteresis": 1}],
)
def test_settings_that_make_no_sense_are_refused(settings: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="window"):
        Settings(**settings)


# --- burn rates


def test_the_pairs_are_those_of_the_workbook() -> None:
    pairs = sre_burn_rates(0.999)
    assert [(pair.factor, pair.long_window_s, pair.severity) for pair in pairs] == [
        (14.4, 3600, Severity.PAGE),
        (6, 21600, Severity.PAGE),
        (1, 259200, Severity.TICKET),
    ]


def test_a_fast_burn_pages_when_both_windows_agree_and_ends_soon_after_the_failures() -> None:
    # 99 %: at 14.4 times the budget 14.4 % fail. Here half of them do.
    (fast, *_) = sre_burn_rates(0.99, scale=1 / 60)  # 60 s and 5 s
    scene = Scene(fast)
    scene.run(300)
    scene.run(60, failing_every=2)
    (alert,) = scene.fired
    # 14.4 % of the long window is reached after 0.144 / 0.5 of it, 17.3 s.
    assert 317 <= scene.at_s(alert) <= 323
    assert (alert.metric, alert.threshold, alert.window_s) == ("burn_rate", 14.4, 60)
    scene.run(15)
    (over,) = scene.resolved
    assert over.resolved_at is not None
    assert (over.resolved_at - alert.first_seen).total_seconds() <= 55
    scene.run(120)
    assert len(scene.fired) == 1


def test_a_blip_that_uses_little_of_the_budget_does_not_page() -> None:
    (fast, *_) = sre_burn_rates(0.99, scale=1 / 60)
    scene = Scene(fast)
    scene.run(300)
    scene.run(5, failing_every=2)
    scene.run(120)
    assert scene.fired == []


def test_too_few_operations_for_a_burn_rate_say_nothing() -> None:
    (fast, *_) = sre_burn_rates(0.999, scale=1 / 60)  # needs 70 in 5 s
    scene = Scene(fast)
    scene.run(120, per_s=10, failing_every=3)
    assert scene.fired == []


def test_a_long_pause_empties_both_windows() -> None:
    (fast, *_) = sre_burn_rates(0.99, scale=1 / 60)
    scene = Scene(fast)
    scene.run(60, failing_every=2)
    scene.now_s += 3600
    scene.run(60)
    assert (len(scene.fired), len(scene.resolved)) == (1, 1)


@pytest.mark.parametrize(
    ("objective", "factor"),
    [
        pytest.param(1.0, 14.4, id="no-budget"),
        pytest.param(0.9, 14.4, id="never-reached"),
        pytest.param(0.99, 0.0, id="no-factor"),
    ],
)
def test_a_burn_rate_that_cannot_be_is_refused(objective: float, factor: float) -> None:
    with pytest.raises(ValueError, match=r"objective|factor"):
        BurnRate(objective=objective, factor=factor, long_window_s=60, severity=Severity.PAGE)


def test_a_burn_rate_shorter_than_the_window_is_refused() -> None:
    (fast, *_) = sre_burn_rates(0.99, scale=1 / 120)
    with pytest.raises(ValueError, match="window_s"):
        Scene(fast)


# --- listeners


def _alarm(scene: Scene) -> None:
    scene.monitor.record_operation("stripe", "refund", 800.0)


def test_a_listener_that_fails_hinders_nobody_and_is_counted_and_logged_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    scene = Scene(thresholds={TARGET: ["max < 1ms", "max < 2ms"]})

    def broken(alert: Alert) -> None:
        raise RuntimeError(alert.rule)

    scene.monitor.on(EXCEEDED, broken)
    later: list[Alert] = []
    scene.monitor.on(EXCEEDED, later.append)
    with caplog.at_level(logging.ERROR, "perfgate.monitor"):
        _alarm(scene)
    assert len(later) == 2
    report = scene.monitor.generate_performance_report()
    assert (report.listener_failures, report.operations[0].total_operations) == (2, 1)
    assert len(caplog.records) == 1


def test_who_unsubscribes_hears_no_more_even_if_twice_there() -> None:
    scene = Scene("max < 1ms", settings=Settings(window_s=12, cooldown_s=1))
    heard: list[Alert] = []
    first = scene.monitor.on(EXCEEDED, heard.append)
    scene.monitor.on(EXCEEDED, heard.append)
    first()
    first()
    _alarm(scene)
    assert len(heard) == 1


def test_an_event_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="performance:threshold-exceeded"):
        Scene().monitor.on("performance:threshold-exceded", print)


def test_a_listener_may_record_and_subscribe() -> None:
    scene = Scene("max < 1ms")

    def curious(alert: Alert) -> None:
        scene.monitor.record_operation("listener", alert.operation, 900.0)
        scene.monitor.on(EXCEEDED, lambda _: None)

    scene.monitor.on(EXCEEDED, curious)
    _alarm(scene)
    report = scene.monitor.generate_performance_report()
    assert [each.service for each in report.operations] == ["listener", "stripe"]


def test_an_asynchronous_listener_runs_on_the_loop_and_nobody_waits_for_it() -> None:
    scene = Scene("max < 1ms")
    heard: list[str] = []

    async def listen(alert: Alert) -> None:
        await asyncio.sleep(0)
        heard.append(alert.rule)

    async def broken(alert: Alert) -> None:
        await asyncio.sleep(0)
        raise RuntimeError(alert.rule)

    async def main() -> None:
        scene.monitor.on(EXCEEDED, listen)
        scene.monitor.on(EXCEEDED, broken)
        _alarm(scene)
        assert heard == []
        for _ in range(3):
            await asyncio.sleep(0)

    asyncio.run(main())
    assert heard == ["max < 1ms"]
    assert scene.monitor.generate_performance_report().listener_failures == 1


def test_an_asynchronous_listener_hears_of_what_happens_in_other_threads() -> None:
    scene = Scene("max < 1ms")
    homes: list[int] = []

    async def main() -> None:
        done = asyncio.Event()

        async def listen(alert: Alert) -> None:
            del alert
            homes.append(threading.get_ident())
            done.set()

        scene.monitor.on(EXCEEDED, listen)
        await asyncio.to_thread(_alarm, scene)
        await asyncio.wait_for(done.wait(), 30)

    asyncio.run(main())
    assert homes == [threading.get_ident()]


def test_an_asynchronous_listener_without_a_loop_is_a_failure_and_no_warning() -> None:
    scene = Scene("max < 1ms")

    async def listen(alert: Alert) -> None:
        raise AssertionError(alert)

    scene.monitor.on(EXCEEDED, listen)
    _alarm(scene)
    assert scene.monitor.generate_performance_report().listener_failures == 1
