"""`arena.policies` is public: what it promises is there, and importing it costs nothing."""

import subprocess
import sys

import pytest

import arena.policies


def test_every_public_name_can_be_imported() -> None:
    assert {"Policy", "OnnxPolicy", "evaluate", "Evaluation", "PolicyNetwork", "Dense", "check_policy_file"} <= set(arena.policies.__all__)
    for name in arena.policies.__all__:
        assert getattr(arena.policies, name).__name__ == name
    assert not hasattr(arena.policies, "no_such_name")


@pytest.mark.worker
def test_names_are_imported_at_their_first_use() -> None:
    script = "import sys, arena.policies; print(*sorted({'numpy', 'onnx', 'onnxruntime', 'gymnasium'} & set(sys.modules)))"
    process = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert process.stdout.split() == []
