import numpy as np

from arena.environments.config import EnvConfig
from arena.environments.factory import ArenaEnvFactory
from arena.environments.metering import Meter


class TestFactory:
    def starts(self, num_cuts: int | None = None, seed: int = 0, index: int = 0) -> np.ndarray:
        factory = ArenaEnvFactory(EnvConfig("CartPole-v1"), Meter(), np.random.SeedSequence(seed))
        envs = [factory.make_vec(2) for _ in range(index + 1)]
        if num_cuts is not None:
            factory.cut_episodes(num_cuts)
        return envs[index].reset()[0]

    def test_the_seed_the_cut_and_the_environment_decide_the_start(self) -> None:
        np.testing.assert_array_equal(self.starts(), self.starts(0))
        np.testing.assert_array_equal(self.starts(3), self.starts(3))
        starts = [self.starts(), self.starts(1), self.starts(2), self.starts(seed=1), self.starts(index=1)]
        assert len({start.tobytes() for start in starts}) == len(starts)

    def test_cutting_step_by_step_equals_jumping(self) -> None:
        factory = ArenaEnvFactory(EnvConfig("CartPole-v1"), Meter(), np.random.SeedSequence(0))
        env = factory.make_vec(2)
        env.reset()
        for _ in range(2):
            env.step(np.zeros(2, np.int64))
            factory.cut_episodes()
            start, _ = env.reset()
        np.testing.assert_array_equal(start, self.starts(2))
        assert factory.meter.num_cut_episodes == 4

    def test_single_environments_follow_the_same_rule(self) -> None:
        def start(num_cuts: int) -> np.ndarray:
            factory = ArenaEnvFactory(EnvConfig("CartPole-v1"), Meter(), np.random.SeedSequence(0))
            env = factory.make()
            factory.cut_episodes(num_cuts)
            assert env.must_reset
            return env.reset()[0]

        np.testing.assert_array_equal(start(1), start(1))
        assert (start(1) != start(2)).any()

    def test_spaces_are_those_of_one_environment(self) -> None:
        factory = ArenaEnvFactory(EnvConfig("arena/Identity-v0"), Meter(), np.random.SeedSequence(0))
        assert factory.observation_space.shape == (4,)
        env = factory.make_vec(3)
        assert env.single_observation_space == factory.observation_space
        assert env.single_action_space == factory.action_space
