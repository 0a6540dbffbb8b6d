import asyncio
import warnings

import pytest

from arena.serve.app import make_app
from arena.serve.limits import Limits
from arena.serve.metrics import ServerCounts

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # Starlette would rather have httpx2, which little else uses yet
    from starlette.testclient import TestClient

pytestmark = pytest.mark.extra
TOKEN = "a word of sixteen letters"
ONE = {"observation": [1, 2, 3]}


@pytest.fixture
def client(make_models):
    """Makes a client of an application."""

    def make(base_url: str = "http://127.0.0.1:8000", token: str | None = None, **limits) -> TestClient:
        metrics, kept = ServerCounts(), Limits(**limits)
        any_host = not base_url.startswith("http://127.0.0.1")
        app = make_app(make_models(kept, metrics), metrics, kept, token=token, any_host=any_host)
        return TestClient(app, base_url=base_url)

    return make


def test_actions_by_name_and_version(client):
    with client() as http:
        answer = http.post("/act/sums", json=ONE)
        assert answer.status_code == 200
        assert answer.json() == {"policy": "sums", "version": "2", "actions": [1], "action_scores": [[-6.0, 6.0]]}
        assert http.post("/act/sums/versions/1", json={"observations": [[0, 0, -1]] * 2}).json()["actions"] == [0, 0]
        assert http.post("/act", json=ONE).status_code == 404  # which of the two?
        assert http.get("/health").json()["policies"] == ["sums/1", "sums/2", "other/1"]


def test_the_inference_protocol(client):
    tensor = {"name": "observations", "datatype": "FP32", "shape": [1, 3], "data": [1, 2, 3]}
    with client() as http:
        assert http.get("/v2/health/ready").status_code == http.get("/v2/health/live").status_code == 200
        assert http.get("/v2").json()["extensions"] == ["binary_tensor_data"]
        assert http.get("/v2/models/sums").json()["versions"] == ["1", "2"]
        assert http.get("/v2/models/sums/versions/9/ready").status_code == 404
        answer = http.post("/v2/models/sums/infer", json={"inputs": [tensor]}).json()
        assert answer["outputs"][0]["data"] == [1]
        binary = http.post("/v2/models/sums/infer", json={"inputs": [tensor], "parameters": {"binary_data_output": True}})
        assert len(binary.content) == int(binary.headers["Inference-Header-Content-Length"]) + 8 + 8


@pytest.mark.parametrize(
    ("path", "content", "headers", "status"),
    [
        ("/act/sums", b"{", {}, 400),
        ("/act/sums", b'{"observation": [1, 2]}', {}, 400),
        ("/act/sums", b'{"observation": [1, 2, NaN]}', {}, 400),
        ("/v2/models/sums/infer", b'{"inputs": 1}', {}, 400),
        ("/v2/models/sums/infer", b"{}", {"Inference-Header-Content-Length": "x"}, 400),
        ("/act/nobody", b"{}", {}, 404),
        ("/act/sums", b" " * 2_000, {}, 413),
        ("/act/sums", b"{}", {"Content-Encoding": "gzip"}, 415),
        ("/act/sums", b"{}", {"Host": "page.example"}, 421),
        ("/act/sums", b'{"observation": [13, 0, 0]}', {}, 500),
    ],
)
def test_what_is_refused_gets_a_sentence_and_hurts_nobody(client, path, content, headers, status):
    with client(max_body_bytes=1_000) as http:
        answer = http.post(path, content=content, headers=headers)
        assert (answer.status_code, list(answer.json())) == (status, ["error"])
        assert http.post("/act/sums", json=ONE).status_code == 200
        assert f'code="{status}"' in http.get("/metrics").text


def test_an_address_that_is_not_there_gets_a_sentence_too(client):
    with client() as http:
        absent, wrong_method = http.get("/etc/passwd"), http.get("/act/sums")
        assert (absent.status_code, absent.json()) == (404, {"error": "no such address; docs/serving.md lists the addresses"})
        assert (wrong_method.status_code, wrong_method.headers["allow"]) == (405, "POST")
        assert wrong_method.json()["error"].startswith("this address does not take GET")
        counts = http.get("/metrics").text
        assert 'arena_refused_total{reason="unknown address"} 1' in counts
        assert 'arena_refused_total{reason="wrong method"} 1' in counts


@pytest.mark.parametrize(("num_chunks", "num_read"), [(2, 2), (6, 6), (10_000, 7)], ids=["over", "four times", "endless"])
def test_a_body_that_is_too_large_is_read_up_to_four_times_the_limit(client, num_chunks, num_read):
    """Chunks of 600 bytes and a limit of 1,000: the seventh goes beyond 4,000, and no further one is asked for."""
    sent, answers = [], []

    async def receive():
        sent.append(600)
        return {"type": "http.request", "body": b" " * 600, "more_body": len(sent) < num_chunks}

    async def send(message):
        answers.append(message)

    scope = {"type": "http", "method": "POST", "path": "/act/sums", "raw_path": b"/act/sums", "query_string": b"", "root_path": ""}
    scope |= {"headers": [(b"host", b"127.0.0.1")], "client": ("127.0.0.1", 9), "server": ("127.0.0.1", 8000), "scheme": "http"}
    asyncio.run(client(max_body_bytes=1_000).app(scope, receive, send))
    assert answers[0]["status"] == 413
    assert len(sent) == num_read


def test_a_token_is_asked_for_but_not_for_health(client):
    with client("http://policies.example", TOKEN) as http:
        for given in ({}, {"Authorization": TOKEN}, {"Authorization": f"Bearer {TOKEN}r"}, {"Authorization": b"Bearer \xe9"}):
            answer = http.post("/act/sums", json=ONE, headers=given)
            assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
        assert http.get("/metrics").status_code == 401
        assert http.get("/health").status_code == 200
        assert http.post("/act/sums", json=ONE, headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 200


def test_a_client_that_asks_too_often_is_told_to_wait(client):
    with client(requests_per_second=1) as http:
        answers = [http.post("/act/sums", json=ONE) for _ in range(30)]
        refused = [answer for answer in answers if answer.status_code == 429]
        assert answers[0].status_code == 200
        assert len(refused) > 15
        assert refused[0].headers["retry-after"] == "1"
