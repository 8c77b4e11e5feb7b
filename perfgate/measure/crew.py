"""Processes that several threads have at work, and that end together on an interrupt."""

import threading
from dataclasses import dataclass, field

from perfgate.measure.worker import Worker, WorkerSettings

__all__ = ["Crew"]


@dataclass(slots=True)
class Crew:
    """The workers that are alive; ``lock`` also guards what else its threads know together."""

    workers: set[Worker] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)
    is_stopped: bool = False

    def start(self, settings: WorkerSettings) -> Worker:
        """Start a worker; whoever does so after ``stop`` is interrupted instead."""
        with self.lock:
            if self.is_stopped:
                raise KeyboardInterrupt
            worker = Worker(settings)
            self.workers.add(worker)
            return worker

    def end(self, worker: Worker) -> None:
        """End a worker, and forget it."""
        worker.kill()
        with self.lock:
            self.workers.discard(worker)

    def stop(self) -> None:
        """End every worker, from another thread than theirs; their threads then come to an end."""
        with self.lock:
            self.is_stopped = True
            workers = tuple(self.workers)
        for worker in workers:
            worker.end_process()
