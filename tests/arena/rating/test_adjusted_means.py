import numpy as np
import pytest

from arena.rating.adjusted_means import AdjustedMeans


def drawn(*, num_envs=4, num_entrants=7, seed=0, missing=0.4) -> tuple[np.ndarray, np.ndarray]:
    """Returns strengths and who played; entrant 0 everything."""
    rng = np.random.default_rng(seed)
    present = rng.random((num_envs, num_entrants)) > missing
    present[:, 0] = present[0] = True
    return rng.normal(size=present.shape), present


def test_where_all_played_everything_it_is_the_mean():
    strengths, present = drawn(missing=0.0)
    np.testing.assert_allclose(AdjustedMeans(present).ratings(strengths), strengths.mean(0) - strengths.mean())
    np.testing.assert_allclose(AdjustedMeans(present, 0).ratings(strengths), strengths.mean(0) - strengths[:, 0].mean(), atol=1e-12)


def test_equals_where_both_played_are_rated_equal():
    """Both are 8 above the random player in the first environment; in the second, where only one of them plays, nobody is far above it."""
    strengths, present = np.array([[0.0, 8.0, 8.0], [0.0, 1.0, np.nan]]), np.array([[True, True, True], [True, True, False]])
    np.testing.assert_allclose(AdjustedMeans(present, 0).ratings(strengths), [0.0, 4.5, 4.5])


@pytest.mark.parametrize("seed", range(5))
def test_empty_cells_are_left_to_least_squares(seed):
    strengths, present = drawn(seed=seed)
    cells = np.argwhere(present[:, 1:])
    dummies = np.concatenate([np.eye(6)[cells[:, 1]], np.eye(4)[cells[:, 0]]], axis=1)
    relative = (strengths - strengths[:, :1])[:, 1:][present[:, 1:]]
    fitted = np.linalg.lstsq(dummies, relative, rcond=None)[0]
    expected = fitted[:6] + fitted[6:].mean()  # entrant's means over all environments, the empty cells filled in
    np.testing.assert_allclose(AdjustedMeans(present, 0).ratings(strengths)[1:], expected)


@pytest.mark.parametrize("anchor", [0, None])
def test_contrasts_add_up_to_the_ratings(anchor):
    strengths, present = drawn()
    means = AdjustedMeans(present, anchor)
    strengths = np.where(present, strengths, 0.0)
    ratings = sum(means.contrast(env) @ strengths[env] for env in range(4))
    np.testing.assert_allclose(ratings, means.ratings(strengths), atol=1e-12)
    np.testing.assert_allclose(means.ratings(strengths + np.arange(4)[:, None]), means.ratings(strengths), atol=1e-12)


def test_entrants_without_a_common_environment_stand_each_above_the_anchor_where_they_played():
    strengths, present = np.array([[0.0, 3.0, 0.0], [1.0, 0.0, 2.0]]), np.array([[True, True, False], [True, False, True]])
    np.testing.assert_allclose(AdjustedMeans(present, 0).ratings(strengths), [0.0, 3.0, 1.0])


def test_where_the_anchor_did_not_play_the_others_say_how_much_higher_all_stand():
    strengths, present = np.array([[0.0, 3.0, 5.0], [0.0, 11.0, 13.0]]), np.array([[True, True, True], [False, True, True]])
    np.testing.assert_allclose(AdjustedMeans(present, 0).ratings(strengths), [0.0, 3.0, 5.0], atol=1e-12)


def test_who_played_nothing_has_no_rating():
    present = np.array([[True, True, False]])
    np.testing.assert_allclose(AdjustedMeans(present).ratings(np.array([[1.0, 2.0, 9.0]])), [-0.5, 0.5, np.nan])
    assert np.isnan(AdjustedMeans(np.zeros((1, 2), np.bool_)).ratings(np.zeros((1, 2)))).all()
