"""One run from Python: `arena.train` trains an agent on an environment and returns the record of the run."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from arena.agent.registry import agent_spec
from arena.environments.config import EnvConfig
from arena.errors import ArenaError
from arena.executors.base import Executor
from arena.executors.local import LocalExecutor
from arena.experiment.experiment import Experiment
from arena.experiment.file import from_table
from arena.experiment.runner import View, run_experiment
from arena.experiment.tuned import tuned_settings
from arena.run_folder.inputs import Budget
from arena.run_folder.record import RunRecord


def train(
    agent: str,
    env: str | EnvConfig,
    *,
    env_steps: int | None = None,
    seconds: float | None = None,
    target_return: float | None = None,
    max_episode_steps: int | None = None,
    seed: int = 0,
    hyperparameters: Mapping[str, Any] | None = None,
    tuned: bool = False,
    name: str = "train",
    output: Path | str = "logs",
    device: str = "auto",
    threads: int = 1,
    env_workers: int = 0,
    init: Path | str | None = None,
    executor: Executor | None = None,
    view: View | None = None,
) -> RunRecord:
    """Trains one agent on one environment in a process of its own, and returns the record of the run.

    A call with the same arguments returns the finished run as it is, and resumes one that was interrupted or that failed. An import path
    in `agent` or `env` is your own word that it may be imported.

    Args:
        agent: agent id, or `package.module:SPEC`.
        env: Gymnasium id, or id with arguments.
        env_steps: budget in env steps; None means 100,000, or with `tuned` the budget that the settings were measured with.
        seconds: budget in wall seconds of training, without compilation and evaluation.
        target_return: mean return over 100 evaluation episodes at which training stops.
        max_episode_steps: length at which an evaluation episode is cut; None means the environment's own limit, and 10,000 without one.
        seed: training seed.
        hyperparameters: values that differ from the agent's defaults, or from the tuned settings.
        tuned: whether to use the settings that were tuned for the agent on the environment (`arena list tuned`).
        name: name of the experiment, whose folder `output/name` holds the run's.
        output: folder that holds the experiment's folder.
        device: `auto`, `cpu`, `cuda` or `cuda:N`.
        threads: cores of the worker.
        env_workers: processes that step the environments, where a step takes milliseconds; 0 steps them in the worker.
        init: folder of another run of the agent, from whose latest checkpoint this one begins.
        executor: runs the worker; this machine if None.
        view: receives the progress of the run.

    Raises:
        ArenaError: before anything starts, if the run cannot work, or if the folder holds a run with other inputs; and afterwards, if the
            run failed, with the reason and the path of its log.
        KeyboardInterrupt: after the worker has ended; a call with the same arguments resumes.
    """
    budget = {"env_steps": env_steps, "seconds": seconds, "target_return": target_return}
    resources = {"threads": threads, "env_workers": env_workers, "device": device, "workers": 1}
    evaluation = {"max_episode_steps": max_episode_steps}
    settings = hyperparameters or {}
    place: dict[str, Any] = {"seed": seed, "name": name, "output": output, "init": init}
    experiment = one_run(agent, env, settings, budget, resources, evaluation=evaluation, tuned=tuned, **place)
    [result] = run_experiment(experiment, executor or LocalExecutor(1), view, retry_failed=True)
    if result.status != "finished":
        raise ArenaError(f"{result.run_name} {result.status}: {result.reason} (log in {result.path})")
    return RunRecord(Path(result.path))


def one_run(
    agent: str,
    env: str | EnvConfig,
    hyperparameters: Mapping[str, Any],
    budget: Mapping[str, Any],
    resources: Mapping[str, Any],
    *,
    evaluation: Mapping[str, Any] | None = None,
    tuned: bool = False,
    seed: int,
    name: str,
    output: Path | str,
    init: Path | str | None = None,
) -> Experiment:
    """Returns the experiment that has one run; takes what `train` takes.

    Raises:
        ArenaError: if anything is unknown or wrong.
    """
    env_table = env.to_entry() if isinstance(env, EnvConfig) else env
    limits = dict(budget)
    tuning: dict[str, Any] = {}
    if tuned:
        agent_id = agent_spec(agent).id
        found = tuned_settings(agent_id, env if isinstance(env, EnvConfig) else EnvConfig(env))
        tuning = {agent_id: {**found.record, "changed": sorted(hyperparameters)} if hyperparameters else found.record}
        hyperparameters = {**found.hyperparameters, **hyperparameters}
        limits["env_steps"] = limits.get("env_steps") or found.entry.env_steps
    limits["env_steps"] = limits.get("env_steps") or Budget().env_steps
    entry = {"agent": agent, "hyperparameters": dict(hyperparameters), **({} if init is None else {"init": str(init)})}
    table = {"name": name, "agents": [entry], "envs": [env_table], "seeds": [seed], "budget": limits, "resources": resources}
    return from_table({**table, "tuning": tuning, "evaluation": evaluation or {}, "output": str(output)})
