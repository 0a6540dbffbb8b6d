from pathlib import Path

import pytest

from arena.errors import ArenaError
from benchmarks.marked_page import MarkedPage, measured_on, table


def test_only_what_stands_between_the_marks_changes(tmp_path: Path):
    path = tmp_path / "page.md"
    path.write_text("# Title\n\nBefore.\n\n<!-- x: begin -->\n\nold\n\n<!-- x: end -->\n\nAfter.\n")
    MarkedPage(path, "x", "unused").write("new\n")
    written = path.read_text()
    assert written == "# Title\n\nBefore.\n\n<!-- x: begin -->\n\nnew\n\n<!-- x: end -->\n\nAfter.\n"
    MarkedPage(path, "x", "unused").write("new")
    assert path.read_text() == written


def test_a_new_page_has_the_title_and_the_tables(tmp_path: Path):
    page = MarkedPage(tmp_path / "page.md", "x", "Title")
    assert not page.path.exists()
    page.write("tables")
    assert page.path.read_text() == "# Title\n\n<!-- x: begin -->\n\ntables\n\n<!-- x: end -->\n"
    assert page.chart == tmp_path / "page.svg"


@pytest.mark.parametrize("text", ["# Prose alone\n", "<!-- x: begin -->", "<!-- x: end -->\n<!-- x: begin -->\n"])
def test_a_page_without_both_marks_is_refused_and_stays(tmp_path: Path, text: str):
    path = tmp_path / "page.md"
    path.write_text(text)
    with pytest.raises(ArenaError, match=r"lacks the lines '<!-- x: begin -->' and '<!-- x: end -->'"):
        MarkedPage(path, "x", "Title")
    assert path.read_text() == text


def test_a_page_that_cannot_be_read_is_refused(tmp_path: Path):
    with pytest.raises(ArenaError, match="cannot read"):
        MarkedPage(tmp_path, "x", "Title")


def test_a_cell_cannot_end_a_column():
    assert table(["a", "b"], [("1|2", 3)]) == "| a | b |\n| --- | --- |\n| 1/2 | 3 |"


def test_several_days_machines_and_commits_are_all_named():
    one = {"machine": {"cpu": "x", "cores_available": 2}, "time": "2026-01-02", "rounds": 3, "versions": {"numpy": "2"}, "git": None}
    other = {**one, "time": "2026-01-01", "rounds": 5, "git": {"commit": "0123456789", "dirty": True}}
    told = measured_on([one, other], "medians")
    assert (
        told
        == "Measured on 2026-01-01 to 2026-01-02 on x, 2 cores; commit 012345678 with changes; 3 or 5 rounds, medians. Versions: numpy 2."
    )
