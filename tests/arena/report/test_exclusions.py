"""Runs that a report leaves out, and says so."""

import pytest

from arena.environments.references import Catalogue, Reference, Score
from arena.errors import ArenaError
from arena.report.build import build_report
from arena.report.load import load_runs
from arena.report.verdict import judge

CARTPOLE = Reference(
    env_id="CartPole-v1", random=Score(20.0, "r"), threshold=Score(475.0, "t"), lower_bound=Score(1.0, "l"), upper_bound=Score(500.0, "u")
)
CATALOGUE = Catalogue({"CartPole-v1": CARTPOLE})


def report(root):
    return build_report(load_runs([root]).runs, CATALOGUE, title="test", command="arena report")


@pytest.fixture
def hundredfold(tmp_path, write_run):
    """Two agents on two environments, on one of which a plug-in has made the reward of one agent a hundredfold."""
    for seed in range(5):
        for agent, factor in (("honest", 1.0), ("plugin", 100.0)):
            record = {"environment": {"entry_point": "plugin:make" if factor > 1 else "gymnasium:CartPole"}}
            write_run(tmp_path, agent, seed, final=(factor * (470.0 + seed), factor * 480.0), record=record)
            write_run(tmp_path, agent, seed, env="FrozenLake-v1", final=(0.1 * seed, 0.5))
    return tmp_path


def test_an_environment_with_an_impossible_return_enters_no_statistic_and_is_named(hundredfold):
    document = report(hundredfold)
    assert document.notes[0].startswith(
        "CartPole-v1 is left out of this report: an episode of plugin/CartPole-v1/seed-0 returned 47000, and no episode can return more "
        "than 500 (u). So what was played is not the environment whose reference scores are known (it was made from plugin:make)"
    )
    assert [env.name for env in document.envs] == ["FrozenLake-v1"]
    assert (document.pairs[0].probability.value, judge(document).better) == (0.5, frozenset())
    assert document.aggregates == ()
    assert len(document.runs) == 20, "all runs stay listed"


@pytest.mark.parametrize(("final", "curve"), [((501.0, 20.0), ()), ((20.0, 0.5), ()), ((20.0, 30.0), ((500, 1.0, 510.0),))])
def test_one_impossible_episode_is_enough_and_a_report_of_nothing_else_is_refused(tmp_path, write_run, final, curve):
    write_run(tmp_path, "a", 0)
    write_run(tmp_path, "a", 1, final=final, **({"curve": curve} if curve else {}))
    with pytest.raises(ArenaError, match=r"CartPole-v1 is left out of this report: an episode of a/CartPole-v1/seed-1 returned"):
        report(tmp_path)


def test_ten_copies_of_one_run_count_once_and_are_named(tmp_path, write_run):
    for seed in range(10):
        write_run(tmp_path, "copied", seed, final=(450.0, 470.0), episodes=(10, 20, 40))
        write_run(tmp_path, "real", seed, final=(300.0 + seed, 310.0), episodes=(10, 20, 40 + seed))
    document = report(tmp_path)
    result = next(result for result in document.results if result.agent == "copied")
    assert result.seeds == (0,)
    assert judge(document).better == frozenset()
    (note,) = [note for note in document.notes if "counts once" in note]
    assert note.startswith("copied/CartPole-v1/seed-1, copied/CartPole-v1/seed-2,")
    assert "as copied/CartPole-v1/seed-0. It is one run under 10 seed numbers" in note
    assert len(next(result for result in document.results if result.agent == "real").seeds) == 10


def test_the_same_run_of_two_agents_is_no_copy(tmp_path, write_run):
    """An A/A test: one agent under two names, with the same seeds, can do exactly the same."""
    for agent in "ab":
        write_run(tmp_path, agent, 0, episodes=(10, 20))
    assert [result.seeds for result in report(tmp_path).results] == [(0,), (0,)]
