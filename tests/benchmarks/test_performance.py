"""What the benchmark refuses before it measures anything."""

from pathlib import Path

import pytest

from arena.errors import ArenaError
from benchmarks import performance, to_475
from benchmarks.performance_page import TARGET_COLUMNS, VARIANT_COLUMNS
from benchmarks.processes import ROOT


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--only", "keras-dqm"], "no case 'keras-dqm' in this benchmark; did you mean 'keras-dqn'\\?"),
        (["--no-measure"], "holds no measurements yet"),
        (["--page", "page.md"], "page.md lacks the lines '<!-- benchmark: begin -->'"),
        (["--cores", "4097"], "--cores 4097: this process may use"),
        (["--cores", "0"], "--cores 0: this process may use"),
    ],
)
def test_bad_input_is_refused_before_anything_is_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: list[str], message: str
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "page.md").write_text("# A page without marks\n")
    common = ["--rounds", "1", "--cores", "1", "--quick", "--output", "output", "--page", "new.md", "--peers", "peers"]
    with pytest.raises(ArenaError, match=message):
        performance.main([*common, *options])
    assert not (tmp_path / "output").exists()


def test_runs_that_do_not_exist_are_refused(tmp_path: Path):
    with pytest.raises(ArenaError, match=r"no results in .*nothing; run `arena run configs/cartpole.toml` first"):
        to_475.main(["--runs", str(tmp_path / "nothing"), "--cores", "1", "--output", str(tmp_path / "output")])


@pytest.mark.parametrize("columns", [TARGET_COLUMNS, VARIANT_COLUMNS])
def test_the_page_has_the_tables_that_are_written(columns: tuple[str, ...]):
    assert f"\n| {' | '.join(columns)} |\n" in (ROOT / "docs" / "performance.md").read_text()
