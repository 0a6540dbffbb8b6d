"""Programs of a user's own, as a tournament plays them."""

import numpy as np


def first(observation_space, action_space, rng):
    """Returns a player that makes the first legal move."""
    del action_space, rng
    return lambda observations: observation_space.split(observations)[1].argmax(-1)


def winning(observation_space, action_space, rng):
    """Returns a player of tic-tac-toe that wins if it can, and otherwise moves at random."""
    del action_space
    lines = [(0, 1, 2), (3, 4, 5), (6, 7, 8), (0, 3, 6), (1, 4, 7), (2, 5, 8), (0, 4, 8), (2, 4, 6)]

    def move(features, mask):
        mine = features.reshape(9, 2)[:, 0] > 0.5
        for square in np.flatnonzero(mask):
            if any(square in line and mine[[each for each in line if each != square]].all() for line in lines):
                return square
        return rng.choice(np.flatnonzero(mask))

    def act(observations):
        features, masks = observation_space.split(observations)
        return np.array([move(own, mask) for own, mask in zip(features, masks, strict=True)])

    return act


def right(observation_space, action_space, rng):
    """Returns a player of CartPole-v1 that pushes towards the side to which the pole falls."""
    del observation_space, action_space, rng
    return lambda observations: (observations[:, 2] + observations[:, 3] > 0).astype(int)


def broken(observation_space, action_space, rng):
    """Returns a player that fails at its first move."""
    del observation_space, action_space, rng
    return lambda observations: observations["board"]


def unmade(observation_space, action_space, rng):
    """Fails before there is a player."""
    raise RuntimeError("no table of openings")


def nothing(observation_space, action_space, rng):
    """Returns no player."""


NOTHING = 3
