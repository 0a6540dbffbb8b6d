"""The conformance check passes an honest agent, and names each fault that is planted in it."""

import dataclasses
import pickle
import sys
import types

import gymnasium as gym
import numpy as np
import pytest

from arena.agent.interface import Metrics
from arena.agent.spec import AgentSpec
from arena.environments.config import EnvConfig
from arena.environments.factory import ArenaEnvFactory
from arena.environments.metering import Meter
from arena.errors import BudgetExhausted, TrainingDiverged
from arena.policies.onnx_network import Dense, PolicyNetwork
from arena.testing import FAKE_AGENT, FakeAgent, FakeConfig, FakeEnv, check_agent, check_learns, check_policy

IDENTITY, TRUNCATION = EnvConfig("arena/Identity-v0"), EnvConfig("arena/Truncation-v0")


@pytest.fixture
def planted(monkeypatch):
    """Makes a spec of a class defined in a test."""

    def make(agent_class: type[FakeAgent], **changes) -> AgentSpec:
        module = types.ModuleType("arena_test_planted")
        module.Planted = agent_class
        monkeypatch.setitem(sys.modules, module.__name__, module)
        return dataclasses.replace(FAKE_AGENT, entry_point="arena_test_planted:Planted", **changes)

    return make


def refused(spec: AgentSpec, match: str, **kwargs) -> None:
    with pytest.raises(AssertionError, match=match):
        check_agent(spec, env_id="arena/Identity-v0", num_steps=440, **kwargs)


@pytest.mark.parametrize("env_id", ["arena/Identity-v0", "arena/Chain-v0", "CartPole-v1", "Acrobot-v1"])
def test_an_honest_agent_passes(env_id) -> None:
    check_agent(FAKE_AGENT, env_id=env_id, num_steps=2_100 if env_id == "Acrobot-v1" else 600)


@pytest.mark.parametrize("seed", range(3))
def test_the_fake_agent_learns_the_probes(seed) -> None:
    assert check_learns(FAKE_AGENT, IDENTITY, num_steps=2_000, min_return=100.0, seed=seed) == 100.0
    assert check_learns(FAKE_AGENT, TRUNCATION, num_steps=1_000, min_return=20.0, seed=seed) == 20.0
    assert check_learns(FAKE_AGENT, EnvConfig("arena/TwoRound-v0"), num_steps=1_000, min_return=3.0, seed=seed) == 3.0


@pytest.mark.parametrize(("discount", "expected"), [(0.7, 1.0), (0.9, 2.0)])
def test_the_fake_agent_obeys_the_discount(discount, expected) -> None:
    discount_env = EnvConfig("arena/Discount-v0")
    mean = check_learns(FAKE_AGENT, discount_env, num_steps=3_000, min_return=0.0, config={"discount": discount, "epsilon": 0.5})
    assert mean == expected


def test_truncation_taken_for_termination_is_caught(planted) -> None:
    class Merges(FakeAgent):
        def update(self, transitions):
            ended = transitions.terminated | transitions.truncated
            return super().update(dataclasses.replace(transitions, terminated=ended))

    with pytest.raises(AssertionError, match=r"mean return 4 on .*after 1000 env steps on arena-Truncation-v0, not 20"):
        check_learns(planted(Merges), TRUNCATION, num_steps=1_000, min_return=20.0)


def test_training_elsewhere_is_caught(planted) -> None:
    class Hides(FakeAgent):
        def learn(self, num_steps):
            env = gym.make("arena/Identity-v0")
            env.reset(seed=0)
            env.step(0)
            return Metrics(learner_steps=1)

    refused(planted(Hides), "took no env step; does it train on an environment that env_factory did not make")


@pytest.mark.parametrize("factor", [0.4, 2.5])
def test_too_few_or_too_many_steps_are_caught(planted, factor) -> None:
    class Counts(FakeAgent):
        def learn(self, num_steps):
            return super().learn(int(num_steps * factor))

    refused(planted(Counts), r"learn\(440\) took (176|1100) env steps, expected 440 \+- 4")


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"act_seconds": 1e6}, "but act, learn and env seconds are"),
        ({"learn_seconds": -1.0}, "but act, learn and env seconds are"),
        ({"learner_steps": -1}, "learner_steps=-1"),
        ({"losses": {"td": float("nan")}}, "loss 'td' is nan"),
    ],
)
def test_misreported_metrics_are_caught(planted, changes, match) -> None:
    class Misreports(FakeAgent):
        def learn(self, num_steps):
            return dataclasses.replace(super().learn(num_steps), **changes)

    refused(planted(Misreports), match)


