"""Numbers that others published, read from their own files; nothing here was trained again by us.

The same algorithm reaches 500, 489 or 240 on CartPole-v1 under three projects' settings, budgets and protocols: compare all of
these, never the algorithm's name alone. Left out because `arena.environments.references.check_published` refuses them: RLlib's
`sac/mountaincar_sac.py`
(-250, where no episode returns less than -200) and `appo/cartpole_appo.py` (50, while its docstring says 450).
"""

from arena.environments.references import Published

_ZOO = "one run, deterministic policy; spread over evaluation episodes"
_CLEANRL = "mean of the last 100 training episodes; spread over seeds"
_RLLIB = "training mean over 100 episodes at which the example stops"

_ADDRESSES = {
    "rl-baselines3-zoo": "https://github.com/DLR-RM/rl-baselines3-zoo/blob/master",
    "cleanrl": "https://github.com/vwxyzjn/cleanrl/blob/master",
    "ray": "https://github.com/ray-project/ray/blob/ray-2.60.0",
    "keras-rl2": "https://github.com/inarikami/keras-rl2/blob/master",
}
"""Addresses of the folders of the repositories that sources name first."""


def _address(source: str) -> str:
    repository, _, path = source.partition(", ")
    return f"{_ADDRESSES[repository]}/{path}"


PUBLISHED = tuple(
    Published(
        env_id=env_id,
        who=who,
        algorithm=algorithm,
        value=value,
        std=std,
        env_steps=env_steps,
        num_seeds=num_seeds,
        protocol=protocol,
        source=source,
        url=_address(source),
    )
    for env_id, who, algorithm, value, std, env_steps, num_seeds, protocol, source in (
        ("CartPole-v1", "RL Zoo (Stable-Baselines3)", "dqn", 500.0, 0.0, 50_000, 1, _ZOO, "rl-baselines3-zoo, benchmark.md"),
        ("CartPole-v1", "RL Zoo (Stable-Baselines3)", "ppo", 500.0, 0.0, 100_000, 1, _ZOO, "rl-baselines3-zoo, benchmark.md"),
        ("CartPole-v1", "CleanRL (PyTorch)", "dqn", 488.7, 16.1, 500_000, 3, _CLEANRL, "cleanrl, docs/rl-algorithms/dqn.md"),
        ("CartPole-v1", "CleanRL (JAX)", "dqn", 498.4, 2.3, 500_000, 3, _CLEANRL, "cleanrl, docs/rl-algorithms/dqn.md"),
        ("CartPole-v1", "CleanRL", "ppo", 490.0, 6.1, 500_000, 3, _CLEANRL, "cleanrl, docs/rl-algorithms/ppo.md"),
        ("CartPole-v1", "RLlib", "ppo", 450.0, None, 300_000, None, _RLLIB, "ray, rllib/examples/algorithms/ppo/cartpole_ppo.py"),
        ("CartPole-v1", "RLlib", "dqn", 450.0, None, 200_000, None, _RLLIB, "ray, rllib/examples/algorithms/dqn/cartpole_dqn.py"),
        ("Acrobot-v1", "RL Zoo (Stable-Baselines3)", "dqn", -76.6, 11.8, 100_000, 1, _ZOO, "rl-baselines3-zoo, benchmark.md"),
        ("Acrobot-v1", "RL Zoo (Stable-Baselines3)", "ppo", -73.5, 18.2, 1_000_000, 1, _ZOO, "rl-baselines3-zoo, benchmark.md"),
        ("Pendulum-v1", "RL Zoo (Stable-Baselines3)", "sac", -157.0, 88.7, 20_000, 1, _ZOO, "rl-baselines3-zoo, benchmark.md"),
        ("Pendulum-v1", "RL Zoo (Stable-Baselines3)", "td3", -152.0, 90.0, 20_000, 1, _ZOO, "rl-baselines3-zoo, benchmark.md"),
        ("Pendulum-v1", "RL Zoo (Stable-Baselines3)", "ppo", -172.2, 104.2, 100_000, 1, _ZOO, "rl-baselines3-zoo, benchmark.md"),
        (
            *("Pendulum-v1", "RLlib", "sac", -250.0, None, 20_000, None),
            *("training mean over 5 episodes at which the example stops", "ray, rllib/examples/algorithms/sac/pendulum_sac.py"),
        ),
        (
            *("arena/TwoRound-v0", "keras-rl2", "dqn", 3.0, 0.0, 2_000, 1),
            *("mean of 20 test episodes, asserted", "keras-rl2, tests/integration/test_discrete.py"),
        ),
    )
)
"""All of them."""
