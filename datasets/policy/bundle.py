"""The Rego policies as compiled bundles, and the digest that names them.

Decides nothing: compiles, asks, and hands back what the engine said, in time or not at all. Reads only the ``.rego``
files that ship beside it; other policies (stored ones, proposed ones) come in as values. A bundle is policies and label
facts, whole: its canonical text is what is kept, and the digest of that text is its name (C1).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

import pyproj  # noqa: F401 - loaded before regopy: the other way round their C++ runtimes clash and the process aborts
import regopy

from audit.canonical import canonical_bytes
from audit.digests import digest_bytes
from datasets.policy.labels import LabelFacts, label_from_json
from datasets.policy.time_limit import PolicyTimeout, TimeLimited

__all__ = ["Evaluator", "Policies", "PolicyMalformed", "PolicyTimeout", "PolicyUndefined", "evaluator", "evaluator_of"]

POLICY_DIRECTORY = Path(__file__).resolve().parent / "rego"
#: How long one question may take, and how long compiling the policies may (a worker's first breath).
ENGINE_SECONDS = 2.0
COMPILE_SECONDS = 20.0
_QUERY = "decision = data.kfm.policy.decision"
_UNDEFINED = "undefined"


#: Questions whose answers an evaluator remembers; each takes about 2 KB.
MOST_REMEMBERED = 8192


class PolicyUndefined(Exception):  # noqa: N818 - it is an answer of the engine, named as Rego names it
    """The engine had no value for the decision."""


class PolicyMalformed(Exception):  # noqa: N818 - as above
    """The engine's answer is no decision."""


class Evaluator(Protocol):
    """Answers one input document with the decision document. Raises whatever the engine raises."""

    @property
    def sources(self) -> Mapping[str, str]:
        """File name to text of the policies that answer."""
        ...

    def __call__(self, document: Mapping[str, Any]) -> Mapping[str, Any]: ...


@lru_cache(maxsize=1)
def policy_sources() -> Mapping[str, str]:
    """File name to text of every shipped policy, by name. Raises ``OSError`` or ``UnicodeDecodeError``."""
    return {path.name: path.read_text(encoding="utf-8") for path in sorted(POLICY_DIRECTORY.glob("*.rego"))}


@dataclass(frozen=True, slots=True)
class Policies:
    """One bundle, whole: the policies' texts by file name and every label's facts by name."""

    sources: Mapping[str, str]
    labels: Mapping[str, LabelFacts]

    @property
    def canonical(self) -> str:
        """RFC 8785 text of ``{"labels": [...], "policies": {file name: Rego text}}``: what is kept."""
        return _canonical(tuple(self.labels[name] for name in sorted(self.labels)), _frozen(self.sources))

    @property
    def digest(self) -> str:
        """``sha256:…`` of :attr:`canonical`."""
        return policy_bundle_digest(self.labels, self.sources)

    @classmethod
    def from_canonical(cls, text: str) -> Policies:
        """Reads a kept bundle. Raises ``KeyError``, ``TypeError`` or ``ValueError`` when it is none."""
        document = json.loads(text)
        facts = [label_from_json(item) for item in document["labels"]]
        return cls({str(k): str(v) for k, v in document["policies"].items()}, {item.name: item for item in facts})


def policy_bundle_digest(labels: Mapping[str, LabelFacts], sources: Mapping[str, str] | None = None) -> str:
    """The digest of the bundle made of *labels* and *sources* (the shipped policies when not given)."""
    return _digest(tuple(labels[name] for name in sorted(labels)), _frozen(sources or policy_sources()))


def _frozen(sources: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(sources.items()))


def _canonical(labels: Iterable[LabelFacts], sources: tuple[tuple[str, str], ...]) -> str:
    return canonical_bytes({"policies": dict(sources), "labels": [facts.as_json() for facts in labels]}).decode()


@lru_cache(maxsize=64)
def _digest(labels: tuple[LabelFacts, ...], sources: tuple[tuple[str, str], ...]) -> str:
    return str(digest_bytes(_canonical(labels, sources).encode()))


class _CompiledPolicies:
    """One interpreter and its compiled query, for one thread: Rego interpreters are not shared between threads."""

    def __init__(self, sources: tuple[tuple[str, str], ...]) -> None:
        if not sources:
            raise PolicyUndefined("there are no policy files")
        self._interpreter = regopy.Interpreter()
        self._interpreter.strict_built_in_errors = True
        for name, text in sources:
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


class _TimeLimitedPolicies:
    """Given policies, asked by any thread, answering in time or raising ``PolicyTimeout``.

    Rules are functions of their input, or no decision could be replayed; so what was answered is remembered. That also
    bounds what the engine costs: rego-cpp 1.5 keeps about 22 KB of every question for good, which a console that runs
    for years could not afford. What raised is asked again.
    """

    def __init__(self, sources: tuple[tuple[str, str], ...], seconds: float) -> None:
        self.sources: Mapping[str, str] = dict(sources)
        self._ask = TimeLimited(lambda: _CompiledPolicies(sources), seconds=seconds, compile_seconds=COMPILE_SECONDS)
        self._answered = lru_cache(maxsize=MOST_REMEMBERED)(self._answer)

    def __call__(self, document: Mapping[str, Any]) -> Mapping[str, Any]:
        answer: dict[str, Any] = json.loads(self._answered(json.dumps(document, sort_keys=True)))
        return answer

    def _answer(self, question: str) -> str:
        return json.dumps(self._ask(json.loads(question)))


@lru_cache(maxsize=16)
def _evaluator(sources: tuple[tuple[str, str], ...], seconds: float) -> Evaluator:
    return _TimeLimitedPolicies(sources, seconds)


def evaluator_of(sources: Mapping[str, str], *, seconds: float = ENGINE_SECONDS) -> Evaluator:
    """The evaluator of the given policies; one is kept for the same texts. A text that is no Rego fails when asked."""
    return _evaluator(_frozen(sources), seconds)


def evaluator() -> Evaluator:
    """The evaluator of the shipped policies."""
    return evaluator_of(policy_sources())
