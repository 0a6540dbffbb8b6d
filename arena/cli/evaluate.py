"""`arena evaluate`: policies play one episode from each of the same initial states; returns and differences, with intervals."""

import csv
import dataclasses
import hashlib
import io
import itertools
import json
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from arena.cli.policy_arguments import GivenPolicy, given_policies, split_env
from arena.environments.config import EnvConfig
from arena.errors import ArenaError, EnvironmentRaised
from arena.formats.json import finite
from arena.formats.readable import count, interval, return_decimals, shown_return
from arena.formats.system_errors import refuse_unwritable, write_output
from arena.policies.bounded.bounded_policy import BoundedPolicy
from arena.policies.evaluation import ENDINGS, Evaluation, evaluate
from arena.policies.file_check import read_bounded
from arena.statistics.estimate import Estimate
from arena.statistics.mean_intervals import difference_interval, mean_interval, trimmed_interval
from arena.statistics.metrics import TRIMMED_FRACTION
from arena.terminal.output import Mode, Output, make_table
from arena.tournament.entry.env_spaces import env_spaces
from arena.tournament.faults import GuardedPolicy, PolicyFailed

MAX_SEEDS = 1_000_000
"""Largest number of seeds in `--seeds A:B`."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class PlayedEpisodes:
    """What is played: so many episodes from initial states that all policies share."""

    num_episodes: int = 100
    """Number of initial states, one episode each."""
    seed: int = 0
    """Seed from which the initial states follow, unless `seeds` says them."""
    seeds: range | None = None
    """Reset seed of each episode; None draws the initial states from `seed`."""
    max_episode_steps: int | None = None
    """Env steps after which an episode is cut; None means no limit but the environment's, and 10,000 where it has none."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class EvaluatedPolicy:
    """A policy and the episodes that it played."""

    given: GivenPolicy
    sha256: str
    evaluation: Evaluation
    mean: Estimate
    """Mean return with its interval over initial states."""
    iqm: Estimate
    """Interquartile mean of the returns with its interval."""

    def to_json(self) -> dict[str, Any]:
        """Returns the summary, fit for JSON."""
        returns, lengths = self.evaluation.episode_returns, self.evaluation.episode_lengths
        return {
            "policy": self.given.name,
            "path": str(self.given.path),
            "sha256": self.sha256,
            "num_episodes": len(returns),
            "mean": _ends(self.mean),
            "std": float(returns.std(ddof=1)) if len(returns) > 1 else None,
            "iqm": _ends(self.iqm),
            "median": float(np.median(returns)),
            "min": float(returns.min()),
            "max": float(returns.max()),
            "mean_length": float(lengths.mean()),
            "endings": self.evaluation.num_endings,
            "num_outside": self.evaluation.num_outside,
        }


def evaluate_all(
    arguments: Sequence[str], episodes: PlayedEpisodes, out: Path | None = None, *, allow: Collection[str] = (), mode: Mode
) -> list[EvaluatedPolicy]:
    """Plays policies, each in a process of its own with bounds, and prints how well each does and by how much they differ.

    Args:
        arguments: Policies, and the environment's id as the last; without it, the environment of the runs.
        episodes: What is played.
        out: File for the record of each episode, `.csv` or `.json`.
        allow: Import paths and files that run folders may name.
        mode: What is printed; as JSON, one object for each policy and for each difference.

    Raises:
        ArenaError: If a policy is refused, does not fit or fails, or the environment fails. Nothing is written then.
    """
    output = Output(mode)
    if out is not None and out.suffix not in (".csv", ".json"):
        raise ArenaError(f"--out {out}: the name must end with .csv or .json")
    if out is not None:
        refuse_unwritable(out)
    paths, env = split_env(arguments, allow)
    policies = given_policies(paths)
    spaces = env_spaces(env)
    found: list[EvaluatedPolicy] = []
    with output.progress("playing") as progress:
        for index, given in enumerate(policies):
            before = index * episodes.num_episodes
            found.append(
                _evaluate(given, env, spaces, episodes, lambda done: progress(before + done, len(policies) * episodes.num_episodes))  # noqa: B023 - called in this turn alone
            )
    differences = [(one, other, _difference(one, other)) for one, other in itertools.combinations(found, 2)]
    for each in found:
        output.record(each.to_json())
    for one, other, estimate in differences:
        output.record({"policy": one.given.name, "minus": other.given.name, "difference": _ends(estimate)})
    _show(found, differences, output)
    if out is not None:
        write_output(out, _as_csv(found, episodes) if out.suffix == ".csv" else _as_json(found, differences, env, episodes))
        output.say(f"{count(len(found) * episodes.num_episodes, 'episode')} written to {out}")
    return found


def parse_seeds(text: str) -> range:
    """Returns the seeds that `A:B` names: A, A + 1, …, B - 1.

    Raises:
        ArenaError: If the text is something else, or names no seed or too many.
    """
    first, colon, end = text.partition(":")
    if not (colon and first.isdecimal() and end.isdecimal()) or not 0 < int(end) - int(first) <= MAX_SEEDS or int(end) > 2**31:
        raise ArenaError(
            f"--seeds {text}: give A:B, the first seed and the one after the last, such as 0:1000; at most {MAX_SEEDS:,} seeds"
        )
    return range(int(first), int(end))


