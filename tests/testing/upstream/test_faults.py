import random

import pytest

from perfgate.testing.upstream.faults import Fault, FaultKind, FaultPlan, Latency, LatencyShape
from perfgate.testing.upstream.wire import Request


def _request(path: str = "/", method: str = "GET") -> Request:
    return Request(method, path, "", {}, b"")


def _struck(fault: Fault, requests: list[Request]) -> list[bool]:
    plan = FaultPlan([fault], random.Random(1))
    return [plan.strike(request) is not None for request in requests]


def test_a_fault_strikes_as_often_as_ordered() -> None:
    fault = Fault(kind=FaultKind.RESET, count=2)
    assert _struck(fault, [_request()] * 4) == [True, True, False, False]


def test_a_fault_without_count_strikes_until_it_is_cleared() -> None:
    plan = FaultPlan([Fault(kind=FaultKind.RESET, count=None)], random.Random(1))
    assert all(plan.strike(_request()) for _ in range(10))
    plan.clear()
    assert plan.strike(_request()) is None


def test_a_fault_lets_the_first_ones_through() -> None:
    assert _struck(Fault(kind=FaultKind.HANG, after=2), [_request()] * 4) == [
        False,
        False,
        True,
        False,
    ]


def test_a_fault_strikes_its_method_and_path_alone() -> None:
    fault = Fault(kind=FaultKind.HANG, method="POST", path="/v1/", count=None)
    requests = [_request("/v1/a"), _request("/v2/a", "POST"), _request("/v1/a", "POST")]
    assert _struck(fault, requests) == [False, False, True]


def test_faults_strike_in_the_order_in_which_they_were_ordered() -> None:
    plan = FaultPlan([Fault(kind=FaultKind.RESET)], random.Random(1))
    plan.add([Fault(kind=FaultKind.HANG)])
    kinds = [fault.kind for fault in (plan.strike(_request()), plan.strike(_request())) if fault]
    assert kinds == [FaultKind.RESET, FaultKind.HANG]


def test_a_fault_of_a_chance_strikes_about_so_often() -> None:
    fault = Fault(kind=FaultKind.RESET, probability=0.25, count=None)
    # 4 standard deviations of a binomial of 2000 are 77.
    assert 423 <= sum(_struck(fault, [_request()] * 2000)) <= 577


@pytest.mark.parametrize("shape", LatencyShape)
def test_every_shape_of_latency_keeps_its_mean(shape: LatencyShape) -> None:
    latency = Latency(mean_s=0.2, shape=shape, sigma=0.5)
    source = random.Random(7)
    drawn = [latency.draw(source) for _ in range(20_000)]
    assert min(drawn) >= 0
    assert sum(drawn) / len(drawn) == pytest.approx(0.2, rel=0.03)


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"probability": 1.5}, id="more-than-certain"),
        pytest.param({"count": 0}, id="never"),
        pytest.param({"seconds": -1.0}, id="before-now"),
    ],
)
def test_a_fault_that_makes_no_sense_is_refused(fields: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must be"):
        Fault(kind=FaultKind.RESET, **fields)  # type: ignore[arg-type]
