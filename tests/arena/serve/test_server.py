"""The server as clients meet it: over loopback, with a client that is not ours."""

import contextlib
import http.client
import json
import socket
import threading

import numpy as np
import onnx
import pytest
import tritonclient.http as triton
from hostile_policies import Network

from arena.errors import ArenaError
from arena.policies.policy import OnnxPolicy
from arena.serve.limits import Limits
from arena.serve.server import check_address, serve

pytestmark = pytest.mark.extra


@pytest.fixture
def served(tmp_path, write_policy):
    """Serves two versions of a policy for CartPole-v1 in a thread; yields host, port and the file of the second."""
    files = [write_policy(tmp_path / f"{seed}.onnx", "CartPole-v1", seed) for seed in (0, 1)]
    with _serving(files, Limits(read_seconds=1.0)) as (host, port, _):
        yield host, port, files[1]


@contextlib.contextmanager
def _serving(files, limits):
    ready, servers, addresses = threading.Event(), [], []

    def tell(address):
        addresses.append(address)
        ready.set()

    arguments = {"host": "127.0.0.1", "port": 0, "token": None, "limits": limits, "on_ready": tell, "on_server": servers.append}
    thread = threading.Thread(target=serve, args=([("cart", file) for file in files],), kwargs=arguments)
    thread.start()
    assert ready.wait(120)
    host, _, port = addresses[0].removeprefix("http://").rpartition(":")
    try:
        yield host, int(port), servers[0]
    finally:
        servers[0].should_exit = True
        thread.join(60)
        assert not thread.is_alive()


@pytest.mark.worker
def test_triton_s_client_works_as_it_is(served):
    host, port, file = served
    client = triton.InferenceServerClient(f"{host}:{port}")
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("cart")
    assert not client.is_model_ready("nobody")
    assert client.get_model_metadata("cart")["versions"] == ["1", "2"]
    observations = np.random.default_rng(0).normal(size=(300, 4)).astype(np.float32)
    policy = OnnxPolicy(file)
    for is_binary in (True, False):
        tensor = triton.InferInput("observations", [300, 4], "FP32")
        tensor.set_data_from_numpy(observations, binary_data=is_binary)
        outputs = [triton.InferRequestedOutput(name, binary_data=is_binary) for name in ("actions", "action_scores")]
        for asked in (outputs, None):
            answer = client.infer("cart", [tensor], outputs=asked)
            assert np.array_equal(answer.as_numpy("actions"), policy.act(observations))
            assert np.allclose(answer.as_numpy("action_scores"), policy.scores(observations), atol=1e-6)
    client.close()


@pytest.mark.worker
def test_slow_malformed_and_oversized_requests_hurt_nobody(served):
    host, port, _ = served
    with contextlib.ExitStack() as stack:
        slow_head, slow_body, silent = (stack.enter_context(socket.create_connection((host, port))) for _ in range(3))
        slow_head.sendall(b"POST /act HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ")
        slow_body.sendall(b"POST /act HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 50\r\n\r\n{")
        for nonsense in (b"\x00\xff" * 100 + b"\r\n\r\n", b"GET /" + b"a" * 100_000):
            other = stack.enter_context(socket.create_connection((host, port)))
            with contextlib.suppress(ConnectionError):
                other.sendall(nonsense)
        assert _act(host, port, [0, 0, 0.1, 0])[0] == 200
        for connection, beginning in ((slow_head, b""), (slow_body, b"HTTP/1.1 408"), (silent, b"")):
            connection.settimeout(60)
            assert connection.recv(1_000)[:12] == beginning
    assert _act(host, port, [0, 0, 0.1, 0])[0] == 200
    assert _act(host, port, [0.0] * 3_000_000)[0] == 413  # the client reads the answer once all is sent


@pytest.mark.worker
def test_a_policy_that_breaks_on_some_observations_answers_the_others(tmp_path):
    network = Network()
    first = network.add("Slice", "observations", np.array([0]), np.array([1]), np.array([1]))
    is_far = network.add("Greater", first, np.array([[1e6]], np.float32))  # no trial goes there
    one = network.add("Where", is_far, np.zeros((1, 1), np.float32), np.ones((1, 1), np.float32))
    network.scores = network.add("Mul", network.scores, network.add("Div", one, one))
    onnx.save(network.model(), tmp_path / "hostile.onnx")
    with _serving([tmp_path / "hostile.onnx"], Limits()) as (host, port, server):
        for _ in range(2):
            status, answer = _act(host, port, [1e9, 0, 0, 0])
            assert (status, "gave no answer" in answer["error"]) == (500, True), answer
            assert _act(host, port, [1, 0, 0, 0])[0] == 200
        (listening,) = server.servers[0].sockets
        assert listening.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)  # without it, each answer waits for 40 ms


def _act(host, port, observation):
    connection = http.client.HTTPConnection(host, port, timeout=60)
    connection.request("POST", "/act", json.dumps({"observation": observation}))
    response = connection.getresponse()
    answer = response.status, json.loads(response.read())
    connection.close()
    return answer


def test_other_machines_need_a_token():
    assert check_address("127.0.0.1", None)
    assert check_address("::1", None)
    assert check_address("localhost", None)
    assert not check_address("0.0.0.0", "a word of sixteen letters")
    for host in ("0.0.0.0", "::", "192.168.0.1", "policies.example"):
        with pytest.raises(ArenaError, match="a token is asked for"):
            check_address(host, None)
    with pytest.raises(ArenaError, match="16 plain characters"):
        check_address("127.0.0.1", "short")


def test_a_port_that_is_taken_is_an_error_at_once():
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(ArenaError, match=r"cannot listen on 127.0.0.1"):
        serve([], host="127.0.0.1", port=taken.getsockname()[1], token=None, limits=Limits(), on_ready=print)