def _evaluate(given: GivenPolicy, env: EnvConfig, spaces: Any, episodes: PlayedEpisodes, progress: Any) -> EvaluatedPolicy:
    sha256 = hashlib.sha256(read_bounded(given.path)).hexdigest()
    with BoundedPolicy(given.path) as policy:
        policy.signature.check(*spaces, where=f"{env.name}: policy {given.path}")
        guarded = GuardedPolicy(policy, *spaces)
        try:
            evaluation = evaluate(
                guarded,
                env,
                num_episodes=episodes.num_episodes,
                seed=episodes.seed,
                seeds=episodes.seeds,
                max_episode_steps=episodes.max_episode_steps,
                progress=progress,
            )
        except PolicyFailed as error:
            raise ArenaError(f"policy {given.path} cannot be evaluated on {env.name}: {error}") from error
        except EnvironmentRaised as error:
            raise guarded.blame(error, given.path) from error
    if not np.isfinite(evaluation.episode_returns).all():
        raise ArenaError(f"environment {env.name} gives rewards whose sum over an episode is infinite; scale its rewards")
    returns = evaluation.episode_returns[None]
    return EvaluatedPolicy(given=given, sha256=sha256, evaluation=evaluation, mean=mean_interval(returns), iqm=trimmed_interval(returns[0]))


def _difference(one: EvaluatedPolicy, other: EvaluatedPolicy) -> Estimate:
    return difference_interval(one.evaluation.episode_returns[None], other.evaluation.episode_returns[None])


def _show(
    found: Sequence[EvaluatedPolicy], differences: Sequence[tuple[EvaluatedPolicy, EvaluatedPolicy, Estimate]], output: Output
) -> None:
    rows = [
        (
            each.given.name,
            f"{len(each.evaluation.episode_returns):,}",
            *(text for estimate in (each.mean, each.iqm) for text in _shown(estimate, float(each.evaluation.episode_returns.std()))),
            f"{each.evaluation.episode_lengths.mean():,.1f}",
            ", ".join(f"{number:,} {ending}" for ending, number in each.evaluation.num_endings.items() if number),
        )
        for each in found
    ]
    titles = ("policy", "episodes", "mean return", "95% interval", f"IQM ({1 - 2 * TRIMMED_FRACTION:.0%} in the middle)", "95% interval ")
    output.show(make_table((*titles, "mean length", "endings"), rows, right=("episodes", "mean return", titles[4], "mean length")))
    if differences:
        pairs = [(one.given.name, other.given.name, *_shown(estimate, estimate.value)) for one, other, estimate in differences]
        output.say()
        output.show(make_table(("policy", "minus", "difference", "95% interval"), pairs, right=("difference",)))
        output.say("Differences are paired: both play the same initial states. The intervals are each for one pair alone.")
    for each in found:
        for estimate, noun in ((each.mean, "mean"), (each.iqm, "interquartile mean")):
            if estimate.note:
                output.say(f"{each.given.name}: no interval of the {noun}, because {estimate.note}")
        if each.evaluation.num_outside:
            output.say(f"{each.given.name}: {count(each.evaluation.num_outside, 'observation')} outside of the observation space")


def _shown(estimate: Estimate, scale: float) -> tuple[str, str]:
    decimals = return_decimals(estimate.value, scale)
    return shown_return(estimate.value, scale), interval((estimate.low, estimate.high), decimals)


def _ends(estimate: Estimate) -> dict[str, Any]:
    return {"value": estimate.value, "low": estimate.low, "high": estimate.high, "note": estimate.note}


def _rows(each: EvaluatedPolicy, episodes: PlayedEpisodes) -> list[dict[str, Any]]:
    played = each.evaluation
    columns = zip(played.episode_returns.tolist(), played.episode_lengths.tolist(), played.endings.tolist(), strict=True)
    return [
        {
            "policy": each.given.name,
            "episode": index,
            "seed": None if episodes.seeds is None else episodes.seeds[index],
            "return": value,
            "length": length,
            "ending": ENDINGS[ending],
        }
        for index, (value, length, ending) in enumerate(columns)
    ]


def _as_csv(found: Sequence[EvaluatedPolicy], episodes: PlayedEpisodes) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, ("policy", "episode", "seed", "return", "length", "ending"), lineterminator="\n")
    writer.writeheader()
    for each in found:
        writer.writerows(_rows(each, episodes))
    return text.getvalue().encode(errors="backslashreplace")


def _as_json(found: Sequence[EvaluatedPolicy], differences: Sequence[Any], env: EnvConfig, episodes: PlayedEpisodes) -> bytes:
    value = {
        "env": {"id": env.id, "arguments": dict(env.kwargs)},
        "seed": episodes.seed if episodes.seeds is None else None,
        "max_episode_steps": episodes.max_episode_steps,
        "policies": [each.to_json() | {"episodes": _rows(each, episodes)} for each in found],
        "differences": [{"policy": one.given.name, "minus": other.given.name, **_ends(estimate)} for one, other, estimate in differences],
    }
    return (json.dumps(finite(value), indent=1, ensure_ascii=False) + "\n").encode(errors="backslashreplace")
