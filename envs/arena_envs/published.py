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
        *(
            (env_id, "RL Zoo (Stable-Baselines3)", algorithm, value, std, steps, 1, _ZOO + where, "rl-baselines3-zoo, benchmark.md")
            for env_id, algorithm, value, std, steps, where in (
                ("MountainCar-v0", "dqn", -100.8, 9.9, 120_000, ""),
                ("MountainCar-v0", "ppo", -110.4, 19.5, 1_000_000, ""),
                ("MountainCarContinuous-v0", "sac", 94.7, 1.1, 50_000, ""),
                ("MountainCarContinuous-v0", "td3", 93.5, 0.1, 300_000, ""),
                ("MountainCarContinuous-v0", "ppo", 88.3, 2.6, 20_000, ""),
                ("LunarLander-v3", "dqn", 154.4, 79.2, 100_000, "; on LunarLander-v2"),
                ("LunarLander-v3", "ppo", 242.1, 31.8, 1_000_000, "; on LunarLander-v2"),
                ("LunarLanderContinuous-v3", "sac", 260.4, 65.5, 500_000, "; on LunarLanderContinuous-v2"),
                ("LunarLanderContinuous-v3", "td3", 207.5, 67.6, 300_000, "; on LunarLanderContinuous-v2"),
                ("LunarLanderContinuous-v3", "ppo", 270.9, 32.1, 1_000_000, "; on LunarLanderContinuous-v2"),
                ("BipedalWalker-v3", "sac", 297.7, 33.1, 500_000, ""),
                ("BipedalWalker-v3", "td3", 306.0, 56.9, 1_000_000, ""),
                ("BipedalWalker-v3", "ppo", 287.9, 2.4, 5_000_000, ""),
                ("HalfCheetah-v5", "sac", 9535.5, 100.5, 1_000_000, "; on HalfCheetah-v3"),
                ("HalfCheetah-v5", "td3", 9655.7, 970.0, 1_000_000, "; on HalfCheetah-v3"),
                ("HalfCheetah-v5", "ppo", 5819.1, 663.5, 1_000_000, "; on HalfCheetah-v3"),
                ("Hopper-v5", "sac", 2325.5, 1129.7, 1_000_000, "; on Hopper-v3"),
                ("Hopper-v5", "td3", 3606.4, 4.0, 1_000_000, "; on Hopper-v3"),
                ("Hopper-v5", "ppo", 2410.4, 10.0, 1_000_000, "; on Hopper-v3"),
                ("ALE/Pong-v5", "dqn", 20.6, 0.6, 10_000_000, "; on PongNoFrameskip-v4"),
                ("ALE/Pong-v5", "ppo", 21.0, 0.1, 10_000_000, "; on PongNoFrameskip-v4"),
            )
        ),
        *(
            ("ALE/Pong-v5", "CleanRL", algorithm, value, std, 10_000_000, 3, f"{_CLEANRL}; on PongNoFrameskip-v4", source)
            for algorithm, value, std, source in (
                ("dqn", 20.2, 0.4, "cleanrl, docs/rl-algorithms/dqn.md"),
                ("ppo", 20.4, 0.2, "cleanrl, docs/rl-algorithms/ppo.md"),
            )
        ),
        (
            *("arena/TwoRound-v0", "keras-rl2", "dqn", 3.0, 0.0, 2_000, 1),
            *("mean of 20 test episodes, asserted", "keras-rl2, tests/integration/test_discrete.py"),
        ),
    )
)
"""All of them."""
