"""The card of packed policies: Markdown with the facts that model hubs read, scores with intervals and the learning curve."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from arena.errors import ArenaError
from arena.formats.readable import count, interval, plain, return_decimals, shown_return
from arena.policies.metadata import PolicyMetadata
from arena.run_folder.record import RunRecord
from arena.statistics.estimate import Estimate
from arena.statistics.mean_intervals import mean_interval, trimmed_interval

MAX_CURVE_ROWS = 20
"""Largest number of rows of the learning curve."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class PackedPolicy:
    """A policy of a finished run, as an archive holds it."""

    name: str
    """Name in the archive: `agent-env-seed-0`."""
    record: RunRecord
    """Run that it comes from."""
    content: bytes
    """Content of the policy file."""
    metadata: PolicyMetadata | None
    """Metadata of the file; None for one of an earlier version."""

    @property
    def file(self) -> str:
        """Name of the policy file in the archive."""
        return f"policies/{self.name}.onnx"

    @property
    def curve_file(self) -> str:
        """Name of the picture of the learning curve in the archive."""
        return f"curves/{self.name}.svg"


def model_card(policies: Sequence[PackedPolicy], licence: str) -> str:
    """Returns the card as Markdown, with a head in YAML that model hubs read.

    Args:
        policies: Packed policies.
        licence: Name of the licence (SPDX), or a sentence.
    """
    agents = sorted({policy.record.run.agent.agent for policy in policies})
    envs = sorted({policy.record.run.env.id for policy in policies})
    head = [
        "---",
        f"license: {_yaml(licence)}",
        "library_name: onnx",
        f"tags: [reinforcement-learning, arena-rl, {', '.join(_yaml(tag) for tag in (*agents, *envs))}]",
        "---",
        "",
        f"# {_text(', '.join(agents))} on {_text(', '.join(envs))}",
        "",
        f"{count(len(policies), 'policy file') if len(policies) == 1 else f'{len(policies)} policy files'} of arena-rl: ONNX, without the "
        "framework that trained them. They take observations as the environment gives them, and give greedy actions and action scores.",
        "",
        "| policy | agent | environment | seed | env steps | mean return | 95% interval | IQM | episodes |",
        "|---|---|---|---|---|---|---|---|---|",
        *(_score_row(policy) for policy in policies),
        "",
        "Each score is of the final evaluation, on initial states that neither training nor the choice of the policy used. Intervals are",
        "over initial states, and say nothing of other training seeds.",
        "",
        f"Licence: {_text(licence)}",
        "",
    ]
    return "\n".join([*head, *(line for policy in policies for line in _section(policy)), *_usage(policies[0])]) + "\n"


def scores_of(record: RunRecord) -> tuple[Estimate, Estimate, int] | None:
    """Returns mean and interquartile mean of a run's final evaluation, with intervals, and its number of episodes; None without one."""
    if record.final is None:
        return None
    returns = np.array(record.final.episode_returns)
    return mean_interval(returns[None]), trimmed_interval(returns), len(returns)


def _score_row(policy: PackedPolicy) -> str:
    run, scores = policy.record.run, scores_of(policy.record)
    told = ["", "", "", "0"]
    if scores is not None:
        mean, iqm, num_episodes = scores
        ends = interval((mean.low, mean.high), return_decimals(mean.value))
        told = [shown_return(mean.value), ends, shown_return(iqm.value), str(num_episodes)]
    env_steps = policy.metadata.training.env_steps if policy.metadata and policy.metadata.training else policy.record.run.budget.env_steps
    cells = [f"`{policy.name}`", run.agent.agent, run.env.name, str(run.seed), f"{env_steps:,}", *told]
    return f"| {' | '.join(_text(cell) for cell in cells)} |"


def _section(policy: PackedPolicy) -> list[str]:
    run, metadata = policy.record.run, policy.metadata
    lines = [f"## {_text(policy.name)}", ""]
    if metadata is not None:
        lines += [f"- Observations: {_text(' '.join(metadata.observations.declared.split()))}{_names(metadata.observations.names)}"]
        lines += [f"- Actions: {_text(metadata.actions.declared)}{_names(metadata.actions.names)}"]
        if metadata.preprocessing:
            lines += [f"- Inside the file, before the first layer: {', '.join(metadata.preprocessing)}"]
    curve = [f"![Mean return of the selection evaluations, with 95% intervals]({policy.curve_file})", ""] if policy.record.selection else []
    settings = ", ".join(f"{key} = {plain(value)}" for key, value in sorted(run.agent.hyperparameters.items()))
    lines += [
        f"- Hyperparameters: {_text(settings) or 'none'}",
        "",
        *curve,
        "| env steps | mean return of the selection evaluation |",
        "|---|---|",
    ]
    selection = policy.record.selection
    shown = np.unique(np.linspace(0, len(selection) - 1, min(len(selection), MAX_CURVE_ROWS)).astype(int)).tolist()
    lines += [f"| {selection[index].env_steps:,} | {shown_return(selection[index].episode_return_mean)} |" for index in shown]
    return [*lines, ""]


def _usage(policy: PackedPolicy) -> list[str]:
    return [
        "## How to play them",
        "",
        "```python",
        "from pathlib import Path",
        "",
        "from arena import OnnxPolicy",
        "",
        f'policy = OnnxPolicy(Path("{policy.file}"))',
        "actions = policy.act(observations)",
        "```",
        "",
        "`arena tournament ARCHIVE.zip ...` and `arena league add ARCHIVE.zip` take the archive as it is.",
    ]


def _names(names: tuple[str, ...] | None) -> str:
    return f" ({_text(', '.join(names))})" if names else ""


def _text(text: str) -> str:
    """Returns text that stays on its line and in its cell, and is no HTML."""
    escaped = " ".join(text.split()).replace("&", "&amp;").replace("<", "&lt;").replace("|", "\\|")
    return escaped.replace("[", "\\[") if "](" in escaped else escaped


def _yaml(text: Any) -> str:
    plain_text = " ".join(str(text).split())
    return plain_text if plain_text.replace("-", "").replace(".", "").isalnum() else "'" + plain_text.replace("'", "''") + "'"


def licence_text(given: str | None) -> tuple[str, bytes | None]:
    """Returns the name of a licence, and the text of the file that it is given as, if it is one.

    Args:
        given: Name of the licence, or path of a file with its text; None where none was named.

    Raises:
        ArenaError: If it looks like the path of a file that is missing.
    """
    if given is None:
        return "unknown", None
    path = Path(given)
    if not path.is_file() and (given.startswith(("/", "./", "../", "~")) or path.suffix in (".txt", ".md", ".rst")):
        raise ArenaError(f"there is no file {given}; a licence is a file with its text, or a name such as MIT")
    return (path.name, path.read_bytes()) if path.is_file() else (given, None)
