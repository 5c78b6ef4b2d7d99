"""No document of any kind, judged as any other kind, ends a check by breaking it down."""

from __future__ import annotations

import pytest

from kfm_console.validation import VALIDATORS, Options, judge
from tests.cases import CASES

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("kind", sorted(VALIDATORS))
def test_every_case_is_judged_as_every_kind_without_breaking_down(kind):
    files = [path for path in sorted(CASES.rglob("*")) if path.is_file()]
    if not files:
        pytest.skip("shared/cases is not on this machine")
    for path in files:
        answer = judge(kind, str(path), Options())
        assert "check_broke_down" not in {finding["code"] for finding in answer["findings"]}, path
        assert (answer["verdict"] == "pass") == (not answer["findings"]), path
