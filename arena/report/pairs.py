"""How far each pair of agents is apart: differences of scores and of returns, and tests on each environment alone."""

import itertools

from arena.report.document import EnvPair, ScoreDifference
from arena.report.samples import Samples
from arena.statistics.bootstrap import difference
from arena.statistics.comparison import compare_on_each
from arena.statistics.score_scale import mean_score_bounds


def score_differences(samples: Samples, confidence: float) -> list[ScoreDifference]:
    """Returns how much more the first agent of each pair scores than the second, over all environments that enter aggregates."""
    scored = samples.scored_envs()
    references = [samples.scales[env].reference for env in scored]
    bounds = mean_score_bounds([reference.scale for reference in references if reference is not None]) if scored else (0.0, 0.0)
    found = []
    for x, y in itertools.combinations(samples.agents, 2) if scored else ():
        first, second = ([samples.scores(agent, env) for env in scored] for agent in (x, y))
        estimates = {metric: difference(first, second, metric, bounds=bounds, confidence=confidence) for metric in ("mean", "iqm")}
        found.append(ScoreDifference(x=x, y=y, **estimates))
    return found


def env_pairs(samples: Samples, confidence: float) -> list[EnvPair]:
    """Returns every pair of agents on each environment that both have an outcome on, environments outermost."""
    found = []
    for pair in compare_on_each(samples.comparable(), confidence=confidence):
        [env] = pair.envs
        first, second = (samples.returns(agent, env) for agent in (pair.x, pair.y))
        apart = difference([first], [second], "mean", bounds=samples.scales[env].bounds, confidence=confidence)
        found.append(EnvPair(env=env, pair=pair, return_difference=apart))
    return sorted(found, key=lambda each: each.env)
