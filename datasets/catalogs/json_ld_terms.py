"""What JSON-LD drops because no context gives it a meaning: keys that are no term, no IRI and no keyword.

Decides which parts of a document say nothing (JSON-LD 1.1 API §5.1.2 step 13.3: a key without a meaning is dropped with
all that it holds); the RDF parser keeps what such a key holds. Scoped contexts are followed (§4.1.8 of the syntax); no
context is ever fetched.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any


@dataclass(frozen=True, slots=True)
class _Active:
    """The terms in force, whether a vocabulary gives every key a meaning, and what a nested node goes back to."""

    terms: Mapping[str, Any] = field(default_factory=dict)
    vocabulary: bool = False
    previous: _Active | None = None
    types: tuple[str, ...] = ()
    """The terms that mean ``@type``: looked for once a context, since a document may have as many nodes as terms."""


def without_meaningless_keys(document: Any) -> Any:
    """The same document without the keys that JSON-LD drops; its contexts are inline."""
    return _stripped(document, _Active())


def _with(active: _Active, context: Any) -> _Active:
    for entry in context if isinstance(context, list) else [context]:
        if entry is None:
            active = _Active(previous=active.previous)
        elif isinstance(entry, dict):
            own = {key: value for key, value in entry.items() if not key.startswith("@")}
            vocabulary = bool(entry["@vocab"]) if "@vocab" in entry else active.vocabulary
            terms = {**active.terms, **own}
            types = tuple(name for name, meaning in terms.items() if meaning in ("@type", {"@id": "@type"}))
            active = replace(active, terms=terms, vocabulary=vocabulary, types=types)
    return active


def _scoped(active: _Active, name: str) -> Any:
    definition = active.terms.get(name)
    return definition.get("@context") if isinstance(definition, dict) and "@context" in definition else False


def _means(active: _Active, key: str) -> bool:
    if key in active.terms:
        definition = active.terms[key]
        return definition is not None and not (isinstance(definition, dict) and definition.get("@id", key) is None)
    return key.startswith("@") or ":" in key or active.vocabulary


def _stripped(value: Any, active: _Active) -> Any:
    if isinstance(value, list):
        return [_stripped(part, active) for part in value]
    if not isinstance(value, dict):
        return value
    if active.previous is not None and "@value" not in value and set(value) != {"@id"}:
        active = active.previous  # a context that a type brings does not reach nested nodes
    if "@context" in value:
        active = _with(active, value["@context"])
    active = _typed(value, active)
    kept = {}
    for key, part in value.items():
        if key in {"@context", "@value"} or _is_json(active, key):
            kept[key] = part
        elif _means(active, key):
            scope = _scoped(active, key)
            within = active if scope is False else _with(active, scope)
            kept[key] = _mapped(part, within) if _is_map(active, key) else _stripped(part, within)
    return kept


def _is_map(active: _Active, key: str) -> bool:
    """Whether the keys of the value are languages, indexes, ids or types, and no terms."""
    definition = active.terms.get(key)
    if not isinstance(definition, dict):
        return False
    maps = {"@language", "@index", "@id", "@type"} & {part for part in _list(definition.get("@container")) if part}
    return bool(maps)


def _is_json(active: _Active, key: str) -> bool:
    definition = active.terms.get(key)
    return isinstance(definition, dict) and definition.get("@type") == "@json"


def _mapped(value: Any, active: _Active) -> Any:
    if not isinstance(value, dict):
        return _stripped(value, active)
    return {key: _stripped(part, active) for key, part in value.items()}


def _typed(value: Mapping[str, Any], active: _Active) -> _Active:
    """The context that the node's types bring, which ends with the node."""
    given = [part for key in ("@type", *active.types) if key in value for part in _list(value[key])]
    scopes = [_scoped(active, name) for name in sorted(name for name in given if isinstance(name, str))]
    found = active
    for scope in scopes:
        if scope is not False:
            lasting = isinstance(scope, dict) and scope.get("@propagate") is True
            found = replace(_with(found, scope), previous=found.previous if lasting else found.previous or active)
    return found


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
