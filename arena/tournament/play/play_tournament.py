"""Plays a tournament: the function to read first.

Everything is drawn from one seed and written in the order of the schedule, whatever order the processes finish in. So a tournament that was
cut resumes to the very file that an uninterrupted one would have written.
"""

import contextlib
import functools
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool

from arena.environments.word import refuse_without_word
from arena.errors import ArenaError
from arena.formats.folders import read_file
from arena.formats.jsonl import MAX_JSONL_BYTES, JsonlWriter
from arena.machine.cores import available_cores
from arena.machine.process_pool import ProcessPool
from arena.tournament.match_records import PlayedGame, Record, to_line
from arena.tournament.play.play_task import play_task
from arena.tournament.schedule.rounds import rounds
from arena.tournament.schedule.tasks import Task
from arena.tournament.tournament import Tournament
from arena.tournament.tournament_folder import TournamentFolder

PlayProgress = Callable[[int, int], None]
"""Function called after each task with the number of tasks done and the number known so far."""


def play(tournament: Tournament, *, workers: int = 0, progress: PlayProgress | None = None, trusted: bool = False) -> list[Record]:
    """Plays what is not yet played and returns all games and episodes, in the order of the schedule.

    Args:
        tournament: The tournament; its folder may hold a part of the same tournament already.
        workers: Number of processes; 0 means one per core. One plays in this process.
        progress: Function told of every task that is done, also of those found done.
        trusted: Whether all policy files are the caller's own: they play without the bounds that end what crashes, hangs or swells.

    Raises:
        ArenaError: If the folder holds another tournament or is in use, or a worker process dies.
        KeyboardInterrupt: If it was interrupted; all workers have ended by then. The same call resumes it.
    """
    folder = TournamentFolder(tournament.path)
    with contextlib.ExitStack() as stack:
        stack.enter_context(folder.locked())
        _refuse_without_word(tournament, folder)
        tournament = folder.open(tournament)
        session = stack.enter_context(contextlib.closing(_Session(folder, tournament, workers, progress, trusted=trusted)))
        for tasks in rounds(tournament, session.records):
            session.play(tasks)
        return session.records


def play_more(
    folder: TournamentFolder,
    tournament: Tournament,
    next_tasks: Callable[[Sequence[Record]], Sequence[Task]],
    *,
    workers: int = 0,
    progress: PlayProgress | None = None,
    trusted: bool = False,
) -> list[Record]:
    """Adds to the matches of a folder, and returns all; raises as `play`.

    Args:
        folder: The folder, locked by the caller.
        tournament: The tournament in the folder.
        next_tasks: Function that returns the tasks to play next, given all records so far, and none to end.
        workers: Number of processes; 0 means one per core.
        progress: Function told of every task that is done.
        trusted: Whether all policy files are the caller's own, and play without bounds.
    """
    _refuse_without_word(tournament, folder)
    with contextlib.closing(_Session(folder, tournament, workers, progress, trusted=trusted)) as session:
        session.take_all()
        while tasks := next_tasks(session.records):
            session.play(tasks)
        return session.records


def _refuse_without_word(tournament: Tournament, folder: TournamentFolder) -> None:
    for env in tournament.envs:
        refuse_without_word(env, folder.tournament)
    for player in tournament.players:
        if player.program is not None:
            player.program.refuse_without_word(folder.tournament)


class _Session:
    """Plays tasks in order and appends what comes of them; takes what the folder already holds."""

    def __init__(
        self, folder: TournamentFolder, tournament: Tournament, workers: int, progress: PlayProgress | None, *, trusted: bool
    ) -> None:
        self.records: list[Record] = []
        """Records of all tasks so far."""
        self._folder = folder
        self._recorded = folder.read_records(tournament) if folder.matches.exists() else []
        self._workers = workers or available_cores()
        self._progress = progress
        self._play_task = functools.partial(play_task, trusted=trusted)
        self._num_done = self._num_known = 0
        self._writer: JsonlWriter | None = None
        self._pool: ProcessPool | None = None

    def play(self, tasks: Sequence[Task]) -> None:
        """Plays the tasks; tells of each once its records are on file."""
        self._num_known += len(tasks)
        todo = list(tasks)
        while todo and self._writer is None and self._take(todo[0]):
            todo.pop(0)
            self._tell()
        for played in self._play_all(todo):
            if self._writer is None:
                self._writer = JsonlWriter(self._folder.matches, truncate_to=self._length_of_records())
            for record in played:
                self._writer.write(to_line(record))
            self._writer.flush()
            self.records += played
            self._tell()

    def take_all(self) -> None:
        """Takes all records of the file, whatever tasks they came of, but not a last game whose opening was not played from both seats."""
        self.records = list(self._recorded)
        if self.records and isinstance(last := self.records[-1], PlayedGame) and int(last.match.rpartition("/")[2]) % 2 == 0:
            self.records.pop()

    def close(self) -> None:
        """Ends the processes, whatever they are at, and closes the file."""
        if self._pool is not None:
            self._pool.close()  # what is played and not on file is played again
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

    def _tell(self) -> None:
        self._num_done += 1
        if self._progress is not None:
            self._progress(self._num_done, self._num_known)

    def _length_of_records(self) -> int:
        if not self.records:
            return 0
        lines = read_file(self._folder.matches, max_bytes=MAX_JSONL_BYTES).split(b"\n")[: len(self.records)]
        return sum(len(line) + 1 for line in lines)

    def _play_all(self, tasks: Sequence[Task]) -> Iterator[Sequence[Record]]:
        if self._workers == 1 or (len(tasks) <= 1 and self._pool is None):
            yield from map(self._play_task, tasks)
            return
        if self._pool is None:
            self._pool = ProcessPool(self._workers)
        try:
            yield from self._pool.map(self._play_task, tasks)
        except BrokenProcessPool as error:
            raise ArenaError(
                f"a process that played in {self._folder.path} died, perhaps for want of memory; resume with --workers 1 to see where"
            ) from error
