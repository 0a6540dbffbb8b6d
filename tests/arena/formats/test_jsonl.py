import hashlib
from pathlib import Path

import numpy as np
import pytest

from arena.errors import ArenaError
from arena.formats.jsonl import JsonlWriter, read_jsonl


def test_records_come_back_in_order(tmp_path):
    with JsonlWriter(tmp_path / "new" / "a.jsonl") as writer:
        writer.write({"env_steps": 1, "name": "é"})
        writer.write({"env_steps": 2, "loss": float("nan")})
    assert read_jsonl(tmp_path / "new" / "a.jsonl") == [{"env_steps": 1, "name": "é"}, {"env_steps": 2, "loss": None}]


def test_columns_are_written_as_their_rows_would_be(tmp_path):
    columns = {
        "env_steps": np.array([3, 10**12, -4]),
        "episode_return": np.array([0.1, -1e-30, 12345678.9]),
        "odd": np.array([np.nan, np.inf, 2.0]),
        "terminated": np.array([True, False, True]),
    }
    with JsonlWriter(tmp_path / "columns.jsonl") as writer:
        writer.write_columns(columns)
        writer.write_columns({name: column[:0] for name, column in columns.items()})
    with JsonlWriter(tmp_path / "rows.jsonl") as writer:
        for row in zip(*(column.tolist() for column in columns.values()), strict=True):
            writer.write(dict(zip(columns, row, strict=True)))
    assert (tmp_path / "columns.jsonl").read_bytes() == (tmp_path / "rows.jsonl").read_bytes()
    assert len(read_jsonl(tmp_path / "columns.jsonl")) == 3


def test_columns_may_hold_a_table_below_a_name(tmp_path):
    with JsonlWriter(tmp_path / "a.jsonl") as writer:
        writer.write_columns({"a": np.arange(2), "table": {"50%": np.array([0.5, np.nan]), "c": np.array([True, False])}})
    assert read_jsonl(tmp_path / "a.jsonl") == [{"a": 0, "table": {"50%": 0.5, "c": True}}, {"a": 1, "table": {"50%": None, "c": False}}]


def test_flush_gives_the_offset_to_which_a_resumed_run_cuts_back(tmp_path):
    path = tmp_path / "a.jsonl"
    with JsonlWriter(path) as writer:
        writer.write("é")
        offset = writer.flush(to_disk=True)
        assert offset == path.stat().st_size
        writer.write("after the checkpoint")
    with JsonlWriter(path, truncate_to=offset) as writer:
        assert writer.flush() == offset
        writer.write("again")
    assert read_jsonl(path) == ["é", "again"]


def test_flush_makes_records_readable(tmp_path):
    with JsonlWriter(tmp_path / "a.jsonl") as writer:
        writer.write(1)
        writer.flush()
        assert read_jsonl(tmp_path / "a.jsonl") == [1]


def test_truncating_to_zero_begins_anew(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text("1\n2\n")
    with JsonlWriter(path, truncate_to=0) as writer:
        writer.write(3)
    assert read_jsonl(path) == [3]


def test_a_torn_last_line_is_not_read_and_not_continued(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"a":1}\n{"a":2')
    assert read_jsonl(path) == [{"a": 1}]
    with JsonlWriter(path) as writer:
        writer.write({"a": 3})
    assert read_jsonl(path) == [{"a": 1}, {"a": 3}]


def test_a_character_torn_in_the_middle_is_not_read(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_bytes('{"a":1}\n"é'.encode()[:-1])
    assert read_jsonl(path) == [{"a": 1}]


def test_a_broken_line_elsewhere_is_an_error_that_names_it(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('1\n{"a":\n3\n')
    with pytest.raises(ArenaError, match=r"a\.jsonl, line 2 cannot be read: it is not JSON"):
        read_jsonl(path)


def test_a_file_shorter_than_its_checkpoint_is_refused(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text("1\n")
    with pytest.raises(ArenaError, match="has 2 bytes, its checkpoint was made at 10"):
        JsonlWriter(path, truncate_to=10)
    assert read_jsonl(path) == [1]


def test_a_missing_file_is_an_error(tmp_path):
    with pytest.raises(ArenaError, match=r"cannot read .*absent\.jsonl"):
        read_jsonl(tmp_path / "absent.jsonl")


def test_an_empty_file_has_no_records(tmp_path):
    JsonlWriter(tmp_path / "a.jsonl").close()
    assert read_jsonl(tmp_path / "a.jsonl") == []


def test_the_checksum_is_that_of_all_records_also_after_a_resume(tmp_path: Path) -> None:
    path = tmp_path / "records.jsonl"
    with JsonlWriter(path) as writer:
        writer.write({"a": 1})
        length, first = writer.flush(), writer.sha256
        writer.write_columns({"b": np.arange(3)})
    with JsonlWriter(path, truncate_to=length, sha256=first) as writer:
        writer.write({"c": 2})
        writer.flush()
        assert writer.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    changed = path.read_bytes().replace(b"1", b"7", 1)
    path.write_bytes(changed)
    with pytest.raises(ArenaError, match=r"records\.jsonl was changed: its first 8 bytes"):
        JsonlWriter(path, truncate_to=length, sha256=first)
    assert path.read_bytes() == changed, "nothing is cut from a file that was changed"
