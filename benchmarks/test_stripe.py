"""Stripe: what each operation costs in the client alone, and with a server on this machine.

Limits are off on both sides: what is measured is the cost of a call, not the wait for the next.
"""

import asyncio
from collections.abc import Iterator

import pytest

from benchmarks.measured import Measure
from benchmarks.upstreams import stripe as model
from benchmarks.upstreams.replay import ReplayTransport
from perfgate.services.resilience import ResilienceSettings
from perfgate.services.stripe import StripeConfig, StripeService
from perfgate.testing.upstream import Engine, Settings, UpstreamClock, start_upstream

UNLIMITED = ResilienceSettings()
PAYMENTS_AT_ONCE = 10
# Asks for an action each time, so the same payment can be confirmed again and again.
ENDLESS = "pm_card_authenticationRequired"


@pytest.fixture(scope="module", params=["client", "upstream"])
def stripe(
    request: pytest.FixtureRequest, loop: asyncio.AbstractEventLoop
) -> Iterator[StripeService]:
    if request.param == "client":
        clock = UpstreamClock()
        engine = Engine(model.create(clock, {}), clock, Settings(limits=()))
        config = StripeConfig(api_key="sk_test_1", resilience=UNLIMITED)
        service = StripeService(config, transport=ReplayTransport(engine))
        loop.run_until_complete(service.initialize())
        yield service
    else:
        with start_upstream("benchmarks.upstreams.stripe:create", limits=()) as upstream:
            config = StripeConfig(api_key="sk_test_1", base_url=upstream.url, resilience=UNLIMITED)
            service = StripeService(config)
            loop.run_until_complete(service.initialize())
            yield service
            loop.run_until_complete(service.close())
    loop.run_until_complete(service.close())


def test_create_customer(measure: Measure, stripe: StripeService) -> None:
    customer = measure.coroutine(
        lambda: stripe.create_customer(email="ann@example.org", metadata={"order": "7"})
    )
    assert customer.email == "ann@example.org"


def test_get_customer(
    measure: Measure, stripe: StripeService, loop: asyncio.AbstractEventLoop
) -> None:
    created = loop.run_until_complete(stripe.create_customer())
    assert measure.coroutine(lambda: stripe.get_customer(created.id)) == created


def test_create_payment_intent(measure: Measure, stripe: StripeService) -> None:
    intent = measure.coroutine(lambda: stripe.create_payment_intent(amount=1999, currency="eur"))
    assert intent.status == "requires_payment_method"


def test_confirm_payment_intent(
    measure: Measure, stripe: StripeService, loop: asyncio.AbstractEventLoop
) -> None:
    intent = loop.run_until_complete(
        stripe.create_payment_intent(amount=1999, currency="eur", payment_method=ENDLESS)
    )
    confirmed = measure.coroutine(lambda: stripe.confirm_payment_intent(intent.id))
    assert confirmed.status == "requires_action"


def test_get_payment_intent(
    measure: Measure, stripe: StripeService, loop: asyncio.AbstractEventLoop
) -> None:
    intent = loop.run_until_complete(stripe.create_payment_intent(amount=5, currency="eur"))
    assert measure.coroutine(lambda: stripe.get_payment_intent(intent.id)) == intent


def test_repeat_with_the_same_idempotency_key(
    measure: Measure, stripe: StripeService, loop: asyncio.AbstractEventLoop
) -> None:
    first = loop.run_until_complete(stripe.create_customer(idempotency_key="k"))
    assert measure.coroutine(lambda: stripe.create_customer(idempotency_key="k")) == first


async def _pay(stripe: StripeService) -> str:
    intent = await stripe.create_payment_intent(
        amount=1999, currency="eur", payment_method="pm_card_visa"
    )
    return (await stripe.confirm_payment_intent(intent.id)).status


def test_payment(measure: Measure, stripe: StripeService) -> None:
    assert measure.coroutine(lambda: _pay(stripe)) == "succeeded"


def test_ten_payments_at_once(measure: Measure, stripe: StripeService) -> None:
    async def payments() -> list[str]:
        return await asyncio.gather(*(_pay(stripe) for _ in range(PAYMENTS_AT_ONCE)))

    assert measure.coroutine(payments) == ["succeeded"] * PAYMENTS_AT_ONCE
