"""Runs that are copies of one another: one run under several seed numbers, which would count as several seeds."""

import hashlib
import json
from collections.abc import Iterable

from arena.run_folder.record import RunRecord


def fingerprint(record: RunRecord) -> str | None:
    """Returns what identifies the course of a run: its training episodes and its evaluations, to the last digit.

    Two seeds that were trained never share it. Where all evaluations returned one and the same number, as at a ceiling, the seconds of
    training at each of them are part of it, for then two seeds can agree in all else.

    Returns:
        None for a run that has not ended, or that recorded no training episode: nothing can be said of it.
    """
    if record.result is None:
        return None
    found = record.hash_of(record.files.episodes.name)
    if found is None or found.hexdigest() == hashlib.sha256().hexdigest():
        return None
    rows = [(each.kind, each.env_steps, each.episode_returns, each.episode_lengths) for each in record.evaluations]
    returns = {value for *_, values, _ in rows for value in values}
    seconds = [each.train_seconds for each in record.evaluations] if len(returns) < 2 else []
    identity = found.copy()
    identity.update(json.dumps([rows, seconds]).encode())
    return identity.hexdigest()


def find_copies(records: Iterable[RunRecord]) -> dict[RunRecord, RunRecord]:
    """Returns copy -> original for the runs that are copies of another seed of their agent on their environment.

    The original is the one with the smallest seed. It counts; the copies are no further seeds.
    """
    originals: dict[tuple[str, str, str], RunRecord] = {}
    copies: dict[RunRecord, RunRecord] = {}
    for record in sorted(records, key=lambda record: record.run.seed):
        identity = fingerprint(record)
        if identity is not None:
            original = originals.setdefault((record.run.agent.name, record.run.env.name, identity), record)
            if original is not record and original.run.seed != record.run.seed:
                copies[record] = original
    return copies
