"""`arena explain`: which features a policy decides by."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import numpy as np

from arena.cli.policy_arguments import given_policies, split_env
from arena.errors import ArenaError, EnvironmentRaised
from arena.explain.explanation import ExplainedObservations, Explanation, explain
from arena.explain.page import render_explanation
from arena.formats.json import json_bytes
from arena.formats.readable import listed, number
from arena.formats.system_errors import refuse_unwritable, write_output
from arena.policies.bounded.bounded_policy import BoundedPolicy, PolicyBroke
from arena.terminal.output import Mode, Output, make_table
from arena.tournament.entry.env_spaces import env_spaces
from arena.tournament.faults import GuardedPolicy, PolicyFailed


def explain_policy(
    arguments: Sequence[str], counts: Mapping[str, int], out: Path | None, *, allow: Collection[str] = (), mode: Mode
) -> None:
    """Explains one policy, prints the ranking of its features, and writes it as a page or as JSON.

    Args:
        arguments: Policy, and the environment's id; without it, the environment of the run.
        counts: Fields of `ExplainedObservations`: how many observations are explained.
        out: File to write, `.html` or `.json`; None writes none.
        allow: Import paths and files that a run folder may name.
        mode: What is printed.

    Raises:
        ArenaError: If there is more than one policy, or it is refused, does not fit or fails.
    """
    output = Output(mode)
    if out is not None and out.suffix not in (".html", ".json"):
        raise ArenaError(f"--out {out}: the name must end with .html or .json")
    if out is not None:
        refuse_unwritable(out)
    paths, env = split_env(arguments, allow)
    policies = given_policies(paths)
    if len(policies) != 1:
        raise ArenaError(f"one policy is explained at a time; {len(policies)} are given: {', '.join(each.name for each in policies)}")
    [given] = policies
    spaces = env_spaces(env)
    with BoundedPolicy(given.path) as policy:
        policy.signature.check(*spaces, where=f"{env.name}: policy {given.path}")
        guarded = GuardedPolicy(policy, *spaces)
        try:
            found = explain(policy, env, ExplainedObservations(**counts), player=guarded)
        except (PolicyFailed, PolicyBroke) as error:
            raise ArenaError(f"policy {given.path} cannot be explained on {env.name}: {error}") from error
        except EnvironmentRaised as error:
            raise guarded.blame(error, given.path) from error
    output.record({"policy": given.name, "env": env.name, **found.to_json()})
    if isinstance(found, Explanation):
        _show(found, output)
    else:
        mean = found.saliency.mean(0)
        row, column = np.unravel_index(int(mean.argmax()), mean.shape)
        output.say(f"covering the patch in row {row + 1}, column {column + 1} of {mean.shape[0]} x {mean.shape[1]} changes the scores most")
    if out is None:
        return
    if out.suffix == ".html":
        write_output(out, render_explanation(found, policy=given.name, env=env.name).encode())
    else:
        write_output(out, json_bytes({"policy": given.name, "env": env.name, **found.to_json()}))
    output.say(f"written to {out}")


def _show(found: Explanation, output: Output) -> None:
    rows = [
        (found.feature_names[index], number(float(found.importance[index])), number(float(found.importance_by_gradients[index])))
        for index in found.ranking
    ]
    titles = ("feature", "importance", "by integrated gradients")
    output.show(make_table(titles, rows, right=titles[1:]))
    if found.constant_names:
        output.say(f"The same in all observations: {listed(found.constant_names)}.")
    what = "the scores of the actions against each other" if found.compares_actions else "the scores"
    output.say(f"Importance: how much a feature moves {what} on average ({found.method} Shapley values).")
