"""The line that is shown of an error of Ray."""

import pytest

from arena.executors.ray_errors import short


class RayTaskError(Exception):
    """An error from a node, which holds the traceback from there."""


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (OSError("\n  the node is gone \nits address was 10.0.0.7\n"), "the node is gone"),
        (RayTaskError("Traceback:\n  a line\nOSError: disk full\n"), "OSError: disk full"),
        (TimeoutError(), "TimeoutError"),
        (OSError("x" * 1_000), "x" * 300),
    ],
)
def test_the_line_that_says_most_is_shown(error: Exception, line: str) -> None:
    assert short(error) == line
