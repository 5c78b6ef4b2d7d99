"""Dataset specs: reading them strictly, judging them, and the hash that names them.

Decides what a well-formed spec is and what its ``spec_hash`` is. Never fetches anything, never repairs a spec, never
lets YAML mean more than JSON can say. Keeps clauses A1 and A2, and the form half of B1 and E1.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, Literal

import yaml

from audit.canonical import CanonicalError, StrictJsonError, canonical_bytes, parse_strict
from audit.digests import digest_bytes
from audit.findings import Finding
from datasets.formats.errors import UnreadableSource
from datasets.identity import check_slug
from datasets.schemas import check_document, pointer

MAX_BYTES = 1024 * 1024
MAX_YAML_BYTES = 128 * 1024  # its parser reads about 100 KB a second; a spec this long is better JSON
MAX_DEPTH = 40

HASH_KEYS = frozenset({"spec_hash", "spec_digest", "dataset_version_id", "run_id"})
CLOCK_KEYS = frozenset(
    {"generated_at", "created_at", "updated_at", "modified_at", "built_at", "evaluated_at", "now", "today", "timestamp"}
)
SEED_KEYS = frozenset({"seed", "random_seed", "random_state", "nonce", "salt"})
# What a check is compared by; two checks that differ only in these measure the same.
JUDGING_KEYS = frozenset({"operator", "threshold", "severity"})
# What a check can't be measured without; each needs one of the names of every group.
NEEDED_PARAMETERS: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "field_type": (("field",), ("type",)),
    "pattern": (("field",), ("pattern",)),
    "references": (("dataset",), ("field", "fields")),
    "custom_sql": (("sql",), ("returns",)),
}
# Below these the keys are names of fields or of the upstream's parameters, not words of the spec.
FREE_NAMES = (
    re.compile(r"/normalization/(canonical_fields|units)"),
    re.compile(r"/upstream/endpoints/[0-9]+/parameters"),
)
CREDENTIAL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/?#\s]*@")
ARTIFACT_PLACEHOLDER = "<dataset_version_id>"


class SpecSyntaxError(ValueError):
    """The text is not a spec's JSON or YAML. ``code``: stable; ``where``: pointer, line or byte; ``message``."""

    def __init__(self, code: str, where: str, message: str) -> None:
        super().__init__(f"{message} ({where})" if where else message)
        self.code, self.where, self.message = code, where, message


def parse_spec(raw: bytes, *, syntax: Literal["json", "yaml"]) -> dict[str, Any]:
    """The spec that ``raw`` (UTF-8, at most 1 MiB) spells, with nothing judged but its syntax.

    YAML is held to what JSON can say: one document, no anchors, aliases, tags or merge keys, text keys, dates stay
    text, ``yes``/``no`` stay text. Raises ``SpecSyntaxError``.
    """
    try:
        spec = parse_strict(raw, max_bytes=MAX_BYTES, max_depth=MAX_DEPTH) if syntax == "json" else _parse_yaml(raw)
    except StrictJsonError as error:
        raise SpecSyntaxError(error.code, error.where, error.message) from error
    if not isinstance(spec, dict):
        raise SpecSyntaxError("not_an_object", "", "A spec is one object with named fields.")
    try:
        canonical_bytes(spec)
    except CanonicalError as error:
        raise SpecSyntaxError("not_canonical", "", str(error)) from error
    return spec


def spec_hash(spec: Mapping[str, Any]) -> str:
    """``sha256:`` of the RFC 8785 bytes of ``spec`` (A2); raises ``audit.canonical.CanonicalError`` if it has none."""
    return str(digest_bytes(canonical_bytes(dict(spec))))


def check_spec(spec: object) -> list[Finding]:
    """A1, A2, B1's and E1's form: one finding per field, ``where`` a JSON pointer to it; empty when well formed.

    Whether the licence may be published is clause B1's to say (``datasets.rights``), not this function's.
    """
    findings = {finding.where: finding for finding in check_document("dataset_spec.v1", spec)}
    if not isinstance(spec, Mapping):
        return list(findings.values())
    more = [*check_slug(spec.get("dataset_slug")), *_forbidden(spec)]
    for finding in [
        *more,
        *_addresses(spec),
        *_outputs(spec),
        *_reading(spec),
        *_check_names(spec),
        *_check_parameters(spec),
        *_extent(spec),
    ]:
        findings.setdefault(finding.where, finding)
    return sorted(findings.values(), key=lambda finding: finding.where)