def test_metrics_of_another_type_are_caught(planted) -> None:
    class Returns(FakeAgent):
        def learn(self, num_steps):
            return dataclasses.asdict(super().learn(num_steps))

    refused(planted(Returns), "returned dict, expected arena.agent.interface.Metrics")


def test_a_restore_that_forgets_the_generator_is_caught(planted) -> None:
    class Forgets(FakeAgent):
        def restore(self, directory):
            state = self.rng.bit_generator.state
            super().restore(directory)
            self.rng.bit_generator.state = state

    refused(planted(Forgets), "resumed training differs from uninterrupted training")
    check_agent(planted(Forgets, determinism="none"), env_id="arena/Identity-v0", num_steps=440)


def test_a_restore_that_forgets_the_weights_is_caught(planted) -> None:
    class Forgets(FakeAgent):
        def restore(self, directory):
            super().restore(directory)
            self.weights[:] = 0.0

    refused(planted(Forgets), r"restore\(\) gives another policy than was saved")


def test_a_seed_that_does_not_decide_is_caught(planted) -> None:
    class Wanders(FakeAgent):
        def __init__(self, env_factory, config, *, seed, device):
            super().__init__(env_factory, config, seed=int(np.random.SeedSequence().generate_state(1)[0]), device=device)

    refused(planted(Wanders), "the same seed gives another training")


def test_acting_that_draws_from_the_training_generator_is_caught(planted) -> None:
    class Draws(FakeAgent):
        def act(self, observations):
            self.rng.random()
            return super().act(observations)

    refused(planted(Draws), "resumed training differs|the same seed gives another training")


@pytest.mark.parametrize(
    ("act", "match"),
    [
        (lambda actions: actions[:, None], "expected actions"),
        (lambda actions: actions.tolist(), "expected actions"),
        (lambda actions: actions.astype(np.float32), "actions of type float32"),
        (lambda actions: actions + 4, "do not lie in Discrete"),
        (lambda actions: np.random.default_rng().integers(0, 4, len(actions)), "not deterministic"),
    ],
    ids=["shape", "list", "type", "range", "chance"],
)
def test_wrong_actions_are_caught(planted, act, match) -> None:
    class Acts(FakeAgent):
        def act(self, observations):
            return act(super().act(observations))

    refused(planted(Acts), match)


def test_an_export_of_another_policy_is_caught(planted) -> None:
    class Exports(FakeAgent):
        def export_policy(self, path):
            layer = Dense(-self.weights, np.zeros(self.weights.shape[1], np.float32))
            PolicyNetwork([layer], self.network.observation_space, self.network.action_space).export(path)

    refused(planted(Exports), "the exported policy and act.. disagree on")


def test_an_export_for_other_spaces_is_caught(planted) -> None:
    class Exports(FakeAgent):
        def export_policy(self, path):
            layer = Dense(self.weights[:, :2].copy(), np.zeros(2, np.float32))
            PolicyNetwork([layer], self.network.observation_space, gym.spaces.Discrete(2)).export(path)

    refused(planted(Exports), "cannot play here")


def test_a_swallowed_budget_is_caught(planted) -> None:
    class Swallows(FakeAgent):
        def learn(self, num_steps):
            try:
                return super().learn(num_steps)
            except BudgetExhausted:
                return Metrics(learner_steps=0)

    refused(planted(Swallows), "BudgetExhausted must pass through it")


def test_a_budget_given_up_early_is_caught(planted) -> None:
    class GivesUp(FakeAgent):
        def learn(self, num_steps):
            limit = self.stream.env.meter.max_env_steps
            if limit is not None and limit - self.stream.env.meter.env_steps < num_steps:
                raise BudgetExhausted("enough")
            return super().learn(num_steps)

    refused(planted(GivesUp), "raised BudgetExhausted with .* env steps left")


def test_pickle_is_caught(planted) -> None:
    class Pickles(FakeAgent):
        def save(self, directory):
            super().save(directory)
            (directory / "agent.pkl").write_bytes(pickle.dumps(self.weights))

    class HidesPickle(FakeAgent):
        def save(self, directory):
            super().save(directory)
            np.savez(directory / "more.npz", objects=np.array([{}], object))

    refused(planted(Pickles), r"save\(\) wrote agent.pkl; expected \.json, \.npz, \.safetensors")
    refused(planted(HidesPickle), r"save\(\) wrote more.npz with 'objects'")


