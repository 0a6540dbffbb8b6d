import hashlib

import pytest

from arena.errors import ArenaError
from arena.formats.folders import UnsafeFile
from arena.run_folder.folder import RunDir
from arena.run_folder.seal import CHUNK_BYTES, hash_file, hash_value, make_seal, refuse_broken


def test_a_file_of_any_size_has_its_own_hash_and_a_missing_one_has_none(files: RunDir):
    assert hash_file(files, "episodes.jsonl") is None
    for content in (b"", b"x", b"y" * (2 * CHUNK_BYTES + 1)):
        files.episodes.write_bytes(content)
        found = hash_file(files, "episodes.jsonl", to_disk=True)
        assert found is not None
        assert found.hexdigest() == hashlib.sha256(content).hexdigest()


def test_no_link_is_hashed(files: RunDir, tmp_path):
    (tmp_path / "letter").write_text("dear")
    files.episodes.symlink_to(tmp_path / "letter")
    with pytest.raises(UnsafeFile, match=r"episodes\.jsonl is a link"):
        hash_file(files, "episodes.jsonl")


def test_a_value_has_one_hash_before_and_after_it_is_written():
    assert hash_value({"b": (1, 2.5), "a": float("nan")}) == hash_value({"a": None, "b": [1, 2.5]})
    assert hash_value({"a": 1}) != hash_value({"a": 2})


def test_a_seal_names_what_differs(files: RunDir):
    files.policy.write_bytes(b"p")
    files.episodes.write_bytes(b"e")
    seal = make_seal(files, {"seed": 3}, {"status": "finished"})
    assert set(seal) == {"policy.onnx", "episodes.jsonl", "inputs", "result"}
    refuse_broken(seal, dict(seal), "x")
    files.evaluations.write_bytes(b"added")
    files.policy.write_bytes(b"q")
    found = make_seal(files, {"seed": 4}, {"status": "finished"})
    with pytest.raises(ArenaError) as error:
        refuse_broken(seal, found, "x")
    assert str(error.value) == "x is damaged: policy.onnx, the inputs in run.json and evaluations.jsonl are not what the run left"
