import gymnasium as gym
import numpy as np
import pytest

from arena.environments.config import EnvConfig, RecordedEnv, WrapperConfig
from arena.environments.factory import ArenaEnvFactory
from arena.environments.identity import env_identity
from arena.environments.make import make_env, own_time_limit
from arena.environments.metering import Meter
from arena.environments.references import catalogue
from arena.environments.vectorize import make_vec_env
from arena.environments.word import code_names, with_word
from arena.environments.wrappers import GYMNASIUM_WRAPPERS, presets
from arena.errors import ArenaError
from arena.experiment.compatibility import env_traits

HERE = __name__


class Doubled(gym.RewardWrapper):
    """Doubles rewards."""

    def reward(self, reward):
        return 2.0 * reward


class Appended(gym.ObservationWrapper):
    """Appends numbers to observations."""

    def __init__(self, env, numbers=(0.0,)):
        super().__init__(env)
        assert isinstance(numbers, tuple)
        self.numbers = np.array(numbers, np.float32)
        self.observation_space = gym.spaces.Box(-np.inf, np.inf, (env.observation_space.shape[0] + len(numbers),), np.float32)

    def observation(self, observation):
        return np.concatenate([observation, self.numbers])


def refusing(env):
    raise RuntimeError("not this one")


def nothing(env):
    return None


def of(*wrappers: str | tuple[str, dict], env_id: str = "CartPole-v1", train: tuple[str, ...] = ()) -> EnvConfig:
    made = [WrapperConfig(wrapper) if isinstance(wrapper, str) else WrapperConfig(*wrapper) for wrapper in wrappers]
    return EnvConfig(env_id, wrappers=tuple(made), train_wrappers=tuple(map(WrapperConfig, train)))


APPENDED, DOUBLED = f"{HERE}:Appended", f"{HERE}:Doubled"


def test_wrappers_apply_in_their_order_with_their_arguments_in_one_environment_and_in_many():
    config = of((APPENDED, {"numbers": [1.0, 2.0]}), APPENDED, DOUBLED)
    env = make_env(config)
    observation, _ = env.reset(seed=0)
    assert observation[4:].tolist() == [1.0, 2.0, 0.0]
    assert env.step(0)[1] == 2.0
    many = make_vec_env(config, 2)
    observations, _ = many.reset(seed=0)
    assert observations[:, 4:].tolist() == [[1.0, 2.0, 0.0]] * 2
    assert many.step(np.zeros(2, np.int64))[1].tolist() == [2.0, 2.0]


def test_wrappers_of_training_are_in_training_alone():
    config = of(APPENDED, train=(DOUBLED,))
    factory = ArenaEnvFactory(config, Meter(), np.random.SeedSequence(0))
    for env, action in ((factory.make(), 0), (factory.make_vec(1), np.zeros(1, np.int64))):
        env.reset()
        assert np.ravel(env.step(action)[1]).tolist() == [2.0]
    judged = make_vec_env(config, 1)
    judged.reset(seed=0)
    assert judged.step(np.zeros(1, np.int64))[1].tolist() == [1.0]
    assert [name.rpartition(":")[2] for name in factory.identity["wrappers"][:2]] == ["Doubled", "Appended"]
    assert "Doubled" not in str(env_identity(make_env(config))["wrappers"])
    assert HERE in factory.identity["modules"]


def test_wrappers_of_training_that_change_a_space_are_refused_before_work():
    with pytest.raises(
        ArenaError, match=r"train_wrappers change its observation_space from Box.* to Box.*put what changes a space into wrappers"
    ):
        env_traits(of(train=(APPENDED,)))
    assert env_traits(of(APPENDED, train=(DOUBLED,))).observation_space.shape == (5,)


@pytest.mark.parametrize(
    ("wrapper", "message"),
    [
        ("atarii", r"no wrapper 'atarii'; did you mean 'atari'\?: give package.module:Class, or a preset \(atari, "),
        ("gymnasium.wrappers:FrameStack", "gymnasium.wrappers has no 'FrameStack'; did you mean 'FrameStackObservation'"),
        ("no_such_module:Wrapper", "wrapper 'no_such_module:Wrapper' cannot be imported: No module named 'no_such_module'"),
        ("gymnasium.wrappers:FrameStackObservation", "cannot be put around it: .*missing 1 required positional argument: 'stack_size'"),
        (f"{HERE}:refusing", "cannot be put around it: not this one"),
        (f"{HERE}:nothing", "gives a NoneType; it must give a gymnasium.Env"),
        ("gymnasium.wrappers:NormalizeObservation", "has NormalizeObservation inside; .*normalize_observations=true"),
        ("gymnasium.wrappers:NormalizeReward", "has NormalizeReward inside; .*normalize_rewards=true"),
        ("gymnasium.wrappers:FlattenObservation.", "has no 'FlattenObservation.'"),
    ],
)
def test_a_wrapper_that_cannot_be_put_around_an_environment_is_refused_by_name(wrapper, message):
    with pytest.raises(ArenaError, match=f"environment 'CartPole-v1':? .*{message}"):
        env_traits(of(wrapper))


def test_wrappers_make_another_environment_with_a_name_of_its_own_and_without_reference_scores():
    plain = EnvConfig("CartPole-v1")
    configs = [
        plain,
        EnvConfig("CartPole-v1", text_encoder="a:b"),
        EnvConfig("CartPole-v1", action_mask_key="b"),
        of(APPENDED),
        of((APPENDED, {"numbers": [1]})),
        of(train=(DOUBLED,)),
        of((APPENDED, {"numbers": ["a/b"] * 40})),
    ]
    assert len({config.name for config in configs}) == len(configs)
    assert not any(one == other for one in configs for other in configs if one is not other)
    assert configs[3].name == "CartPole-v1,Appended"
    assert configs[5].name == "CartPole-v1,train+Doubled"
    assert all("/" not in config.name for config in configs)
    assert [catalogue().reference_for(config) is None for config in configs] == [False] + [True] * 6


def test_a_time_limit_among_wrappers_is_seen():
    assert own_time_limit(make_env(of(("gymnasium.wrappers:TimeLimit", {"max_episode_steps": 7})))) == 7


def test_a_folder_names_wrappers_of_gymnasium_and_presets_freely_and_others_by_the_users_word():
    missing = [name for name in GYMNASIUM_WRAPPERS if not hasattr(gym.wrappers, name.partition(":")[2])]
    assert not missing
    assert {"atari", "minigrid-image"} <= set(presets())
    free = RecordedEnv(**vars(of("atari", "gymnasium.wrappers:ClipReward")))
    assert code_names(free) == ()
    writing = RecordedEnv(**vars(of(("gymnasium.wrappers:RecordVideo", {"video_folder": "/tmp/x"}), train=(DOUBLED,))))
    assert code_names(writing) == ("gymnasium.wrappers:RecordVideo", DOUBLED, "/tmp/x")
    with pytest.raises(ArenaError, match=r"--allow gymnasium\.wrappers:RecordVideo"):
        make_env(writing)
    assert code_names(RecordedEnv("arena/Instruction-v0", text_encoder="their.module:encode")) == ("their.module:encode",)
    assert code_names(RecordedEnv("CartPole-v1", action_mask_key="a:b")) == ()  # a key is only looked up
    allowed = with_word(writing, code_names(writing))
    assert type(allowed) is EnvConfig
    assert allowed == writing
