import dataclasses
import json

from arena.environments.config import EnvConfig, WrapperConfig
from arena.export.conversion import Request


def test_the_environment_gets_through_with_its_arguments_and_wrappers():
    wrappers = (WrapperConfig("gymnasium.wrappers:FrameStackObservation", {"stack_size": 2}),)
    env = EnvConfig("CartPole-v1", {"sutton_barto_reward": True}, wrappers=wrappers, action_mask_key="action_mask")
    request = Request(format="c", where="policy", env=env.to_json(), num_episodes=3)
    received = Request(**json.loads(json.dumps(dataclasses.asdict(request)))).env_config
    assert dataclasses.asdict(received) == dataclasses.asdict(env)
    assert Request(format="c", where="policy").env_config is None
