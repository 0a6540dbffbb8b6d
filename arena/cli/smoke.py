"""`arena smoke`, a check for CI jobs that every agent still learns.

An agent passes if its run finishes and its policy is good enough. The greedy policy is played from `policy.onnx` over 100 episodes, on
seeds that training did not use. Its mean return must beat a uniformly random policy by `MARGIN` standard errors of the difference, and
reach `QUICK_BAR`, or `FULL_BAR` with `--full`.
"""

import dataclasses
import math
import shutil
import tempfile
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np

from arena.cli.train import watch, with_options
from arena.environments.make import make_env
from arena.errors import ArenaError, did_you_mean
from arena.experiment.bundled import config_path
from arena.experiment.experiment import Experiment
from arena.experiment.file import from_toml
from arena.formats.system_errors import refuse_unwritable, write_output
from arena.policies.evaluation import Evaluation, evaluate
from arena.policies.policy import UniformPolicy
from arena.run_folder.result import RunResult
from arena.terminal.output import Mode, Output

QUICK_BAR, FULL_BAR = 195.0, 475.0
"""Mean returns on CartPole-v1 that pass; the largest possible return is 500, and 475 is Gymnasium's `reward_threshold`."""
MARGIN = 5.0
"""Number of standard errors by which a policy must beat the random one."""


@dataclasses.dataclass(frozen=True)
class Verdict:
    """Result of the smoke test for one run: whether it passed, and the reason in one line."""

    name: str
    passed: bool
    reason: str
    seconds: float


def smoke(names: list[str], junit: Path | None, output: Path | None, workers: int | None, *, full: bool, mode: Mode) -> int:
    """Trains the agents and returns 0 if all pass."""
    if junit is not None:
        refuse_unwritable(junit)
    experiment = _experiment(names, full=full)
    folder = output or Path(tempfile.mkdtemp(prefix="arena-smoke-"))
    experiment = with_options(experiment, folder, workers)
    if experiment.path.exists():
        raise ArenaError(f"{experiment.path} is there already, and finished runs would pass untrained; give another --output, or delete it")
    results = watch(experiment, mode="quiet" if mode == "json" else mode, retry_failed=False)
    bar = FULL_BAR if full else QUICK_BAR
    baseline = _random_baseline(experiment)
    verdicts = [judge(result, baseline, bar) for result in results]
    if junit is not None:
        write_junit(junit, verdicts)
    for verdict in verdicts:
        shown = Output("plain" if mode == "quiet" and not verdict.passed else mode)
        shown.record(dataclasses.asdict(verdict))
        shown.say(f"{'PASS' if verdict.passed else 'FAIL'} {verdict.name}: {verdict.reason}")
    passed = all(verdict.passed for verdict in verdicts)
    if output is None and passed:
        shutil.rmtree(folder)  # a failure's logs are kept
    return 0 if passed else 1


def judge(result: RunResult, baseline: Evaluation, bar: float) -> Verdict:
    """Returns the verdict on one run, with the reason in one line.

    Args:
        result: Result of the run; a finished one has a final evaluation over at least two episodes.
        baseline: Evaluation of the uniformly random policy.
        bar: Mean return to reach.
    """
    name = result.run_name
    seconds = result.seconds.total
    if result.status != "finished" or result.score_mean is None or result.score_std is None:
        return Verdict(name, False, f"{result.status}: {result.reason}", seconds)
    errors = result.score_std**2 / result.score_episodes, baseline.episode_return_std**2 / len(baseline.episode_returns)
    needed = baseline.episode_return_mean + MARGIN * math.sqrt(sum(errors))
    score = f"mean return {result.score_mean:.1f} over {result.score_episodes} episodes after {result.env_steps:,} env steps"
    if result.score_mean < needed:
        return Verdict(name, False, f"{score}, no better than random play ({needed:.1f} needed)", seconds)
    if result.score_mean < bar:
        return Verdict(name, False, f"{score}, below the bar of {bar:g}", seconds)
    return Verdict(name, True, score, seconds)


def write_junit(path: Path, verdicts: list[Verdict]) -> None:
    """Writes the verdicts as JUnit XML, with one test case for each."""
    failures = sum(not verdict.passed for verdict in verdicts)
    suite = ElementTree.Element("testsuite", name="arena smoke", tests=str(len(verdicts)), failures=str(failures), errors="0")
    for verdict in verdicts:
        case = ElementTree.SubElement(suite, "testcase", classname="arena.smoke", name=verdict.name, time=f"{verdict.seconds:.1f}")
        if not verdict.passed:
            ElementTree.SubElement(case, "failure", message=verdict.reason)
    write_output(path, ElementTree.tostring(suite, encoding="utf-8", xml_declaration=True))


def _experiment(names: list[str], *, full: bool) -> Experiment:
    experiment = from_toml(config_path("cartpole" if full else "smoke"))
    known = [agent.name for agent in experiment.agents]
    for name in names:
        if name not in known:
            raise ArenaError(f"no agent {name!r} in the smoke test{did_you_mean(name, known)} (it has: {', '.join(known)})")
    chosen = tuple(agent for agent in experiment.agents if not names or agent.name in names)
    return dataclasses.replace(experiment, agents=chosen, name="smoke", seeds=experiment.seeds[:1])


def _random_baseline(experiment: Experiment) -> Evaluation:
    env = make_env(experiment.envs[0])
    policy = UniformPolicy(env.action_space, np.random.default_rng(experiment.seed), env.observation_space)
    env.close()
    return evaluate(policy, experiment.envs[0], num_episodes=100, seed=experiment.seed)
