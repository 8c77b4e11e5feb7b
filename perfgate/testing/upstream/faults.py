"""What can be made to go wrong, and how long an answer takes; drawn with a seed."""

import enum
import random
from collections.abc import Sequence

import msgspec

from perfgate.testing.upstream.wire import Request

__all__ = ["Fault", "FaultKind", "FaultPlan", "Latency", "LatencyShape"]


class LatencyShape(enum.Enum):
    """The distribution that latencies are drawn from."""

    CONSTANT = "constant"
    UNIFORM = "uniform"
    """Between nothing and twice the mean."""
    EXPONENTIAL = "exponential"
    LOGNORMAL = "lognormal"
    """With ``sigma``; the mean is kept, so the median lies below it."""


class Latency(msgspec.Struct, frozen=True, kw_only=True):
    """How long the upstream takes for an answer; requests do not wait for each other."""

    mean_s: float
    shape: LatencyShape = LatencyShape.CONSTANT
    sigma: float = 1.0

    def __post_init__(self) -> None:
        if not self.mean_s >= 0 or not self.sigma >= 0:
            raise ValueError("mean_s and sigma must not be below 0")

    def draw(self, source: random.Random) -> float:
        """Draw one latency in seconds."""
        match self.shape:
            case LatencyShape.CONSTANT:
                return self.mean_s
            case LatencyShape.UNIFORM:
                return source.uniform(0.0, 2 * self.mean_s)
            case LatencyShape.EXPONENTIAL:
                return source.expovariate(1.0) * self.mean_s
            case LatencyShape.LOGNORMAL:
                # E[lognormal(mu, s)] = exp(mu + s^2 / 2), so this factor keeps the mean.
                return self.mean_s * source.lognormvariate(-(self.sigma**2) / 2, self.sigma)


class FaultKind(enum.Enum):
    """How an answer goes wrong."""

    STATUS = "status"
    """Answer with ``status``, in the words of the API."""
    RATE_LIMITED = "rate-limited"
    """Answer as if a limit were exceeded, in the words of the API, to be retried in ``seconds``."""
    RESET = "reset"
    """Reset the connection (RST)."""
    CLOSE = "close"
    """Close the connection without an answer (FIN)."""
    TRUNCATE = "truncate"
    """Announce the whole answer, send half of it, close."""
    GARBAGE = "garbage"
    """Answer with bytes that are not HTTP."""
    HANG = "hang"
    """Never answer."""
    SLOW_BODY = "slow-body"
    """Send the head at once and the body in pieces over ``seconds``."""


_ANSWERED = frozenset({FaultKind.TRUNCATE, FaultKind.SLOW_BODY})


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """One order for the upstream: which requests go wrong, how, and how many of them."""

    kind: FaultKind
    status: int = 503
    headers: dict[str, str] = {}
    """Added to the answer of STATUS and RATE_LIMITED."""
    seconds: float = 1.0
    count: int | None = 1
    """How many requests it strikes; None until the faults are cleared."""
    after: int = 0
    """How many matching requests it lets through first."""
    probability: float = 1.0
    method: str = ""
    path: str = ""
    """A prefix; empty matches every path."""
    applies: bool = False
    """Whether the operation takes place before its answer goes wrong: the lost answer that
    idempotency keys are for. TRUNCATE and SLOW_BODY always do."""

    def __post_init__(self) -> None:
        if not 0 <= self.probability <= 1 or not self.seconds >= 0 or self.after < 0:
            raise ValueError("probability must be between 0 and 1, seconds and after not below 0")
        if self.count is not None and self.count < 1:
            raise ValueError("count must be positive, or None for every request")

    @property
    def needs_answer(self) -> bool:
        """Whether the application answers before the fault strikes."""
        return self.applies or self.kind in _ANSWERED

    def matches(self, request: Request) -> bool:
        """Tell whether the fault is meant for this request."""
        return self.method in ("", request.method) and request.path.startswith(self.path)


class _Order:
    """A fault with what is left of it."""

    __slots__ = ("after", "fault", "left")

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        self.left = fault.count
        self.after = fault.after


class FaultPlan:
    """The faults that are still to come, in the order in which they were ordered."""

    def __init__(self, faults: Sequence[Fault], source: random.Random) -> None:
        self._orders = [_Order(fault) for fault in faults]
        self._source = source

    def add(self, faults: Sequence[Fault]) -> None:
        """Order more faults, behind those that are left."""
        self._orders.extend(_Order(fault) for fault in faults)

    def clear(self) -> None:
        """Forget all that is left."""
        self._orders.clear()

    def strike(self, request: Request) -> Fault | None:
        """Take the first fault that strikes this request."""
        for order in self._orders:
            if not order.fault.matches(request):
                continue
            if order.after > 0:
                order.after -= 1
                continue
            if self._source.random() >= order.fault.probability:
                continue
            if order.left is not None:
                order.left -= 1
                if order.left == 0:
                    self._orders.remove(order)
            return order.fault
        return None
