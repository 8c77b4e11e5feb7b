"""A user of Locust that arrives at planned times, however long the answers take."""

import random
import time
from typing import Any, ClassVar

import gevent
from gevent.pool import Pool
from locust import FastHttpUser
from locust.exception import StopUser
from locust.user.task import LOCUST_STATE_STOPPING

from perfgate.locust.counting import COUNTS

__all__ = ["OpenUser"]

_LOOK_S = 0.05
"""How soon an end is noticed between two arrivals."""


class OpenUser(FastHttpUser):
    """Starts one of its tasks ``rate_per_s`` times a second, and waits for none of them.

    ::

        class Visitor(OpenUser):
            rate_per_s = 20

            @task
            def look(self):
                self.client.get("/")

    Response times count from when the arrival was planned, also where it started late. Users that
    are started later join the plan where they are, and each shifts its own by a random part of its
    interval, so that they do not arrive together. An arrival that finds ``max_in_flight`` of its
    user under way is dropped, and the load inconclusive.
    """

    abstract = True
    tasks: Any
    rate_per_s: ClassVar[float] = 1.0
    max_in_flight: ClassVar[int] = 500
    concurrency = 500
    """Connections of one user; with fewer the arrivals would wait for each other."""

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        if not self.rate_per_s > 0 or self.max_in_flight < 1:
            raise ValueError("rate_per_s must be above 0, and max_in_flight at least 1")
        self._arrivals: tuple[Any, ...] = tuple(self.tasks)
        if any(isinstance(each, type) for each in self._arrivals):
            raise TypeError(f"{type(self).__name__}: tasks must be functions, not TaskSets")
        if self._arrivals:  # without any, Locust says what is missing
            self.tasks = [OpenUser._arrive]

    def _arrive(self) -> None:
        """Run all arrivals: the one task that Locust knows of."""
        pool = Pool(self.max_in_flight)
        interval_s = 1.0 / self.rate_per_s
        begun_s = time.perf_counter() + random.random() * interval_s  # noqa: S311 - no secret
        number = 0
        try:
            while self._state != LOCUST_STATE_STOPPING:
                due_s = begun_s + number * interval_s
                early_s = due_s - time.perf_counter()
                if early_s > 0:
                    gevent.sleep(min(early_s, _LOOK_S))
                    continue
                number += 1
                if pool.full():
                    COUNTS.dropped()
                else:
                    pool.spawn(self._one, due_s)
                    gevent.sleep(0)  # or catching up would start all before the first begins
            pool.join()
        finally:
            # Killed with the user: when it took longer than Locust waits for.
            COUNTS.unfinished(len(pool))
            pool.kill()
        raise StopUser

    def _one(self, due_s: float) -> None:
        late_s = max(0.0, time.perf_counter() - due_s)
        COUNTS.started_late(late_s)
        COUNTS.arrival.late_s = late_s
        try:
            random.choice(self._arrivals)(self)  # noqa: S311 - no secret
        except Exception as error:  # noqa: BLE001 - as Locust has it: reported, the user goes on
            self.environment.events.user_error.fire(
                user_instance=self, exception=error, tb=error.__traceback__
            )
