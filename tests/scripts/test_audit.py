import json

from audit import Findings, findings


def test_each_vulnerability_is_a_line_and_what_could_not_be_looked_up_is_named():
    package = {"name": "a", "version": "1.0", "vulns": [{"id": "X-1", "fix_versions": ["1.1"]}, {"id": "X-2", "fix_versions": []}]}
    others = [{"name": "b", "version": "2.0", "vulns": []}, {"name": "c", "skip_reason": "not found"}]
    found = findings(json.dumps({"dependencies": [package, *others]}))
    assert found == Findings(("a 1.0: X-1, fixed in 1.1", "a 1.0: X-2, fixed in no version yet"), 2, ("c",))


def test_what_is_no_answer_is_no_clean_bill():
    for text in ("", "Traceback", "[]", '{"other": 1}', '{"dependencies": [{"name": "a", "version": "1"}]}'):
        assert findings(text) is None
