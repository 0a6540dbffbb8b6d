import contextlib

import numpy as np
import pytest

from arena.environments.config import EnvConfig
from arena.environments.make import make_env
from arena.environments.references import catalogue
from arena.environments.words import word_place
from arena.policies.policy import UniformPolicy
from arena_envs.nested_probes import COLOURS, HELD_OUT_PHRASES, PHRASES


def returns(config: EnvConfig, act, num_episodes: int = 20) -> np.ndarray:
    """Returns the returns of episodes in which `act(observation, inner)` chooses."""
    env = make_env(config)
    found = []
    for seed in range(num_episodes):
        observation, _ = env.reset(seed=seed)
        total, truncated = 0.0, False
        while not truncated:
            observation, reward, _, truncated, _ = env.step(act(observation, env))
            total += reward
        found.append(total)
    return np.array(found)


@pytest.mark.parametrize("held_out", [False, True])
def test_the_text_says_what_to_do_and_nothing_else_does(held_out):
    config = EnvConfig("arena/Instruction-v0", {"held_out": held_out})
    places = [word_place(colour) for colour in COLOURS]
    assert (returns(config, lambda observation, _: int(observation[places].argmax())) == 20.0).all()
    # The lamp is behind the words; it knows nothing, like any policy that is blind to the text.
    assert returns(config, lambda observation, _: int(observation[-4:].argmax()), 60).mean() == pytest.approx(5.0, abs=0.7)


def test_words_that_matter_share_their_place_with_no_other():
    words = {word for phrase in (*PHRASES, *HELD_OUT_PHRASES) for word in phrase.format("").split()}
    places = {word_place(colour) for colour in COLOURS}
    assert len(places) == len(COLOURS)
    assert not places & {word_place(word) for word in words}
    assert not set(PHRASES) & set(HELD_OUT_PHRASES)


def test_each_choice_answers_its_own_part():
    def answer(observation, env):
        first, second, third = observation[:3].argmax(), observation[3], observation[4]
        return int(first * 4 + second * 2 + third)

    assert returns(EnvConfig("arena/Choices-v0"), answer) == pytest.approx(20.0)


@pytest.mark.parametrize("masked", [False, True])
def test_each_of_many_choices_answers_its_own_part(masked):
    sizes = [4, 3, 2, 4, 3, 2, 4]

    def answer(observation, env):
        return np.array([part.argmax() for part in np.split(observation[:22], np.cumsum(sizes)[:-1])])

    assert returns(EnvConfig("arena/ManyChoices-v0", {"masked": masked}), answer) == pytest.approx(20.0)
    with pytest.raises(ValueError, match="is forbidden by the action mask") if masked else contextlib.nullcontext():
        returns(EnvConfig("arena/ManyChoices-v0", {"masked": masked}), lambda observation, env: np.zeros(7, np.int64))


def test_random_play_within_the_mask_of_many_choices():
    config, rng = EnvConfig("arena/ManyChoices-v0", {"masked": True}), np.random.default_rng(0)

    def act(observation, env):
        return UniformPolicy(env.action_space, rng, env.observation_space).act(observation[None])[0]

    assert returns(config, act, 100).mean() == pytest.approx(60 / 7, abs=0.5)


@pytest.mark.parametrize("name", ["Instruction", "Choices", "ManyChoices"])
def test_random_play_returns_what_the_references_say(name):
    config, rng = EnvConfig(f"arena/{name}-v0"), np.random.default_rng(0)
    reference = catalogue().reference_for(config)
    assert reference is not None
    found = returns(config, lambda observation, env: UniformPolicy(env.action_space, rng).act(observation[None])[0], 150)
    assert found.mean() == pytest.approx(reference.random.value, abs=0.5)
    assert found.std() == pytest.approx(reference.random.std, abs=0.3)
