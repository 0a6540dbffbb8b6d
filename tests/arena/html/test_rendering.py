import base64
import hashlib
import re
import shutil
from pathlib import Path

import jinja2
import pytest

from arena.html.rendering import TEMPLATES, render


def test_text_from_run_folders_is_escaped(tmp_path: Path):
    (tmp_path / "x.html").write_text("{{ name }} {{ name | breakable }}")
    html = render("x.html", sections=[], folder=tmp_path, name="<script>a-b")
    assert html == "&lt;script&gt;a-b &lt;script&gt;a-<wbr>b"


def test_sections_without_content_are_left_out_of_the_contents(tmp_path: Path):
    (tmp_path / "x.html").write_text("{% for id, title in sections %}{{ id }}={{ title }};{% endfor %}")
    assert render("x.html", sections=[("a", "A", [1]), ("b", "B", ()), ("c", "C", True)], folder=tmp_path) == "a=A;c=C;"


def test_values_are_written_as_people_read_them(tmp_path: Path):
    (tmp_path / "x.html").write_text("{{ 0.25 | percent }} {{ 5400 | duration }} {{ 1234 | fixed }} {{ {'num_envs': 8} | settings }}")
    assert render("x.html", sections=[], folder=tmp_path) == "25% 1.5 h 1,234 num envs 8"


def test_a_name_that_the_template_does_not_get_is_an_error(tmp_path: Path):
    (tmp_path / "x.html").write_text("{{ absent }}")
    with pytest.raises(jinja2.UndefinedError, match="absent"):
        render("x.html", sections=[], folder=tmp_path)


@pytest.mark.parametrize(
    "name", ["base.html", "charts.html", "leaderboard.html", "replays.html", "report.html", "style.css", "player.js", "page.js"]
)
def test_templates_fetch_nothing(name: str):
    text = (TEMPLATES / name).read_text(encoding="utf-8")
    assert not re.search(r"<link[^>]+href=.https?:|<script[^>]+src|@import|url\(['\"]?https?:", text)


def test_a_page_runs_its_own_scripts_and_no_other(tmp_path: Path) -> None:
    folder = tmp_path / "templates"
    shutil.copytree(TEMPLATES, folder)
    (folder / "x.html").write_text('{% extends "base.html" %}{% block script %}<script>own();</script>{{ name }}{% endblock %}')
    html = render("x.html", sections=[], folder=folder, name="<script>alert(1)</script>")
    [sources] = re.findall(r"script-src ([^\";]+)", html)
    scripts = re.findall(r"<script>(.*?)</script>", html, re.DOTALL)
    assert scripts[-1] == "own();"
    assert len(scripts) == 2
    assert sources.split() == [f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'" for script in scripts]
