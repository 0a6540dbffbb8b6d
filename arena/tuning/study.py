"""The search: one Optuna study for each agent, whose trials are agents of an experiment.

Several processes may work on one search, each on trials of its own. A process holds the lock of a trial's folder while it works on the
trial, so that another takes up what a process left that has ended. Trials are chosen by one process at a time.

A trial runs its seeds in groups. The pruner sees the trial's mean score so far at each evaluation (`arena.tuning.watch`) and after each
group. Trials train under an experiment seed of their own, so that they share neither training streams nor initial states of evaluations
with the experiment in which the settings are compared later.
"""

import dataclasses
import json
import re
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from optuna.trial import FrozenTrial, TrialState

from arena.errors import ArenaError
from arena.experiment.experiment import Experiment
from arena.experiment.folder import make_folder
from arena.experiment.records import refuse_unreadable
from arena.experiment.runner import Judge
from arena.experiment.scores import check_scores, seed_scores
from arena.formats.differences import all_told, differences
from arena.formats.folders import refuse_link
from arena.formats.locks import CLAIM_NAME, FolderLock, is_locked
from arena.run_folder.inputs import AgentEntry
from arena.run_folder.result import RunResult
from arena.seeding import tuning_seed
from arena.tuning.config import TuneConfig
from arena.tuning.rehearsal import tell
from arena.tuning.space import Space
from arena.tuning.trials import with_trials
from arena.tuning.watch import TrialWatch, num_evaluations

