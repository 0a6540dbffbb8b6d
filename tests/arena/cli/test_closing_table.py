import dataclasses
import io
import re

from arena.cli.closing_table import ClosingRow, closing_table


class Screen(io.StringIO):
    """A terminal that remembers all that was written to it."""

    def isatty(self) -> bool:
        return True


def plain_text(screen: io.StringIO) -> str:
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", screen.getvalue())


def test_where_all_else_is_quiet_each_run_has_a_line_with_its_score_or_its_status():
    file = io.StringIO()
    scored = ClosingRow(
        agent="a", env="E-v0", seed=3, status="finished", env_steps=9, score_mean=487.31, score_std=12.25, score_episodes=100
    )
    failed = ClosingRow(agent="b", env="E-v0", seed=0, status="crashed", env_steps=0)
    closing_table([scored, failed], mode="quiet", file=file)
    assert file.getvalue().splitlines() == ["a/E-v0/seed-3: 487.3 ± 12.2", "b/E-v0/seed-0: crashed"]


def test_closing_table_in_plain_mode():
    file = io.StringIO()
    rows = [
        ClosingRow(
            agent="keras-dqn",
            env="CartPole-v1",
            seed=1,
            status="finished",
            env_steps=100_000,
            score_mean=487.31,
            score_std=12.25,
            train_seconds=33.21,
            env_steps_per_second=3011.4,
            policy_path="logs/policy.onnx",
        ),
        ClosingRow(agent="random", env="CartPole-v1", seed=0, status="crashed", env_steps=0),
    ]
    closing_table(rows, mode="plain", file=file)
    assert file.getvalue().splitlines() == [
        "agent      env          seed  status    env steps  score ± std over episodes  train s  steps/s  policy",
        "keras-dqn  CartPole-v1     1  finished    100,000               487.3 ± 12.2     33.2    3,011  logs/policy.onnx",
        "random     CartPole-v1     0  crashed           0                          -        -        -  -",
    ]


def test_a_score_has_the_digits_of_its_scale_and_says_how_many_episodes_were_cut():
    file = io.StringIO()
    row = ClosingRow(agent="a", env="E", seed=0, status="finished", env_steps=1, score_mean=0.68, score_std=0.466)
    closing_table([row, dataclasses.replace(row, score_episodes=100, score_num_cut=3)], mode="plain", file=file)
    assert "0.68 ± 0.47" in file.getvalue()
    assert "0.68 ± 0.47 (3 of 100 cut)" in file.getvalue()


def test_closing_table_keeps_paths_whole_on_a_narrow_terminal(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "90")
    screen, path = Screen(), "logs/" + "long" * 30 + "/policy.onnx"
    closing_table([ClosingRow(agent="a", env="E", seed=0, status="finished", env_steps=1, policy_path=path)], file=screen)
    lines = plain_text(screen).splitlines()
    assert lines[0].endswith("steps/s")
    assert lines[-1] == path


def test_closing_table_without_rows_is_a_header():
    file = io.StringIO()
    closing_table([], mode="plain", file=file)
    assert file.getvalue().startswith("agent  env")