def _forbidden(value: object, path: tuple[str | int, ...] = ()) -> Iterator[Finding]:
    where = pointer(path)
    if any(pattern.fullmatch(where) for pattern in FREE_NAMES):
        return
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _forbidden(item, (*path, index))
    elif isinstance(value, Mapping):
        for key, item in value.items():
            below = (*path, key)
            finding = _forbidden_key(key, pointer(below))
            if finding is not None:
                yield finding
            else:
                yield from _forbidden(item, below)


def _forbidden_key(key: str, where: str) -> Finding | None:
    fix = "Remove it from the spec."
    if key in HASH_KEYS:
        return Finding("spec_holds_hash", where, f"A spec never holds {key}: that is derived from its own hash.", fix)
    if key in CLOCK_KEYS:
        return Finding("spec_holds_clock", where, f"A spec never holds {key}: a clock would change its hash.", fix)
    if key in SEED_KEYS:
        return Finding("spec_holds_seed", where, f"A spec never holds {key}: runs are repeatable without chance.", fix)
    return None


def _addresses(spec: Mapping[str, Any]) -> Iterator[Finding]:
    for path, text in _texts(spec.get("upstream"), ("upstream",)):
        if CREDENTIAL.match(text):
            message = "An address in a spec holds no user name or password: specs are public."
            yield Finding("credential_in_address", pointer(path), message, "Give credentials in the environment.")


