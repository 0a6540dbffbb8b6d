from pathlib import Path

import pytest

from arena.errors import ArenaError
from benchmarks import startup


def test_an_unknown_row_is_refused():
    with pytest.raises(ArenaError, match="no row 'rllib-dqm'; did you mean 'rllib-dqn'\\?"):
        startup.main(["--agents", "rllib-dqm"])


@pytest.mark.worker
def test_the_parts_of_a_start_add_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(startup.AGENTS, "random", ("random", {}))
    marks, _ = startup.start(tmp_path, "random", "CartPole-v1", startup.ROOT, "off")
    parts = {part: marks.get(part, 0.0) for part in startup.PARTS}
    assert parts["core"] > 0.05
    assert min(parts.values()) >= 0.0
    assert sum(parts.values()) == pytest.approx(marks["total"], abs=0.05)
    assert marks["wall"] > 0.1


@pytest.mark.worker
def test_an_import_is_measured_alone():
    assert startup.import_alone("rllib-dqn", "CartPole-v1", after="import sys; print('torch' in sys.modules)") in ("True", "False")
