"""Stripe: customers and payment intents, with idempotency keys that survive retries.

Documented at https://docs.stripe.com/api; the limits at https://docs.stripe.com/rate-limits.
"""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import httpx
import msgspec

from perfgate.services.clock import Clock
from perfgate.services.errors import (
    IdempotencyError,
    InFlightError,
    PaymentDeclinedError,
    ServiceError,
)
from perfgate.services.limiter import ClientLimit
from perfgate.services.resilience import ResilienceSettings
from perfgate.services.service import AsyncService
from perfgate.services.transport import Call, Reply, decode, error_class

__all__ = [
    "Customer",
    "PaymentIntent",
    "StripeConfig",
    "StripeService",
    "documented_limits",
]

_T = TypeVar("_T")
_LIVE_KEYS = ("sk_live_", "rk_live_")
_DECLINED = 402
_CONFLICT = 409
_RATE_LIMITED = 429
_MAX_KEY_LENGTH = 255


def documented_limits(api_key: str) -> tuple[ClientLimit, ...]:
    """Return what https://docs.stripe.com/rate-limits grants: 100/s live, 25/s in a sandbox.

    Each endpoint has 25/s of that at most.
    """
    is_live = api_key.startswith(_LIVE_KEYS)
    return (
        ClientLimit(name="global-rate", calls=100 if is_live else 25),
        ClientLimit(name="endpoint-rate", calls=25, is_per_endpoint=True),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class StripeConfig:
    """Whose account, where, and how to treat it."""

    api_key: str
    base_url: str = "https://api.stripe.com"
    api_version: str = "2026-10-28.endive"
    timeout_s: float = 30.0
    resilience: ResilienceSettings | None = None
    """None for the documented limits and the defaults."""


class Customer(msgspec.Struct, frozen=True, kw_only=True):
    """A customer, as far as suites need it."""

    id: str
    created: int
    email: str | None = None
    name: str | None = None
    description: str | None = None
    metadata: dict[str, str] = {}


class PaymentIntent(msgspec.Struct, frozen=True, kw_only=True):
    """A payment on its way; ``amount`` is in the currency's smallest unit."""

    id: str
    amount: int
    currency: str
    status: str
    created: int
    customer: str | None = None
    payment_method: str | None = None
    client_secret: str | None = None
    metadata: dict[str, str] = {}


class _ErrorBody(msgspec.Struct, frozen=True):
    type: str = ""
    code: str | None = None
    message: str = ""
    param: str | None = None
    decline_code: str | None = None


class _ErrorReply(msgspec.Struct, frozen=True):
    error: _ErrorBody = _ErrorBody()


def _new_key() -> str:
    return str(uuid.uuid4())


class StripeService(AsyncService):
    """The client of Stripe.

    Every POST carries an idempotency key, so it may be repeated without harm; the caller's where
    one is given, which also protects against the caller's own repetitions.
    """

    name = "stripe"

    def __init__(
        self,
        config: StripeConfig,
        *,
        clock: Clock | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        new_key: Callable[[], str] = _new_key,
    ) -> None:
        settings = config.resilience or ResilienceSettings(limits=documented_limits(config.api_key))
        super().__init__(
            {self.name: settings}, timeout_s=config.timeout_s, clock=clock, transport=transport
        )
        self.config = config
        self._new_key = new_key
        self._headers = {
            "authorization": f"Bearer {config.api_key}",
            "stripe-version": config.api_version,
        }

    async def create_customer(
        self,
        *,
        email: str | None = None,
        name: str | None = None,
        description: str | None = None,
        metadata: Mapping[str, str] | None = None,
        idempotency_key: str | None = None,
    ) -> Customer:
        """Create a customer; Stripe requires nothing of it."""
        form = _form(email=email, name=name, description=description) | _metadata(metadata)
        return await self._post("/v1/customers", "/v1/customers", form, idempotency_key, Customer)

    async def get_customer(self, customer_id: str) -> Customer:
        """Fetch a customer.

        Raises:
            NotFoundError: there is none of this id.
        """
        return await self._get(f"/v1/customers/{customer_id}", "/v1/customers/:id", Customer)

    async def create_payment_intent(  # noqa: PLR0913 - what a payment consists of
        self,
        *,
        amount: int,
        currency: str,
        customer: str | None = None,
        payment_method: str | None = None,
        confirm: bool = False,
        metadata: Mapping[str, str] | None = None,
        idempotency_key: str | None = None,
    ) -> PaymentIntent:
        """Create a payment.

        Args:
            amount: In the currency's smallest unit.
            currency: Three letters, in lower case.
            customer: Id of who pays.
            payment_method: Id of what is paid with.
            confirm: Pay at once.
            metadata: Kept with the payment.
            idempotency_key: A new one where it is None.

        Raises:
            PaymentDeclinedError: the payment was tried and declined.
        """
        form = _form(
            amount=str(amount),
            currency=currency,
            customer=customer,
            payment_method=payment_method,
            confirm="true" if confirm else None,
        ) | _metadata(metadata)
        path = "/v1/payment_intents"
        return await self._post(path, path, form, idempotency_key, PaymentIntent)

    async def confirm_payment_intent(
        self,
        payment_intent_id: str,
        *,
        payment_method: str | None = None,
        idempotency_key: str | None = None,
    ) -> PaymentIntent:
        """Pay.

        Raises:
            PaymentDeclinedError: the payment method was declined.
        """
        return await self._post(
            f"/v1/payment_intents/{payment_intent_id}/confirm",
            "/v1/payment_intents/:id/confirm",
            _form(payment_method=payment_method),
            idempotency_key,
            PaymentIntent,
        )

    async def get_payment_intent(self, payment_intent_id: str) -> PaymentIntent:
        """Fetch a payment.

        Raises:
            NotFoundError: there is none of this id.
        """
        path = f"/v1/payment_intents/{payment_intent_id}"
        return await self._get(path, "/v1/payment_intents/:id", PaymentIntent)

    async def _get(self, path: str, endpoint: str, shape: type[_T]) -> _T:
        call = Call(method="GET", url=self.config.base_url + path, headers=self._headers)
        reply = await self._send(self.name, call, endpoint=f"GET {endpoint}")
        return decode(self.name, reply, shape)

    async def _post(
        self,
        path: str,
        endpoint: str,
        form: Mapping[str, str],
        idempotency_key: str | None,
        shape: type[_T],
    ) -> _T:
        key = self._new_key() if idempotency_key is None else idempotency_key
        if not 0 < len(key) <= _MAX_KEY_LENGTH:
            raise ValueError(f"an idempotency key has 1 to {_MAX_KEY_LENGTH} characters")
        call = Call(
            method="POST",
            url=self.config.base_url + path,
            headers={**self._headers, "idempotency-key": key},
            form=form,
        )
        reply = await self._send(self.name, call, endpoint=f"POST {endpoint}")
        return decode(self.name, reply, shape)

    def classify(self, api: str, reply: Reply) -> ServiceError:
        """Return the error that an answer stands for; the status decides, not Stripe's type."""
        request_id = reply.headers.get("request-id", "")
        try:
            error = msgspec.json.decode(reply.body, type=_ErrorReply).error
        except msgspec.MsgspecError:
            error = _ErrorBody()
        code = error.decline_code or error.code or ""
        if reply.status == _RATE_LIMITED:
            reason = reply.headers.get("stripe-rate-limited-reason", "")
            return self.rate_limited(api, reply, limit=reason, request_id=request_id, code=code)
        failure = _kind(reply.status, error)(
            self.title(api),
            error.message or "the request failed",
            status=reply.status,
            request_id=request_id,
            retry_after_s=self.wait_s(reply),
            code=code,
        )
        advice = reply.headers.get("stripe-should-retry")
        if advice is not None:
            failure.is_transient = advice == "true"
        return failure


def _kind(status: int, error: _ErrorBody) -> type[ServiceError]:
    if error.type == "idempotency_error":
        return IdempotencyError
    if status == _DECLINED:
        return PaymentDeclinedError
    if status == _CONFLICT:
        return InFlightError
    return error_class(status)


def _form(**fields: str | None) -> dict[str, str]:
    return {name: value for name, value in fields.items() if value is not None}


def _metadata(metadata: Mapping[str, str] | None) -> dict[str, str]:
    return {f"metadata[{name}]": value for name, value in (metadata or {}).items()}
