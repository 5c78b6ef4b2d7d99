"""The form that builds a dataset spec, field by field, and the one that takes a spec as it was written.

Decides only where a field stands in the spec (a JSON pointer, RFC 6901) and how its text is read; whether the spec is
well formed is ``datasets.specs``' to say (clauses A1, A2). What a form has no field for stays as the base document had
it, so recording a spec again changes nothing that was not touched.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from django import forms

from audit.findings import Finding
from datasets import rights, specs
from datasets.forms_checks import put_checks
from datasets.forms_texts import json_text, number_of, object_of, put, words_of
from datasets.models import PolicyLabel
from datasets.policy.obligations import PRESETS, ObligationKind

#: Where each field of the form stands in the spec.
POINTERS: dict[str, str] = {
    "title": "/title",
    "dataset_slug": "/dataset_slug",
    "description": "/description",
    "authority": "/upstream/authority",
    "access_method": "/upstream/access_method",
    "endpoint_url": "/upstream/endpoints",
    "cadence": "/upstream/cadence",
    "license": "/upstream/terms/license",
    "rights_holder": "/upstream/terms/rights_holder",
    "attribution": "/upstream/terms/attribution",
    "terms_uri": "/upstream/terms/terms_uri",
    "policy_label": "/sensitivity/policy_label_intent",
    "obligations": "/sensitivity/obligations",
    "crs": "/normalization/crs",
    "canonical_fields": "/normalization/canonical_fields",
    "encoding": "/normalization/encoding",
    "delimiter": "/normalization/delimiter",
    "source_crs": "/normalization/source_crs",
    "layer": "/normalization/layer",
    "member": "/normalization/member",
    "archive": "/normalization/archive",
    "repair_geometry": "/normalization/repair_geometry",
    "themes": "/themes",
    "keywords": "/keywords",
    "bbox": "/extent/bbox",
    "temporal": "/extent/temporal",
}
#: How a source is read, where its own bytes don't say: left empty by most specs.
READING = ("encoding", "delimiter", "source_crs", "layer", "member", "archive", "repair_geometry")
DELIMITER_NAMES = {",": "comma", "\t": "tab", ";": "semicolon", "|": "bar"}
TITLE_LENGTH = 300
NEW_SPEC: dict[str, Any] = {
    "kfm_spec_version": "v1",
    "upstream": {},
    "sensitivity": {"obligations": []},
    "normalization": {"canonical_fields": {"geometry": "derived.geometry"}, "units": {}, "crs": "EPSG:4326"},
    "validation": {"checks": [{"name": "geometry_valid", "operator": ">=", "threshold": 1}]},
}
_OBLIGATION_HELP = (
    "One a line: a kind and its parameter, as generalize_geometry {“min_cell_size_m”: 10000}. Kinds: "
    + ", ".join(kind.value for kind in ObligationKind)
    + ". For places also “preset” in place of the size ("
    + ", ".join(PRESETS)
    + "), “grid” (square, h3) and “shape” (centroid, cell)."
)


def _text(label: str, help_text: str = "", **extra: Any) -> forms.CharField:
    return forms.CharField(
        label=label, help_text=help_text, required=False, max_length=extra.pop("max_length", 2000), **extra
    )


class SpecForm(forms.Form):
    """The fields of a spec. None is required here: what a spec must hold, ``specs.check_spec`` says, field by field."""

    title = _text("Title", "As people will read it.", max_length=TITLE_LENGTH)
    dataset_slug = _text(
        "Slug", "The dataset's id, for ever: lower-case letters, digits and underscores, authority first, no date."
    )
    description = forms.CharField(label="Description", required=False, max_length=20_000, widget=forms.Textarea)
    authority = _text("Authority", "Who publishes it upstream.")
    access_method = _text("Access method", "How it is fetched: bulk_csv, api, manual_upload.")
    endpoint_url = _text("Endpoint", "The address it is fetched from, without user name or password.")
    cadence = _text("Cadence", "How often upstream changes: monthly, yearly, irregular.")
    license = _text(
        "Licence",
        "An SPDX id such as CC-BY-4.0, or a LicenseRef- of your own with its terms.",
        widget=forms.TextInput(attrs={"list": "licenses", "autocomplete": "off"}),
    )
    rights_holder = _text("Rights holder")
    attribution = _text("Attribution", "The credit line shown with every copy.")
    terms_uri = _text("Terms", "Where the upstream's terms stand.")
    policy_label = forms.ChoiceField(label="Policy label intent", required=False)
    obligations = forms.CharField(
        label="Obligations", required=False, max_length=20_000, help_text=_OBLIGATION_HELP, widget=forms.Textarea
    )
    crs = _text(
        "Coordinate reference system",
        "Of the version that is made, such as EPSG:4326. Maps and catalogs are in degrees, whatever it is.",
    )
    canonical_fields = forms.CharField(
        label="Canonical fields",
        required=False,
        max_length=50_000,
        help_text="One a line: name = upstream.COLUMN, and one geometry: geometry = derived.geometry, "
        "derived.from_latlon or derived.from_wkt.",
        widget=forms.Textarea,
    )
    encoding = _text("Encoding of text", "Such as cp1252. Empty: UTF-8.")
    delimiter = forms.ChoiceField(
        label="Delimiter of CSV", required=False, help_text="What stands between the columns of a CSV."
    )
    source_crs = _text(
        "Source's coordinate reference system",
        "Only where a file doesn't say its own, such as EPSG:26914. It never overrides what a file says.",
    )
    layer = _text("Layer", "The one to read, where a file holds several.", strip=False)
    member = _text("Member", "The one file to read in an archive of several: its path in the archive.", strip=False)
    archive = forms.ChoiceField(
        label="Several tables in an archive",
        required=False,
        help_text="Joined, they become one table, in the order of their names.",
    )
    repair_geometry = forms.BooleanField(
        label="Mend invalid geometries",
        required=False,
        help_text="They are changed then; otherwise they stay as they came.",
    )
    themes = _text("Themes", "Separated by commas.")
    keywords = _text("Keywords", "Separated by commas.")
    bbox = _text("Extent", "West, south, east, north in degrees: -102.05, 36.99, -94.59, 40.0.")
    temporal = _text("Time covered", "Start / end, each YYYY[-MM[-DD]]; leave one side empty when it is open.")

    def __init__(
        self, *args: Any, base: Mapping[str, Any] | None = None, labels: list[PolicyLabel], **kwargs: Any
    ) -> None:
        self.base = copy.deepcopy(dict(base if base is not None else NEW_SPEC))
        self.labels = labels
        kwargs["initial"] = initial_from(self.base)
        super().__init__(*args, **kwargs)
        self._offer("policy_label", [("", "choose one"), *((o.name, f"{o.title} ({o.name})") for o in labels)])
        self._offer("delimiter", [("", "what the first line uses most"), *DELIMITER_NAMES.items()])
        self._offer("archive", [("", "refuse them"), ("concatenate", "join them")])
        if base is not None:
            self.fields["dataset_slug"].disabled = True
            self.fields["dataset_slug"].help_text = "A slug never changes."

    def _offer(self, name: str, choices: list[tuple[str, str]]) -> None:
        """A choice that the base has and this console does not know stays, so that it is judged and not lost."""
        had = self.initial.get(name)
        unknown = [(had, f"{had} (not known here)")] if had and had not in dict(choices) else []
        self.fields[name].choices = [*choices, *unknown]  # type: ignore[attr-defined]  # a ChoiceField

    @property
    def reading(self) -> list[forms.BoundField]:
        """The fields of ``READING``."""
        return [self[name] for name in READING]

    @property
    def reads_by_itself(self) -> bool:
        """Whether none of them says anything."""
        return not any(field.errors or field.value() for field in self.reading)

    def clean_canonical_fields(self) -> dict[str, Any]:
        fields: dict[str, Any] = {}
        known = (self.base.get("normalization") or {}).get("canonical_fields") or {}
        for number, line in enumerate(self.cleaned_data["canonical_fields"].splitlines(), start=1):
            name, equals, source = (part.strip() for part in line.partition("="))
            if not line.strip():
                continue
            if not (name and equals and source):
                raise forms.ValidationError(f"Line {number} is not “name = source”.")
            if name in fields:
                raise forms.ValidationError(f"Line {number} names {name} a second time.")
            kept = known.get(name)
            fields[name] = kept if isinstance(kept, dict) and json_text(kept) == source else source
        return fields

    def clean_obligations(self) -> list[dict[str, Any]]:
        found = []
        for number, line in enumerate(self.cleaned_data["obligations"].splitlines(), start=1):
            kind, _, rest = line.strip().partition(" ")
            if kind:
                found.append(
                    {"type": kind, **object_of(rest, f"Line {number}: write the parameters as a JSON object, or none.")}
                )
        return found

    def clean_bbox(self) -> list[float | int] | None:
        text = self.cleaned_data["bbox"].strip()
        if not text:
            return None
        try:
            return [number_of(part) for part in text.split(",")]
        except ValueError as error:
            raise forms.ValidationError(
                "An extent is numbers with commas between: west, south, east, north."
            ) from error

    def clean_temporal(self) -> dict[str, str | None] | None:
        start, slash, end = (part.strip() for part in self.cleaned_data["temporal"].partition("/"))
        if not start and not end:
            return None
        if not slash:
            raise forms.ValidationError("Write start / end; leave one side empty when it is open.")
        return {"start": start or None, "end": end or None}

    def clean_themes(self) -> list[str]:
        return words_of(self.cleaned_data["themes"])

    def clean_keywords(self) -> list[str]:
        return words_of(self.cleaned_data["keywords"])


class SpecDocumentForm(forms.Form):
    """A spec as it was written: a file, or pasted text."""

    file = forms.FileField(label="JSON or YAML file", required=False, allow_empty_file=True)
    document = forms.CharField(
        label="Or paste it",
        required=False,
        strip=False,
        max_length=specs.MAX_BYTES,
        widget=forms.Textarea(attrs={"class": "code", "spellcheck": "false"}),
    )
    syntax = forms.ChoiceField(label="Written in", choices=[("json", "JSON"), ("yaml", "YAML")], initial="json")


def initial_from(spec: Mapping[str, Any]) -> dict[str, Any]:
    """The form's texts for *spec*."""
    upstream, sensitivity = spec.get("upstream") or {}, spec.get("sensitivity") or {}
    normalization, extent = spec.get("normalization") or {}, spec.get("extent") or {}
    terms = upstream.get("terms") or upstream.get("terms_snapshot") or {}
    endpoints = upstream.get("endpoints") or [{}]
    temporal = extent.get("temporal") or {}
    fields = (normalization.get("canonical_fields") or {}).items()
    return {
        **{name: spec.get(name, "") for name in ("title", "dataset_slug", "description")},
        **{name: upstream.get(name, "") for name in ("authority", "access_method", "cadence")},
        **{name: terms.get(name, "") for name in ("license", "rights_holder", "attribution", "terms_uri")},
        "endpoint_url": endpoints[0].get("url", ""),
        "policy_label": sensitivity.get("policy_label_intent", ""),
        "obligations": "\n".join(_obligation_line(o) for o in sensitivity.get("obligations") or []),
        "crs": normalization.get("crs", ""),
        **{name: normalization.get(name, "") for name in READING},
        "canonical_fields": "\n".join(f"{k} = {v if isinstance(v, str) else json_text(v)}" for k, v in fields),
        "themes": ", ".join(spec.get("themes") or []),
        "keywords": ", ".join(spec.get("keywords") or []),
        "bbox": ", ".join(str(n) for n in extent.get("bbox") or []),
        "temporal": f"{temporal.get('start') or ''} / {temporal.get('end') or ''}" if temporal else "",
    }


