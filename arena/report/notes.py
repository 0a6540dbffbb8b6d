"""Notes that a reader of the report must know: what is missing, how failed runs count, and what makes runs less comparable."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from arena.environments.identity import NOT_COMPARED
from arena.environments.references import Catalogue
from arena.formats.differences import differing_keys
from arena.report.document import SequentialComparison
from arena.report.load import selection_periods
from arena.report.samples import Samples
from arena.run_folder.warm_start import began_from
from arena.statistics.bootstrap import MIN_SEEDS
from arena.statistics.comparison import AgentPair
from arena.statistics.mean_intervals import MEAN_AND_IQM_NOTE
from arena.statistics.pair_tests import RANK_SEEDS, seeds_to_decide
from arena.statistics.smallest_difference import smallest_difference


def notes(
    samples: Samples,
    machines: Sequence[Any],
    catalogue: Catalogue,
    pairs: Sequence[AgentPair] = (),
    decisions: Sequence[SequentialComparison] = (),
) -> list[str]:
    """Returns sentences, the most serious first.

    Args:
        samples: the runs of the report.
        machines: distinct machines that the runs come from.
        catalogue: reference scores.
        pairs: tests of all pairs of agents.
        decisions: sequential comparisons that the runs were made for.
    """
    found = [
        *_failures(samples),
        *_retried(samples),
        *_extended(samples),
        *_warm(samples),
        *_unsealed(samples),
        *_identities(samples),
        *_missing(samples),
        *_unscored(samples, catalogue),
        *_periods(samples),
        *map(_sequential, decisions),
        *_tests(pairs),
        *_outside(samples),
        *_unseeded(samples),
        *_cut(samples),
        *_few_seeds(samples),
    ]
    if len(machines) > 1:
        found.append(f"The runs come from {len(machines)} different machines: compare their seconds with care.")
    return [*found, *_versions(samples)]


def _few_seeds(samples: Samples) -> list[str]:
    counts = [len(samples.ended(agent, env)) for agent in samples.agents for env in samples.scales]
    fewest = min((count for count in counts if count), default=0)
    if fewest < MIN_SEEDS:
        return [f"Intervals of means and IQMs need at least {MIN_SEEDS} training seeds; some agents have {fewest} here."]
    return [MEAN_AND_IQM_NOTE]


def _tests(pairs: Sequence[AgentPair]) -> list[str]:
    """Returns what the tests of pairs rest on, if that is less than ranks."""
    found = []
    hopeless = [pair for pair in pairs if pair.basis == "nothing"]
    if hopeless:
        named = "; ".join(f"{pair.x} and {pair.y}" for pair in hopeless[:5]) + ("; …" if len(hopeless) > 5 else "")
        enough = max(seeds_to_decide(len(pair.envs)) for pair in hopeless)
        found.append(
            f"{len(hopeless)} of {len(pairs)} pairs have too few seeds for any decision, whatever their runs return ({named}): at least "
            f"{enough} seeds of each agent are needed."
        )
    tested = [pair for pair in pairs if pair.basis != "nothing"]
    if tested:
        num_seeds, num_envs = min(pair.probability.num_seeds for pair in tested), min(len(pair.envs) for pair in tested)
        found.append(smallest_difference(num_seeds, len(tested), num_envs).sentence())
    if any(pair.basis == "means" for pair in pairs):
        found.append(
            f"With fewer than {RANK_SEEDS} seeds, ranks alone decide too little, so that the tests of pairs look at mean returns: they "
            f"rest on seeds that are roughly normal. From {RANK_SEEDS} seeds of every agent, the order of the runs decides."
        )
    return found


def _failures(samples: Samples) -> list[str]:
    failed = [run for run in samples.runs if run.state == "failed"]
    if not failed:
        return []
    named = "; ".join(f"{run.name} {run.result.status}" for run in failed[:5] if run.result) + ("; …" if len(failed) > 5 else "")
    counts = {agent: sum(run.agent == agent for run in failed) for agent in samples.agents}
    totals = {agent: sum(run.agent == agent for run in samples.runs) for agent in samples.agents}
    by_agent = ", ".join(f"{agent} {count} of {totals[agent]}" for agent, count in counts.items() if count)
    returns = ", ".join(f"{env} {samples.scales[env].failed:g}" for env in sorted({run.env for run in failed}))
    return [
        f"{len(failed)} of {len(samples.runs)} runs failed: {by_agent} ({named}). A failed run loses to every run that finished, and ties "
        "with others that failed. In tables of returns it takes the worse of random play and the worst return that anyone finished with "
        f"({returns}). Aggregates without failed runs stand beside."
    ]


def _retried(samples: Samples) -> list[str]:
    retried = [run for run in samples.runs if run.failures]
    if not retried:
        return []
    named = "; ".join(f"{run.name} after {len(run.failures)} ({run.failures[-1].status})" for run in retried[:5])
    return [
        f"{len(retried)} of {len(samples.runs)} runs were tried again after attempts that failed (--retry-failed): {named}"
        f"{'; …' if len(retried) > 5 else ''}. Only the last attempt counts, so whoever was tried again looks more reliable than it is."
    ]


def _extended(samples: Samples) -> list[str]:
    extended = [run for run in samples.runs if run.run.extended_from]
    if not extended:
        return []
    named = "; ".join(
        f"{run.name} from {', then '.join(f'{steps:,}' for steps in run.run.extended_from)} env steps" for run in extended[:5]
    )
    return [
        f"{len(extended)} of {len(samples.runs)} runs had ended with a smaller budget and were continued (--extend): "
        f"{named}{'; …' if len(extended) > 5 else ''}. Whoever chose them may have looked at their scores before."
    ]


def _warm(samples: Samples) -> list[str]:
    warm = [run for run in samples.runs if run.run.agent.init is not None]
    if not warm:
        return []
    agents = ", ".join(dict.fromkeys(run.agent for run in warm))
    named = "; ".join(f"{run.name} from {began_from(run.provenance.init)}" for run in warm[:5])
    return [
        f"{agents} did not begin from nothing (init): {named}{'; …' if len(warm) > 5 else ''}. Env steps and seconds are those since then; "
        "what the other runs took is not counted."
    ]


def _unsealed(samples: Samples) -> list[str]:
    old = [run for run in samples.runs if run.result is not None and not run.is_sealed]
    if not old:
        return []
    return [
        f"{len(old)} of {len(samples.runs)} runs were recorded by a version of arena-rl that kept no checksums: whether their files are as "
        "they were left cannot be seen."
    ]


def _identities(samples: Samples) -> list[str]:
    """Returns a sentence for each environment that is not the same code in all runs, with who had which."""
    found = []
    for env in samples.scales:
        kinds: dict[str, tuple[Mapping[str, Any], set[str]]] = {}
        for run in samples.runs:
            if run.env == env and run.provenance.environment is not None:
                identity = {key: value for key, value in run.provenance.environment.items() if key not in NOT_COMPARED}
                kinds.setdefault(json.dumps(identity, sort_keys=True, default=str), (identity, set()))[1].add(run.agent)
        if len(kinds) > 1:
            differing = differing_keys([identity for identity, _ in kinds.values()])
            who = "; ".join(
                f"{', '.join(sorted(agents))} had {_identity_words(identity, differing)}" for identity, agents in kinds.values()
            )
            found.append(f"{env} is not the same environment in all runs: {who}. Their returns may not be comparable.")
    return found


def _identity_words(identity: Mapping[str, Any], differing: Sequence[str]) -> str:
    parts = [f"{identity.get('distribution') or 'no package'} {identity.get('version') or ''}".strip()]
    for key in differing:
        value = identity.get(key)
        if key == "modules" and isinstance(value, Mapping):
            parts += [f"{module} with SHA-256 {str(sha256)[:12]}" for module, sha256 in value.items()]
        elif key not in ("distribution", "version"):
            parts.append(f"{key.replace('_', ' ')} {value}")
    return ", ".join(parts)


def _missing(samples: Samples) -> list[str]:
    found = []
    unfinished = sum(run.state == "unfinished" for run in samples.runs)
    if unfinished:
        found.append(f"{unfinished} of {len(samples.runs)} runs have not ended; they enter no statistic.")
    seeds = {(agent, env): {run.seed for run in samples.ended(agent, env)} for agent in samples.agents for env in samples.scales}
    every = set().union(*seeds.values())
    lacking = [f"{agent} on {env} {len(own)}" for (agent, env), own in seeds.items() if own != every]
    if lacking:
        listed = ", ".join(lacking[:5]) + (", …" if len(lacking) > 5 else "")
        found.append(f"Not every agent has every one of the {len(every)} training seeds: {listed}.")
    return found


def _unscored(samples: Samples, catalogue: Catalogue) -> list[str]:
    found = []
    without = [env for env, scale in samples.scales.items() if scale.solved is None]
    if without:
        found.append(f"No reference scores are known for {', '.join(without)}: returns are reported, but enter no aggregate.")
    for env, scale in samples.scales.items():
        if scale.reference is None and scale.env_id in catalogue.references:
            found.append(
                f"{env} is {scale.env_id} with other arguments; the reference scores and published numbers of {scale.env_id} do not hold "
                "for it."
            )
    partial = [env for env, scale in samples.scales.items() if scale.solved is not None and env not in samples.scored_envs()]
    if partial:
        found.append(f"Not every agent has an outcome on {', '.join(partial)}, which therefore enters no aggregate.")
    return found


def _periods(samples: Samples) -> list[str]:
    """Returns the sentence about selection evaluations of several periods, without which there are no curves."""
    periods = selection_periods(samples.runs)
    if len(periods) == 1:
        return []
    every = "; ".join(f"every {period:,} env steps ({', '.join(agents)})" for period, agents in periods.items())
    return [
        f"Agents were evaluated for selection at different periods: {every}. Only final scores are compared: there are no learning curves, "
        "no rankings at equal steps or seconds, and no times to a threshold. Who was evaluated more often had more policies to choose from."
        f" The file that repeats the experiment evaluates all of them every {next(iter(periods)):,} env steps."
    ]


def _outside(samples: Samples) -> list[str]:
    found = []
    for env in samples.scales:
        counts = [run.result.num_outside_observations for run in samples.runs if run.env == env and run.result]
        if sum(counts):
            found.append(
                f"{env} gave {sum(counts):,} observations outside of its observation space, in {sum(map(bool, counts))} of {len(counts)} "
                "runs: correct the space, or the environment."
            )
    return found


def _unseeded(samples: Samples) -> list[str]:
    envs = sorted({run.env for run in samples.runs if run.result and not run.result.follows_seed})
    if not envs:
        return []
    return [
        f"{', '.join(envs)}: resets ignore their seed. Policies were not judged from the same initial states, and repeated runs differ: "
        "seed the environment's random numbers in its reset()."
    ]


def _cut(samples: Samples) -> list[str]:
    found = []
    for env in samples.scales:
        results = [run.result for run in samples.runs if run.env == env and run.result]
        num_cut, num_episodes = sum(result.score_num_cut for result in results), sum(result.score_episodes for result in results)
        if num_cut:
            found.append(
                f"{env}: {num_cut:,} of {num_episodes:,} final evaluation episodes were cut at evaluation.max_episode_steps; their "
                "returns so far count."
            )
    return found


def _sequential(decision: SequentialComparison) -> str:
    used = ", ".join(f"{agent} {num_seeds}" for agent, num_seeds in decision.num_seeds.items())
    if not decision.finished:
        outcome = "The comparison has not ended"
    elif all(pair.verdict != "undecided" for pair in decision.verdicts):
        outcome = "All pairs are decided"
    else:
        outcome = "Not all pairs are decided"
    return (
        f"In {decision.experiment} seeds were added until the ranking was decided, after {decision.look} of at most {decision.num_looks} "
        f"looks ({used} of at most {decision.max_seeds} seeds). {outcome}. The p-values and intervals take the number of seeds as fixed "
        "and are not corrected for that; the verdicts of the sequential test are."
    )


def _versions(samples: Samples) -> list[str]:
    versions: dict[str, dict[str, set[str]]] = {}  # package -> version -> agents
    for run in samples.runs:
        for name, version in run.provenance.versions.items():
            versions.setdefault(name, {}).setdefault(str(version), set()).add(run.agent)
    differing = [
        f"{name} {' and '.join(f'{version} ({_agents(found[version])})' for version in sorted(found))}"
        for name, found in sorted(versions.items())
        if len(found) > 1
    ]
    return [f"Runs were made with different versions: {'; '.join(differing)}."] if differing else []


def _agents(names: set[str]) -> str:
    return ", ".join(sorted(names))
