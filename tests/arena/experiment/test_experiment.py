from arena.experiment.file import from_table

FAKE = "arena.testing.fakes:FAKE_AGENT"
MINIMAL = {"name": "test", "agents": [FAKE], "envs": ["CartPole-v1"]}


def test_runs_are_the_product_with_seeds_outermost():
    experiment = from_table(
        {**MINIMAL, "agents": [FAKE, {"agent": FAKE, "name": "other"}], "envs": ["CartPole-v1", "Acrobot-v1"], "seeds": 2}
    )
    names = [run.name for run in experiment.runs()]
    assert len(names) == len(set(names)) == 8
    assert names[0] == "fake/CartPole-v1/seed-0"
    assert names[4] == "fake/CartPole-v1/seed-1"
