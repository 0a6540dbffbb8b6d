"""What the commands that take policies out of the arena do with files of strangers."""

import subprocess
import sys

import onnx
import pytest
from hostile_policies import dividing, growing, looping, sound

COMMANDS = {
    "export": ("--to", "c", "--output", "out.h"),
    "watch": ("CartPole-v1", "--video", "out.webp"),
    "serve": ("--port", "0"),
}


def write_files(folder) -> dict[str, str]:
    """Writes files that are no policies, and returns what each is refused for."""
    (folder / "text.onnx").write_text("hello")
    (folder / "empty.onnx").write_bytes(b"")
    (folder / "folder.onnx").mkdir()
    for name, network in (("loop", looping()), ("division", dividing()), ("growth", growing(30, 1_000))):
        onnx.save(network.model(), folder / f"{name}.onnx")
    whole = sound().model().SerializeToString()
    (folder / "cut.onnx").write_bytes(whole[: len(whole) // 2])
    return {
        "text.onnx": "is not an ONNX file",
        "empty.onnx": "is not an ONNX file",
        "folder.onnx": "holds no policy",
        "loop.onnx": "loop.onnx",
        "division.onnx": "divides integers",
        "growth.onnx": "growth.onnx",
        "cut.onnx": "is not an ONNX file",
        "absent.onnx": "absent.onnx",
    }


@pytest.mark.extra
@pytest.mark.worker
@pytest.mark.parametrize("command", COMMANDS)
def test_files_that_are_no_policies_are_refused_in_a_line_and_leave_nothing(tmp_path, monkeypatch, arena, command):
    files = write_files(tmp_path)
    monkeypatch.chdir(tmp_path)
    before = {path.name for path in tmp_path.iterdir()}
    for name, reason in files.items():
        code, said = arena(command, name, *COMMANDS[command])
        assert (code, reason in said, said.startswith("arena: ")) == (2, True, True), said
    assert {path.name for path in tmp_path.iterdir()} == before


@pytest.mark.worker
def test_none_of_the_commands_needs_a_framework_to_be_asked_for_help():
    for command in COMMANDS:
        done = subprocess.run([sys.executable, "-m", "arena", command, "--help"], capture_output=True, text=True, check=True)
        assert command in done.stdout
