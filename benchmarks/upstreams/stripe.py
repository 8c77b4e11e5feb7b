"""Stripe's customers and payment intents: idempotency, test payment methods, documented limits.

Sources: https://docs.stripe.com/api, /rate-limits, /idempotency, /testing. The limits and what a
429 looks like are documented; how the real servers count is not, so a strict rolling second is
assumed. Not modelled: a second request with the same key while the first is in flight.
"""

import base64
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from benchmarks.upstreams.storage import BoundedStore
from perfgate.testing.upstream import (
    Application,
    Decision,
    LimitScope,
    RateLimit,
    Request,
    Response,
    UpstreamClock,
    form_tree,
    json_response,
)

__all__ = ["StripeModel", "create"]

KEY_LIFETIME_S = 24 * 3600.0
STORED_OBJECTS = 100_000
MAX_KEY_LENGTH = 255
_DECLINES = {
    "pm_card_chargeDeclined": ("card_declined", "generic_decline"),
    "pm_card_visa_chargeDeclined": ("card_declined", "generic_decline"),
    "pm_card_chargeDeclinedInsufficientFunds": ("card_declined", "insufficient_funds"),
    "pm_card_chargeDeclinedExpiredCard": ("expired_card", ""),
}
_NEEDS_ACTION = frozenset({"pm_card_authenticationRequired", "pm_card_threeDSecure2Required"})
_CONFIRMABLE = frozenset({"requires_payment_method", "requires_confirmation", "requires_action"})

_Handler = Callable[["StripeModel", Request, str], Response]


class _Stored(msgspec.Struct, frozen=True):
    """The first answer to an idempotency key."""

    fingerprint: tuple[str, bytes]
    response: Response
    at_s: float


class StripeError(Exception):
    """A request that Stripe would refuse."""

    def __init__(
        self,
        status: int,
        kind: str,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        decline_code: str | None = None,
    ) -> None:
        self.status = status
        fields = {
            "type": kind,
            "code": code,
            "param": param,
            "decline_code": decline_code,
            "message": message,
        }
        self.body = {"error": {name: value for name, value in fields.items() if value is not None}}
        super().__init__(message)


