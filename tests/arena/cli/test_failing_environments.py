"""Environments whose own code fails, in the commands that play policies: one line names the environment and the env step."""

import pytest
import raising_env  # noqa: F401 - registers an environment

pytestmark = pytest.mark.worker


@pytest.mark.parametrize(
    ("arguments", "place"),
    [
        (["evaluate", "P", "E"], "evaluation episode 1"),
        (["explain", "P", "E"], "evaluation episode 1"),
        (["export", "P", "--to", "c", "--env", "E", "--output", "p.h"], "evaluation episode 1"),
        (["watch", "P", "E", "--video", "v.webp"], "the episode of seed 0"),
        (["tournament", "P", "random", "--env", "E", "--workers", "1"], "evaluation episode 1"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_one_line_says_where_it_failed(arguments: list[str], place: str, tmp_path, arena, write_policy, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = {"P": str(write_policy(tmp_path / "p.onnx", "Raising-v0")), "E": "Raising-v0"}
    code, said = arena(*[words.get(argument, argument) for argument in arguments])
    assert (code, f"environment Raising-v0 failed at env step 2 of {place}: KeyError: " in said) == (2, True), said
    assert "raising_env.py, line " in said
    assert "Traceback" not in said
    assert sorted(path.name for path in tmp_path.iterdir() if path.name != "logs") == ["p.onnx"]
