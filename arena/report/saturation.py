"""Saturated environments: most seeds of most agents reach the best possible return, so that returns cannot tell these agents apart.

What can still differ is how soon they got there: agents are then ranked by env steps until a selection evaluation reached the return at
which the environment counts as solved.
"""

import math

import numpy as np

from arena.report import learning_curves
from arena.report.document import SaturatedEnv, SpeedRow
from arena.report.samples import EnvScale, Samples
from arena.statistics.comparison import compare_all
from arena.statistics.pair_tests import MAX_ERROR
from arena.statistics.ties import rank_all

NEAR = 0.01
"""Part of the way from random play to the best possible return by which a run may miss it and still stand at the bound."""
MOST = 0.5
"""A share of seeds, or of agents, above this is most of them."""


def saturated_envs(samples: Samples, *, confidence: float = 0.95) -> list[SaturatedEnv]:
    """Returns the environments on which most seeds of most agents stand at the best possible return, with the agents ranked by speed."""
    found = []
    for env, scale in samples.scales.items():
        agents = [agent for agent in samples.agents if samples.ended(agent, env)]
        at_bound = {agent: _num_at_bound(samples, agent, scale) for agent in agents}
        saturated = [agent for agent in agents if at_bound[agent] > MOST * len(samples.ended(agent, env))]
        if len(agents) > 1 and scale.solved is not None and len(saturated) > MOST * len(agents):
            found.append(_ranked(samples, scale, agents, at_bound, confidence))
    return found


def _num_at_bound(samples: Samples, agent: str, scale: EnvScale) -> int:
    """Returns the number of finished runs whose mean final return is the best possible one, or near it."""
    bound = scale.bounds[1]
    if scale.reference is None or not math.isfinite(bound):
        return 0
    least = bound - NEAR * (bound - scale.reference.random.value)
    finished = samples.returns(agent, scale.env, with_failed=False)
    return int((finished.mean(1) >= least).sum()) if len(finished) else 0


def _ranked(samples: Samples, scale: EnvScale, agents: list[str], at_bound: dict[str, int], confidence: float) -> SaturatedEnv:
    threshold = scale.solved
    assert threshold is not None
    env, steps = scale.env, {}
    for agent in agents:
        firsts = [learning_curves.first_reached(run, threshold) for run in samples.ended(agent, env)]
        steps[agent] = np.array([math.inf if first is None else first.env_steps for first in firsts])
    never = 2.0 * max([1.0, *(value for own in steps.values() for value in own if math.isfinite(value))])  # later than all others
    pairs = compare_all({agent: {env: -np.minimum(own, never)} for agent, own in steps.items()}, confidence=confidence)
    decided = [pair for pair in pairs if pair.p_value_joint <= MAX_ERROR]
    faster = {(pair.x, pair.y) if pair.probability.value > 0.5 else (pair.y, pair.x) for pair in decided}
    ranks = rank_all({agent: -float(np.median(own)) for agent, own in steps.items()}, faster)
    rows = [
        SpeedRow(
            agent=agent,
            rank=ranks[agent],
            num_at_bound=at_bound[agent],
            time=learning_curves.time_to_threshold(samples.ended(agent, env), threshold, confidence=confidence),
        )
        for agent in sorted(agents, key=lambda agent: (ranks[agent].value, agent))
    ]
    return SaturatedEnv(env=env, bound=scale.bounds[1], threshold=threshold, rows=tuple(rows), faster=tuple(sorted(faster)))
