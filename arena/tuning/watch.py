"""Prunes trials while their runs are at work: tells Optuna the selection evaluations, and gives up the trials that its pruner rejects."""

from collections.abc import Mapping

import numpy as np
import optuna

from arena.experiment.experiment import Experiment
from arena.experiment.scores import seed_scores
from arena.run_folder.events import EvaluationEnded, WorkerEvent
from arena.run_folder.inputs import Run
from arena.run_folder.record import RunRecord
from arena.run_folder.result import RunResult


def num_evaluations(experiment: Experiment) -> int:
    """Returns the number of selection evaluations that every run has within its budget, the one at its end included."""
    fewest = min(run.budget.env_steps for run in experiment.pairs())
    return max(1, fewest // experiment.evaluation.period)


class TrialWatch:
    """Judges the runs of some trials, which are the agents of an experiment.

    A trial's k-th value for Optuna is its mean score over seeds at the k-th evaluation, once all its runs at work have played that. All of
    it is read from the run folders, so that a resumed search tells Optuna the same.

    Args:
        experiment: the experiment whose agents are trials, with all seeds so far.
        trials: Optuna's trials, by the agent's name.
        first: number of seeds, from the first, whose runs have ended.
    """

    def __init__(self, experiment: Experiment, trials: Mapping[str, optuna.Trial], first: int) -> None:
        self._experiment, self._trials = experiment, trials
        self._num_steps = num_evaluations(experiment)
        self._offset = first * self._num_steps
        self._told = dict.fromkeys(trials, 0)
        self.pruned: dict[str, str] = {}
        """Reasons of the trials that were given up, by the agent's name."""
        self._runs: dict[str, list[Run]] = {}
        self._ended: dict[str, list[RunResult]] = {}
        self._agent_of: dict[str, str] = {}
        for run in experiment.runs():
            self._agent_of[run.name] = run.agent.name
            if run.seed in experiment.seeds[first:]:
                self._runs.setdefault(run.agent.name, []).append(run)
            elif (result := RunRecord(experiment.path / run.name).result) is not None:
                self._ended.setdefault(run.agent.name, []).append(result)

    def judge(self, run_name: str, event: WorkerEvent) -> str | None:
        """Takes an event of a run's worker; returns the reason to give the run up, or None to let it continue."""
        agent = self._agent_of[run_name]
        if isinstance(event, EvaluationEnded):
            self.catch_up(agent)
        return self.pruned.get(agent)

    def catch_up(self, agent: str) -> None:
        """Tells Optuna the evaluations of a trial that it does not know yet, until it prunes the trial."""
        curves = [_selection_returns(RunRecord(self._experiment.path / run.name), self._num_steps) for run in self._runs[agent]]
        # The last evaluation is left to the scores of the final ones.
        for step in range(self._told[agent] + 1, min(self._num_steps, 1 + min(map(len, curves)))):
            if agent in self.pruned:
                return
            score = self._score(agent, [curve[step - 1] for curve in curves])
            self._told[agent] = step
            self._trials[agent].report(score, self._offset + step)
            if self._trials[agent].should_prune():
                seeds = sorted({str(run.seed) for run in self._runs[agent]})
                of = f"seed{'s' * (len(seeds) > 1)} {', '.join(seeds)}"
                self.pruned[agent] = f"pruned at evaluation {step} of {self._num_steps} of {of}, at a score of {score:.3g}"

    def _score(self, agent: str, returns: list[float]) -> float:
        at_work = [
            RunResult(status="finished", agent=agent, env=run.env.name, seed=run.seed, path="", score_mean=value)
            for run, value in zip(self._runs[agent], returns, strict=True)
        ]
        return float(np.mean(list(seed_scores(self._experiment, [*self._ended.get(agent, ()), *at_work])[agent].values())))


def _selection_returns(record: RunRecord, num_steps: int) -> list[float]:
    """Returns the mean returns of a run's selection evaluations; a run that has ended keeps its last."""
    ended = record.result is not None  # read first: what a worker writes between the two counts as still at work
    returns = [evaluated.episode_return_mean for evaluated in record.selection]
    return returns + returns[-1:] * (num_steps - len(returns)) if ended else returns