class StripeModel(Application):
    """The state of one account."""

    def __init__(self, clock: UpstreamClock, *, is_live: bool = False) -> None:
        super().__init__(clock)
        self._is_live = is_live
        self._customers: BoundedStore[dict[str, Any]] = BoundedStore(STORED_OBJECTS)
        self._intents: BoundedStore[dict[str, Any]] = BoundedStore(STORED_OBJECTS)
        self._keys: BoundedStore[_Stored] = BoundedStore(STORED_OBJECTS)
        self._requests = 0
        self._objects = 0

    def limits(self) -> tuple[RateLimit, ...]:
        """100 a second live and 25 in a sandbox, 25 for each endpoint."""
        return (
            RateLimit(name="global-rate", limit=100 if self._is_live else 25),
            RateLimit(name="endpoint-rate", limit=25, scope=LimitScope.ENDPOINT),
        )

    def endpoint(self, request: Request) -> str:
        """Name the endpoint: ``GET /v1/customers/:id``."""
        parts = request.path.split("/")
        if len(parts) > 3:  # what comes after the collection is an id
            parts[3] = ":id"
        return f"{request.method} {'/'.join(parts)}"

    # --- answers -------------------------------------------------------------------------------

    def answer(self, request: Request) -> Response:
        """Answer as Stripe does: authenticate, then look at the idempotency key, then act."""
        try:
            _authenticate(request)
            if request.method == "POST" and "idempotency-key" in request.headers:
                return self._once(request, request.headers["idempotency-key"])
            return self._act(request)
        except StripeError as error:
            return json_response(error.body, error.status)

    def _once(self, request: Request, key: str) -> Response:
        if len(key) > MAX_KEY_LENGTH:
            raise StripeError(
                400, "invalid_request_error", "Idempotency keys have at most 255 characters."
            )
        fingerprint = (request.path, request.body)
        stored = self._keys.get(key)
        now_s = self.clock.now_s()
        if stored is not None and now_s - stored.at_s < KEY_LIFETIME_S:
            if stored.fingerprint != fingerprint:
                raise StripeError(
                    400,
                    "idempotency_error",
                    "Keys for idempotent requests can only be used with the same parameters "
                    "they were first used with.",
                )
            return stored.response.with_headers({"idempotent-replayed": "true"})
        try:
            response = self._act(request)
        except StripeError as error:
            # A declined card is a result and is kept; parameters that make no sense are not.
            if error.status != 402:
                raise
            response = json_response(error.body, error.status)
        self._keys[key] = _Stored(fingerprint, response, now_s)
        return response

    def _act(self, request: Request) -> Response:
        handler = _HANDLERS.get(self.endpoint(request))
        parts = request.segments
        if handler is None:
            raise StripeError(
                404,
                "invalid_request_error",
                f"Unrecognized request URL ({request.method}: {request.path}).",
            )
        return handler(self, request, parts[2] if len(parts) > 2 else "")

    # --- customers -----------------------------------------------------------------------------

    def create_customer(self, request: Request, _: str) -> Response:
        """POST /v1/customers."""
        form = form_tree(request.form())
        customer: dict[str, Any] = {
            "id": self._new_id("cus"),
            "object": "customer",
            "created": int(self.clock.wall_s()),
            "description": form.get("description"),
            "email": form.get("email"),
            "livemode": self._is_live,
            "metadata": form.get("metadata") or {},
            "name": form.get("name"),
        }
        self._customers[customer["id"]] = customer
        return json_response(customer)

    def get_customer(self, _: Request, customer_id: str) -> Response:
        """GET /v1/customers/:id."""
        return json_response(self._customer(customer_id, "id"))

    def update_customer(self, request: Request, customer_id: str) -> Response:
        """POST /v1/customers/:id."""
        customer = self._customer(customer_id, "id")
        form = form_tree(request.form())
        customer["metadata"] = {**customer["metadata"], **form.pop("metadata", {})}
        customer.update(
            {name: form[name] for name in ("email", "name", "description") if name in form}
        )
        return json_response(customer)

    def list_customers(self, request: Request, _: str) -> Response:
        """GET /v1/customers, the newest first."""
        query = request.query
        limit = min(int(query.get("limit", "10")), 100)
        newest = list(reversed(self._customers.values()))
        after = query.get("starting_after")
        if after is not None:
            ids = [customer["id"] for customer in newest]
            newest = newest[ids.index(after) + 1 :] if after in ids else []
        page = {"object": "list", "url": "/v1/customers", "data": newest[:limit]}
        return json_response({**page, "has_more": len(newest) > limit})

    def _customer(self, customer_id: str, param: str) -> dict[str, Any]:
        return _found(self._customers, "customer", customer_id, param)

    # --- payment intents -----------------------------------------------------------------------

    def create_intent(self, request: Request, _: str) -> Response:
        """POST /v1/payment_intents."""
        form = form_tree(request.form())
        amount, currency = _money(form)
        if "customer" in form:
            self._customer(form["customer"], "customer")
        intent_id = self._new_id("pi")
        method = form.get("payment_method")
        intent: dict[str, Any] = {
            "id": intent_id,
            "object": "payment_intent",
            "amount": amount,
            "amount_received": 0,
            "capture_method": form.get("capture_method", "automatic_async"),
            "client_secret": f"{intent_id}_secret_{self._objects:08x}",
            "created": int(self.clock.wall_s()),
            "currency": currency,
            "customer": form.get("customer"),
            "description": form.get("description"),
            "last_payment_error": None,
            "livemode": self._is_live,
            "metadata": form.get("metadata") or {},
            "payment_method": method,
            "status": "requires_payment_method" if method is None else "requires_confirmation",
        }
        self._intents[intent_id] = intent
        if form.get("confirm") == "true":
            self._confirm(intent)
        return json_response(intent)

    def get_intent(self, _: Request, intent_id: str) -> Response:
        """GET /v1/payment_intents/:id."""
        return json_response(self._intent(intent_id))

    def confirm_intent(self, request: Request, intent_id: str) -> Response:
        """POST /v1/payment_intents/:id/confirm."""
        intent = self._intent(intent_id)
        method = form_tree(request.form()).get("payment_method")
        if method is not None:
            intent["payment_method"] = method
        self._confirm(intent)
        return json_response(intent)

    def _intent(self, intent_id: str) -> dict[str, Any]:
        return _found(self._intents, "payment_intent", intent_id, "intent")

    def _confirm(self, intent: dict[str, Any]) -> None:
        method = intent["payment_method"]
        if intent["status"] not in _CONFIRMABLE:
            raise StripeError(
                400,
                "invalid_request_error",
                f"You cannot confirm this PaymentIntent because it has a status of "
                f"{intent['status']}.",
                code="payment_intent_unexpected_state",
            )
        if method is None:
            raise StripeError(
                400,
                "invalid_request_error",
                "You cannot confirm this PaymentIntent because it's missing a payment method.",
                code="payment_intent_unexpected_state",
            )
        if method in _DECLINES:
            self._decline(intent, *_DECLINES[method])
        if method in _NEEDS_ACTION:
            intent["status"] = "requires_action"
        elif intent["capture_method"] == "manual":
            intent["status"] = "requires_capture"
        else:
            intent["status"] = "succeeded"
            intent["amount_received"] = intent["amount"]

    def _decline(self, intent: dict[str, Any], code: str, decline_code: str) -> None:
        error = StripeError(
            402,
            "card_error",
            "Your card was declined." if decline_code else "Your card has expired.",
            code=code,
            decline_code=decline_code or None,
        )
        intent["status"] = "requires_payment_method"
        intent["last_payment_error"] = error.body["error"]
        intent["payment_method"] = None
        raise error

    def _new_id(self, prefix: str) -> str:
        self._objects += 1
        return f"{prefix}_{self._objects:016x}"

    # --- limits and failures -------------------------------------------------------------------

    def refuse(self, request: Request, decision: Decision) -> Response:  # noqa: ARG002 - the interface
        """429, which says why but not for how long: Stripe documents no Retry-After."""
        body = {
            "error": {
                "type": "invalid_request_error",
                "code": "rate_limit",
                "message": "Request rate limit exceeded. Learn more about rate limits here "
                "https://docs.stripe.com/rate-limits.",
            }
        }
        return json_response(body, 429, {"stripe-rate-limited-reason": decision.limit.name})

    def fail(self, request: Request, status: int) -> Response:  # noqa: ARG002 - the interface
        """Answer an outage."""
        error = {"type": "api_error", "message": "An unknown error occurred"}
        return json_response({"error": error}, status)

    def stamp(
        self,
        request: Request,
        response: Response,
        decisions: tuple[Decision, ...],  # noqa: ARG002 - the interface
    ) -> Response:
        """Name the request, repeat its key and its version."""
        self._requests += 1
        headers = {"request-id": f"req_{self._requests:014x}"}
        for name in ("idempotency-key", "stripe-version"):
            if name in request.headers:
                headers[name] = request.headers[name]
        return response.with_headers(headers)

    def inspect(self) -> dict[str, int]:
        """Count what is stored."""
        return {
            "customers": len(self._customers),
            "payment_intents": len(self._intents),
            "idempotency_keys": len(self._keys),
        }


