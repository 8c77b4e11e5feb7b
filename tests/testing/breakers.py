"""Circuit breakers, right and wrong, in front of a dependency that counts."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import anyio

from tests.services.fake_clock import FakeClock

__all__ = [
    "Breaker",
    "CircuitOpenError",
    "CountingDependency",
    "LateBreaker",
    "LeakyBreaker",
    "LockingBreaker",
    "NeverClosingBreaker",
    "NeverOpeningBreaker",
    "NeverProbingBreaker",
    "PatientBreaker",
    "PermissiveBreaker",
    "UnimpressedBreaker",
]


class CircuitOpenError(Exception):
    pass


@dataclass(frozen=True)
class Traffic:
    hits: int
    max_in_flight: int


class CountingDependency:
    """Takes 50 ms of a virtual clock for each call."""

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self._hits = self._inside = self._most = 0

    def statistics(self) -> Traffic:
        return Traffic(self._hits, self._most)

    def forget(self) -> None:
        self._hits = self._most = 0

    async def succeed(self) -> None:
        self._hits += 1
        self._inside += 1
        self._most = max(self._most, self._inside)
        try:
            await self._clock.sleep_async(0.05)
        finally:
            self._inside -= 1

    async def fail(self) -> None:
        await self.succeed()
        raise ConnectionResetError("down")


class Breaker:
    """Right: five failures in a row open it for 30 s; then one probe decides."""

    threshold = 5
    open_s = 30.0

    def __init__(self, clock: FakeClock, dependency: CountingDependency) -> None:
        self.clock = clock
        self.dependency = dependency
        self.failures = 0
        self.opened_at_s: float | None = None
        self.is_probing = False

    async def call(self, operation: Callable[[], Awaitable[None]]) -> None:
        is_probe = self.admit()
        try:
            await operation()
        except Exception:
            self.failed()
            raise
        else:
            self.succeeded()
        finally:
            if is_probe:
                self.is_probing = False

    def admit(self) -> bool:
        if self.opened_at_s is None:
            return False
        if not self.has_waited() or self.is_probing:
            raise CircuitOpenError
        self.is_probing = True
        return True

    def has_waited(self) -> bool:
        return self.clock.now_s - (self.opened_at_s or 0.0) >= self.open_s

    def failed(self) -> None:
        self.failures += 1
        if self.failures >= self.threshold:
            self.opened_at_s = self.clock.now_s

    def succeeded(self) -> None:
        self.failures = 0
        self.opened_at_s = None


class PermissiveBreaker(Breaker):
    """Wrong: half-open it lets everybody through."""

    def admit(self) -> bool:
        if self.opened_at_s is not None and not self.has_waited():
            raise CircuitOpenError
        return False


class NeverOpeningBreaker(Breaker):
    """Wrong: counts and does nothing."""

    def failed(self) -> None:
        self.failures += 1


class LockingBreaker(Breaker):
    """Wrong: holds its lock during the call, so that one call waits for the other."""

    def __init__(self, clock: FakeClock, dependency: CountingDependency) -> None:
        super().__init__(clock, dependency)
        self._lock = anyio.Lock()

    async def call(self, operation: Callable[[], Awaitable[None]]) -> None:
        async with self._lock:
            await super().call(operation)


class LateBreaker(Breaker):
    """Wrong: opens after eight failures, not five."""

    threshold = 8


class LeakyBreaker(Breaker):
    """Wrong: open, it lets each tenth call through."""

    knocks = 0

    def admit(self) -> bool:
        if self.opened_at_s is not None and not self.has_waited():
            self.knocks += 1
            if self.knocks % 10 == 0:
                return False
        return super().admit()

    def succeeded(self) -> None:
        if self.opened_at_s is None or self.has_waited():
            super().succeeded()


class PatientBreaker(Breaker):
    """Wrong: asks the dependency before it says no."""

    async def call(self, operation: Callable[[], Awaitable[None]]) -> None:
        if self.opened_at_s is not None and not self.has_waited():
            await self.dependency.succeed()
        await super().call(operation)


class NeverClosingBreaker(Breaker):
    """Wrong: a probe that succeeds changes nothing."""

    def succeeded(self) -> None:
        if self.opened_at_s is None:
            self.failures = 0


class NeverProbingBreaker(Breaker):
    """Wrong: stays open for ever."""

    def has_waited(self) -> bool:
        return False


class UnimpressedBreaker(Breaker):
    """Wrong: closes after its wait, whatever the probe says."""

    def admit(self) -> bool:
        if self.opened_at_s is not None and self.has_waited():
            self.opened_at_s, self.failures = None, -1000
        return super().admit()
