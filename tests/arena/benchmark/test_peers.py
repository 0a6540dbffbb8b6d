import os
import subprocess
import sys
from pathlib import Path

import pytest

from arena.benchmark import peers
from arena.benchmark.peers import peers_python, peers_script, probe_folder
from arena.errors import ArenaError


def test_an_environment_that_cannot_be_made_is_one_line(tmp_path: Path):
    (tmp_path / "file").touch()
    with pytest.raises(ArenaError, match=r"cannot be made.*measure without peers"):
        peers_python(tmp_path / "file" / "peers")


def test_an_environment_of_the_same_lock_file_is_taken_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    made = []

    def create(folder: Path, *, with_pip: bool) -> None:
        made.append(with_pip)
        (folder / "bin").mkdir(parents=True)
        (folder / "bin" / "python").write_text("#!/bin/sh\nexit 0\n")
        (folder / "bin" / "python").chmod(0o755)

    monkeypatch.setattr(peers.venv, "create", create)
    first, second = peers_python(tmp_path / "peers"), peers_python(tmp_path / "peers")
    assert first == second == tmp_path / "peers" / "bin" / "python"
    assert made == [True]


def test_the_lock_file_names_no_host():
    lock = (Path(peers.__file__).parents[2] / "requirements" / "peers.txt").read_text()
    assert "stable-baselines3==2.9" in lock
    assert "--hash=sha256:" in lock
    assert "://" not in lock


def test_the_probe_needs_no_arena(tmp_path: Path):
    """Peers import it by its folder, in an environment without the arena."""
    program = "import probe, sys; assert not [name for name in sys.modules if name.startswith('arena')]"
    environment = {**os.environ, "PYTHONPATH": str(probe_folder())}
    subprocess.run([sys.executable, "-c", program], env=environment, cwd=tmp_path, check=True, timeout=60)
    assert peers_script().exists()
