import dataclasses

import numpy as np

from arena.watching.panes import GRID_WIDTH, ONE_WIDTH, Watched, draw_pane, frames


def test_there_is_a_picture_for_each_step_until_the_last_episode_is_over(moments):
    pictures = list(frames([Watched("a", moments(3)), Watched("b", moments(5, shade=60)), Watched("c", moments(2))]))
    assert len(pictures) == 5
    assert {picture.size for picture in pictures} == {(2 * GRID_WIDTH, pictures[0].height)}
    top_left = [picture.getpixel((GRID_WIDTH // 2, 50)) for picture in pictures]
    assert top_left == [(128, 128, 128)] * 5  # what is over stands still
    assert pictures[0].getpixel((GRID_WIDTH + 50, 50)) == (60, 60, 60)


def test_columns_and_a_pane_alone(moments):
    (first, *_) = frames([Watched(name, moments(2)) for name in "abc"], columns=3)
    assert first.width == 3 * GRID_WIDTH
    (first, *_) = frames([Watched("a", moments(2))])
    assert first.width == ONE_WIDTH


def test_the_overlay_tells_step_return_and_scores(moments):
    *_, before, last = moments(4)
    pane = draw_pane("policy", last, 300)
    assert draw_pane("policy", last, 300).tobytes() == pane.tobytes()
    for changed in (
        before,
        dataclasses.replace(last, episode_return=9.0),
        dataclasses.replace(last, scores=np.array([1.0, 0.0, -1e30], np.float32)),
        dataclasses.replace(last, action=np.int64(0)),
    ):
        assert draw_pane("policy", changed, 300).tobytes() != pane.tobytes()
    assert draw_pane("another", last, 300).tobytes() != pane.tobytes()


def test_names_of_any_length_and_scores_of_any_kind_are_drawn(moments):
    moment = next(moments(1))
    for scores in ([], [np.inf, 1.0], [-1e30] * 3, list(range(300))):
        if scores:
            draw_pane("a very long name " * 20, dataclasses.replace(moment, scores=np.array(scores, np.float32)), 300)
    box = dataclasses.replace(moment, action=np.array([0.5, -3.0], np.float32), scores=np.array([0.5, -3.0], np.float32))
    assert draw_pane("box", box, 300).size == draw_pane("box", moment, 300).size
