"""The start of Keras' own example for CartPole, keras.io/examples/rl/actor_critic_cartpole: how long until its first env step."""

from arena.agent.isolation import refuse_other_frameworks
from benchmarks.child.probe import LoopProbe


def main() -> None:
    """Builds the example's network, takes one env step, and prints what that took."""
    refuse_other_frameworks(frozenset({"keras", "jax"}))
    probe = LoopProbe()

    import gymnasium as gym  # from here on as the example does, whose imports are part of its start-up
    import keras
    import numpy as np

    env = gym.make("CartPole-v1")
    inputs = keras.layers.Input(shape=(4,))
    hidden = keras.layers.Dense(128, activation="relu")(inputs)
    policy, critic = keras.layers.Dense(2, activation="softmax")(hidden), keras.layers.Dense(1)(hidden)
    model = keras.Model(inputs=inputs, outputs=[policy, critic])
    observation, _ = env.reset(seed=probe.seed)
    probabilities, _ = model(keras.ops.expand_dims(keras.ops.convert_to_tensor(observation), 0))
    probe.begin()
    chances = np.asarray(probabilities, np.float64)[0]
    env.step(int(np.random.default_rng(probe.seed).choice(2, p=chances / chances.sum())))
    probe.finish(env_steps=1, updates=0)


if __name__ == "__main__":
    main()
