import json
import math

import numpy as np
import pytest

from arena.errors import ArenaError
from arena.formats.json import json_line, read_json, read_json_object, write_bytes, write_json


def test_json_survives_a_round_trip(tmp_path) -> None:
    value = {"a": [1, 2.5, None, True], "ü": {"b": "c"}, "big": 2**127}
    write_json(tmp_path / "a.json", value)
    assert read_json(tmp_path / "a.json") == value


def test_the_state_of_a_generator_survives_exactly(tmp_path) -> None:
    rng = np.random.default_rng(0)
    rng.random(7)
    write_json(tmp_path / "rng.json", rng.bit_generator.state)
    other = np.random.default_rng(1)
    other.bit_generator.state = read_json(tmp_path / "rng.json")
    np.testing.assert_array_equal(other.random(5), rng.random(5))


def test_what_json_lacks_becomes_null(tmp_path) -> None:
    write_json(tmp_path / "a.json", {"nan": math.nan, "inf": [math.inf, -math.inf], "numpy": np.float64("nan"), "pair": (1.0, math.nan)})
    assert json.loads((tmp_path / "a.json").read_text()) == {"nan": None, "inf": [None, None], "numpy": None, "pair": [1.0, None]}


def test_a_line_is_one_line() -> None:
    line = json_line({"text": "two\nlines", "nan": math.nan})
    assert line == '{"text":"two\\nlines","nan":null}\n'


def test_an_interrupted_write_leaves_the_old_content_and_no_litter(tmp_path, monkeypatch) -> None:
    path = tmp_path / "a.bin"
    write_bytes(path, b"old")

    def fail(_) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("arena.formats.folders.os.fsync", fail)
    with pytest.raises(OSError, match="disk full"):
        write_bytes(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_value_that_is_not_json_leaves_the_old_content(tmp_path) -> None:
    write_json(tmp_path / "a.json", 1)
    with pytest.raises(TypeError):
        write_json(tmp_path / "a.json", object())
    assert read_json(tmp_path / "a.json") == 1


@pytest.mark.parametrize("content", [None, "", '{"a": 1', "\udcff"])
def test_an_unreadable_file_is_named(tmp_path, content) -> None:
    path = tmp_path / "a.json"
    if content is not None:
        path.write_bytes(content.encode(errors="surrogateescape"))
    with pytest.raises(ArenaError, match=r"cannot read .*a\.json"):
        read_json(path)


def test_a_file_that_must_hold_an_object_is_refused_if_it_does_not(tmp_path) -> None:
    path = tmp_path / "run.json"
    path.write_text("[]")
    with pytest.raises(ArenaError, match=r"run\.json must hold a JSON object"):
        read_json_object(path)
    path.write_text('{"a": 1}')
    assert read_json_object(path) == {"a": 1}
