"""Many references in one question: bounded, in order, each by itself; what is hidden answers as what is absent."""

from __future__ import annotations

import json
import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.evidence.references import valid
from tests.promotions import part

ABSENT = "dcat://no_such_thing@2024.00000000"


def ask(client, body):
    return client.post("/api/v1/evidence/resolve", data=json.dumps(body), content_type="application/json")


@pytest.mark.parametrize(
    "body",
    [
        {"refs": []},
        {"refs": [ABSENT] * 101},
        {"refs": [f"{ABSENT}{number}" for number in range(101)]},
        {"refs": ["x" * 2_001]},
        {"refs": [ABSENT, None]},
        {"refs": [[ABSENT]]},
        {"refs": ABSENT},
        {"ref": [ABSENT]},
        {"ref": ABSENT, "refs": [ABSENT]},
        {},
        [ABSENT],
    ],
)
def test_what_is_out_of_bounds_is_refused_whole_and_says_the_bounds(api, body):
    answer = ask(api.client(), body)
    assert answer.status_code == 400
    assert "1 to 100 texts of at most 2000 characters" in answer.json()["message"]


def test_a_hundred_are_answered_in_order_and_a_reference_asked_twice_twice_alike(api):
    good, other = valid(api.public)[0], valid(api.public)[1]
    refs = [good, ABSENT, other, good, f"{good} ", ABSENT] + [f"{ABSENT}{number}" for number in range(94)]
    results = ask(api.client(), {"refs": refs}).json()["results"]
    assert [result["ref"] for result in results] == refs
    resolved = [place for place, result in enumerate(results) if result["status"] == "resolved"]
    assert resolved == [0, 2, 3]
    assert results[0] == results[3]


def elsewhere(ref: str, version) -> str:
    """A reference as well formed, to what is nowhere: another version, other bytes, another run."""
    other = re.sub(r"[0-9a-f]{64}", lambda digest: digest[0][::-1], ref.replace(version.version_id, "1801.00000000"))
    return re.sub(r"(run/[^#]*Z\.)[0-9a-z]+", r"\1nowhere", other)


def hidden_and_absent(api) -> list[tuple[str, str]]:
    """Pairs of references of the same kind: to what is hidden, and to what is not there."""
    shared = set(valid(api.public))  # the publisher's terms, which the public version holds too, are no secret
    own = f"doc://{part(api.restricted, 'dcat')}#page=1&span=0:8"
    refs = [ref for ref in (*valid(api.restricted), own) if ref not in shared]
    pairs = [(ref, elsewhere(ref, api.restricted)) for ref in refs]
    for version in api.hidden.values():
        ref = f"dcat://{version.dataset.slug}@{version.version_id}"
        pairs.append((ref, elsewhere(ref, version)))
    assert all(hidden != absent for hidden, absent in pairs)
    return pairs


def test_d3_hidden_and_absent_are_the_same_answer_byte_for_byte(api):
    client = api.client()
    for hidden, absent in hidden_and_absent(api):
        told = []
        for ref in (hidden, absent):
            one = ask(client, {"ref": ref})
            several = ask(client, {"refs": [ref]})
            bodies = [one.content.decode(), several.content.decode()]
            refused = [one.json()["audit_ref"], several.json()["results"][0]["audit_ref"]]
            bodies = [
                body.replace(ref, "REF").replace(mark, "MARK") for body, mark in zip(bodies, refused, strict=True)
            ]
            told.append((one.status_code, several.status_code, sorted(one.headers), bodies))
        assert told[0] == told[1], hidden
        assert told[0][0] == 404


def test_d3_hidden_costs_no_more_looking_up_than_absent(api):
    """The work behind an answer is told by its queries: a clock would tell the machine's load."""
    client = api.client()
    for hidden, absent in hidden_and_absent(api):
        counted = []
        for ref in (hidden, absent):
            with CaptureQueriesContext(
                connection,
            ) as seen:
                ask(client, {"ref": ref})
            counted.append(len(seen))
        assert counted[0] == counted[1], hidden
