import dataclasses
import json

import pytest

from arena.agent.spec import AgentSpec
from arena.cli import listing
from arena.experiment.tuned import Measured, TunedSettings, ZooAgent
from arena.machine.installation import install_command


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    pass


SPEC = AgentSpec(
    id="fake-dqn",
    entry_point="absent.dqn:DQN",
    config=Config,
    framework="Fake",
    algorithm="dqn",
    modules=frozenset({"no_such_module"}),
    distributions=(),
    extra="keras",
)


@pytest.fixture(autouse=True)
def _one_agent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "agent_ids", lambda: ["fake-dqn"])
    monkeypatch.setattr(listing, "agent_spec", lambda _: SPEC)


def test_the_command_that_installs_a_framework_is_printed_whole(capsys: pytest.CaptureFixture[str]):
    listing.list_agents(mode="auto")
    header, row = capsys.readouterr().out.splitlines()
    assert header.split() == ["agent", "framework", "algorithm", "actions", "observations", "masks", "installed"]
    assert row.rstrip().endswith(install_command("keras"))
    assert "[keras]" in row


def test_programs_get_one_object_a_line(capsys: pytest.CaptureFixture[str]):
    listing.list_agents(mode="json")
    row = json.loads(capsys.readouterr().out)
    assert (row["id"], row["installed"]) == ("fake-dqn", False)
    listing.list_envs(mode="json")
    ids = [json.loads(line)["id"] for line in capsys.readouterr().out.splitlines()]
    assert "CartPole-v1" in ids


def test_tuned_settings_are_listed_with_what_was_reached_and_how_they_were_found(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    measured = Measured(scores=(480.0, 500.0), train_seconds=3.0, commit="abc")
    entry = ZooAgent(found="by hand", env_steps=60_000, measured=measured)
    settings = TunedSettings(agent="fake-dqn", env="CartPole-v1", hyperparameters={"double": True}, entry=entry, measured=measured)
    monkeypatch.setattr(listing, "all_tuned", lambda: [settings])
    listing.list_tuned(mode="auto")
    header, row = capsys.readouterr().out.splitlines()
    assert header.split() == ["env", "agent", "score", "of", "seeds", "seeds", "env", "steps", "found"]
    assert row.split() == ["CartPole-v1", "fake-dqn", "490", "480", "to", "500", "2", "60,000", "by", "hand"]
    listing.list_tuned(mode="json")
    record = json.loads(capsys.readouterr().out)
    assert (record["env"], record["score"], record["hyperparameters"]) == ("CartPole-v1", 490.0, {"double": True})
