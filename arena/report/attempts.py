"""Words on the attempts of a run, the worker processes that it took, for whoever asks why it took several."""

from arena.errors import ArenaError
from arena.report.listings import RunRow
from arena.report.load import LoadedRun
from arena.run_folder.attempts import Attempt, read_attempts
from arena.run_folder.folder import RunDir

INTERRUPTED = "interrupted, without a result"
"""End of an attempt that left neither a result nor a failure, because its process was stopped or killed."""


def attempt_starts(run: LoadedRun) -> tuple[int, ...]:
    """Returns the env steps from which each attempt went on; none for a folder of an earlier version, or with a damaged `attempts.json`."""
    return tuple(attempt.env_steps for attempt in _attempts(run))


def attempt_ends(run: LoadedRun) -> tuple[str, ...]:
    """Returns how each attempt ended: those that failed, then those that were interrupted, then the last; none if there was only one.

    No file tells in which order failures and interruptions came.
    """
    failed = [f"{attempt.status}: {attempt.reason}" for attempt in run.failures]
    recorded = len(_attempts(run)) if run.result is None else max(len(_attempts(run)), run.result.num_attempts)
    interrupted = [INTERRUPTED] * (recorded - 1 - len(failed))
    last = "unfinished" if run.result is None else f"{run.result.status}: {run.result.reason}"
    return (*failed, *interrupted, last) if failed or interrupted else ()


def attempts_sentence(row: RunRow) -> str:
    """Returns how many attempts a run took, where each began and how each ended; empty if one was enough."""
    if not row.attempt_ends:
        return ""
    starts = ", ".join(f"{start:,}" for start in row.attempt_starts)
    return f"{len(row.attempt_ends)} attempts{f' from {starts} env steps' if starts else ''}: {'; '.join(row.attempt_ends)}"


def _attempts(run: LoadedRun) -> tuple[Attempt, ...]:
    try:
        return read_attempts(RunDir(run.path))
    except ArenaError:  # nothing but this line rests on the file, and a worker begins a damaged one anew
        return ()