RunAll = Callable[[Experiment, Judge], list[RunResult]]
"""Function that runs an experiment under a judge: `run_experiment` with an executor."""
ENDED = (TrialState.COMPLETE, TrialState.PRUNED)
"""States of a trial that counts towards `TuneConfig.trials`."""
ENTRY = re.compile(r"trial-\d{4,9}")
"""Form of the names of trials, which are folders."""
ASK_SECONDS = 60.0
"""Seconds to wait while another process chooses a trial."""
POLL_SECONDS = 0.5
"""Seconds between two looks at the trials of other processes, once none is left to choose."""
PICKLING_SAMPLERS = frozenset({"CmaEsSampler"})
"""Samplers of Optuna that write themselves into the storage as pickle and read that back (`optuna/samplers/_cmaes.py`)."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Tuned:
    """Outcome of the search for one agent."""

    agent: str
    """Name of the agent in the experiment."""
    settings: Mapping[str, Any]
    """Best hyperparameters that were found."""
    score: float
    """Mean score of those settings over the seeds of their trial; it is optimistic, since it is the best of many."""
    record: Mapping[str, Any]
    """Cost of the search, for `run.json` and reports."""


class Search:
    """The search for one agent.

    Args:
        experiment: agents, envs, seeds and budget of a trial.
        agent: the experiment's agent whose hyperparameters are searched.
        config: number of trials, sampler, pruner.
        space: hyperparameters that are searched, with their ranges.
        run_all: runs the trials.
        storage: Optuna's storage, or its URL; holds all trials.
        report: called with the agent's name, each trial that has ended, and the best score so far.
    """

    def __init__(
        self,
        experiment: Experiment,
        agent: AgentEntry,
        config: TuneConfig,
        space: Space,
        run_all: RunAll,
        storage: str | optuna.storages.BaseStorage,
        report: Callable[[str, FrozenTrial, float | None], None],
    ) -> None:
        check_scores(experiment)
        self.experiment, self.agent, self.config, self.space = experiment, agent, config, space
        self._run_all, self._report = run_all, report
        seed = tuning_seed(experiment.seed)
        self._trials = dataclasses.replace(experiment, name=agent.name, output=experiment.path, seed=seed)
        self._held: dict[str, FolderLock] = {}
        make_folder(experiment.path)
        with self._alone():
            self.study = optuna.create_study(
                storage=storage,
                study_name=agent.name,
                direction="maximize",
                load_if_exists=True,
                pruner=config.make_pruner(),
            )
            self._refuse_other_inputs()
            self._refuse_pickle()

    def run(self) -> None:
        """Tries settings until the config's number of trials, or every setting there is, has been tried; resumes an interrupted search.

        Other processes may run the same search. This one then tries what they don't, and waits for the last of them.
        """
        try:
            while True:
                with self._alone():
                    trials = self._choose()
                if trials:
                    self._try(trials)
                elif self.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
                    time.sleep(POLL_SECONDS)
                else:
                    return
        finally:
            for lock in self._held.values():
                lock.release()
            self._held.clear()

    def tuned(self) -> Tuned | None:
        """Returns the best settings so far; None while no trial has run to its end."""
        trials = self.study.get_trials(deepcopy=False)
        complete = [trial for trial in trials if trial.state is TrialState.COMPLETE]
        if not complete:
            return None
        best = max(complete, key=lambda trial: trial.value or 0.0)
        record = {
            "trials": self._num_ended(),
            "pruned_trials": sum(trial.state is TrialState.PRUNED for trial in trials),
            "seeds": len(self.experiment.seeds),
            "env_steps": sum(trial.user_attrs.get("env_steps", 0) for trial in trials),
            "train_seconds": round(sum(trial.user_attrs.get("train_seconds", 0.0) for trial in trials), 1),
            "envs": [env.name for env in self.experiment.envs],
            "sampler": self.config.sampler,
            "pruner": self.config.pruner,
            "space": self.space.describe(),
        }
        assert best.value is not None
        return Tuned(agent=self.agent.name, settings=best.user_attrs["settings"], score=best.value, record=record)

    def _num_ended(self) -> int:
        return len(self.study.get_trials(deepcopy=False, states=ENDED))

    def _refuse_other_inputs(self) -> None:
        run = next(self.experiment.runs())
        own = {name: dataclasses.asdict(settings) for name, settings in self.experiment.env_settings.items()}
        envs = {name: {key: value for key, value in settings.items() if key != "tuning"} for name, settings in own.items()}
        values = {**run.inputs(), "agent": dataclasses.asdict(self.agent), "envs": [env.name for env in self.experiment.envs], "own": envs}
        values |= {"seeds": self.experiment.seeds, "space": self.space.describe(), "tune_seed": self.config.seed}
        values |= {name: getattr(self.config, name) for name in ("sampler", "pruner", "group_size", "parallel_trials")}
        inputs = json.loads(json.dumps(values))
        there = self.study.user_attrs.get("inputs", inputs)
        found = differences({key: there.get(key) for key in inputs}, inputs)
        if found:
            raise ArenaError(
                f"{self.experiment.path} holds another search for {self.agent.name!r} ({all_told(found)}); give another --name"
            )
        self.study.set_user_attr("inputs", inputs)

    def _refuse_pickle(self) -> None:
        """Refuses to resume with a sampler that would unpickle what the storage holds of earlier trials."""
        name = self.config.sampler if isinstance(self.config.sampler, str) else self.config.sampler.get("name")
        if name in PICKLING_SAMPLERS and self.study.get_trials(deepcopy=False):
            raise ArenaError(
                f"{name} keeps its state as pickle in tune.db, and nothing that lies in a folder is unpickled: a search with it cannot be "
                "resumed, or shared by processes; give another --name"
            )

    def _alone(self) -> FolderLock:
        return FolderLock(self.experiment.path, wait_seconds=ASK_SECONDS)

    def _choose(self) -> list[optuna.Trial]:
        """Returns the next trials of this process; none if all are tried or at work."""
        self._revive()
        if self.study.user_attrs.get("exhausted"):
            return []
        left = self.config.trials - len(self.study.get_trials(deepcopy=False, states=(*ENDED, TrialState.RUNNING)))
        return [self._ask() for _ in range(min(left, self.config.parallel_trials))]

    def _revive(self) -> None:
        """Puts trials of processes that have ended back into the queue; their runs resume in the folders that they have."""
        abandoned = [trial for trial in self._running() if not self._is_held(trial)]
        running = {trial.number for trial in self._running()}
        for trial in abandoned:
            if trial.number not in running:
                continue  # its process ended it, and let go of its folder, between the first look and the second
            self.study.tell(trial.number, state=TrialState.FAIL)
            if "entry" in trial.user_attrs:
                self.study.enqueue_trial(trial.params, user_attrs={"entry": trial.user_attrs["entry"]})

    def _running(self) -> list[FrozenTrial]:
        return self.study.get_trials(states=(TrialState.RUNNING,))

    def _is_held(self, trial: FrozenTrial) -> bool:
        """Returns whether another process, or this one, is at work on a trial."""
        entry = trial.user_attrs.get("entry")
        return entry is not None and is_locked(self._folder(entry), CLAIM_NAME)

    def _folder(self, entry: Any) -> Path:
        return self._trials.path / self._checked_entry(entry)

    def _hold(self, entry: str) -> None:
        """Locks the folder of a trial, which is made if it is missing, for as long as this process works on it."""
        refuse_link(self._folder(entry))
        make_folder(self._folder(entry))
        self._held[entry] = FolderLock(self._folder(entry), name=CLAIM_NAME)

    def _ask(self) -> optuna.Trial:
        number = len(self.study.get_trials(deepcopy=False, states=(*ENDED, TrialState.RUNNING)))
        self.study.sampler = self.config.make_sampler(number)
        trial = self.study.ask()
        entry = self._checked_entry(trial.user_attrs.get("entry", f"trial-{number:04d}"))
        self._hold(entry)
        trial.set_user_attr("entry", entry)
        trial.set_user_attr("settings", self.space.suggest(trial))
        return trial

    def _checked_entry(self, entry: Any) -> str:
        """Returns the name of a trial, which names its folder; the storage of a search may come from somebody else."""
        if not isinstance(entry, str) or not ENTRY.fullmatch(entry):
            raise ArenaError(f"tune.db in {self.experiment.path} names a trial {entry!r}, which no search does; give another --name")
        return entry

    def _try(self, trials: Sequence[optuna.Trial]) -> None:
        """Runs trials to their end, in groups of seeds."""
        by_name = {trial.user_attrs["entry"]: trial for trial in trials}
        settings = {name: trial.user_attrs["settings"] for name, trial in by_name.items()}
        experiment, refused = with_trials(self._trials, self.agent, settings)
        for name, reason in refused.items():
            self._end(by_name.pop(name), [], reason)
        seeds, group_size = self.experiment.seeds, self.config.group_size
        for size in range(group_size, len(seeds) + group_size, group_size):
            if not by_name:
                return
            agents = tuple(agent for agent in experiment.agents if agent.name in by_name)
            group = dataclasses.replace(experiment, agents=agents, seeds=seeds[:size])
            watch = TrialWatch(group, dict(by_name), size - group_size)
            results = self._run_all(group, watch.judge)
            refuse_unreadable(results)
            for name, trial in list(by_name.items()):
                watch.catch_up(name)
                of_trial = [result for result in results if result.agent == name]
                if name in watch.pruned:
                    self._end(trial, of_trial, watch.pruned[name])
                    del by_name[name]
                elif self._look(of_trial, trial, last=size >= len(seeds)):
                    del by_name[name]

    def _look(self, results: list[RunResult], trial: optuna.Trial, *, last: bool) -> bool:
        """Tells Optuna the results of a trial so far; returns whether the trial has ended."""
        failed = [result for result in results if result.status != "finished"]
        if failed:
            first = failed[0]
            self._end(trial, results, first.reason if first.status == "pruned" else f"{first.status}: {first.reason}")
            return True
        scores = list(seed_scores(self._trials, results)[results[0].agent].values())
        mean = float(np.mean(scores))
        if last:
            self._end(trial, results, "", mean)
            return True
        trial.report(mean, len(scores) * num_evaluations(self._trials))
        if trial.should_prune():
            self._end(trial, results, f"pruned after {len(scores)} seeds at a score of {mean:.3g}")
            return True
        return False

    def _end(self, trial: optuna.Trial, results: list[RunResult], reason: str, score: float | None = None) -> None:
        trial.set_user_attr("env_steps", sum(result.env_steps for result in results))
        trial.set_user_attr("train_seconds", sum(result.seconds.train for result in results))
        trial.set_user_attr("reason", reason)
        if tell(self.study, trial, score):
            self.study.set_user_attr("exhausted", True)
        self._held.pop(trial.user_attrs["entry"]).release()
        best = self.tuned()
        self._report(self.agent.name, self.study.trials[trial.number], best.score if best else None)
