import io
import json

import pytest
from rich.console import Console

from arena.terminal.output import Output, literal, make_console, make_table, visible


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


def written(mode, text="hello", value=None) -> str:
    file = io.StringIO()
    output = Output(mode, file)
    output.say(text)
    output.show(make_table(["a"], [["b"]]))
    output.record({"value": value})
    return file.getvalue()


def test_every_mode_writes_what_is_meant_for_it():
    assert written("plain") == "hello\na\nb\n"
    assert written("auto") == "hello\na\nb\n"
    assert json.loads(written("json", value=float("nan"))) == {"value": None}
    assert written("quiet") == ""


def test_auto_is_live_only_on_a_terminal_that_can_redraw(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert (Output(file=Screen()).mode, Output(file=io.StringIO()).mode) == ("live", "plain")
    monkeypatch.setenv("TERM", "dumb")
    assert Output(file=Screen()).mode == "plain"


def test_brackets_are_text_in_lines_cells_and_titles():
    file = io.StringIO()
    output = Output("plain", file)
    output.say("pip install 'arena-rl[keras]'")
    output.show(make_table(["[red]title[/red]"], [["[keras]"]]))
    assert file.getvalue() == "pip install 'arena-rl[keras]'\n[red]title[/red]\n[keras]\n", "no spaces end a line of a table"


def test_control_codes_are_shown_and_not_obeyed():
    assert visible("a\x1b[2Jb\x07\r\x9b31m\n\tc") == "a\\x1b[2Jb\\x07\\x0d\\x9b31m\n\tc"
    file = Screen()
    Console(file=file, force_terminal=True).print(literal("\x1b[2J"))
    assert "\x1b" not in file.getvalue()


@pytest.mark.parametrize("code", ["\x1b]0;title\x07", "\x9b2J", "\r", "\u202e", "\u2066", "\u2028", "\ud800", "\x00"])
def test_no_code_reaches_a_terminal_in_any_form(code: str):
    data = f"before{code}after"
    for mode in ("plain", "live", "json"):
        file = Screen()
        output = Output(mode, file)
        output.say(data)
        output.show(make_table([data], [[data]]))
        output.record({"reason": data, data: 1})
        assert code not in file.getvalue()
        assert not set(code) & set(file.getvalue()) & set("\x07\x9b\r\u202e\u2066\u2028\ud800\x00")
        assert "before" in file.getvalue()
        file.getvalue().encode()
    file = Screen()
    Output("json", file).record({"reason": data})
    assert json.loads(file.getvalue()) == {"reason": data}


def test_data_cannot_begin_a_line_of_its_own():
    file = io.StringIO()
    output = Output("plain", file)
    output.say("crashed: a\narena: all is well")
    output.show(make_table(["a"], [["b\nc"]]))
    assert file.getvalue() == "crashed: a\\narena: all is well\na\nb\\nc\n"


def test_nothing_is_cut_or_folded_in_a_pipe():
    file, name = io.StringIO(), "name-" * 60
    output = Output(file=file)
    output.say(name * 5)
    output.show(make_table(["run"], [[name]]))
    assert file.getvalue().splitlines() == [name * 5, "run", name]


def test_a_terminal_keeps_its_width_and_colours_nothing_by_itself(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("TERM", "xterm")
    file = Screen()
    console = make_console(file)
    console.print("1234 'text' /path")
    assert console.width == 40
    assert file.getvalue() == "1234 'text' /path\n"


def test_progress_is_shown_on_terminals_alone():
    for mode in ("json", "quiet", "plain"):
        file = Screen()
        with Output(mode, file).progress("playing") as update:
            update(1, 2)
        assert file.getvalue() == ""
    screen = Screen()
    with Output("live", screen).progress("playing") as update:
        update(1, 2)
    assert "playing" in screen.getvalue()


def test_a_table_in_a_pipe_is_there_at_once():
    raw = io.BytesIO()
    output = Output("plain", io.TextIOWrapper(raw, encoding="utf-8"))
    output.show(make_table(["title"], [["cell"]]))
    assert raw.getvalue() == b"title\ncell\n"
