from arena.report.circumstances import circumstances
from arena.report.load import load_runs


def test_load_and_runs_at_a_time_are_told_by_agent_where_they_differ(tmp_path, write_run):
    write_run(tmp_path, "a", 0, record={"workers": 2, "load_at_start": 0.5, "load_at_end": 1.5, "machine": {"cores_available": 2}})
    write_run(tmp_path, "a", 1, record={"workers": 2, "load_at_start": 1.0, "machine": {"cores_available": 2}})
    same = "Seconds were measured with 2 runs at a time and a load average of 0.5 to 1.5 on 2 cores."
    assert circumstances(load_runs([tmp_path]).runs) == same
    write_run(tmp_path, "b", 0, record={"workers": 8, "load_at_start": 7.25, "machine": {"cores_available": 2}})
    assert circumstances(load_runs([tmp_path]).runs) == (
        "Seconds were measured with 2 (a), 8 (b) runs at a time and a load average of 0.5 to 1.5 (a), 7.25 (b) on 2 cores."
    )


def test_runs_that_recorded_neither_say_nothing(tmp_path, write_run):
    write_run(tmp_path)
    assert circumstances(load_runs([tmp_path]).runs) == ""


def test_one_core_is_no_plural(tmp_path, write_run):
    write_run(tmp_path, record={"load_at_start": 1.5, "machine": {"cores_available": 1}})
    assert circumstances(load_runs([tmp_path]).runs) == "Seconds were measured with a load average of 1.5 on 1 core."
