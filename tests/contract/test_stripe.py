"""Stripe's own client drives the local model: what it accepts, the services may rely on."""

from collections.abc import Iterator
from typing import Any

import pytest

from perfgate.testing.upstream import (
    Fault,
    FaultKind,
    LimitScope,
    RateLimit,
    Upstream,
    start_upstream,
)

stripe = pytest.importorskip("stripe", reason="the official clients are not installed")

pytestmark = pytest.mark.contract
APPLICATION = "benchmarks.upstreams.stripe:create"


@pytest.fixture(scope="module")
def shared() -> Iterator[Upstream]:
    with start_upstream(APPLICATION, limits=()) as upstream:
        yield upstream


@pytest.fixture
def upstream(shared: Upstream) -> Upstream:
    shared.clear_faults()
    shared.set_limits(())
    shared.forget()
    return shared


@pytest.fixture
def client(upstream: Upstream) -> Any:
    return _client(upstream)


def _client(upstream: Upstream, *, retries: int = 0, key: str = "sk_test_1") -> Any:
    return stripe.StripeClient(
        key, base_addresses={"api": upstream.url}, max_network_retries=retries
    )


def test_a_customer_that_was_created_is_found_again(client: Any) -> None:
    params = {"email": "ann@example.org", "name": "Ann", "metadata": {"order": "7"}}
    created = client.v1.customers.create(params)
    found = client.v1.customers.retrieve(created.id)
    assert (found.email, found.name, found.metadata["order"]) == ("ann@example.org", "Ann", "7")


def test_a_customer_is_updated(client: Any) -> None:
    created = client.v1.customers.create({"metadata": {"a": "1"}})
    updated = client.v1.customers.update(created.id, {"name": "Bea", "metadata": {"b": "2"}})
    assert updated.name == "Bea"
    assert updated.metadata.to_dict() == {"a": "1", "b": "2"}


def test_the_client_walks_through_all_pages_of_customers(client: Any) -> None:
    created = {client.v1.customers.create().id for _ in range(5)}
    listed = client.v1.customers.list({"limit": 2})
    assert created <= {customer.id for customer in listed.auto_paging_iter()}


def test_a_payment_is_created_and_confirmed(client: Any) -> None:
    params = {"amount": 1999, "currency": "eur", "automatic_payment_methods": {"enabled": True}}
    intent = client.v1.payment_intents.create(params)
    assert intent.status == "requires_payment_method"
    paid = client.v1.payment_intents.confirm(intent.id, {"payment_method": "pm_card_visa"})
    assert (paid.status, paid.amount_received) == ("succeeded", 1999)
    assert client.v1.payment_intents.retrieve(intent.id).status == "succeeded"


def test_a_payment_with_manual_capture_waits_for_it(client: Any) -> None:
    params = {
        "amount": 5,
        "currency": "eur",
        "capture_method": "manual",
        "payment_method": "pm_card_visa",
        "confirm": True,
    }
    assert client.v1.payment_intents.create(params).status == "requires_capture"


def test_a_declined_card_is_a_card_error(client: Any) -> None:
    params = {
        "amount": 5,
        "currency": "eur",
        "payment_method": "pm_card_chargeDeclined",
        "confirm": True,
    }
    with pytest.raises(stripe.CardError) as caught:
        client.v1.payment_intents.create(params)
    assert caught.value.code == "card_declined"
    assert caught.value.error.decline_code == "generic_decline"
    assert caught.value.request_id.startswith("req_")


def test_confirming_twice_is_an_invalid_request(client: Any) -> None:
    params = {"amount": 5, "currency": "eur", "payment_method": "pm_card_visa", "confirm": True}
    intent = client.v1.payment_intents.create(params)
    with pytest.raises(stripe.InvalidRequestError) as caught:
        client.v1.payment_intents.confirm(intent.id)
    assert caught.value.code == "payment_intent_unexpected_state"