def build_spec(form: SpecForm, rows: Any) -> tuple[dict[str, Any], list[tuple[int, int]]]:
    """The spec that the cleaned *form* and check *rows* spell, and which check came from which row.

    A field that did not read (it has its own error) is left as the base has it, so that the rest can be judged.
    """
    said = form.cleaned_data
    spec = copy.deepcopy(form.base)
    upstream = spec.setdefault("upstream", {})
    for name in ("title", "dataset_slug", "description"):
        put(spec, name, said.get(name))
    for name in ("authority", "access_method", "cadence"):
        put(upstream, name, said.get(name))
    _put_endpoint(upstream, said.get("endpoint_url"))
    _put_terms(upstream, said)
    sensitivity = spec.setdefault("sensitivity", {})
    put(sensitivity, "policy_label_intent", said.get("policy_label"))
    if "obligations" in said:
        sensitivity["obligations"] = said["obligations"]
    normalization = spec.setdefault("normalization", {})
    put(normalization, "crs", said.get("crs"))
    _put_reading(normalization, said)
    normalization.setdefault("units", {})
    if "canonical_fields" in said:
        normalization["canonical_fields"] = said["canonical_fields"]
    for name in ("themes", "keywords"):
        put(spec, name, said.get(name))
    extent = spec.setdefault("extent", {})
    put(extent, "bbox", said.get("bbox"))
    put(extent, "temporal", said.get("temporal"))
    if not extent:
        del spec["extent"]
    places = put_checks(spec, rows)
    _put_derived(spec)
    return spec, places


