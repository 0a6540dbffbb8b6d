"""Run folders as workers leave them, of agents whose training seeds follow a known distribution; nothing is trained."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from arena.calibration.known_skill import ENV_ID, policy_of
from arena.environments.config import EnvConfig
from arena.experiment.experiment import Experiment, UntilDecided
from arena.formats.jsonl import JsonlWriter
from arena.policies.evaluation import evaluate
from arena.policies.policy import OnnxPolicy
from arena.run_folder.events import EvaluationKind
from arena.run_folder.folder import RunDir
from arena.run_folder.inputs import AgentEntry, Budget, EvaluationProtocol, Run
from arena.run_folder.record import RunRecord
from arena.run_folder.result import RunResult
from arena.run_folder.schema import Evaluated, EvaluationTime, Provenance, write_result, write_run
from arena.run_folder.timings import Timings
from arena.seeding import evaluation_seeds

NUM_EPISODES = 10
"""Episodes of the final evaluation of each run."""
_ENV_STEPS = 1_000


def fake_experiment(
    folder: Path, agents: Sequence[str], num_seeds: int, *, experiment_seed: int, until_decided: UntilDecided | None = None
) -> Experiment:
    """Returns an experiment among agents that `write_run` can make runs of.

    Args:
        folder: folder of the experiment.
        agents: names of the agents.
        num_seeds: training seeds of each agent; with `until_decided`, those of the first group.
        experiment_seed: seed of the initial states of all evaluations.
        until_decided: rule by which seeds are added; None means that there are just so many.
    """
    return Experiment(
        name=folder.name,
        output=folder.parent,
        agents=tuple(AgentEntry(name=agent, agent="known-skill", hyperparameters={}) for agent in agents),
        envs=(EnvConfig(ENV_ID),),
        seeds=tuple(range(num_seeds)),
        seed=experiment_seed,
        budget=Budget(env_steps=_ENV_STEPS),
        evaluation=EvaluationProtocol(period=_ENV_STEPS, episodes=NUM_EPISODES, final_episodes=NUM_EPISODES),
        checkpoint_period=_ENV_STEPS,
        log_period=_ENV_STEPS,
        until_decided=until_decided,
    )


def write_runs(experiment: Experiment, skills: Mapping[str, np.ndarray]) -> list[RunResult]:
    """Writes the runs of an experiment that its folder does not hold yet, and returns the results of all.

    Each run has a policy file, its training episodes and its evaluations, which are really played.

    Args:
        experiment: the experiment, from `fake_experiment`.
        skills: agent -> skill of each training seed, `float64 [S]`, at least as many as the experiment has; NaN for a run that crashes.
    """
    return [_result_of(experiment.path, run, float(skills[run.agent.name][run.seed])) for run in experiment.runs()]


def _result_of(folder: Path, run: Run, skill: float) -> RunResult:
    """Returns the result of a run of the experiment in `folder`, which is made unless it is there."""
    files = RunDir(folder / run.name)
    if not files.path.exists():
        _write_run(files, run, skill)
    result = RunRecord(files.path).result
    assert result is not None, f"{files.path} has no result"
    return result


def _write_run(files: RunDir, run: Run, skill: float) -> None:
    files.path.mkdir(parents=True)
    write_run(files, run, Provenance())
    with JsonlWriter(files.episodes) as episodes:  # runs with equal skills are no copies of one another
        episode_return = float(np.random.default_rng([run.experiment_seed, run.seed, *run.agent.name.encode()]).standard_normal())
        episodes.write({"env_steps": 1, "episode_return": episode_return, "episode_length": 1, "terminated": True})
    result = RunResult(
        status="crashed",
        agent=run.agent.name,
        env=run.env.name,
        seed=run.seed,
        path=str(files.path),
        env_steps=_ENV_STEPS,
        seconds=Timings(train=1.0),
    )
    if np.isnan(skill):
        write_result(files, dataclasses.replace(result, reason="it crashes, as the experiment asks"))
        return
    policy_of(skill).export(files.policy)
    final = _evaluated(files, run)
    write_result(files, dataclasses.replace(result, status="finished", score_mean=final.episode_return_mean, score_episodes=NUM_EPISODES))


def _evaluated(files: RunDir, run: Run) -> Evaluated:
    """Plays and writes the evaluations of a run; returns the final one."""
    seeds, policy = evaluation_seeds(run.experiment_seed), OnnxPolicy(files.policy)
    with JsonlWriter(files.evaluations) as evaluations, JsonlWriter(files.evaluation_times) as times:
        kinds: dict[EvaluationKind, int] = {"selection": seeds.selection, "final": seeds.final}
        for kind, seed in kinds.items():
            played = evaluate(policy, run.env, num_episodes=NUM_EPISODES, seed=seed)
            found = Evaluated(
                kind=kind,
                env_steps=_ENV_STEPS,
                episode_return_mean=played.episode_return_mean,
                episode_returns=tuple(played.episode_returns.tolist()),
                episode_lengths=tuple(played.episode_lengths.tolist()),
            )
            row = dataclasses.asdict(found)
            del row["train_seconds"]
            evaluations.write(row)
            times.write(dataclasses.asdict(EvaluationTime(train_seconds=1.0)))
    return found
