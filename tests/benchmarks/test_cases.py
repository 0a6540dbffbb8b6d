from benchmarks.cases import benchmark_cases


def test_every_dqn_case_ends_after_a_burst_of_updates():
    cases = benchmark_cases()
    assert all(case.baselines for case in cases)
    assert all(case.env_steps % case.hyperparameters["train_period"] == 0 for case in cases if case.algorithm == "dqn")


def test_a_shortened_case_takes_fewer_env_steps():
    for case in benchmark_cases():
        shortened = case.shortened()
        assert shortened.env_steps <= case.env_steps
        assert shortened.whole_env_steps < case.whole_env_steps
        assert shortened.hyperparameters == case.hyperparameters