def faults_of_row(spec: Mapping[str, Any]) -> list[Finding]:
    """What a well-formed spec may say and the dataset's row can't hold."""
    title = spec.get("title")
    if isinstance(title, str) and (len(title) > TITLE_LENGTH or "\x00" in title):
        return [
            Finding(
                "title_unfit",
                "/title",
                f"A title has at most {TITLE_LENGTH} characters and no NUL character.",
                "Shorten it.",
            )
        ]
    return []


def field_of(where: str, places: list[tuple[int, int]]) -> tuple[str, int | None]:
    """The form field that a finding at *where* belongs beside, and its check row; ``""`` for none."""
    if where.startswith("/validation/checks/"):
        index, _, rest = where.removeprefix("/validation/checks/").partition("/")
        key = rest.split("/")[0] or "name"
        rows = dict(places)
        if int(index) in rows:
            return "fields_named" if key == "fields" else key, rows[int(index)]
    where = where.replace("/upstream/terms_snapshot/", "/upstream/terms/")
    for name, at in POINTERS.items():
        if where == at or where.startswith(f"{at}/"):
            return name, None
    return ("license", None) if where == "/upstream/terms" else ("", None)


def licenses() -> tuple[tuple[str, str], ...]:
    """The licences the form suggests."""
    return rights.COMMON_LICENSES


