import dataclasses
from typing import Literal

from arena.agent.spec import AgentSpec
from arena.doctor.variants import framework_variants
from arena.machine.installation import install_command


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    activation: Literal["relu", "tanh"] = "relu"
    size: int = 3

    def __post_init__(self):
        if self.activation == "tanh":
            raise ValueError("this framework has no tanh")


@dataclasses.dataclass(frozen=True, kw_only=True)
class BackendConfig(Config):
    backend: Literal["jax", "torch"] = "jax"


def spec(**changes) -> AgentSpec:
    fields = {
        "id": "fake-dqn",
        "entry_point": "arena_fake.dqn:DQN",
        "config": Config,
        "framework": "Fake",
        "algorithm": "dqn",
        "modules": frozenset({"jax"}),
        "distributions": ("numpy", "no-such-distribution"),
        "extra": "keras",
    }
    return AgentSpec(**{**fields, **changes})


def test_agents_of_one_framework_share_a_variant():
    (variant,) = framework_variants([spec(), spec(id="fake-ppo", entry_point="arena_fake.ppo:PPO", distributions=("numpy", "rich"))])
    assert variant.agents == ("fake-dqn", "fake-ppo")
    assert variant.entry_points == ("arena_fake.dqn:DQN", "arena_fake.ppo:PPO")
    assert variant.distributions == ("numpy", "no-such-distribution", "rich")
    assert variant.name == "Fake"


def test_agents_that_need_other_modules_or_environments_have_their_own():
    specs = [spec(), spec(id="b", modules=frozenset({"torch"})), spec(id="c", process_env={"A": "1"}), spec(id="d", framework="Other")]
    assert len(framework_variants(specs)) == 4


def test_each_choice_of_the_config_that_changes_the_modules_is_tried():
    chooser = spec(
        config=BackendConfig,
        modules=lambda c: frozenset({c.backend}),
        process_env=lambda c: {"BACKEND": c.backend},
        extra=lambda c: f"keras-{c.backend}",
    )
    jax, torch = framework_variants([chooser])
    assert (jax.name, jax.modules, jax.process_env) == ("Fake (backend=jax)", {"jax"}, (("BACKEND", "jax"),))
    assert (torch.name, torch.modules, torch.process_env) == ("Fake (backend=torch)", {"torch"}, (("BACKEND", "torch"),))
    assert jax.install == install_command("keras-jax")
    assert torch.install == install_command("keras-torch")
