"""`seeds = "until-decided"`: adds seeds in groups until it is decided which agents are better, or no more seeds are allowed.

The rule (`arena.statistics.group_sequential`) compares runs of two agents on the same environment by their final mean returns, as a report
does: an agent beats another if a run of it returns more, more often than not, mean over environments.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

from arena.errors import ArenaError
from arena.experiment.decision import DECISION_NAME, read_decision
from arena.experiment.experiment import Experiment, UntilDecided
from arena.experiment.folder import refuse_changes
from arena.experiment.records import refuse_unreadable
from arena.experiment.scores import comparable_by_seed
from arena.formats.differences import all_told, differences
from arena.formats.json import write_json
from arena.run_folder.result import RunResult
from arena.statistics.group_sequential import Decision, Returns, StoppingRule, decide

RunAll = Callable[[Experiment], list[RunResult]]
"""Function that runs a checked experiment, such as `run_checked` with an executor."""


def run_until_decided(experiment: Experiment, run_all: RunAll) -> tuple[list[RunResult], Decision]:
    """Runs groups of seeds until the rule stops; returns the results of all runs and the decision, which `decision.json` holds too.

    A call with the same arguments resumes: finished runs are not run again, and the same results lead to the same decision.

    Args:
        experiment: an experiment with `until_decided` that `check_experiment` has accepted.
        run_all: runs one group; an agent that is decided against all others is no longer in it.

    Raises:
        ArenaError: if the folder holds runs with other inputs, a run that cannot be read, or a decision by another rule or about other
            agents or environments. More looks at the scores than were planned would find differences that do not exist.
    """
    refuse_another_question(experiment)
    rule = experiment.until_decided
    assert rule is not None
    results: dict[str, RunResult] = {}
    next_seeds = dict.fromkeys((agent.name for agent in experiment.agents), rule.group_size)
    while True:
        for num_seeds in sorted(set(next_seeds.values())):
            agents = tuple(agent for agent in experiment.agents if next_seeds.get(agent.name) == num_seeds)
            group = dataclasses.replace(experiment, agents=agents, seeds=tuple(range(num_seeds)))
            results |= {result.run_name: result for result in run_all(group)}
        refuse_unreadable(results.values())
        returns = comparable_by_seed(experiment, results.values())
        decision = decide(returns, stopping_rule(rule), seed=experiment.seed)
        write_json(experiment.path / DECISION_NAME, {**_question(experiment, rule), **_answer(returns, decision)})
        if decision.finished:
            return list(results.values()), decision
        next_seeds = dict(decision.next_seeds)


def stopping_rule(rule: UntilDecided) -> StoppingRule:
    """Returns the rule of the comparison that an experiment's file describes."""
    num_looks = rule.max_seeds // rule.group_size
    return StoppingRule(group_size=rule.group_size, num_looks=num_looks, alpha=rule.alpha, equal_within=rule.equal_within)


def refuse_another_question(experiment: Experiment) -> None:
    """Refuses a folder with runs of other inputs, or with a decision by another rule or about other agents or environments.

    Raises:
        ArenaError: names the differences.
    """
    rule, path = experiment.until_decided, experiment.path / DECISION_NAME
    assert rule is not None
    question = _question(experiment, rule)
    found = differences(read_decision(path).question, question) if path.exists() else []
    if found:
        raise ArenaError(f"{path} answers another question ({all_told(found)}); give another --name")
    refuse_changes(experiment.path, list(dataclasses.replace(experiment, seeds=tuple(range(rule.max_seeds))).runs()))


def sentences(decision: Decision) -> list[str]:
    """Returns the verdict on each pair as a line of text, which names what was decided."""
    claim = "{} beats {}: a run of it returns more, more often than not"
    forms = {
        "better": claim.format("{x}", "{y}"),
        "worse": claim.format("{y}", "{x}"),
        "equal": "{x} and {y} are equal: neither returns more than the other much more often than not",
        "undecided": "{x} or {y}: undecided whose runs return more, more often than not",
    }
    return [forms[verdict].format(x=x, y=y) for (x, y), verdict in decision.verdicts.items()]


def _question(experiment: Experiment, rule: UntilDecided) -> dict[str, Any]:
    agents, envs = [agent.name for agent in experiment.agents], [env.name for env in experiment.envs]
    return {"rule": dataclasses.asdict(rule), "agents": agents, "envs": envs}


def _answer(returns: Returns, decision: Decision) -> dict[str, Any]:
    return {
        "finished": decision.finished,
        "look": decision.look,
        "pairs": [{"agent": x, "other": y, "verdict": verdict} for (x, y), verdict in decision.verdicts.items()],
        "returns": returns,
    }
