from arena.errors import did_you_mean


def test_only_a_similar_word_is_suggested():
    assert did_you_mean("keras-dqm", ["rllib-dqn", "keras-dqn"]) == "; did you mean 'keras-dqn'?"
    assert did_you_mean("keras-dqm", ["random"]) == ""
    assert did_you_mean("x", []) == ""
