import os
import subprocess
import sys
from pathlib import Path

import pytest

from arena.errors import ArenaError
from benchmarks import peers
from benchmarks.peers import LOCK, peers_python
from benchmarks.processes import SCRIPTS


def test_an_environment_that_cannot_be_made_is_one_line(tmp_path: Path):
    (tmp_path / "file").touch()
    with pytest.raises(ArenaError, match=r"cannot set up.*or measure without them"):
        peers_python(tmp_path / "file" / "peers")


@pytest.mark.parametrize("with_uv", [True, False])
def test_an_environment_is_made_once_for_a_lock_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, with_uv: bool):
    commands: list[list[str]] = []

    def create(folder: Path, *, with_pip: bool) -> None:
        assert with_pip
        (folder / "bin").mkdir(parents=True)
        (folder / "bin" / "python").touch()

    monkeypatch.setattr(peers.venv, "create", create)
    monkeypatch.setattr(peers.subprocess, "run", lambda command, **_: commands.append(command))
    monkeypatch.setattr(peers.importlib.util, "find_spec", lambda name: object() if with_uv else None)
    first, second = peers_python(tmp_path / "peers"), peers_python(tmp_path / "peers")
    assert first == second == tmp_path / "peers" / "bin" / "python"
    [command] = commands
    assert command[0] == (sys.executable if with_uv else str(first))
    assert {"--no-deps", "--require-hashes"} <= set(command)
    assert command[-1].endswith("peers.txt")
    (tmp_path / "peers" / "arena-peers").write_text("of another lock file")
    peers_python(tmp_path / "peers")
    assert len(commands) == 2


def test_the_lock_file_names_no_host():
    lock = LOCK.read_text()
    assert "stable-baselines3==2.9" in lock
    assert "--hash=sha256:" in lock
    assert "://" not in lock


@pytest.mark.worker
def test_the_probe_needs_no_arena(tmp_path: Path):
    """SB3's loops import it in an environment without the arena."""
    modules = "benchmarks.child.probe, benchmarks.child.profiled"
    program = f"import {modules}, sys; assert not [name for name in sys.modules if name.startswith('arena')]"
    environment = {**os.environ, "PYTHONPATH": str(SCRIPTS)}
    subprocess.run([sys.executable, "-c", program], env=environment, cwd=tmp_path, check=True, timeout=600)