@pytest.mark.parametrize(
    ("params", "param"),
    [
        pytest.param({"currency": "eur"}, "amount", id="no-amount"),
        pytest.param({"amount": 5}, "currency", id="no-currency"),
        pytest.param({"amount": "five", "currency": "eur"}, "amount", id="amount-in-words"),
    ],
)
def test_a_payment_that_makes_no_sense_names_the_parameter(
    client: Any, params: dict[str, object], param: str
) -> None:
    with pytest.raises(stripe.InvalidRequestError) as caught:
        client.v1.payment_intents.create(params)
    assert caught.value.param == param


def test_an_unknown_customer_is_missing(client: Any) -> None:
    with pytest.raises(stripe.InvalidRequestError) as caught:
        client.v1.customers.retrieve("cus_none")
    assert (caught.value.http_status, caught.value.code) == (404, "resource_missing")


def test_a_wrong_key_is_an_authentication_error(upstream: Upstream) -> None:
    with pytest.raises(stripe.AuthenticationError):
        _client(upstream, key="nonsense").v1.customers.create()


def test_the_same_idempotency_key_creates_once(client: Any) -> None:
    options = {"idempotency_key": "order-1"}
    first = client.v1.customers.create({"email": "a@example.org"}, options)
    second = client.v1.customers.create({"email": "a@example.org"}, options)
    assert first.id == second.id
    assert second.last_response.headers["idempotent-replayed"] == "true"


def test_the_same_key_with_other_parameters_is_an_idempotency_error(
    client: Any,
) -> None:
    options = {"idempotency_key": "order-2"}
    client.v1.customers.create({"email": "a@example.org"}, options)
    with pytest.raises(stripe.IdempotencyError):
        client.v1.customers.create({"email": "b@example.org"}, options)


def test_a_key_is_forgotten_after_a_day(client: Any, upstream: Upstream) -> None:
    options = {"idempotency_key": "order-3"}
    first = client.v1.customers.create({}, options)
    upstream.advance(24 * 3600 + 1)
    assert client.v1.customers.create({}, options).id != first.id


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(Fault(kind=FaultKind.STATUS, status=500), id="500"),
        pytest.param(Fault(kind=FaultKind.STATUS, status=409), id="409"),
        pytest.param(Fault(kind=FaultKind.RESET), id="reset"),
    ],
)
def test_the_client_retries_what_may_pass(upstream: Upstream, fault: Fault) -> None:
    upstream.inject(fault)
    assert _client(upstream, retries=1).v1.customers.create().id.startswith("cus_")
    assert upstream.statistics().hits == 2


def test_an_answer_that_was_lost_does_not_create_twice(upstream: Upstream) -> None:
    before = upstream.inspect()["customers"]
    upstream.inject(Fault(kind=FaultKind.RESET, applies=True))
    _client(upstream, retries=1).v1.customers.create()
    assert upstream.inspect()["customers"] == before + 1


@pytest.mark.parametrize(
    ("limit", "reason"),
    [
        pytest.param(
            RateLimit(name="global-rate", limit=2, window_s=60), "global-rate", id="global"
        ),
        pytest.param(
            RateLimit(name="endpoint-rate", limit=2, window_s=60, scope=LimitScope.ENDPOINT),
            "endpoint-rate",
            id="endpoint",
        ),
    ],
)
def test_a_limit_is_a_rate_limit_error_that_names_it(
    client: Any, upstream: Upstream, limit: RateLimit, reason: str
) -> None:
    upstream.set_limits([limit])
    for _ in range(2):
        client.v1.customers.create()
    with pytest.raises(stripe.RateLimitError) as caught:
        client.v1.customers.create()
    assert caught.value.headers["stripe-rate-limited-reason"] == reason
    upstream.advance(60)
    client.v1.customers.create()


def test_endpoints_have_limits_of_their_own(client: Any, upstream: Upstream) -> None:
    upstream.set_limits(
        [RateLimit(name="endpoint-rate", limit=1, window_s=60, scope=LimitScope.ENDPOINT)]
    )
    created = client.v1.customers.create()
    client.v1.customers.retrieve(created.id)
    with pytest.raises(stripe.RateLimitError):
        client.v1.customers.retrieve("cus_other")
