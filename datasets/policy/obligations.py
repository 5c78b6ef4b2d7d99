"""The closed list of obligations, their parameters, and when one is at least as strong as another.

Decides whether an obligation is well formed (C2, design §6); never applies or verifies one. An unknown kind or
an unknown, missing or ill-typed parameter is refused: no default stands in for it. Only how a generalized place is
drawn has a customary answer, the square grid and the cell's centre, which the wire form leaves unsaid (ADR 0027).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from audit.findings import Finding

Scalar = int | float | str
ParameterValue = Scalar | tuple[str, ...]

#: Coarser is later. ``generalize_time`` never makes a time finer than its resolution.
TIME_RESOLUTIONS: tuple[str, ...] = ("day", "month", "year")
MAXIMUM_CELL_SIZE_M = 1_000_000
#: GBIF's categories of sensitivity, as metres that are nowhere on the grids finer than so many degrees (ADR 0027).
PRESETS: Mapping[str, int] = MappingProxyType(
    {"1_degree": 115_000, "0.1_degree": 11_500, "0.01_degree": 1_150, "0.001_degree": 115}
)
#: What else may be said of a kind, and its values; the first one is customary and is not written.
OPTIONS: Mapping[str, tuple[str, ...]] = MappingProxyType({"grid": ("square", "h3"), "shape": ("centroid", "cell")})


class ObligationKind(StrEnum):
    GENERALIZE_GEOMETRY = "generalize_geometry"
    REMOVE_ATTRIBUTES = "remove_attributes"
    GENERALIZE_TIME = "generalize_time"
    SUPPRESS_SMALL_COUNTS = "suppress_small_counts"
    SHOW_NOTICE = "show_notice"
    REQUIRE_ATTRIBUTION = "require_attribution"
    METADATA_ONLY = "metadata_only"


_PARAMETER: dict[ObligationKind, str | None] = {
    ObligationKind.GENERALIZE_GEOMETRY: "min_cell_size_m",
    ObligationKind.REMOVE_ATTRIBUTES: "fields",
    ObligationKind.GENERALIZE_TIME: "resolution",
    ObligationKind.SUPPRESS_SMALL_COUNTS: "k",
    ObligationKind.SHOW_NOTICE: "message",
    ObligationKind.REQUIRE_ATTRIBUTION: None,
    ObligationKind.METADATA_ONLY: None,
}

_EXTRAS: frozenset[str] = frozenset({*OPTIONS, "preset"})

#: Obligations that change bytes; the others are carried by catalogs and pages.
TRANSFORMING: frozenset[ObligationKind] = frozenset(
    {
        ObligationKind.GENERALIZE_GEOMETRY,
        ObligationKind.REMOVE_ATTRIBUTES,
        ObligationKind.GENERALIZE_TIME,
        ObligationKind.SUPPRESS_SMALL_COUNTS,
    }
)


class ObligationError(ValueError):
    """An obligation is not well formed. ``findings`` says all that is wrong with it."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        super().__init__("; ".join(finding.message for finding in findings))
        self.findings = tuple(findings)


@dataclass(frozen=True, slots=True)
class Obligation:
    """One obligation: its kind and its one parameter's value, or ``None`` for a kind that takes none.

    ``value`` is metres for ``generalize_geometry``, a tuple of dotted field paths for ``remove_attributes``, one of
    :data:`TIME_RESOLUTIONS`, a count for ``suppress_small_counts``, a sentence for ``show_notice``. ``options``: pairs
    out of :data:`OPTIONS`, sorted, without the customary values; only ``generalize_geometry`` has any.
    """

    kind: ObligationKind
    value: ParameterValue | None = None
    options: tuple[tuple[str, str], ...] = ()

    def option(self, name: str) -> str:
        """The value of one of :data:`OPTIONS`; the customary one when it isn't named."""
        return dict(self.options).get(name, OPTIONS[name][0])

    def as_json(self) -> dict[str, object]:
        """The wire form ``{"type": …, <parameter>: …}`` (design §5), with the options that are named."""
        name = _PARAMETER[self.kind]
        if name is None:
            return {"type": self.kind.value}
        value = list(self.value) if isinstance(self.value, tuple) else self.value
        return {"type": self.kind.value, name: value, **dict(self.options)}


def parse_obligation(document: object, where: str = "") -> Obligation:
    """The obligation that ``{"type": kind, parameter: value}`` means. Raises :class:`ObligationError`.

    A ``preset`` stands for its metres: what is parsed no longer says that one was named.
    """
    findings = obligation_findings(document, where)
    if findings or not isinstance(document, Mapping):
        raise ObligationError(findings)
    kind = ObligationKind(document["type"])
    name = _PARAMETER[kind]
    if name is None:
        return Obligation(kind)
    value = PRESETS[document["preset"]] if "preset" in document else document[name]
    options = tuple((key, str(document[key])) for key in sorted(OPTIONS) if document.get(key, "") in OPTIONS[key][1:])
    return Obligation(kind, tuple(sorted(set(value))) if isinstance(value, (list, tuple)) else value, options)


def parse_obligations(documents: Iterable[object], where: str = "obligations") -> tuple[Obligation, ...]:
    """All of them, in order. Raises :class:`ObligationError` with the findings of every bad one."""
    listed = list(documents)
    findings = [
        finding for index, item in enumerate(listed) for finding in obligation_findings(item, f"{where}/{index}")
    ]
    if findings:
        raise ObligationError(findings)
    return tuple(parse_obligation(item) for item in listed)


