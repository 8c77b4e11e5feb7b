from collections.abc import Awaitable, Callable
from typing import TypeVar

import anyio
import httpx
import pytest
import respx

from benchmarks.upstreams import stripe as model
from benchmarks.upstreams.in_process import EngineTransport
from perfgate.services.errors import (
    AuthenticationError,
    IdempotencyError,
    InFlightError,
    InvalidResponseError,
    NotFoundError,
    PaymentDeclinedError,
    RateLimitError,
    RequestRefusedError,
    ServerFailedError,
    ServiceError,
)
from perfgate.services.resilience import ResilienceSettings, RetrySettings
from perfgate.services.stripe import StripeConfig, StripeService, documented_limits
from perfgate.testing.upstream import Engine, Fault, FaultKind, Settings
from tests.services.engines import engine_of
from tests.services.fake_clock import FakeClock

_T = TypeVar("_T")
ONCE = ResilienceSettings(retry=RetrySettings(attempts=1))
FREE = Settings(limits=())


def _run(service: StripeService, use: Callable[[StripeService], Awaitable[_T]]) -> _T:
    async def run() -> _T:
        async with service:
            return await use(service)

    return anyio.run(run)


def _service(
    engine: Engine, clock: FakeClock, resilience: ResilienceSettings | None = None
) -> StripeService:
    config = StripeConfig(api_key="sk_test_1", resilience=resilience)
    return StripeService(config, clock=clock, transport=EngineTransport(engine))


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def engine(clock: FakeClock) -> Engine:
    return engine_of(model.create, clock, FREE)


def test_a_customer_that_was_created_is_found_again(engine: Engine, clock: FakeClock) -> None:
    async def use(stripe: StripeService) -> None:
        created = await stripe.create_customer(
            email="ann@example.org", name="Ann", description="d", metadata={"order": "7"}
        )
        assert (created.email, created.name, created.metadata) == (
            "ann@example.org",
            "Ann",
            {"order": "7"},
        )
        assert await stripe.get_customer(created.id) == created

    _run(_service(engine, clock), use)


def test_a_payment_is_created_confirmed_and_found(engine: Engine, clock: FakeClock) -> None:
    async def use(stripe: StripeService) -> None:
        customer = await stripe.create_customer()
        intent = await stripe.create_payment_intent(
            amount=1999, currency="eur", customer=customer.id, metadata={"order": "7"}
        )
        assert (intent.status, intent.amount) == ("requires_payment_method", 1999)
        paid = await stripe.confirm_payment_intent(intent.id, payment_method="pm_card_visa")
        assert paid.status == "succeeded"
        assert (await stripe.get_payment_intent(intent.id)).status == "succeeded"

    _run(_service(engine, clock), use)


def test_a_declined_card_says_why(engine: Engine, clock: FakeClock) -> None:
    async def use(stripe: StripeService) -> None:
        with pytest.raises(PaymentDeclinedError) as caught:
            await stripe.create_payment_intent(
                amount=5,
                currency="eur",
                payment_method="pm_card_chargeDeclinedInsufficientFunds",
                confirm=True,
            )
        assert (caught.value.status, caught.value.code) == (402, "insufficient_funds")
        assert caught.value.request_id.startswith("req_")

    _run(_service(engine, clock), use)


def test_an_answer_that_was_lost_does_not_create_twice(engine: Engine, clock: FakeClock) -> None:
    engine.inject([Fault(kind=FaultKind.STATUS, status=500, applies=True)])
    _run(_service(engine, clock), lambda stripe: stripe.create_customer())
    assert engine.application.inspect() == {
        "customers": 1,
        "payment_intents": 0,
        "idempotency_keys": 1,
    }


def test_the_callers_key_protects_against_the_callers_repetition(
    engine: Engine, clock: FakeClock
) -> None:
    async def use(stripe: StripeService) -> None:
        first = await stripe.create_customer(email="a@example.org", idempotency_key="k")
        assert await stripe.create_customer(email="a@example.org", idempotency_key="k") == first
        with pytest.raises(IdempotencyError):
            await stripe.create_customer(email="b@example.org", idempotency_key="k")

    _run(_service(engine, clock), use)


@pytest.mark.parametrize("key", [pytest.param("", id="empty"), pytest.param("k" * 256, id="long")])
def test_a_key_that_stripe_would_refuse_is_not_sent(
    engine: Engine, clock: FakeClock, key: str
) -> None:
    async def use(stripe: StripeService) -> None:
        with pytest.raises(ValueError, match="1 to 255 characters"):
            await stripe.create_customer(idempotency_key=key)

    _run(_service(engine, clock), use)
    assert engine.hits() == ()


