"""Schemas of KFM's records, and the one way to judge a document by them.

Decides whether a document has the form its JSON Schema (2020-12) states, and says in a sentence, field by field,
what is wrong. Never fetches a schema, never repairs a document, never repeats a value it refuses (values may be
secret). Keeps the form half of clauses A1, C1, F1 and G1.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

import jsonschema_rs

from audit.findings import Finding

TYPE_NAMES = {
    "array": "a list",
    "boolean": "true or false",
    "integer": "a whole number",
    "null": "null",
    "number": "a number",
    "object": "an object",
    "string": "text",
}


class RecordError(ValueError):
    """A record that was to be built would not have its form; ``findings`` says where."""

    def __init__(self, record: str, findings: Sequence[Finding]) -> None:
        self.record = record
        self.findings = tuple(findings)
        super().__init__(f"The {record} was not made: " + " ".join(f"{f.where}: {f.message}" for f in findings))


@cache
def schema_text(name: str, package: str = "datasets.schemas") -> str:
    """The text of ``<name>.schema.json`` in ``package``; an unknown name is the programmer's error and raises."""
    return files(package).joinpath(f"{name}.schema.json").read_text(encoding="utf-8")


@cache
def _compiled(name: str, package: str) -> tuple[jsonschema_rs.Draft202012Validator, Any]:
    schema = json.loads(schema_text(name, package))
    return jsonschema_rs.Draft202012Validator(schema, validate_formats=True), schema


def check_document(name: str, document: object, package: str = "datasets.schemas") -> list[Finding]:
    """Judge a parsed JSON ``document`` by schema ``name``.

    Returns one finding per field, ``where`` a JSON pointer (RFC 6901) to the field at fault, also when the field is
    absent, so that a form can show it beside the field. Empty when the document has the schema's form.
    """
    validator, schema = _compiled(name, package)
    by_field: dict[str, Finding] = {}
    for error in validator.iter_errors(document):
        for finding in _findings(error, schema):
            by_field.setdefault(finding.where, finding)
    return sorted(by_field.values(), key=lambda finding: finding.where)


def pointer(parts: Sequence[str | int]) -> str:
    """The JSON pointer (RFC 6901) of a path; the whole document is ``""``."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)


def _findings(error: jsonschema_rs.ValidationError, schema: Any) -> list[Finding]:
    kind = error.kind
    where = list(error.instance_path)
    keyword = kind.name
    if isinstance(kind, jsonschema_rs.ValidationErrorKind.Required):
        return [_absent(where, kind.property, schema, error.schema_path)]
    if isinstance(kind, jsonschema_rs.ValidationErrorKind.AdditionalProperties):
        return [
            Finding(
                "unexpected_field",
                pointer([*where, name]),
                f"“{_short(name)}” is not a field of this record.",
                "Remove it, or correct its spelling.",
            )
            for name in kind.unexpected
        ]
    parent = _node(schema, list(error.schema_path)[:-1])
    described = str(parent.get("description", "")) if isinstance(parent, Mapping) else ""
    return [Finding(f"schema_{_snake(keyword)}", pointer(where), _sentence(error, described), described)]


def _absent(where: Sequence[str | int], name: str, schema: Any, schema_path: Sequence[str | int]) -> Finding:
    parent = _node(schema, list(schema_path)[:-1])
    described = ""
    if isinstance(parent, Mapping):
        described = str(parent.get("properties", {}).get(name, {}).get("description", ""))
    return Finding("missing_field", pointer([*where, name]), f"“{name}” is required.", described, "missing")


def _sentence(error: jsonschema_rs.ValidationError, described: str) -> str:
    kind = error.kind
    kinds = jsonschema_rs.ValidationErrorKind
    match kind:
        case kinds.Type():
            sentence = f"This must be {_any_of([TYPE_NAMES.get(name, name) for name in _as_list(kind.types)])}."
        case kinds.Enum():
            sentence = f"This must be {_any_of([str(option) for option in _as_list(kind.options)])}."
        case kinds.Constant():
            sentence = f"This must be {kind.expected_value}."
        case kinds.MinItems():
            sentence = f"This list needs {kind.limit} or more."
        case kinds.AnyOf() | kinds.OneOfNotValid() | kinds.OneOfMultipleValid() if described:
            sentence = described
        case kinds.Format():
            sentence = f"This is not a valid {kind.format}."
        case kinds.UniqueItems():
            sentence = "An entry of this list stands twice."
        case _ if described:
            sentence = f"Not in the form: {described}"
        case _:
            sentence = f"This does not have the required form ({kind.name})."
    return sentence


def _as_list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else [value]


def _any_of(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + " or " + words[-1]


def _short(name: str) -> str:
    return name if len(name) <= 60 else name[:60] + "…"  # noqa: PLR2004 -- a name beside a form field, not a page


def _snake(name: str) -> str:
    return "".join("_" + letter.lower() if letter.isupper() else letter for letter in name).lstrip("_")


def _node(schema: Any, path: Sequence[str | int]) -> Any:
    for part in path:
        schema = schema[int(part) if isinstance(schema, list) else part]
    return schema
