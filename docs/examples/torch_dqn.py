"""Deep Q-learning in one file of plain PyTorch, as an agent of the arena, written against the public interface alone.

    arena train torch_dqn:SPEC CartPole-v1        (with this file's folder in PYTHONPATH)

A package of its own would name `torch_dqn:SPEC` under `[project.entry-points."arena.agents"]`. It would also keep the spec and its config
in a module that imports no framework: here PyTorch is imported in the constructor instead.
"""

import dataclasses
import time

import numpy as np

from arena import (
    Agent,
    AgentSpec,
    LearnCall,
    PolicyNetwork,
    ReplayBuffer,
    TransitionStream,
    read_arrays,
    read_json,
    split_seed,
    torch_layers,
    write_arrays,
    write_json,
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    """Hyperparameters, under the arena's names, so that one block of a file drives this agent and others."""

    learning_rate: float = 1e-3
    discount: float = 0.99
    num_envs: int = 4
    batch_size: int = 64
    replay_capacity: int = 50_000
    learning_starts: int = 1_000
    train_period: int = 8
    target_update_period: int = 400
    epsilon_end: float = 0.05
    epsilon_decay_steps: int = 10_000


class DQN(Agent):
    """Q-learning with a target network (Mnih et al., 2015, doi:10.1038/nature14236)."""

    def __init__(self, env_factory, config, *, seed, device):
        import torch

        network_seed, replay_seed, action_seed = split_seed(seed, 3)
        torch.manual_seed(network_seed)
        torch.set_num_threads(1)
        self.torch, self.config, self.device = torch, config, device
        self.space, self.actions = env_factory.observation_space, env_factory.action_space
        self.online, self.target = self.network(), self.network()
        self.target.load_state_dict(self.online.state_dict())
        self.adam = torch.optim.Adam(self.online.parameters(), lr=config.learning_rate)
        self.env = env_factory.make_vec(config.num_envs)
        self.stream = TransitionStream(self.env)
        self.replay = ReplayBuffer(config.replay_capacity, self.space, self.actions, replay_seed)
        self.rng = np.random.default_rng(action_seed)
        self.env_steps = self.num_updates = 0

    def network(self):
        nn = self.torch.nn
        layers = [nn.Linear(self.space.shape[0], 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, int(self.actions.n))]
        return nn.Sequential(*layers).to(self.device)

    def learn(self, num_steps):
        config, call = self.config, LearnCall()
        self.stream.start()  # resets the environments if they must be: at the beginning, and after a checkpoint
        with call:  # keeps what was done when the budget ends
            while call.env_steps < num_steps:
                start = time.perf_counter()
                actions = self.explore(self.stream.observations)
                call.act_seconds += time.perf_counter() - start
                self.replay.add(self.stream.step(actions))  # true next observations, also at the end of an episode
                call.env_steps += self.stream.num_valid
                self.env_steps += self.stream.num_valid
                start = time.perf_counter()
                while self.num_updates < (self.env_steps - config.learning_starts) // config.train_period:
                    call.losses = {"huber": self.update()}
                    call.learner_steps += 1
                call.learn_seconds += time.perf_counter() - start
        return call.metrics(self.env_steps)

    def explore(self, observations):
        config = self.config
        share = min(1.0, self.env_steps / config.epsilon_decay_steps)
        epsilon = 1.0 if self.env_steps < config.learning_starts else 1.0 + share * (config.epsilon_end - 1.0)
        randomly = self.rng.random(len(observations)) < epsilon
        return np.where(randomly, self.rng.integers(int(self.actions.n), size=len(observations)), self.act(observations))

    def update(self):
        torch, config = self.torch, self.config
        batch = (torch.as_tensor(array, device=self.device) for array in self.replay.sample(config.batch_size))
        observations, actions, rewards, next_observations, terminated = batch
        with torch.no_grad():  # terminated, not truncated: an episode that a time limit cut is bootstrapped
            targets = rewards + config.discount * ~terminated * self.target(next_observations).max(1).values  # [B]
        values = self.online(observations).gather(1, actions[:, None])[:, 0]  # [B]
        loss = torch.nn.functional.smooth_l1_loss(values, targets)
        self.adam.zero_grad()
        loss.backward()
        self.adam.step()
        self.num_updates += 1
        if self.num_updates % (config.target_update_period // config.train_period) == 0:
            self.target.load_state_dict(self.online.state_dict())
        return float(loss)

    def act(self, observations):
        with self.torch.inference_mode():
            return self.online(self.torch.as_tensor(observations, device=self.device)).argmax(1).cpu().numpy()

    def export_policy(self, path):
        PolicyNetwork(torch_layers(self.torch.nn, self.online), self.space, self.actions).export(path)

    def save(self, directory):
        tensors = {f"{name}/{key}": value for name in ("online", "target") for key, value in getattr(self, name).state_dict().items()}
        slots = self.adam.state_dict()["state"]
        tensors |= {f"adam/{index}/{slot}": value for index, values in slots.items() for slot, value in values.items()}
        write_arrays(directory / "tensors.npz", {name: tensor.cpu().numpy() for name, tensor in tensors.items()})
        state = {"env_steps": self.env_steps, "num_updates": self.num_updates, "rng": self.rng.bit_generator.state}
        write_json(directory / "state.json", {**state, "replay": self.replay.save(directory)})

    def restore(self, directory):
        tensors = {name: self.torch.as_tensor(array) for name, array in read_arrays(directory / "tensors.npz").items()}
        for name in ("online", "target"):
            getattr(self, name).load_state_dict({key[7:]: value for key, value in tensors.items() if key.startswith(f"{name}/")})
        adam = self.adam.state_dict()
        for _, index, slot in (name.split("/") for name in tensors if name.startswith("adam/")):
            adam["state"].setdefault(int(index), {})[slot] = tensors[f"adam/{index}/{slot}"]
        self.adam.load_state_dict(adam)
        state = read_json(directory / "state.json")
        self.env_steps, self.num_updates, self.rng.bit_generator.state = state["env_steps"], state["num_updates"], state["rng"]
        self.replay.restore(directory, state["replay"])

    def close(self):
        self.env.close()


SPEC = AgentSpec(
    id="torch-dqn",
    entry_point="torch_dqn:DQN",
    config=Config,
    framework="PyTorch",
    algorithm="dqn",
    modules=frozenset({"torch"}),
    distributions=("torch",),
)
