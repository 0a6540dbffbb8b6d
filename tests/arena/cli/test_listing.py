import dataclasses
import json

import pytest

from arena.agent.spec import AgentSpec
from arena.cli import listing
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