def _texts(value: object, path: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _texts(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _texts(item, (*path, index))


def _outputs(spec: Mapping[str, Any]) -> Iterator[Finding]:
    seen: set[str] = set()
    for index, output in enumerate(_list(spec.get("outputs"))):
        path = output.get("path") if isinstance(output, Mapping) else None
        if not isinstance(path, str):
            continue
        where = f"/outputs/{index}/path"
        if any(part in ("", ".", "..") for part in path.replace(ARTIFACT_PLACEHOLDER, "version").split("/")):
            yield Finding("path_unsafe", where, "An output's path has no empty part, no “.” and no “..”.")
        if path in seen:
            yield Finding("path_repeated", where, "Two outputs have this path.")
        seen.add(path)


def _reading(spec: Mapping[str, Any]) -> Iterator[Finding]:
    """An encoding or a coordinate system that has the form of one and is none."""
    normalization = spec.get("normalization")
    given = normalization if isinstance(normalization, Mapping) else {}
    for name in ("crs", "source_crs", "encoding"):
        value = given.get(name)
        fault = _unknown(name, value) if isinstance(value, str) and value else None
        if fault is not None:
            yield Finding(fault.code, f"/normalization/{name}", fault.message, fault.fix)


@lru_cache(maxsize=256)
def _unknown(name: str, value: str) -> UnreadableSource | None:
    from datasets.formats.instructions import instructions  # PROJ is loaded only by whoever judges a spec
    from datasets.formats.reference_systems import crs_of

    try:
        if name == "encoding":
            instructions({"normalization": {name: value}})
            return None
        crs = crs_of(value, f"spec /normalization/{name}")
        if not (crs.is_geographic or crs.is_projected):
            message = "This coordinate system has no two coordinates that say where on Earth something lies."
            return UnreadableSource("unknown_crs", "", message, "Write an authority code such as EPSG:4326.")
    except UnreadableSource as fault:
        return fault
    return None


def _check_names(spec: Mapping[str, Any]) -> Iterator[Finding]:
    validation = spec.get("validation")
    seen: set[str] = set()
    for index, check in enumerate(_list(validation.get("checks")) if isinstance(validation, Mapping) else []):
        if not isinstance(check, Mapping) or not isinstance(check.get("name"), str):
            continue
        identity = canonical_bytes({key: value for key, value in check.items() if key not in JUDGING_KEYS}).hex()
        if identity in seen:
            message = "This check stands twice, on the same fields with the same parameters."
            yield Finding("check_repeated", f"/validation/checks/{index}/name", message)
        seen.add(identity)


def _check_parameters(spec: Mapping[str, Any]) -> Iterator[Finding]:
    validation = spec.get("validation")
    for index, check in enumerate(_list(validation.get("checks")) if isinstance(validation, Mapping) else []):
        if not isinstance(check, Mapping) or not isinstance(check.get("parameters", {}), Mapping):
            continue
        given = {*check, *check.get("parameters", {})}
        for either in NEEDED_PARAMETERS.get(str(check.get("name")), ()):
            if not given.intersection(either):
                message = f"A check {check['name']} needs {' or '.join(either)}; without it nothing can be measured."
                where = f"/validation/checks/{index}/{either[0]}"
                yield Finding("check_incomplete", where, message, "Name it beside the check's name.", "missing")


def _extent(spec: Mapping[str, Any]) -> Iterator[Finding]:
    extent = spec.get("extent")
    bbox = extent.get("bbox") if isinstance(extent, Mapping) else None
    if not isinstance(bbox, list) or len(bbox) not in (4, 6) or not all(isinstance(n, (int, float)) for n in bbox):
        return
    west, south, east, north = bbox[0], bbox[1], bbox[len(bbox) // 2], bbox[len(bbox) // 2 + 1]
    # RFC 7946 §5.2: west > east means that the box crosses the antimeridian, so only latitudes are ordered
    if not (-180 <= west <= 180 and -180 <= east <= 180 and -90 <= south <= north <= 90):  # noqa: PLR2004 -- degrees
        message = "A bbox is west, south, east, north in degrees, south not above north."
        yield Finding("bbox_out_of_range", "/extent/bbox", message)


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


class _StrictLoader(yaml.SafeLoader):
    """YAML without what JSON cannot say; the resolvers are YAML 1.2's JSON schema plus plain text."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}
    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]  # types-PyYAML leaves it untyped
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
            raise _refusal("yaml_anchor", event.start_mark, "A spec has no anchors and no aliases.")
        if getattr(event, "tag", None) not in (None, "!"):
            raise _refusal("yaml_tag", event.start_mark, "A spec has no tags.")
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise _refusal("too_deep", event.start_mark, f"The text is nested more than {MAX_DEPTH} levels deep.")
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


for _first, _tag, _pattern in (
    (["n"], "null", r"null"),
    (["t", "f"], "bool", r"true|false"),
    (list("-0123456789"), "int", r"-?(?:0|[1-9][0-9]*)"),
    (list("-0123456789"), "float", r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?"),
):
    _StrictLoader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(rf"(?:{_pattern})\Z"), _first)

NOT_A_NUMBER = re.compile(r"[-+]?\.(?:inf|nan)", re.IGNORECASE)


def _refusal(code: str, mark: yaml.Mark | None, message: str) -> SpecSyntaxError:
    where = "" if mark is None else f"line {mark.line + 1} column {mark.column + 1}"
    return SpecSyntaxError(code, where, message)


def _parse_yaml(raw: bytes) -> Any:
    if len(raw) > MAX_YAML_BYTES:
        message = f"The text is {len(raw)} bytes; at most {MAX_YAML_BYTES} of YAML are read. Give it as JSON."
        raise SpecSyntaxError("too_large", "", message)
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise SpecSyntaxError("invalid_utf8", f"byte {error.start}", "The text is not valid UTF-8.") from error
    try:
        loader = _StrictLoader(text)
        node = loader.get_single_node()
    except yaml.MarkedYAMLError as error:
        raise _refusal("not_yaml", error.problem_mark, f"The text is not YAML: {error.problem}.") from error
    except yaml.YAMLError as error:
        raise SpecSyntaxError("not_yaml", "", "The text holds a character that YAML does not allow.") from error
    if node is None:
        raise SpecSyntaxError("empty", "", "The text is empty.")
    return _plain(node)


def _plain(node: yaml.Node) -> Any:
    if isinstance(node, yaml.MappingNode):
        return _plain_mapping(node)
    if isinstance(node, yaml.SequenceNode):
        return [_plain(item) for item in node.value]
    kind = node.tag.rpartition(":")[2]
    text = str(node.value)
    if kind in ("int", "float"):
        # JSON's own reading, so that 1e400 and 5,000 digits are refused in both syntaxes alike
        return parse_strict(text)
    if kind in ("null", "bool"):
        return {"null": None, "true": True, "false": False}[text]
    if isinstance(node, yaml.ScalarNode) and node.style is None:
        if NOT_A_NUMBER.fullmatch(text):
            raise _refusal("not_a_number", node.start_mark, f"{text} is not JSON.")
        if text in ("", "~"):
            raise _refusal("yaml_empty_value", node.start_mark, "A value is missing; write null, or leave the key out.")
    return text


def _plain_mapping(node: yaml.MappingNode) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key_node, value_node in node.value:
        key = _plain(key_node) if isinstance(key_node, yaml.ScalarNode) else None
        if not isinstance(key, str):
            raise _refusal("yaml_key_not_text", key_node.start_mark, "A key is not text; put it in quotes.")
        if key == "<<":
            raise _refusal("yaml_merge_key", key_node.start_mark, "A spec has no merge keys.")
        if key in found:
            raise _refusal("duplicate_key", key_node.start_mark, "An object names a key twice.")
        found[key] = _plain(value_node)
    return found
