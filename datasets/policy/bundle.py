"""The Rego policies as one compiled bundle per thread, and the digest that names them.

Decides nothing: compiles, asks, and hands back what the engine said. Reads only the ``.rego`` files that ship
beside it.
Rego interpreters are not shared between threads; each thread compiles its own (about 10 ms, once).
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

import pyproj  # noqa: F401 - loaded before regopy: the other way round their C++ runtimes clash and the process aborts
import regopy

from audit.digests import digest_bytes, digest_json
from datasets.policy.labels import LabelFacts

POLICY_DIRECTORY = Path(__file__).resolve().parent / "rego"
_QUERY = "decision = data.kfm.policy.decision"
_UNDEFINED = "undefined"


class PolicyUndefined(Exception):  # noqa: N818 - it is an answer of the engine, named as Rego names it
    """The engine had no value for the decision."""


class PolicyMalformed(Exception):  # noqa: N818 - as above
    """The engine's answer is no decision."""


class Evaluator(Protocol):
    """Answers one input document with the decision document. Raises whatever the engine raises."""

    def __call__(self, document: Mapping[str, Any]) -> Mapping[str, Any]: ...


@lru_cache(maxsize=1)
def policy_sources() -> Mapping[str, str]:
    """File name to text of every policy, by name. Raises ``OSError`` or ``UnicodeDecodeError``."""
    return {path.name: path.read_text(encoding="utf-8") for path in sorted(POLICY_DIRECTORY.glob("*.rego"))}


def policy_bundle_digest(labels: Mapping[str, LabelFacts]) -> str:
    """The digest over every ``.rego`` file and the label facts, ``sha256:…`` of their RFC 8785 form."""
    return _digest(tuple(labels[name] for name in sorted(labels)))


@lru_cache(maxsize=64)
def _digest(labels: Iterable[LabelFacts]) -> str:
    policies = {name: str(digest_bytes(text.encode())) for name, text in policy_sources().items()}
    return str(digest_json({"policies": policies, "labels": [facts.as_json() for facts in labels]}))


class _CompiledPolicies(threading.local):
    """One interpreter and its compiled query for the thread that made it."""

    def __init__(self) -> None:
        sources = policy_sources()
        if not sources:
            raise PolicyUndefined("there are no policy files")
        self._interpreter = regopy.Interpreter()
        self._interpreter.strict_built_in_errors = True
        for name, text in sources.items():
            self._interpreter.add_module(name, text)
        self._query = self._interpreter.build(_QUERY, [])

    def __call__(self, document: Mapping[str, Any]) -> Mapping[str, Any]:
        self._interpreter.set_input(document)
        text = str(self._interpreter.query_bundle(self._query))
        if text.strip() == _UNDEFINED:
            raise PolicyUndefined("the decision is undefined")
        answer = json.loads(text)["bindings"]["decision"]
        if not isinstance(answer, dict):
            raise PolicyMalformed("the decision is not an object")
        return answer


@lru_cache(maxsize=1)
def evaluator() -> Evaluator:
    """The evaluator of the shipped policies; it compiles anew in every thread that calls it."""
    return _CompiledPolicies()
