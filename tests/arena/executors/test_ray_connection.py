"""What the connection to a Ray cluster says of it."""

import pytest

from arena.errors import ArenaError
from arena.executors.ray_connection import RayConnection, exposure


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


class Joined:
    """A Ray that the caller has joined to a cluster."""

    def is_initialized(self) -> bool:
        return True

    def shutdown(self) -> None:
        raise AssertionError("the caller's connection was closed")


def test_the_connection_of_the_caller_stays() -> None:
    connection = RayConnection(Joined(), "no address")
    connection.join()
    connection.close()


class Alone:
    """A Ray that has joined no cluster."""

    def is_initialized(self) -> bool:
        return False


@pytest.mark.parametrize("address", ["there", "http://there:80", "there:port", "ray://there"])
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(ArenaError, match=f"address '{address}' must be 'auto', HOST:PORT or ray://HOST:PORT"):
        RayConnection(Alone(), address).join()
