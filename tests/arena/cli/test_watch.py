import json

import pytest
from PIL import Image

from arena.cli.policy_arguments import one_policy
from arena.errors import ArenaError


@pytest.mark.worker
def test_two_policies_side_by_side_become_one_video(tmp_path, arena, write_policy):
    first, second = (write_policy(tmp_path / f"{name}.onnx", "CartPole-v1", seed) for seed, name in enumerate("ab"))
    video = tmp_path / "video.webp"
    code, said = arena(
        *("watch", f"A={first}", str(second), "CartPole-v1", "--grid", "--video", str(video), "--json", "--max-episode-steps", "9")
    )
    assert code == 0
    *episodes, written = [json.loads(f"{line}}}") for line in said.strip("}").split("} ")]
    assert {(each["policy"], each["seed"]) for each in episodes} == {("A", 0), ("b", 0)}
    with Image.open(video) as image:
        assert (image.width, image.n_frames) == (600, written["frames"])


def test_watching_is_refused_in_a_sentence(tmp_path, arena, write_policy, monkeypatch):
    for name in ("SDL_VIDEODRIVER", "DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    policy = str(write_policy(tmp_path / "a.onnx", "CartPole-v1"))
    for arguments, message in (
        (["CartPole-v1"], "no policy 'CartPole-v1'"),
        ([policy], "say on which environment"),
        ([policy, "CartPole-v1"], "there is no display here"),
        ([policy, "CartPole-v1", "--video", "a.avi"], "a video is .mp4, .webp, .gif"),
        ([policy, "tictactoe_v3", "--video", "a.gif"], "is a game of two"),
    ):
        code, said = arena("watch", *arguments)
        assert (code, message in said) == (2, True), said


@pytest.mark.worker
def test_an_environment_without_pictures_is_refused(tmp_path, arena, write_policy):
    policy = str(write_policy(tmp_path / "a.onnx", "arena/Chain-v0"))
    code, said = arena("watch", policy, "arena/Chain-v0", "--video", str(tmp_path / "a.gif"))
    assert code == 2
    assert "arena/Chain-v0 cannot be watched: it has no render mode 'rgb_array'" in said


def test_one_policy_is_one(tmp_path, write_run):
    for seed in (0, 1):
        write_run(tmp_path / "runs", "agent", "CartPole-v1", seed)
    with pytest.raises(ArenaError, match="holds 2 policies; name one of them"):
        one_policy(str(tmp_path / "runs"))