def test_a_framework_that_the_spec_does_not_name_is_caught(planted, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", types.ModuleType("torch"))
    refused(planted(FakeAgent), "torch imported, but spec.modules allows none")
    check_agent(planted(FakeAgent, modules=frozenset({"torch"})), env_id="arena/Identity-v0", num_steps=440)


def test_an_environment_variable_that_is_not_set_is_named(planted, monkeypatch) -> None:
    spec = planted(FakeAgent, process_env={"ARENA_TEST_SWITCH": "1"})
    refused(spec, "start the process with ARENA_TEST_SWITCH=1")
    monkeypatch.setenv("ARENA_TEST_SWITCH", "1")
    check_agent(spec, env_id="arena/Identity-v0", num_steps=440)


def test_faulty_configs_are_caught(planted) -> None:
    @dataclasses.dataclass(kw_only=True)
    class Thawed:
        num_envs: int = 4

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Bare:
        num_envs: int

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Invalid(FakeConfig):
        epsilon: FakeConfig.__annotations__["epsilon"] = 2.0

    class Plain:
        pass

    refused(planted(FakeAgent, config=Thawed), "Thawed is not frozen")
    refused(planted(FakeAgent, config=Bare), "Bare.num_envs has no default")
    refused(planted(FakeAgent, config=Plain), "is not a dataclass")
    refused(planted(FakeAgent, config=Invalid), "the defaults of Invalid are not valid")


def test_episodes_that_never_end_ask_for_more_steps() -> None:
    with pytest.raises(AssertionError, match="pass a larger num_steps"):
        check_agent(FAKE_AGENT, env_id="arena/Identity-v0", num_steps=50)


class TestFaults:
    def agent(self, fault: str) -> FakeAgent:
        factory = ArenaEnvFactory(IDENTITY, Meter(), np.random.SeedSequence(0))
        return FakeAgent(factory, FakeConfig(fault=fault, fault_env_steps=100), seed=0, device="cpu")

    def test_crash_comes_in_the_middle_of_learn(self) -> None:
        agent = self.agent("crash")
        agent.learn(90)
        with pytest.raises(RuntimeError, match="crashes after 100 env steps"):
            agent.learn(90)

    def test_nan_ends_as_divergence(self) -> None:
        with pytest.raises(TrainingDiverged, match="td is nan"):
            self.agent("nan").learn(200)

    def test_the_process_ends(self, monkeypatch) -> None:
        def end(code: int) -> None:
            raise Stopped(code)

        monkeypatch.setattr("arena.testing.fakes.os._exit", end)
        with pytest.raises(Stopped, match="13"):
            self.agent("exit").learn(1_000)

    def test_it_sleeps_until_somebody_ends_it(self, monkeypatch) -> None:
        naps = []

        def sleep(seconds: float) -> None:
            naps.append(seconds)
            if len(naps) == 100:
                raise Stopped

        monkeypatch.setattr("arena.testing.fakes.time.sleep", sleep)
        with pytest.raises(Stopped):
            self.agent("hang").learn(1_000)
        assert min(naps) > 0.0


class Stopped(Exception):
    """Stands for the end of the process."""


def test_check_policy(tmp_path) -> None:
    path, space = tmp_path / "policy.onnx", gym.spaces.Box(-1.0, 1.0, (3,), np.float32)
    kernel = np.arange(6, dtype=np.float32).reshape(3, 2)
    PolicyNetwork([Dense(kernel, np.zeros(2, np.float32))], space, gym.spaces.Discrete(2)).export(path)
    check_policy(path, space, gym.spaces.Discrete(2))
    with pytest.raises(AssertionError, match="cannot play here"):
        check_policy(path, space, gym.spaces.Discrete(3))
    PolicyNetwork([Dense(kernel * np.nan, np.zeros(2, np.float32))], space, gym.spaces.Discrete(2)).export(path)
    with pytest.raises(AssertionError, match="holds NaN or infinity"):
        check_policy(path, space, gym.spaces.Discrete(2))
    path.write_bytes(b"nothing")
    with pytest.raises(AssertionError, match="is not"):
        check_policy(path, space, gym.spaces.Discrete(2))


def test_the_fake_environment_refuses_to_go_on_after_its_end() -> None:
    env = FakeEnv([(1, True)])
    env.reset()
    assert env.step(0)[2]
    with pytest.raises(RuntimeError, match="ended after 1"):
        env.step(0)
