"""The example for Ray Serve with the packages of `requirements/ray-serve.txt`: two replicas answer over HTTP as the policy files do."""

import contextlib
import http.client
import importlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytestmark = [pytest.mark.extra, pytest.mark.slow]

ROOT = Path(__file__).parents[3]
REFUSED = {
    "cart": "'cart' is not NAME=PATH",
    "=policy.onnx": "'=policy.onnx' is not NAME=PATH",
    "cart=": "'cart=' is not NAME=PATH",
    "a/b=policy.onnx": "'a/b=policy.onnx' is not NAME=PATH",
    "cart=nowhere.onnx": "No such file",
}
"""Argument -> what is said about it before Ray begins."""
START = """
import sys
import ray_serve
from ray import serve
serve.start(http_options={"host": "127.0.0.1", "port": int(sys.argv[1])})
ray_serve.main(sys.argv[2:])
"""
"""The example on a port of the test's own."""
MAX_SECONDS = 600
"""Seconds in which the example must answer, and end, however busy the machine is."""


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Python with the packages of the lock."""
    folder = tmp_path_factory.mktemp("ray-serve") / "venv"
    venv.create(folder)
    found = str(folder / "bin" / "python")
    install = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--python", found, "--no-deps", "--require-hashes"]
    lock = str(ROOT / "requirements" / "ray-serve.txt")
    subprocess.run([*install, "--compile-bytecode", "-r", lock], check=True)  # Ray's processes have 30 seconds to start
    return found


@pytest.fixture
def variables(tmp_path: Path) -> Iterator[dict[str, str]]:
    """Environment of the example: a Ray of its own, whose token and copies of policies lie in the test's folder."""
    path = ":".join(str(ROOT / part) for part in (".", "agents", "envs", "docs/examples"))
    (tmp_path / "copies").mkdir()
    own = {"HOME": str(tmp_path), "TMPDIR": str(tmp_path / "copies"), "PYTHONPATH": path, "RAY_ADDRESS": "local"}
    with tempfile.TemporaryDirectory(prefix="ray-", ignore_cleanup_errors=True) as short:  # a socket's path has 107 bytes at most
        yield {"PATH": "/usr/bin:/bin", **own, "RAY_TMPDIR": short}


@pytest.fixture
def serving(python: str, tmp_path: Path, variables: dict[str, str], write_policy: Any) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """Two replicas of two versions of `cart` and of `other`; yields the process of the example and the port."""
    for seed, name in enumerate(("first", "second")):
        write_policy(tmp_path / f"{name}.onnx", "CartPole-v1", seed)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    policies = ("cart=first.onnx", "cart=second.onnx", "other=first.onnx")
    with subprocess.Popen([python, "-c", START, str(port), "2", *policies], cwd=tmp_path, env=variables, start_new_session=True) as process:
        try:
            deadline = time.monotonic() + MAX_SECONDS
            while not has_begun(port):
                assert process.poll() is None
                assert time.monotonic() < deadline
                time.sleep(1)
            yield process, port
        finally:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(MAX_SECONDS)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def has_begun(port: int) -> bool:
    with contextlib.suppress(OSError, http.client.HTTPException, ValueError):  # Ray's proxy itself answers in text until a replica is there
        return ask(port, "GET", "/health")[0] == 200
    return False


def ask(port: int, method: str, address: str, body: bytes | None = None) -> tuple[int, Any]:
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
        connection.request(method, address, body)
        response = connection.getresponse()
        return response.status, json.loads(response.read())


def act(port: int, address: str, observation: Sequence[float]) -> Any:
    return ask(port, "POST", address, json.dumps({"observation": observation}).encode())[1]["actions"]


def test_replicas_answer_as_the_files_do_refuse_what_is_malformed_and_end_once_all_is_answered(
    serving: tuple[subprocess.Popen[bytes], int], tmp_path: Path
) -> None:
    process, port = serving
    load = importlib.import_module("arena.policies.policy").OnnxPolicy
    observations = np.random.default_rng(0).normal(size=(20, 4)).astype(np.float32)
    for address, file in {"/act/cart": "second", "/act/cart/versions/1": "first", "/act/other": "first"}.items():
        answers = [act(port, address, observation.tolist())[0] for observation in observations]
        assert answers == load(tmp_path / f"{file}.onnx").act(observations).tolist()
    for address, body, status in (
        ("/act", b'{"observation": [0, 0, 0, 0]}', 404),
        ("/act/cart", b"\x00{", 400),
        ("/act/cart", b'{"observation": [0, 0]}', 400),
        ("/act/cart", b" " * 9_000_000, 413),
        ("/v2/models/cart/infer", b'{"inputs": []}', 400),
        ("/nowhere", b"", 404),
    ):
        code, answer = ask(port, "POST", address, body)
        assert (code, list(answer)) == (status, ["error"]), (address, answer)
    tensor = {"name": "observations", "datatype": "FP32", "shape": [20, 4], "data": observations.reshape(-1).tolist()}
    outputs = ask(port, "POST", "/v2/models/cart/infer", json.dumps({"inputs": [tensor]}).encode())[1]["outputs"]
    assert outputs[0]["data"] == load(tmp_path / "second.onnx").act(observations).tolist()
    assert len(list((tmp_path / "copies").glob("arena-serve-*"))) == 2
    body = b'{"observation": [0, 0, 0.1, 0]}'
    with socket.create_connection(("127.0.0.1", port), timeout=60) as slow:
        slow.sendall(b"POST /act/cart HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: %d\r\n\r\n" % len(body) + body[:9])
        time.sleep(1)  # so that a replica has it
        process.send_signal(signal.SIGTERM)
        time.sleep(3)
        slow.sendall(body[9:])
        assert slow.recv(1_000).startswith(b"HTTP/1.1 200")
    assert process.wait(MAX_SECONDS) == 0
    assert not list((tmp_path / "copies").glob("arena-serve-*"))


def test_arguments_that_are_not_understood_are_refused_in_a_line(
    python: str, tmp_path: Path, variables: dict[str, str], write_policy: Any
) -> None:
    write_policy(tmp_path / "policy.onnx", "CartPole-v1")
    example = str(ROOT / "docs" / "examples" / "ray_serve.py")
    cases = {("2", argument): reason for argument, reason in REFUSED.items()} | {
        ("x", "a=policy.onnx"): "'x' is no number",
        ("2",): "missing",
    }
    for arguments, reason in cases.items():
        done = subprocess.run([python, example, *arguments], cwd=tmp_path, env=variables, capture_output=True, text=True, check=False)
        assert (done.returncode, reason in done.stderr, done.stderr.count("\n")) == (1, True, 1), done.stderr
