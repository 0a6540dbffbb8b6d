"""Order of the waiting runs: the longest first, once little is left."""

from collections.abc import Sequence

from arena.executors.base import Task


class Order:
    """Keeps the given order until little is left, and then begins the longest run first, so that none ends long after all others.

    A run is taken to last as long as the longest of its kind so far, whether that has ended or is at work.
    """

    def __init__(self) -> None:
        self._seconds: dict[str, float] = {}

    def note(self, task: Task, seconds: float) -> None:
        """Takes how long a run has been at work, in wall seconds."""
        self._seconds[task.kind] = max(seconds, self._seconds.get(task.kind, 0.0))

    def sort(self, waiting: Sequence[Task], num_workers: int) -> list[Task]:
        """Returns the waiting runs, the next to begin first.

        They are sorted once what they last is at most twice the longest for each worker, if at least one of every kind has begun.

        Args:
            waiting: runs in the given order.
            num_workers: runs at a time; the order does not matter to one.
        """
        if num_workers == 1 or any(task.kind not in self._seconds for task in waiting):
            return list(waiting)
        seconds = [self._seconds[task.kind] for task in waiting]
        if sum(seconds) > 2.0 * num_workers * max(seconds, default=0.0):
            return list(waiting)
        return sorted(waiting, key=lambda task: self._seconds[task.kind], reverse=True)
