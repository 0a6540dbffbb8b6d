import dataclasses

import pytest
from exported_policies import contents, largest_difference, observations

from arena.errors import ArenaError
from arena.export.graph import read_graph
from arena.export.javascript_format import RunScript, convert, write_function, write_script

IN_JAVASCRIPT = [name for name in contents() if name != "foreign"]


@pytest.mark.extra
@pytest.mark.parametrize("name", IN_JAVASCRIPT)
def test_a_script_acts_as_the_policy_file(tmp_path, name):
    content = contents()[name]
    graph, path = read_graph(content, "policy"), tmp_path / "policy.js"
    convert(graph, path, None)
    num_equal, difference = largest_difference(RunScript(path, graph), content, 200)
    assert num_equal == 200
    assert difference <= 1e-5


@pytest.mark.extra
def test_another_weight_gives_another_answer(tmp_path):
    content = contents()["mlp"]
    graph, path = read_graph(content, "policy"), tmp_path / "policy.js"
    name = next(name for name, array in graph.weights.items() if array.shape == (2,))
    convert(dataclasses.replace(graph, weights={**graph.weights, name: graph.weights[name] + 1e-3}), path, None)
    assert largest_difference(RunScript(path, graph), content, 10)[1] > 1e-5


def test_whole_numbers_beyond_those_of_javascript_are_refused():
    with pytest.raises(ArenaError, match="'rest' computes with whole numbers of 64 bits"):
        write_script(read_graph(contents()["foreign"], "policy"))


def test_nothing_of_a_file_but_numbers_gets_into_a_script():
    text = write_function(read_graph(contents()["masked"], "policy"))
    assert "constant_" not in text
    assert "<" not in text.replace(" < ", "")
    assert observations(contents()["masked"], 1).shape == (1, 27)
