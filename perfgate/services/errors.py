"""What can go wrong with a call to a service; each class says whether trying again makes sense."""

from perfgate.errors import PerfgateError

__all__ = [
    "AuthenticationError",
    "BulkheadFullError",
    "CircuitOpenError",
    "ConflictError",
    "ConnectionFailedError",
    "IdempotencyError",
    "InFlightError",
    "InvalidResponseError",
    "NotFoundError",
    "OperationFailedError",
    "PaymentDeclinedError",
    "PermissionDeniedError",
    "RateLimitError",
    "RequestRefusedError",
    "ServerFailedError",
    "ServiceError",
    "ServiceTimeoutError",
    "VersionConflictError",
]


class ServiceError(PerfgateError):
    """A call to a service failed.

    Attributes:
        service: Whose API it was, such as ``stripe`` or ``contentful management``.
        status: Of the answer; None where there was none.
        request_id: What the service calls the request in its own logs; empty if it said nothing.
        retry_after_s: How long the service wants to be left alone; None if it did not say.
        code: The service's own name for the problem; empty for none.
    """

    is_transient = False
    """Whether the same request may succeed a little later."""
    is_outage = False
    """Whether it speaks against the service's health, so that a circuit breaker counts it."""
    may_have_happened = False
    """Whether the operation may have taken place although it failed here."""

    def __init__(
        self,
        service: str,
        problem: str,
        *,
        status: int | None = None,
        request_id: str = "",
        retry_after_s: float | None = None,
        code: str = "",
    ) -> None:
        self.service = service
        self.problem = problem
        self.status = status
        self.request_id = request_id
        self.retry_after_s = retry_after_s
        self.code = code
        facts = []
        if status is not None:
            facts.append(f"status {status}")
        if code:
            facts.append(code)
        if request_id:
            facts.append(f"request {request_id}")
        if retry_after_s is not None:
            facts.append(f"retry after {retry_after_s:.3g} s")
        super().__init__(f"{service}: {problem}" + (f" ({', '.join(facts)})" if facts else ""))


class RateLimitError(ServiceError):
    """A limit of the service was exceeded, or would be: ``status`` None means nothing was sent."""

    is_transient = True

    def __init__(
        self,
        service: str,
        limit: str,
        *,
        status: int | None = None,
        request_id: str = "",
        retry_after_s: float | None = None,
        code: str = "",
    ) -> None:
        self.limit = limit
        super().__init__(
            service,
            f"rate limit exceeded: {limit}" if limit else "rate limit exceeded",
            status=status,
            request_id=request_id,
            retry_after_s=retry_after_s,
            code=code,
        )


class CircuitOpenError(ServiceError):
    """The circuit breaker let nothing through, for the service was failing."""

    def __init__(self, service: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(
            service, f"circuit breaker of {service} is open", retry_after_s=retry_after_s
        )


class BulkheadFullError(ServiceError):
    """As many calls as are allowed are under way, and as many as are allowed wait."""

    def __init__(self, service: str, *, running: int, waiting: int) -> None:
        self.running = running
        self.waiting = waiting
        super().__init__(service, f"{running} calls are under way and {waiting} wait already")


class ServiceTimeoutError(ServiceError):
    """No answer came in time."""

    is_transient = True
    is_outage = True

    def __init__(self, service: str, problem: str, *, was_sent: bool) -> None:
        self.may_have_happened = was_sent
        super().__init__(service, f"timeout: {problem}")


class ConnectionFailedError(ServiceError):
    """The connection could not be made, broke, or carried what is not HTTP."""

    is_transient = True
    is_outage = True

    def __init__(self, service: str, problem: str, *, was_sent: bool) -> None:
        self.may_have_happened = was_sent
        super().__init__(service, f"connection failed: {problem}")


class ServerFailedError(ServiceError):
    """The service answered that it failed itself (5xx)."""

    is_transient = True
    is_outage = True
    may_have_happened = True


class InvalidResponseError(ServiceError):
    """The answer is not what the API promises."""

    is_outage = True
    may_have_happened = True


class OperationFailedError(ServiceError):
    """A job that the service took on ended badly, or did not end in time."""


class RequestRefusedError(ServiceError):
    """The service refuses the request as it is (4xx); sending it again would not help."""


class AuthenticationError(RequestRefusedError):
    """The credentials are wrong (401)."""


class PermissionDeniedError(RequestRefusedError):
    """The credentials do not permit this (403)."""


class NotFoundError(RequestRefusedError):
    """There is no such thing (404)."""


class PaymentDeclinedError(RequestRefusedError):
    """The payment method was declined (402); ``code`` says why."""


class ConflictError(RequestRefusedError):
    """Another request is in the way (409), such as a job that is still in flight."""


class InFlightError(ConflictError):
    """The same request, or another on the same object, is being worked on at this moment."""

    is_transient = True


class VersionConflictError(ConflictError):
    """Somebody changed the entry in between: read it again and decide anew."""


class IdempotencyError(RequestRefusedError):
    """The idempotency key was used before for another request."""
