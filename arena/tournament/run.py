"""Plays a tournament: the function to read first.

Everything is drawn from one seed and written in the order of the schedule, whatever order the processes finish in, so a tournament that was
cut goes on to the very file that an uninterrupted one would have written.
"""

import concurrent.futures
import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from arena.errors import ArenaError
from arena.formats.jsonl import JsonlWriter
from arena.tournament.duels import play_episodes
from arena.tournament.folder import Tournament, TournamentFolder
from arena.tournament.game_tables import GamesTask, play_games
from arena.tournament.matches import PlayedGame, Record, to_line
from arena.tournament.rounds import Task, rounds

Progress = Callable[[int, int], None]
"""Called after each task with the number of tasks done and the number known so far."""


def play(tournament: Tournament, *, workers: int = 0, progress: Progress | None = None) -> list[Record]:
    """Plays what is not yet played and returns all games and episodes, in the order of the schedule.

    Args:
        tournament: its folder may hold a part of the same tournament already.
        workers: processes; 0 means one per core. One plays in this process.
        progress: told of every task that is done, also of those found done.

    Raises:
        ArenaError: if the folder holds another tournament or is in use, or a worker process dies.
        KeyboardInterrupt: after all workers have ended; call again with the same arguments to go on.
    """
    folder = TournamentFolder(tournament.path)
    with contextlib.ExitStack() as stack:
        stack.enter_context(folder.locked())
        tournament = folder.open(tournament)
        session = stack.enter_context(contextlib.closing(_Play(folder, workers)))
        num_done = num_known = 0
        for tasks in rounds(tournament, session.records):
            num_known += len(tasks)
            for _ in session.play(tasks):
                num_done += 1
                if progress is not None:
                    progress(num_done, num_known)
        return session.records


def play_on(
    folder: TournamentFolder,
    next_tasks: Callable[[Sequence[Record]], Sequence[Task]],
    *,
    workers: int = 0,
    progress: Progress | None = None,
) -> list[Record]:
    """Adds to the matches of a folder, and returns all; raises as `play`.

    Args:
        folder: locked by the caller.
        next_tasks: gives the tasks to play next, for all records so far, and none to end.
        workers: processes; 0 means one per core.
        progress: told of every task that is done.
    """
    with contextlib.closing(_Play(folder, workers)) as session:
        session.take_all()
        num_done = num_known = 0
        while tasks := next_tasks(session.records):
            num_known += len(tasks)
            for _ in session.play(tasks):
                num_done += 1
                if progress is not None:
                    progress(num_done, num_known)
        return session.records


class _Play:
    """Plays tasks in order and appends what comes of them; takes what the folder already holds."""

    def __init__(self, folder: TournamentFolder, workers: int) -> None:
        self.records: list[Record] = []
        """Of all tasks so far."""
        self._folder = folder
        self._recorded = folder.read_records() if folder.matches.exists() else []
        self._workers = workers or len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else workers or os.cpu_count() or 1
        self._writer: JsonlWriter | None = None
        self._pool: concurrent.futures.ProcessPoolExecutor | None = None

    def play(self, tasks: Sequence[Task]) -> Iterator[Task]:
        """Plays the tasks, yielding each once its records are on file."""
        todo = list(tasks)
        while todo and self._writer is None and self._take(todo[0]):
            yield todo.pop(0)
        for task, played in zip(todo, self._play_all(todo), strict=True):
            if self._writer is None:
                self._writer = JsonlWriter(self._folder.matches, truncate_to=self._length_of_records())
            for record in played:
                self._writer.write(to_line(record))
            self._writer.flush()
            self.records += played
            yield task

    def take_all(self) -> None:
        """Takes all records of the file, whatever tasks they came of, but not a last game whose opening was not played from both seats."""
        self.records = list(self._recorded)
        if self.records and isinstance(last := self.records[-1], PlayedGame) and int(last.match.rpartition("/")[2]) % 2 == 0:
            self.records.pop()

    def close(self) -> None:
        """Ends the processes and closes the file."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
        if self._writer is not None:
            self._writer.close()

    def _take(self, task: Task) -> bool:
        """Takes the records of a task from the file, if all of them are there."""
        first = len(self.records)
        found = self._recorded[first : first + len(task.matches)]
        if tuple(record.match for record in found) != task.matches:
            return False
        self.records += found
        return True

    def _length_of_records(self) -> int:
        if not self.records:
            return 0
        lines = self._folder.matches.read_bytes().split(b"\n")[: len(self.records)]
        return sum(len(line) + 1 for line in lines)

    def _play_all(self, tasks: Sequence[Task]) -> Iterator[Sequence[Record]]:
        if self._workers == 1 or (len(tasks) <= 1 and self._pool is None):
            yield from map(play_task, tasks)
            return
        if self._pool is None:
            context = multiprocessing.get_context("spawn")  # a fork would copy onnxruntime's threads in whatever state they are
            self._pool = concurrent.futures.ProcessPoolExecutor(self._workers, context, _end_with_parent)
        try:
            yield from self._pool.map(play_task, tasks)
        except BrokenProcessPool as error:
            raise ArenaError(
                f"a process that played in {self._folder.path} died, perhaps for want of memory; go on with --workers 1 to see where"
            ) from error


def play_task(task: Task) -> Sequence[Record]:
    """Plays one task, in any process."""
    return play_games(task) if isinstance(task, GamesTask) else play_episodes(task)


def _end_with_parent() -> None:
    """Leaves interrupts to the parent, and ends this process when the parent is gone, even if that was killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent: Any = multiprocessing.parent_process()

    def wait() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()