def _put_reading(normalization: dict[str, Any], said: Mapping[str, Any]) -> None:
    for name in READING:
        if name in said and (said[name] or normalization.get(name)):  # a false one that was said stays said
            put(normalization, name, said[name])


def _put_endpoint(upstream: dict[str, Any], url: str | None) -> None:
    endpoints = upstream.setdefault("endpoints", [])
    if url and endpoints:
        endpoints[0]["url"] = url
    elif url:
        endpoints.append({"url": url})
    elif endpoints:
        del endpoints[0]


def _put_terms(upstream: dict[str, Any], said: Mapping[str, Any]) -> None:
    names = ("license", "rights_holder", "attribution", "terms_uri")
    given = {name: said[name] for name in names if said.get(name)}
    if "terms" not in upstream and "terms_snapshot" in upstream and set(given) <= {"license"}:
        put(upstream["terms_snapshot"], "license", said.get("license"))
        return
    terms = upstream.setdefault("terms", {})
    for name in names:
        put(terms, name, given.get(name))


def _put_derived(spec: dict[str, Any]) -> None:
    """The two things a spec needs and nobody should have to type: the records' schema and the output's path."""
    slug = spec.get("dataset_slug") or "dataset"
    spec["validation"].setdefault("schema", f"contracts/schemas/{slug}.schema.json")
    spec.setdefault(
        "outputs",
        [{"artifact_type": "geoparquet", "path": f"data/processed/{slug}/{specs.ARTIFACT_PLACEHOLDER}/{slug}.parquet"}],
    )


def _obligation_line(obligation: Mapping[str, Any]) -> str:
    rest = {key: value for key, value in obligation.items() if key != "type"}
    return f"{obligation.get('type', '')} {json_text(rest)}" if rest else str(obligation.get("type", ""))
