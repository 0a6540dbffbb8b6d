"""What the benchmark refuses before it measures anything."""

from pathlib import Path

import pytest

from arena.errors import ArenaError
from benchmarks import command


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"only": ["keras-dqm"]}, "no row 'keras-dqm' in the benchmark; did you mean 'keras-dqn'\\?"),
        ({"measure": False}, "holds no measurements yet"),
        ({"runs": Path("nothing")}, "no results in nothing; run `arena run configs/cartpole.toml` first"),
        ({"page": True}, "page.md lacks the lines '<!-- benchmark: begin -->'"),
        ({"num_cores": 4_097}, "--cores 4097: this process may use"),
    ],
)
def test_bad_input_is_refused_before_anything_is_measured(tmp_path: Path, changes: dict, message: str):
    page = tmp_path / "page.md" if changes.pop("page", False) else None
    if page is not None:
        page.write_text("# A page without marks\n")
    plan = command.Plan(**{"only": [], "rounds": 1, "num_cores": 1, "quick": True, "measure": True, **changes})
    with pytest.raises(ArenaError, match=message):
        command.benchmark(plan, tmp_path / "output", page, tmp_path / "peers", mode="quiet")
