"""What runs in a policy's process: it loads one file, then answers observations until the other side closes the connection."""

import contextlib
import dataclasses
import json
import socket
from typing import Any

import numpy as np
import numpy.typing as npt

from arena.errors import ArenaError
from arena.policies.bounded.bounds import Bounds
from arena.policies.bounded.channel import ACTIONS, EPISODES, ERROR, MAX_TEXT_BYTES, SIGN_OF_LIFE, Channel, Closed
from arena.policies.bounded.whole_episodes import WholeEpisodes, play_whole
from arena.policies.file_check import read_descriptor
from arena.policies.policy import OnnxSession

Array = npt.NDArray[Any]

SIGNS_OF_WANT = ("bad_alloc", "bad allocation", "failed to allocate memory", "out of memory")
"""Words in errors of onnxruntime and NumPy that wanted more memory."""


def serve(connection: socket.socket, file: int, shown: str, bounds: Bounds) -> None:
    """Loads a policy, sends its signature, and answers until the connection is closed.

    Args:
        connection: Socket to the user of the policy.
        file: Descriptor of the open policy file.
        shown: Name of the policy; begins errors.
        bounds: Bounds of this process.
    """
    channel = Channel(connection)
    with contextlib.suppress(Closed):
        try:
            policy = _load(file, shown, bounds)
        except ArenaError as error:
            _send_error(channel, str(error))
            return
        channel.send(ACTIONS, json.dumps(dataclasses.asdict(policy.signature), default=str).encode())
        _answer_all(channel, policy, bounds)


def _answer_all(channel: Channel, policy: OnnxSession, bounds: Bounds) -> None:
    while True:
        kind, content = channel.receive()
        try:
            if kind == EPISODES:
                answer: Array | bytes = _play(channel, policy, bounds, bytes(content))
            else:
                answer = _answer_observations(policy, content, kind)
        except Closed:
            raise
        except Exception as error:  # onnxruntime's errors share no base class of their own
            _send_error(channel, _sentence(error, bounds))
        else:
            channel.send(ACTIONS, answer)


def _play(channel: Channel, policy: OnnxSession, bounds: Bounds, content: bytes) -> bytes:
    """Returns the returns and lengths of whole episodes."""

    def give_sign() -> None:
        channel.send(SIGN_OF_LIFE, b"")
        channel.receive()  # the channel holds one message at a time

    asked = WholeEpisodes(**json.loads(content))
    return play_whole(lambda observations: _answer(policy, observations, ACTIONS), asked, bounds.call_seconds, give_sign)


def _answer_observations(policy: OnnxSession, content: memoryview, kind: int) -> Array:
    signature = policy.signature
    return _answer(policy, np.frombuffer(content, signature.observation_dtype).reshape(-1, *signature.observation_shape), kind)


def _load(file: int, shown: str, bounds: Bounds) -> OnnxSession:
    try:
        return OnnxSession(read_descriptor(file, shown), shown, is_checked=bounds.is_file_checked)
    except MemoryError:
        raise ArenaError(f"{shown} needs more memory than the {bounds.memory} allowed") from None


def _answer(policy: OnnxSession, observations: Array, kind: int) -> Array:
    """Returns the actions or the action scores, of the shape and type that the file promised, if all scores are finite."""
    actions, scores = policy.run(["actions", "action_scores"], observations)
    count, signature = len(observations), policy.signature
    if scores.shape != (count, signature.num_scores) or actions.shape != (count, *signature.action_shape):
        raise ValueError(f"it gave scores of shape {scores.shape} and actions of shape {actions.shape} for {count} observations")
    if not np.isfinite(scores).all():
        raise ValueError("it gave scores that are not finite")
    return np.ascontiguousarray(actions if kind == ACTIONS else scores)


def _sentence(error: Exception, bounds: Bounds) -> str:
    text = " ".join(str(error).split())
    wants_memory = isinstance(error, MemoryError) or any(sign in text.lower() for sign in SIGNS_OF_WANT)
    return f"it needs more memory than the {bounds.memory} allowed" if wants_memory else text


def _send_error(channel: Channel, text: str) -> None:
    channel.send(ERROR, text.encode()[:MAX_TEXT_BYTES])