_HANDLERS: dict[str, _Handler] = {
    "POST /v1/customers": StripeModel.create_customer,
    "GET /v1/customers": StripeModel.list_customers,
    "GET /v1/customers/:id": StripeModel.get_customer,
    "POST /v1/customers/:id": StripeModel.update_customer,
    "POST /v1/payment_intents": StripeModel.create_intent,
    "GET /v1/payment_intents/:id": StripeModel.get_intent,
    "POST /v1/payment_intents/:id/confirm": StripeModel.confirm_intent,
}


def _authenticate(request: Request) -> None:
    scheme, _, credential = request.headers.get("authorization", "").partition(" ")
    if scheme == "Basic":
        credential = base64.b64decode(credential).decode().partition(":")[0]
    if not credential.startswith(("sk_", "rk_")):
        raise StripeError(
            401,
            "invalid_request_error",
            "You did not provide an API key." if not credential else "Invalid API Key provided.",
        )


def _money(form: Mapping[str, Any]) -> tuple[int, str]:
    for name in ("amount", "currency"):
        if not form.get(name):
            raise StripeError(
                400,
                "invalid_request_error",
                f"Missing required param: {name}.",
                code="parameter_missing",
                param=name,
            )
    if not str(form["amount"]).isdigit():
        raise StripeError(
            400,
            "invalid_request_error",
            f"Invalid integer: {form['amount']}",
            code="parameter_invalid_integer",
            param="amount",
        )
    return int(form["amount"]), form["currency"]


def _found(
    store: BoundedStore[dict[str, Any]], kind: str, object_id: str, param: str
) -> dict[str, Any]:
    found = store.get(object_id)
    if found is None:
        raise StripeError(
            404,
            "invalid_request_error",
            f"No such {kind}: '{object_id}'",
            code="resource_missing",
            param=param,
        )
    return found


def create(clock: UpstreamClock, options: Mapping[str, Any]) -> StripeModel:
    """Build the model; the option ``is_live`` gives it the limits of a live account."""
    return StripeModel(clock, **options)
