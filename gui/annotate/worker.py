"""A thread that does the newest thing asked of it, so that no key waits for a decoder or for optical flow."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from PyQt5.QtCore import QObject, pyqtSignal

from realtime.errors import EmostreamError

J = TypeVar("J")


class Latest(QObject, Generic[J]):
    """Does jobs one after the other in a thread of its own; of those that wait, only the newest is done.

    Parameters
    ----------
    name : str
        Of the thread.
    work : callable
        `work(job, is_old)` -> result, in the thread; `is_old()` says that a newer job waits. An `EmostreamError` or
        `OSError` is a result too.
    """

    done = pyqtSignal(object, object)
    """Job and result, in the GUI thread."""

    def __init__(self, name: str, work: Callable[[J, Callable[[], bool]], object]) -> None:
        super().__init__()
        self._work = work
        self._changed = threading.Condition()
        self._job: J | None = None
        self._busy = False
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name=f"emostream-annotate-{name}", daemon=True)
        self._thread.start()

    @property
    def idle(self) -> bool:
        """Whether nothing is being done and nothing waits."""
        with self._changed:
            return self._job is None and not self._busy

    def ask(self, job: J) -> None:
        """Take a job; one that waits already is dropped. GUI thread."""
        with self._changed:
            self._job = job
            self._changed.notify()

    def stop(self) -> None:
        """End the thread once the job it is at is done. GUI thread."""
        with self._changed:
            self._stopped, self._job = True, None
            self._changed.notify()
        self._thread.join(10.0)

    def _is_old(self) -> bool:
        with self._changed:
            return self._job is not None or self._stopped

    def _run(self) -> None:
        while True:
            with self._changed:
                self._busy = False
                while self._job is None and not self._stopped:
                    self._changed.wait()
                if self._stopped:
                    return
                job, self._job, self._busy = self._job, None, True
            assert job is not None
            try:
                result: object = self._work(job, self._is_old)
            except (EmostreamError, OSError) as err:
                result = err
            with self._changed:
                if self._stopped:
                    return
            self.done.emit(job, result)
