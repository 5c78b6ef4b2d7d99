"""Answers within a set time or not at all, by evaluators that each live in a thread of their own (C1).

Decides nothing: hands a question to a worker, waits, and raises :class:`PolicyTimeout` when the answer is late. A late
worker is never asked again: its evaluator is thrown away with it. A thread in foreign code can't be stopped, so
when too many are stuck no more are started and every question is refused at once. Knows no clock but the wait.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections import deque
from collections.abc import Callable, Mapping
from queue import Empty, SimpleQueue
from typing import Any

Evaluate = Callable[[Mapping[str, Any]], Mapping[str, Any]]

#: Workers that may be stuck at once before questions are refused without being asked.
MOST_STUCK = 8


class PolicyTimeout(Exception):  # noqa: N818 - it is an answer, like PolicyUndefined
    """The engine gave no answer in time."""


class _Worker:
    """One thread with an evaluator that it makes, uses and drops itself."""

    def __init__(self, make: Callable[[], Evaluate]) -> None:
        self.questions: SimpleQueue[Mapping[str, Any] | None] = SimpleQueue()
        self.answers: SimpleQueue[tuple[Mapping[str, Any] | None, BaseException | None]] = SimpleQueue()
        self.thread = threading.Thread(
            target=_work, args=(make, self.questions, self.answers), name="policy engine", daemon=True
        )
        self.thread.start()


def _work(
    make: Callable[[], Evaluate],
    questions: SimpleQueue[Mapping[str, Any] | None],
    answers: SimpleQueue[tuple[Mapping[str, Any] | None, BaseException | None]],
) -> None:
    """Compiles, says that it is ready, then answers until it is told ``None``."""
    try:
        evaluate = make()
    except BaseException as error:  # noqa: BLE001 - whatever it is, the asker gets it and denies
        answers.put((None, error))
        return
    answers.put((None, None))
    while (question := questions.get()) is not None:
        try:
            answers.put((evaluate(question), None))
        except BaseException as error:  # noqa: BLE001 - as above; not even SystemExit of foreign code is lost
            answers.put((None, error))


class TimeLimited:
    """An evaluator that answers in ``seconds`` or raises :class:`PolicyTimeout`; raises what the engine raises.

    ``make``: compiles one evaluator; called in each worker's own thread, in at most ``compile_seconds``. As many
    workers live as were ever asked at once.
    """

    def __init__(self, make: Callable[[], Evaluate], *, seconds: float, compile_seconds: float) -> None:
        self._make, self._seconds, self._compile_seconds = make, seconds, compile_seconds
        self._idle: deque[_Worker] = deque()
        self._stuck: list[_Worker] = []
        self._counting = threading.Lock()
        _LIVING.add(self)

    def __call__(self, document: Mapping[str, Any]) -> Mapping[str, Any]:
        worker = self._take()
        worker.questions.put(document)
        answer = self._wait(worker, self._seconds)
        self._idle.append(worker)
        if answer is None:
            raise TypeError("The engine answered with nothing.")
        return answer

    def _take(self) -> _Worker:
        try:
            return self._idle.pop()
        except IndexError:
            pass
        with self._counting:
            self._stuck = [worker for worker in self._stuck if worker.thread.is_alive()]
        if len(self._stuck) >= MOST_STUCK:
            raise PolicyTimeout(f"{len(self._stuck)} questions are stuck in the engine; no more are asked.")
        worker = _Worker(self._make)
        self._wait(worker, self._compile_seconds)
        return worker

    def _wait(self, worker: _Worker, seconds: float) -> Mapping[str, Any] | None:
        """The worker's next answer. Whatever goes wrong, also an interrupt of this thread, ends the worker's use."""
        try:
            answer, error = worker.answers.get(timeout=seconds)
        except Empty:
            self._abandon(worker)
            raise PolicyTimeout(f"The engine gave no answer in {seconds:g} s.") from None
        except BaseException:
            self._abandon(worker)
            raise
        if isinstance(error, Exception):
            worker.questions.put(None)
            raise error
        if error is not None:
            worker.questions.put(None)
            raise RuntimeError(f"The engine ended with {type(error).__name__}.") from error
        return answer

    def _abandon(self, worker: _Worker) -> None:
        worker.questions.put(None)
        with self._counting:
            self._stuck.append(worker)

    def forget_workers(self) -> None:
        """After a fork: the threads stayed behind in the parent."""
        self._idle, self._stuck, self._counting = deque(), [], threading.Lock()

    def __del__(self) -> None:
        for worker in self._idle:
            worker.questions.put(None)


_LIVING: weakref.WeakSet[TimeLimited] = weakref.WeakSet()


def _after_fork() -> None:
    for evaluator in list(_LIVING):
        evaluator.forget_workers()


os.register_at_fork(after_in_child=_after_fork)
