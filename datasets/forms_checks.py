"""The rows of a spec's form that declare checks: what a row asks for, and how rows and checks become each other.

Decides only how a row's text is read; whether a check is well formed is ``datasets.specs``' to say (clause E1). What a
row has no field for stays as the base document had it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms

from datasets.forms_texts import json_text, number_of, object_of, put, words_of
from datasets.quality.checks import KNOWN, OPERATORS

CHECK_HELP: dict[str, str] = {
    "geometry_valid": "share of geometries that are valid",
    "geometry_type": "share of geometries of the types in parameters {“types”: […]}",
    "within_extent": "share of geometries inside the extent, or inside Kansas when no extent is given",
    "required_fields_present": "share of values present in the fields",
    "field_type": "share of values of {“field”: …} that are of “type”: integer, number, boolean, date or text",
    "unique": "share of rows whose fields are together unlike any other's",
    "duplicate_rate": "share of rows that repeat another in the fields",
    "null_rate": "share of empty values in {“field”: …}",
    "value_range": "share of values of {“field”: …} from “min” to “max”",
    "allowed_values": "share of values of {“field”: …} that are among “values”",
    "domain": "another name of allowed values",
    "pattern": "share of texts of {“field”: …} that match the regular expression “pattern” as a whole",
    "date_order": "share of rows whose {“start”: …} is not after “end”",
    "no_future_dates": "share of dates of {“field”: …} that are not after the day of acquisition",
    "references": "share of rows whose {“fields”: […]} the published version of “dataset” has, as “dataset_fields”",
    "custom_sql": "what one SELECT over data says: the “sql”, which “returns” the failing rows or a number",
    "row_count": "number of rows",
    "row_growth": "change of the number of rows since the published version, as a share",
    "rejected_rate": "share of records that were rejected",
}
_CHECK_KEYS = ("name", "operator", "threshold", "severity", "fields", "parameters")
_SEVERITIES = (("", "stops the version"), ("warn", "only warns"))


class CheckRow(forms.Form):
    """One declared check; a row without a name is none."""

    name = forms.ChoiceField(label="Check", required=False)
    operator = forms.ChoiceField(label="Operator", required=False, choices=[("", "…"), *((o, o) for o in OPERATORS)])
    threshold = forms.CharField(label="Threshold", required=False, max_length=40)
    severity = forms.ChoiceField(label="If missed", required=False, choices=_SEVERITIES)
    fields_named = forms.CharField(label="Fields", required=False, max_length=2000)
    parameters = forms.CharField(label="Parameters", required=False, max_length=5000)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = [("", "no check"), *((name, name.replace("_", " ")) for name in KNOWN)]
        declared = self.initial.get("name")
        if declared and declared not in KNOWN:
            choices.append((declared, f"{declared} (not known here)"))
        self.fields["name"].choices = choices  # type: ignore[attr-defined]  # a ChoiceField
        severity = self.initial.get("severity")
        if severity and severity not in dict(_SEVERITIES):
            told = [*_SEVERITIES, (severity, f"as written: {severity}")]
            self.fields["severity"].choices = told  # type: ignore[attr-defined]  # a ChoiceField

    def clean_threshold(self) -> float | int | None:
        text = self.cleaned_data["threshold"].strip()
        if not text:
            return None
        try:
            return number_of(text)
        except ValueError as error:
            raise forms.ValidationError("The threshold is not a number.") from error

    def clean_parameters(self) -> dict[str, Any]:
        return object_of(
            self.cleaned_data["parameters"], "Write the parameters as a JSON object, such as {“field”: “acres”}."
        )

    def clean_fields_named(self) -> list[str]:
        return words_of(self.cleaned_data["fields_named"])


CheckRows = forms.formset_factory(CheckRow, extra=2, max_num=100, absolute_max=100)


def check_rows_from(spec: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The initial rows of the checks of *spec*."""
    return [
        {
            "name": check.get("name", ""),
            "operator": check.get("operator", ""),
            "threshold": json_text(check["threshold"]) if "threshold" in check else "",
            "severity": check.get("severity", ""),
            "fields_named": ", ".join(check.get("fields") or []),
            "parameters": json_text(check["parameters"]) if check.get("parameters") else "",
        }
        for check in (spec.get("validation") or {}).get("checks") or []
    ]


def put_checks(spec: dict[str, Any], rows: Any) -> list[tuple[int, int]]:
    """Writes the checks of the cleaned *rows* into *spec*; which check came from which row."""
    validation = spec.setdefault("validation", {})
    before = validation.get("checks") or []
    checks: list[dict[str, Any]] = []
    places = []
    for index, row in enumerate(rows):
        said = getattr(row, "cleaned_data", {})
        if not said.get("name"):
            continue
        was = before[index] if index < len(before) and before[index].get("name") == said["name"] else {}
        check = {key: value for key, value in was.items() if key not in _CHECK_KEYS}
        check["name"] = said["name"]
        put(check, "operator", said.get("operator"))
        if said.get("threshold") is not None:
            check["threshold"] = said["threshold"]
        put(check, "severity", said.get("severity"))
        put(check, "fields", said.get("fields_named"))
        put(check, "parameters", said.get("parameters"))
        places.append((len(checks), index))
        checks.append(check)
    validation["checks"] = checks
    return places
