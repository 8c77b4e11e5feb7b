import threading

import anyio
import pytest

from perfgate.testing.circuit_breaker import CircuitBreakerResult, CircuitBreakerTester
from perfgate.testing.verdict import LoadVerdict
from tests.services.fake_clock import FakeClock
from tests.testing import breakers
from tests.testing.breakers import Breaker, CircuitOpenError, CountingDependency


def _validate(
    kind: type[Breaker], *, backend: str = "asyncio", sees_dependency: bool = True, probes: int = 1
) -> CircuitBreakerResult:
    async def main() -> CircuitBreakerResult:
        clock = FakeClock()
        dependency = CountingDependency(clock)
        tester = CircuitBreakerTester(
            clock=clock,
            dependency=dependency if sees_dependency else None,
            probes=probes,
            max_fail_fast_s=1.0,  # on a busy machine 1 % of anything takes long
        )
        return await tester.validate_circuit_breaker(
            kind(clock, dependency),
            lambda breaker: breaker.call(dependency.fail),
            lambda breaker: breaker.call(dependency.succeed),
        )

    return anyio.run(main, backend=backend)


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_right_breaker_passes(backend: str) -> None:
    result = _validate(Breaker, backend=backend)
    assert result.check.reason == ""
    assert result.circuit_breaker_working
    assert result.opened
    assert result.failures_until_open == 5
    assert (result.calls_while_open, result.rejected_while_open) == (400, 400)
    assert result.upstream_hits_while_open == 0
    assert result.fail_fast_p99_s > 0
    assert result.probes == 1
    assert result.reopened
    assert result.closed_again
    assert result.concurrent_calls == 20


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        pytest.param(
            breakers.PermissiveBreaker, "let 20 of 20 callers through half-open", id="permissive"
        ),
        pytest.param(
            breakers.NeverOpeningBreaker, "never opened: 21 failures went through", id="never-opens"
        ),
        pytest.param(
            breakers.LockingBreaker, "let only one of 20 callers in at a time", id="holds-its-lock"
        ),
        pytest.param(breakers.LateBreaker, "opened after 8 failures, not 5", id="late"),
        pytest.param(breakers.LeakyBreaker, "let 40 of 400 through while open", id="leaky"),
        pytest.param(
            breakers.PatientBreaker, "400 calls reached upstream while open", id="asks-upstream"
        ),
        pytest.param(
            breakers.NeverClosingBreaker, "did not close when probes succeeded", id="never-closes"
        ),
        pytest.param(
            breakers.NeverProbingBreaker, "let no probe through after its wait", id="never-probes"
        ),
        pytest.param(
            breakers.UnimpressedBreaker,
            "did not open again when a probe failed",
            id="never-reopens",
        ),
    ],
)
def test_a_wrong_breaker_fails_with_the_reason(kind: type[Breaker], reason: str) -> None:
    result = _validate(kind)
    assert result.verdict is LoadVerdict.FAILED
    assert reason in result.check.reason
    with pytest.raises(AssertionError, match="circuit breaker: failed: "):
        result.require()


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_the_first_wrong_breakers_are_wrong_in_one_way_each(backend: str) -> None:
    failures = {
        kind: _validate(kind, backend=backend).check.failures
        for kind in (
            breakers.PermissiveBreaker,
            breakers.NeverOpeningBreaker,
            breakers.LockingBreaker,
        )
    }
    assert [len(reasons) for reasons in failures.values()] == [1, 1, 1]
    assert len(set(failures.values())) == 3


def test_without_the_dependency_the_lock_still_shows_in_the_time_but_doubt_remains() -> None:
    locked = _validate(breakers.LockingBreaker, sees_dependency=False)
    assert "let only one of 20 callers in at a time" in locked.check.reason
    right = _validate(Breaker, sees_dependency=False)
    assert right.verdict is LoadVerdict.INCONCLUSIVE
    assert right.check.doubts == ("nobody counted what reached upstream",)
    assert right.upstream_hits_while_open is None


class BlockingBreaker:
    """Right, for threads."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.hits = 0
        self._failures = 0
        self._opened_at_s: float | None = None
        self._is_probing = False
        self._lock = threading.Lock()

    def call(self, *, fails: bool) -> None:
        with self._lock:
            if self._opened_at_s is not None:
                if self.clock.now_s - self._opened_at_s < 30 or self._is_probing:
                    raise CircuitOpenError
                self._is_probing = True
        self.hits += 1
        with self._lock:
            self._is_probing = False
            self._failures = self._failures + 1 if fails else 0
            self._opened_at_s = self.clock.now_s if self._failures >= 5 else None
        if fails:
            raise ConnectionResetError("down")


def test_operations_that_block_are_tested_on_threads() -> None:
    async def main() -> CircuitBreakerResult:
        breaker = BlockingBreaker()
        return await CircuitBreakerTester(
            clock=breaker.clock, max_fail_fast_s=1.0
        ).validate_circuit_breaker(
            breaker, lambda each: each.call(fails=True), lambda each: each.call(fails=False)
        )

    result = anyio.run(main)
    assert result.failures_until_open == 5
    assert result.rejected_while_open == 400
    assert result.reopened
    assert result.closed_again
    # They take no time at all, so nobody knows whether they would have waited for each other.
    assert result.verdict is LoadVerdict.INCONCLUSIVE
    assert result.check.doubts[0].startswith("calls were too short")