def test_the_documented_limits_are_kept_without_a_refusal(clock: FakeClock) -> None:
    engine = engine_of(model.create, clock)

    async def use(stripe: StripeService) -> None:
        async with anyio.create_task_group() as group:
            for _ in range(100):
                group.start_soon(stripe.create_customer)

    _run(_service(engine, clock), use)
    statistics = engine.statistics(0.0)
    assert (statistics.hits, statistics.limited) == (100, 0)
    # 25 at once, then 25 after each second with its guard.
    assert clock.now_s - 1000.0 == pytest.approx(3.15, abs=0.01)


def test_a_live_account_may_do_more() -> None:
    rates = {
        key: [limit.calls for limit in documented_limits(key)] for key in ("sk_live_1", "sk_test_1")
    }
    assert rates == {"sk_live_1": [100, 25], "sk_test_1": [25, 25]}


def test_a_service_that_is_not_initialized_says_so() -> None:
    stripe = StripeService(StripeConfig(api_key="sk_test_1"))
    with pytest.raises(RuntimeError, match="call initialize"):
        anyio.run(stripe.create_customer)


def test_a_service_may_be_opened_and_closed_again(engine: Engine, clock: FakeClock) -> None:
    stripe = _service(engine, clock)

    async def run() -> list[bool]:
        states = []
        for _ in range(2):
            await stripe.initialize()
            await stripe.initialize()
            states.append(stripe.is_initialized)
            await stripe.create_customer()
            await stripe.close()
            await stripe.close()
            states.append(stripe.is_initialized)
        return states

    assert anyio.run(run) == [True, False, True, False]


# --- what the answers stand for -------------------------------------------------------------------


def _answered(response: httpx.Response) -> ServiceError:
    router = respx.MockRouter(assert_all_called=True)
    route = router.get("https://api.stripe.com/v1/customers/cus_1").mock(return_value=response)
    service = StripeService(
        StripeConfig(api_key="sk_test_1", resilience=ONCE),
        clock=FakeClock(),
        transport=httpx.MockTransport(router.async_handler),
    )

    async def use(stripe: StripeService) -> ServiceError:
        with pytest.raises(ServiceError) as caught:
            await stripe.get_customer("cus_1")
        return caught.value

    error = _run(service, use)
    assert route.calls.last.request.headers["authorization"] == "Bearer sk_test_1"
    return error


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        pytest.param(400, {"type": "invalid_request_error"}, RequestRefusedError, id="400"),
        pytest.param(400, {"type": "idempotency_error"}, IdempotencyError, id="idempotency"),
        pytest.param(401, {}, AuthenticationError, id="401"),
        pytest.param(402, {"type": "card_error"}, PaymentDeclinedError, id="402"),
        pytest.param(404, {}, NotFoundError, id="404"),
        pytest.param(409, {}, InFlightError, id="409"),
        pytest.param(429, {"type": "invalid_request_error"}, RateLimitError, id="429"),
        pytest.param(429, {"type": "rate_limit_error"}, RateLimitError, id="429-other-type"),
        pytest.param(500, {"type": "api_error"}, ServerFailedError, id="500"),
    ],
)
def test_a_status_becomes_its_error(
    status: int, body: dict[str, str], kind: type[ServiceError]
) -> None:
    error = _answered(httpx.Response(status, json={"error": body}, headers={"request-id": "req_1"}))
    assert type(error) is kind
    assert (error.status, error.request_id) == (status, "req_1")


def test_a_refusal_names_the_limit_and_the_wait() -> None:
    error = _answered(
        httpx.Response(
            429,
            headers={"stripe-rate-limited-reason": "endpoint-rate", "retry-after": "2"},
            json={"error": {"code": "rate_limit"}},
        )
    )
    assert str(error) == (
        "stripe: rate limit exceeded: endpoint-rate (status 429, rate_limit, retry after 2 s)"
    )


@pytest.mark.parametrize(
    ("advice", "is_transient"),
    [pytest.param("true", True, id="yes"), pytest.param("false", False, id="no")],
)
def test_stripes_own_advice_about_retrying_wins(advice: str, is_transient: bool) -> None:  # noqa: FBT001 - a table
    for status in (400, 500):
        error = _answered(httpx.Response(status, headers={"stripe-should-retry": advice}))
        assert error.is_transient is is_transient


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"<html>", id="no-json"),
        pytest.param(b'{"id": 5}', id="another-shape"),
        pytest.param(b"", id="nothing"),
    ],
)
def test_a_success_that_is_none_is_an_invalid_response(body: bytes) -> None:
    error = _answered(httpx.Response(200, content=body))
    assert type(error) is InvalidResponseError
