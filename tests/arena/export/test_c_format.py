import pytest
from exported_policies import contents, largest_difference

from arena.errors import ArenaError
from arena.export.c_format import CompiledHeader, convert, write_header
from arena.export.graph import read_graph
from arena.export.runtime import NoRuntime


@pytest.mark.worker
@pytest.mark.parametrize("name", contents())
def test_a_compiled_header_acts_as_the_policy_file(tmp_path, name):
    content = contents()[name]
    graph, path = read_graph(content, "policy"), tmp_path / "policy.h"
    convert(graph, path, None)
    num_equal, difference = largest_difference(CompiledHeader(path, graph), content, 1_000)
    assert num_equal == 1_000
    assert difference <= 1e-5


def test_a_header_says_what_it_takes_and_gives():
    header = write_header(read_graph(contents()["mlp"], "policy"))
    assert "int policy_act(const float *observation, float *action_scores)" in header
    assert "4 numbers, in row-major order of [4]" in header
    box = write_header(read_graph(contents()["box"], "policy"))
    assert "void policy_act(const float *observation, float *action_scores, float *action)" in box


def test_without_a_compiler_a_header_is_written_and_not_compared(tmp_path, monkeypatch):
    graph, path = read_graph(contents()["two axes"], "policy"), tmp_path / "policy.h"
    convert(graph, path, None)
    monkeypatch.setenv("CC", str(tmp_path / "no-compiler"))
    with pytest.raises(NoRuntime, match="no C compiler"):
        CompiledHeader(path, graph)


@pytest.mark.worker
def test_what_the_compiler_refuses_is_an_error(tmp_path):
    path = tmp_path / "policy.h"
    path.write_text("int policy_act(")
    with pytest.raises(ArenaError, match="refuses the header"):
        CompiledHeader(path, read_graph(contents()["mlp"], "policy"))
