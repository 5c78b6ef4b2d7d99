"""Cedar's listed decisions, from the same engine: each policy file said again in Rego, each request as Cedar lists it.

The policies under ``cedar/`` are ours, one module for each of Cedar's files; requests, entities and decisions are read
from ``../shared/cases/policy``. Every file there is expressed; ``NOT_EXPRESSED`` would name one that is not, and why.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from datasets.policy import bundle
from tests.cases import CASES as SHARED

ROOT = SHARED / "policy" / "cedar-decisions"
RULES = Path(__file__).parent / "cedar"
#: File under ``tests/`` without its suffix → why its policies can't be said in Rego.
NOT_EXPRESSED: dict[str, str] = {}

FILES = sorted(ROOT.glob("tests/*/*.json"))
REQUESTS = [(path, n, request) for path in FILES for n, request in enumerate(json.loads(path.read_text())["requests"])]
needs_cases = pytest.mark.skipif(not FILES, reason="no shared/cases/policy on this machine")


def name_of(path):
    return f"{path.parent.name}_{path.stem}"


def uid(entity):
    return f"{entity['type']}::{entity['id']}"


def plain(value):
    """An attribute with each entity in it by its name, as the Rego modules read it."""
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return uid(value) if set(value) == {"type", "id"} else {key: plain(item) for key, item in value.items()}
    return value


def question(path, request):
    entities = json.loads((ROOT / json.loads(path.read_text())["entities"]).read_text())
    return {
        "principal": uid(request["principal"]),
        "action": uid(request["action"]),
        "resource": uid(request["resource"]),
        "context": plain(request["context"]),
        "entities": {
            uid(entity["uid"]): {"attrs": plain(entity["attrs"]), "parents": [uid(up) for up in entity["parents"]]}
            for entity in entities
        },
    }


def engine_of(name):
    sources = {file: (RULES / file).read_text() for file in ("cedar.rego", f"{name}.rego")}
    return bundle.evaluator_of(sources)


@needs_cases
@pytest.mark.parametrize(
    ("path", "request_"),
    [(path, request) for path, _, request in REQUESTS],
    ids=[f"{name_of(path)}.{n}" for path, n, _ in REQUESTS],
)
def test_the_engine_gives_cedars_listed_decision_and_its_reasons(path, request_):
    answer = engine_of(name_of(path))(question(path, request_))
    assert (answer["decision"], answer["reason_codes"]) == (request_["decision"], sorted(request_["reason"]))


@needs_cases
def test_every_file_of_cedars_is_expressed_or_said_not_to_be():
    ours = {path.stem for path in RULES.glob("*.rego")} - {"cedar"}
    assert ours | set(NOT_EXPRESSED) == {name_of(path) for path in FILES}
    assert not ours & set(NOT_EXPRESSED)
    assert {request["decision"] for _, _, request in REQUESTS} == {"allow", "deny"}
    assert all(request["reason"] for _, _, request in REQUESTS if request["decision"] == "allow")


@needs_cases
def test_another_policy_gives_another_decision():
    """The comparison can fail: one file's requests under the next file's policies."""
    told = [
        engine_of("multi_2" if name_of(path) == "multi_1" else "multi_1")(question(path, request))["decision"]
        == request["decision"]
        for path, _, request in REQUESTS
        if name_of(path).startswith("multi")
    ]
    assert not all(told)