def obligation_findings(document: object, where: str = "") -> list[Finding]:
    """Everything that is wrong with one obligation's document; empty when it is well formed."""
    if not isinstance(document, Mapping):
        return [Finding("invalid_obligation", where, "An obligation is an object with a type.", 'Write {"type": …}.')]
    kind_name = document.get("type")
    if not isinstance(kind_name, str) or kind_name not in set(ObligationKind):
        known = ", ".join(ObligationKind)
        return [
            Finding("unknown_obligation", f"{where}/type", f"{kind_name!r} is no known obligation.", f"Use: {known}.")
        ]
    kind = ObligationKind(kind_name)
    name = _PARAMETER[kind]
    takes = {"type", name, *(_EXTRAS if kind is ObligationKind.GENERALIZE_GEOMETRY else ())}
    surplus = sorted(str(key) for key in document if key not in takes)
    findings = [
        Finding("invalid_obligation", f"{where}/{key}", f"{kind} takes no parameter {key!r}.", "Remove it.")
        for key in surplus
    ]
    if name is not None:
        findings += _parameter_findings(kind, name, document, where)
    if kind is ObligationKind.GENERALIZE_GEOMETRY:
        findings += _extra_findings(document, where)
    return findings


def _extra_findings(document: Mapping[str, object], where: str) -> list[Finding]:
    """What is wrong with a grid, a shape or a preset."""
    known = {**OPTIONS, "preset": tuple(PRESETS)}
    findings = [
        Finding("invalid_obligation", f"{where}/{key}", f"{key} must be one of {', '.join(values)}.", f"Mend {key}.")
        for key, values in known.items()
        if key in document and not (isinstance(document[key], str) and document[key] in values)
    ]
    if {"preset", "min_cell_size_m"} <= set(document):
        message = "A preset and min_cell_size_m both name the size."
        findings.append(Finding("invalid_obligation", f"{where}/preset", message, "Keep one of them."))
    return findings


def _parameter_findings(kind: ObligationKind, name: str, document: Mapping[str, object], where: str) -> list[Finding]:
    if kind is ObligationKind.GENERALIZE_GEOMETRY and "preset" in document and name not in document:
        return []
    if name not in document:
        return [Finding("invalid_obligation", f"{where}/{name}", f"{kind} needs {name}.", f"Give {name}.", "missing")]
    problem = _value_problem(kind, document[name])
    return [Finding("invalid_obligation", f"{where}/{name}", f"{name} {problem}.", f"Mend {name}.")] if problem else []


def _value_problem(kind: ObligationKind, value: object) -> str:
    if kind is ObligationKind.GENERALIZE_GEOMETRY:
        good = isinstance(value, (int, float)) and not isinstance(value, bool) and 1 <= value <= MAXIMUM_CELL_SIZE_M
        return "" if good else f"must be a number of metres from 1 to {MAXIMUM_CELL_SIZE_M}"
    if kind is ObligationKind.REMOVE_ATTRIBUTES:
        good = isinstance(value, (list, tuple)) and bool(value) and all(isinstance(i, str) and i.strip() for i in value)
        if good and isinstance(value, (list, tuple)) and "geometry" in value:
            return "must not name the geometry column; use metadata_only or generalize_geometry"
        return "" if good else "must be a non-empty list of field names"
    if kind is ObligationKind.GENERALIZE_TIME:
        return "" if value in TIME_RESOLUTIONS else f"must be one of {', '.join(TIME_RESOLUTIONS)}"
    if kind is ObligationKind.SUPPRESS_SMALL_COUNTS:
        good = isinstance(value, int) and not isinstance(value, bool) and 2 <= value <= 1_000_000  # noqa: PLR2004 - k=1 hides nothing
        return "" if good else "must be a whole number from 2 to 1000000"
    return "" if isinstance(value, str) and value.strip() else "must be a sentence"


def satisfies(applied: Obligation, required: Obligation) -> bool:
    """True when ``applied`` is of the required kind, at least as strong, and drawn as required where that is named."""
    if applied.kind is not required.kind or not set(required.options) <= set(applied.options):
        return False
    have, want = applied.value, required.value
    if isinstance(have, tuple) and isinstance(want, tuple):
        return set(want) <= set(have)
    if applied.kind is ObligationKind.GENERALIZE_TIME:
        return TIME_RESOLUTIONS.index(str(have)) >= TIME_RESOLUTIONS.index(str(want))
    if isinstance(have, (int, float)) and isinstance(want, (int, float)):
        return have >= want
    return have == want


def unmet(required: Iterable[Obligation], applied: Iterable[Obligation]) -> tuple[Obligation, ...]:
    """The required obligations that no applied one satisfies."""
    done = tuple(applied)
    return tuple(need for need in required if not any(satisfies(have, need) for have in done))


def union(*groups: Iterable[Obligation]) -> tuple[Obligation, ...]:
    """All obligations of all groups without those that a stronger one already covers, in a stable order.

    Geometry is generalized once: of several the largest cell, drawn in every way that one of them names.
    """
    listed = [item for group in groups for item in group]
    listed += _one_geometry([item for item in listed if item.kind is ObligationKind.GENERALIZE_GEOMETRY])
    every = sorted(set(listed), key=lambda item: (item.kind.value, repr(item.value), item.options))
    return tuple(item for item in every if not any(other != item and satisfies(other, item) for other in every))


def _one_geometry(items: Sequence[Obligation]) -> list[Obligation]:
    """The one obligation that satisfies each of *items*; none when there is none."""
    if not items:
        return []
    largest = max((item.value for item in items if isinstance(item.value, (int, float))), default=MAXIMUM_CELL_SIZE_M)
    options = tuple(sorted({pair for item in items for pair in item.options}))
    return [Obligation(ObligationKind.GENERALIZE_GEOMETRY, largest, options)]
