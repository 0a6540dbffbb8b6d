"""Stable-Baselines3's PPO as an agent of the arena, written against the public interface alone.

    arena train arena_sb3:PPO CartPole-v1        (with this file's folder in PYTHONPATH)

A package of its own would name `arena_sb3:PPO` under `[project.entry-points."arena.agents"]`. It would also keep the spec and
its config in a module that imports no framework: here SB3 is imported in the constructor instead.
"""

import dataclasses
import time

import numpy as np

from arena.agent.interface import Agent, Metrics
from arena.agent.spec import AgentSpec
from arena.formats.json import read_json, write_json
from arena.policies.onnx_network import Dense, PolicyNetwork


@dataclasses.dataclass(frozen=True, kw_only=True)
class PPOConfig:
    """Hyperparameters, under the arena's names; the defaults are RL Zoo's for CartPole-v1, without its linear schedules."""

    learning_rate: float = 1e-3
    discount: float = 0.98
    gae_lambda: float = 0.8
    num_envs: int = 8
    rollout_length: int = 32
    batch_size: int = 256
    num_epochs: int = 20


class SB3PPO(Agent):
    """Stable-Baselines3's `PPO` with its `MlpPolicy`."""

    def __init__(self, env_factory, config, *, seed, device):
        import torch
        from stable_baselines3 import PPO as Algorithm
        from stable_baselines3.common.vec_env import DummyVecEnv

        torch.set_num_threads(1)
        self.torch, self.factory = torch, env_factory
        self.envs = [env_factory.make() for _ in range(config.num_envs)]
        self.model = Algorithm(
            "MlpPolicy",
            DummyVecEnv([lambda env=env: env for env in self.envs]),
            learning_rate=config.learning_rate,
            gamma=config.discount,
            gae_lambda=config.gae_lambda,
            n_steps=config.rollout_length,
            batch_size=config.batch_size,
            n_epochs=config.num_epochs,
            seed=seed,
            device=device,
        )

    def learn(self, num_steps):
        if any(env.must_reset for env in self.envs):
            self.model._last_obs = None  # SB3 then resets its environments
        meter, updates = self.envs[0].meter, self.model._n_updates
        start = time.perf_counter() - meter.env_seconds
        self.model.learn(num_steps, reset_num_timesteps=False)
        seconds = time.perf_counter() - meter.env_seconds - start  # SB3 does not tell acting from learning
        return Metrics(learner_steps=self.model._n_updates - updates, learn_seconds=seconds)

    def act(self, observations):
        return self.model.predict(observations, deterministic=True)[0]

    def export_policy(self, path):
        policy = self.model.policy
        modules = [module for module in policy.mlp_extractor.policy_net if isinstance(module, self.torch.nn.Linear)]
        arrays = [(m.weight.detach().cpu().numpy().T, m.bias.detach().cpu().numpy()) for m in [*modules, policy.action_net]]
        layers = [Dense(kernel, bias, "tanh") for kernel, bias in arrays[:-1]] + [Dense(*arrays[-1])]
        PolicyNetwork(layers, self.factory.observation_space, self.factory.action_space).export(path)

    def save(self, directory):
        adam = self.model.policy.optimizer.state_dict()["state"]
        tensors = {f"policy/{name}": value for name, value in self.model.policy.state_dict().items()}
        tensors |= {f"adam/{index}/{name}": value for index, slots in adam.items() for name, value in slots.items()}
        tensors["rng"] = self.torch.get_rng_state()
        with (directory / "tensors.npz").open("wb") as file:
            np.savez(file, **{name: tensor.cpu().numpy() for name, tensor in tensors.items()})
        kind, keys, *rest = np.random.get_state()  # noqa: NPY002 -- SB3 draws its minibatches from it
        write_json(directory / "state.json", {"steps": self.model.num_timesteps, "numpy": [kind, keys.tolist(), *rest]})

    def restore(self, directory):
        with np.load(directory / "tensors.npz", allow_pickle=False) as arrays:
            tensors = {name: self.torch.as_tensor(arrays[name]) for name in arrays.files}
        self.model.policy.load_state_dict({name[7:]: value for name, value in tensors.items() if name.startswith("policy/")})
        state = self.model.policy.optimizer.state_dict()
        for name, value in tensors.items():
            if name.startswith("adam/"):
                _, index, slot = name.split("/")
                state["state"].setdefault(int(index), {})[slot] = value
        self.model.policy.optimizer.load_state_dict(state)
        self.torch.set_rng_state(tensors["rng"])
        saved = read_json(directory / "state.json")
        self.model.num_timesteps = saved["steps"]
        np.random.set_state(tuple(saved["numpy"]))  # noqa: NPY002


PPO = AgentSpec(
    id="sb3-ppo",
    entry_point="arena_sb3:SB3PPO",
    config=PPOConfig,
    framework="Stable-Baselines3",
    algorithm="ppo",
    modules=frozenset({"stable_baselines3", "torch"}),
    distributions=("stable-baselines3", "torch"),
)
