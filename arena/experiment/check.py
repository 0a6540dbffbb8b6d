"""Validation of an experiment: everything that can be refused before anything is trained, in one pass that makes each environment once."""

import importlib.util
from collections.abc import Iterable, Mapping

from arena.errors import ArenaError
from arena.experiment.compatibility import EnvTraits, check_pair, check_replay, env_frameworks, env_traits
from arena.experiment.experiment import Experiment
from arena.machine.installation import install_command
from arena.machine.memory import memory_bytes
from arena.policies.evaluation import DEFAULT_MAX_EPISODE_STEPS
from arena.run_folder.inputs import Run


def check_experiment(experiment: Experiment, known: Mapping[str, EnvTraits] | None = None) -> dict[str, EnvTraits]:
    """Refuses an experiment that cannot work, whatever lies in its folder.

    Args:
        experiment: agents, envs, seeds and budgets.
        known: what an earlier check has returned; its environments are not made again.

    Returns:
        Traits of all environments, by name.

    Raises:
        ArenaError: for the first thing that is wrong.
    """
    traits = check_pairs(experiment, known)
    check_frameworks(experiment.pairs())
    if experiment.executor.kind != "local" and any(agent.init for agent in experiment.agents):
        raise ArenaError("init needs the other run's folder where the worker is, and a node of a cluster may not have it: run it locally")
    if experiment.until_decided is not None:
        check_comparison(experiment)
    return traits


def check_pairs(experiment: Experiment, known: Mapping[str, EnvTraits] | None = None) -> dict[str, EnvTraits]:
    """Refuses agents that cannot play an environment or begin within its budget; takes and returns the same as `check_experiment`.

    Raises:
        ArenaError: for the first impossible pair of agent and env.
    """
    traits = dict(known or {})
    for run in experiment.pairs():
        _check_budget(run)
        if run.env.name not in traits:
            traits[run.env.name] = env_traits(run.env)
        env_frameworks(run.env, run.resources.env_frameworks)
        check_pair(run.spec(), run.env, run.config(), traits=traits[run.env.name])
        if experiment.executor.kind == "local" and (capacity := run.agent.hyperparameters.get("replay_capacity")):
            known_traits, where = traits[run.env.name], f"agent {run.agent.name!r} on {run.env.name}"
            once = known_traits.stacks_frames and getattr(run.config(), "stores_frames_once", False)
            check_replay(known_traits.observation_space, capacity, memory_bytes(), where=where, stacks_frames=once)
    return traits


def warnings_about(experiment: Experiment, traits: Mapping[str, EnvTraits]) -> list[str]:
    """Returns sentences about environments whose scores need care: without a time limit, or with resets that ignore their seed.

    Args:
        experiment: agents, envs and the evaluation protocol.
        traits: traits of its environments, by name.
    """
    found = []
    for env in experiment.envs:
        known = traits[env.name]
        if known.time_limit is None and experiment.evaluation.max_episode_steps is None:
            found.append(
                f"{env.name} has no time limit that the arena can see: evaluation episodes are cut at {DEFAULT_MAX_EPISODE_STEPS:,} env "
                "steps (evaluation.max_episode_steps, or --max-episode-steps)"
            )
        if not known.follows_seed:
            found.append(
                f"{env.name} ignores the seed of reset(): two resets with one seed gave different observations, so policies are not judged "
                "from the same initial states, and a repeated run differs; seed its random numbers in reset(), by super().reset(seed=seed)"
            )
    return found


def check_frameworks(runs: Iterable[Run]) -> None:
    """Refuses runs whose framework is not installed.

    Raises:
        ArenaError: naming every agent with its missing module, and one command that installs them all.
    """
    missing: dict[str, str] = {}
    extras, others = set(), set()
    for run in runs:
        spec, config = run.spec(), run.config()
        absent = [module for module in sorted(spec.modules_for(config)) if importlib.util.find_spec(module) is None]
        if not absent:
            continue
        missing[run.agent.name] = f"agent {run.agent.name!r} needs {absent[0]!r}"
        if (extra := spec.extra_for(config)) is not None:
            extras.add(extra)
        else:
            others.add(spec.install_command(config))
    if missing:
        remedies = [install_command(*sorted(extras))] if extras else []
        which = "which is not installed" if len(missing) == 1 else "which are not installed"
        raise ArenaError(f"{', '.join(missing.values())}, {which}: {'; '.join([*remedies, *sorted(others)])}")


def check_comparison(experiment: Experiment) -> None:
    """Refuses a sequential comparison of fewer than two agents.

    Raises:
        ArenaError: if there are fewer than two agents.
    """
    if len(experiment.agents) < 2:
        raise ArenaError('seeds = "until-decided" compares agents: give at least two')


def _check_budget(run: Run) -> None:
    env_steps, num_envs = run.budget.env_steps, run.agent.hyperparameters.get("num_envs", 1)
    if env_steps < num_envs:
        raise ArenaError(f"budget.env_steps={env_steps} is less than one step of the {num_envs} environments of {run.agent.name!r}")
    iteration = run.spec().device_iteration(run.config())
    if env_steps < iteration:
        raise ArenaError(
            f"budget.env_steps={env_steps} is less than one iteration of {run.agent.name!r} on the device: {iteration} env steps"
        )
