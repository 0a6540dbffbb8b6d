"""Statuses of runs as the terminal shows them: their order and their colours."""

ENDED = frozenset({"finished", "crashed", "timed_out", "killed", "diverged", "env_failed", "pruned", "interrupted", "damaged", "lost"})
"""Statuses after which a run does nothing more. `waiting` is the status of a run that has not begun; with any other, it is at work."""


def status_rank(status: str) -> int:
    """Returns a status's place in tables: 0 for runs at work, 1 for those that ended badly, 2 for waiting ones, 3 for finished ones."""
    return {"waiting": 2, "finished": 3}.get(status, 1 if status in ENDED else 0)


def status_style(status: str) -> str:
    """Returns the colour in which a status is shown."""
    return ("cyan", "red", "dim", "green")[status_rank(status)]
