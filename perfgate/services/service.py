"""What all services have in common: a life from ``initialize`` to ``close``, and how they call."""

import inspect
from collections.abc import Callable
from types import TracebackType
from typing import Any, Generic, Protocol, Self, TypeVar

import httpx
import requests.adapters

from perfgate.services.clock import Clock, SystemClock
from perfgate.services.errors import RateLimitError, ServiceError
from perfgate.services.resilience import Resilience, ResilienceSettings
from perfgate.services.transport import AsyncTransport, Call, Reply, SyncTransport
from perfgate.services.waits import server_wait_s

__all__ = ["AsyncService", "BaseService", "OperationMonitor", "SyncService"]

_TransportT = TypeVar("_TransportT", AsyncTransport, SyncTransport)
_FIRST_ERROR = 400


class OperationMonitor(Protocol):
    """What times operations; a ``PerformanceMonitor`` does."""

    def measured(
        self, service_name: str, operation: str
    ) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Return a decorator that times a function or coroutine function."""


class BaseService(Generic[_TransportT]):
    """A service with one or more APIs, each with limits and a circuit breaker of its own."""

    name = ""
    local: tuple[str, ...] = ()
    """Public methods that send nothing."""

    def __init__(self, apis: dict[str, ResilienceSettings], *, clock: Clock | None) -> None:
        self._apis = apis
        self.clock: Clock = clock or SystemClock()
        self._transport: _TransportT | None = None
        self._resilience: dict[str, Resilience] = {}

    @property
    def is_initialized(self) -> bool:
        """Whether it can be called."""
        return self._transport is not None

    def watched_by(self, monitor: OperationMonitor) -> Self:
        """Let a monitor time every operation from now on; returns the service itself.

        An operation has the name of its method, and lasts from the call to its result or error,
        with all waits and retries. A service that is not watched is as fast as if this did not
        exist.
        """
        for name in self._operations():
            setattr(self, name, monitor.measured(self.name, name)(getattr(self, name)))
        return self

    @classmethod
    def _operations(cls) -> tuple[str, ...]:
        """Return what a service adds to these classes; a generator's pages are operations."""
        bases = (each for each in cls.__mro__ if each.__module__ == __name__)
        common = {name for each in bases for name in vars(each)}
        return tuple(
            name
            for name, function in inspect.getmembers(cls, inspect.isfunction)
            if not (name.startswith("_") or name in common or name in cls.local)
            and not inspect.isgeneratorfunction(function)
        )

    def title(self, api: str) -> str:
        """Name the API in messages: the service, and which of several APIs it is."""
        return self.name if api == self.name else f"{self.name} {api}"

    def classify(self, api: str, reply: Reply) -> ServiceError:
        """Return the error that an answer of status 400 and above stands for."""
        raise NotImplementedError

    def _start(self, transport: _TransportT) -> None:
        self._transport = transport
        self._resilience = {
            api: Resilience(self.title(api), settings=settings, clock=self.clock)
            for api, settings in self._apis.items()
        }

    def _way(self, api: str) -> Resilience:
        if not self._resilience:
            raise RuntimeError(f"{self.name}: call initialize() first, or use it in a with block")
        return self._resilience[api]

    def _open_transport(self) -> _TransportT:
        if self._transport is None:
            raise RuntimeError(f"{self.name}: call initialize() first, or use it in a with block")
        return self._transport

    @property
    def _max_connections(self) -> int:
        return max(settings.max_running for settings in self._apis.values())

    def _judge(self, api: str, reply: Reply) -> Reply:
        """Return the reply if it is good; heed what the server says about waiting either way."""
        wait_s = server_wait_s(reply.status, reply.headers, wall_s=self.clock.wall_s())
        if reply.status >= _FIRST_ERROR:
            raise self.classify(api, reply)
        if wait_s is not None:
            self._way(api).pause(wait_s)
        return reply

    def rate_limited(
        self, api: str, reply: Reply, *, limit: str, request_id: str, code: str = ""
    ) -> RateLimitError:
        """Build the error for an answer that says a limit was exceeded."""
        return RateLimitError(
            self.title(api),
            limit,
            status=reply.status,
            request_id=request_id,
            retry_after_s=self.wait_s(reply),
            code=code,
        )

    def wait_s(self, reply: Reply) -> float | None:
        """Return how long the server wants to be left alone; None if it does not say."""
        return server_wait_s(reply.status, reply.headers, wall_s=self.clock.wall_s())


class AsyncService(BaseService[AsyncTransport]):
    """A service that is awaited; bound to the event loop that initialized it.

    Args:
        apis: The settings of each API.
        timeout_s: For each attempt to connect, write or read.
        clock: Replaces the real one.
        transport: Replaces the network, such as ``httpx.MockTransport``.
    """

    def __init__(
        self,
        apis: dict[str, ResilienceSettings],
        *,
        timeout_s: float,
        clock: Clock | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        super().__init__(apis, clock=clock)
        self._timeout_s = timeout_s
        self._given_transport = transport

    async def initialize(self) -> None:
        """Open the client; a second call does nothing."""
        if self._transport is None:
            self._start(
                AsyncTransport(
                    self.name,
                    timeout_s=self._timeout_s,
                    max_connections=self._max_connections,
                    transport=self._given_transport,
                )
            )

    async def close(self) -> None:
        """Close the client; a second call does nothing."""
        transport, self._transport = self._transport, None
        self._resilience = {}
        if transport is not None:
            await transport.close()

    async def __aenter__(self) -> Self:
        await self.initialize()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def _send(
        self, api: str, call: Call, *, endpoint: str, is_repeatable: bool = True
    ) -> Reply:
        transport = self._open_transport()

        async def attempt() -> Reply:
            return self._judge(api, await transport.send(call))

        way = self._way(api)
        return await way.call_async(attempt, endpoint=endpoint, is_repeatable=is_repeatable)


class SyncService(BaseService[SyncTransport]):
    """A service that blocks; may be used from several threads.

    Args:
        apis: The settings of each API.
        timeout_s: For each attempt to connect and to read.
        clock: Replaces the real one.
        adapter: Replaces the network.
    """

    def __init__(
        self,
        apis: dict[str, ResilienceSettings],
        *,
        timeout_s: float,
        clock: Clock | None = None,
        adapter: requests.adapters.BaseAdapter | None = None,
    ) -> None:
        super().__init__(apis, clock=clock)
        self._timeout_s = timeout_s
        self._adapter = adapter

    def initialize(self) -> None:
        """Open the session; a second call does nothing."""
        if self._transport is None:
            self._start(
                SyncTransport(
                    self.name,
                    timeout_s=self._timeout_s,
                    max_connections=self._max_connections,
                    adapter=self._adapter,
                )
            )

    def close(self) -> None:
        """Close the session; a second call does nothing."""
        transport, self._transport = self._transport, None
        self._resilience = {}
        if transport is not None:
            transport.close()

    def __enter__(self) -> Self:
        self.initialize()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _send(self, api: str, call: Call, *, endpoint: str, is_repeatable: bool = True) -> Reply:
        transport = self._open_transport()

        def attempt() -> Reply:
            return self._judge(api, transport.send(call))

        way = self._way(api)
        return way.call(attempt, endpoint=endpoint, is_repeatable=is_repeatable)
