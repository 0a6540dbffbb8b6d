"""The line that says what a Ray cluster exposes."""

import pytest

from arena.executors.ray import exposure


@pytest.mark.parametrize(
    ("dashboard", "mode", "expected", "absent"),
    [
        ("127.0.0.1:8265", "token", "whoever has its token can run code on all its nodes; dashboard 127.0.0.1:8265 (docs", "open to"),
        ("127.0.0.1:8265", None, "whoever reaches its ports can run code on all its nodes", "open to"),
        ("10.0.0.7:8265", "disabled", "dashboard 10.0.0.7:8265, open to other machines", "has its token"),
        ("", "TOKEN", "no dashboard known", "open to"),
        (None, None, "no token is asked for (RAY_AUTH_MODE=token)", "open to"),
    ],
)
def test_a_cluster_says_who_can_run_code_on_it(dashboard: str | None, mode: str | None, expected: str, absent: str) -> None:
    said = exposure("auto", dashboard, mode)
    assert expected in said
    assert absent not in said
    assert "\n" not in said
