"""Runs gathered from folders, as tables of pandas: `arena.load(folder)`. pandas is imported when a table is asked for."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from arena.errors import ArenaError
from arena.machine.installation import install_command
from arena.run_folder.record import LeftOut, RunRecord, readable, run_folders

if TYPE_CHECKING:
    import pandas as pd


def load(*folders: Path | str) -> Runs:
    """Returns all runs below some folders, sorted by path; those that cannot be read are in `Runs.left_out`.

    Reading imports nothing that a folder names.

    Args:
        folders: run folders, experiment folders, or folders that hold such; `logs` holds all.

    Raises:
        ArenaError: if there are no runs, or none can be read.
    """
    records, left_out = readable(path for folder in folders for path in run_folders(Path(folder)))
    if not records:
        reason = f"; {left_out[0]}" if left_out else ""
        raise ArenaError(f"no runs in {', '.join(map(str, folders)) or 'no folder'}{reason}")
    return Runs(records, left_out)


class Runs(Sequence[RunRecord]):
    """Records of runs, and tables of all that they say.

    Every table has the columns `agent`, `env`, `seed` and `run` (its folder), so that they can be joined and grouped. The tables are made
    when they are first asked for.

    Args:
        records: the runs.
        left_out: runs that cannot be read.
    """

    def __init__(self, records: Sequence[RunRecord], left_out: Sequence[LeftOut] = ()) -> None:
        self._records = tuple(records)
        self.left_out = tuple(left_out)
        """Runs that cannot be read, each with its folder and the reason; they are in no table."""

    @functools.cached_property
    def runs(self) -> pd.DataFrame:
        """One row a run: status, score, env steps, seconds and hyperparameters; runs without an outcome have the status `unfinished`."""
        rows = []
        for record in self._records:
            result, run = record.result, record.run
            row = {"status": "unfinished"} if result is None else _flat(dataclasses.asdict(result), ("seconds",))
            row = {key: value for key, value in row.items() if key not in ("path", "log_tail", "agent", "env", "seed")}
            rows.append({**_keys(record), **row, **{f"hyperparameters.{key}": value for key, value in run.agent.hyperparameters.items()}})
        return self._frame(rows)

    @functools.cached_property
    def evaluations(self) -> pd.DataFrame:
        """One row an evaluation: its kind, the env steps and seconds of training before it, and the mean and spread of its returns."""
        rows = []
        for record in self._records:
            for evaluated in record.evaluations:
                row = {key: value for key, value in dataclasses.asdict(evaluated).items() if not isinstance(value, tuple)}
                rows.append({**_keys(record), **row, "num_episodes": len(evaluated.episode_returns)})
        return self._frame(rows)

    @functools.cached_property
    def evaluation_episodes(self) -> pd.DataFrame:
        """One row an episode of an evaluation: its return, its length, and its number, which stands for one initial state for all runs."""
        rows = []
        for record in self._records:
            for evaluated in record.evaluations:
                keys = {**_keys(record), "kind": evaluated.kind, "env_steps": evaluated.env_steps}
                pairs = zip(evaluated.episode_returns, evaluated.episode_lengths, strict=True)
                rows += [{**keys, "episode": index, "return": value, "length": length} for index, (value, length) in enumerate(pairs)]
        return self._frame(rows)

    @functools.cached_property
    def episodes(self) -> pd.DataFrame:
        """One row an episode of training, with a column `metrics.NAME` for each metric from `info`."""
        rows = []
        for record in self._records:
            for episode in record.episodes:
                row = dataclasses.asdict(episode)
                metrics = row.pop("metrics")
                rows.append({**_keys(record), **row, **{f"metrics.{name}": value for name, value in metrics.items()}})
        return self._frame(rows)

    @functools.cached_property
    def scores(self) -> pd.DataFrame:
        """One row a finished run: the mean return of its kept policy in the final evaluation. Rows are the sample of every comparison."""
        runs = self.runs
        finished = runs[runs["status"] == "finished"]
        columns = ["agent", "env", "seed", "score_mean", "score_std", "score_episodes", "policy_env_steps", "run"]
        return finished[[column for column in columns if column in finished]].reset_index(drop=True)

    @overload
    def __getitem__(self, index: int) -> RunRecord: ...
    @overload
    def __getitem__(self, index: slice) -> Runs: ...
    def __getitem__(self, index: int | slice) -> RunRecord | Runs:
        """Returns one record, or some of the runs."""
        return Runs(self._records[index]) if isinstance(index, slice) else self._records[index]

    def __len__(self) -> int:
        """Returns the number of runs."""
        return len(self._records)

    def __iter__(self) -> Iterator[RunRecord]:
        """Yields the records."""
        return iter(self._records)

    def __repr__(self) -> str:
        """Returns how many runs there are, of which agents and environments."""
        agents, envs = ({getattr(record.run, part).name for record in self._records} for part in ("agent", "env"))
        left_out = f"; {len(self.left_out)} left out, as they cannot be read" if self.left_out else ""
        return f"Runs({len(self)} runs: {', '.join(sorted(agents))} on {', '.join(sorted(envs))}{left_out})"

    def _frame(self, rows: list[dict[str, Any]]) -> pd.DataFrame:
        try:
            import pandas as pd
        except ModuleNotFoundError as error:
            raise ArenaError(f"tables of runs need pandas: {install_command('pandas')}") from error
        return pd.DataFrame(rows)


def _keys(record: RunRecord) -> dict[str, Any]:
    run = record.run
    return {"agent": run.agent.name, "env": run.env.name, "seed": run.seed, "run": str(record.path)}


def _flat(table: dict[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """Returns a table in which the tables under some names are spread over columns of their own: `seconds.train`."""
    spread = {f"{name}.{key}": value for name in names for key, value in table[name].items()}
    return {key: value for key, value in table.items() if key not in names} | spread
