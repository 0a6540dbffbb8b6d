"""Reference scores from outside, as plain data: what to beat, and what no policy can beat. None of them is the arena's own measurement."""

from arena.environments.references import Catalogue, Reference, Score
from arena_envs.published import PUBLISHED

_GYMNASIUM = "Gymnasium 1.2.2, gymnasium/envs/__init__.py"
_PENDULUM = "gymnasium/envs/classic_control/pendulum.py"
_SLM_LAB = "SLM-Lab, slm_lab/spec/_random_baseline.json: 100 episodes"


REFERENCES = {
    reference.env_id: reference
    for reference in (
        Reference(
            env_id="CartPole-v1",
            random=Score(22.97, _SLM_LAB, 12.45),
            threshold=Score(475.0, _GYMNASIUM),
            lower_bound=Score(1.0, "reward 1 in each step, also in the last one"),
            upper_bound=Score(500.0, "reward 1 in each of at most 500 steps"),
        ),
        Reference(
            env_id="Acrobot-v1",
            random=Score(-499.86, _SLM_LAB, 1.39),
            threshold=Score(-100.0, _GYMNASIUM),
            lower_bound=Score(-500.0, "reward -1 in each of at most 500 steps"),
            upper_bound=Score(0.0, "reward -1 in each step but the last, which may have 0"),
        ),
        Reference(
            env_id="MountainCar-v0",
            random=Score(-200.0, _SLM_LAB, 0.0),
            threshold=Score(-110.0, _GYMNASIUM),
            lower_bound=Score(-200.0, "reward -1 in each of at most 200 steps"),
            upper_bound=Score(-1.0, "reward -1 in each step, at least one step"),
        ),
        Reference(
            env_id="Pendulum-v1",
            random=Score(-1197.15, _SLM_LAB, 277.85),
            threshold=None,
            lower_bound=Score(
                -3254.72, "200 steps of at least -(pi^2 + 0.1 * 8^2 + 0.001 * 2^2), gymnasium/envs/classic_control/pendulum.py"
            ),
            upper_bound=Score(0.0, f"no reward is positive, {_PENDULUM}"),
        ),
        Reference(
            env_id="LunarLander-v3",
            random=Score(-186.78, _SLM_LAB, 113.07),
            threshold=Score(200.0, _GYMNASIUM),
            lower_bound=None,
            upper_bound=None,
        ),
        Reference(
            env_id="LunarLanderContinuous-v3",
            random=Score(-215.93, _SLM_LAB, 144.66),
            threshold=Score(200.0, _GYMNASIUM),
            lower_bound=None,
            upper_bound=None,
        ),
        Reference(
            env_id="BipedalWalker-v3",
            random=Score(-102.69, _SLM_LAB, 13.34),
            threshold=Score(300.0, _GYMNASIUM),
            lower_bound=None,
            upper_bound=None,
        ),
        Reference(
            env_id="HalfCheetah-v5",
            random=Score(-281.76, _SLM_LAB, 78.69),
            threshold=Score(4800.0, _GYMNASIUM),
            lower_bound=None,
            upper_bound=None,
        ),
        Reference(
            env_id="Hopper-v5",
            random=Score(19.30, _SLM_LAB, 22.41),
            threshold=Score(3800.0, _GYMNASIUM),
            lower_bound=None,
            upper_bound=None,
        ),
        Reference(
            env_id="ALE/Pong-v5",
            random=Score(-20.25, _SLM_LAB, 0.75),
            threshold=None,
            lower_bound=Score(-21.0, "a game ends when one side has 21 points"),
            upper_bound=Score(21.0, "a game ends when one side has 21 points"),
        ),
        Reference(
            env_id="MountainCarContinuous-v0",
            random=Score(-33.44, _SLM_LAB, 0.94),
            threshold=Score(90.0, _GYMNASIUM),
            lower_bound=Score(-99.9, "at most 0.1 * 1^2 of cost in each of at most 999 steps"),
            upper_bound=Score(100.0, "100 on reaching the goal, and no other reward is positive"),
        ),
        Reference(
            env_id="arena/Identity-v0",
            random=Score(25.0, "one of four actions is right, in each of 100 steps", 4.33),
            threshold=None,
            lower_bound=Score(0.0, "reward 0 or 1"),
            upper_bound=Score(100.0, "reward 1 in each of 100 steps"),
        ),
        Reference(
            env_id="arena/Instruction-v0",
            random=Score(5.0, "one of four actions is right, in each of 20 steps", 1.94),
            threshold=None,
            lower_bound=Score(0.0, "reward 0 or 1"),
            upper_bound=Score(20.0, "reward 1 in each of 20 steps"),
        ),
        Reference(
            env_id="arena/PictureAndFlag-v0",
            random=Score(5.0, "one of four actions is right, in each of 20 steps", 1.94),
            threshold=None,
            lower_bound=Score(0.0, "reward 0 or 1"),
            upper_bound=Score(20.0, "reward 1 in each of 20 steps"),
        ),
        Reference(
            env_id="arena/Choices-v0",
            random=Score(8.89, "a third and two halves of the choices are right, in each of 20 steps: 20 * (1/3 + 1/2 + 1/2) / 3", 1.26),
            threshold=None,
            lower_bound=Score(0.0, "no reward is negative"),
            upper_bound=Score(20.0, "reward of at most 1 in each of 20 steps"),
        ),
        Reference(
            env_id="arena/ManyChoices-v0",
            random=Score(6.90, "20 times the mean of 1/4, 1/3, 1/2, 1/4, 1/3, 1/2 and 1/4", 0.78),
            threshold=None,
            lower_bound=Score(0.0, "no reward is negative"),
            upper_bound=Score(20.0, "reward of at most 1 in each of 20 steps"),
        ),
        Reference(
            env_id="arena/TwoRound-v0",
            random=Score(1.5, "mean of 0, 3, 1 and 2", 1.12),
            threshold=None,
            lower_bound=Score(0.0, "the smallest of 0, 3, 1 and 2"),
            upper_bound=Score(3.0, "the largest of 0, 3, 1 and 2"),
        ),
    )
}


def reference(env_id: str) -> Reference | None:
    """Returns the reference scores of the environment `env_id`, or None where there are none."""
    return REFERENCES.get(env_id)


CATALOGUE = Catalogue(REFERENCES, PUBLISHED)
"""Named in the entry point group `arena.environments.references`; making it refuses vacuous and impossible published numbers."""
