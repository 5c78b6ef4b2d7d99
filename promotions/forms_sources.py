"""The forms of sources, of accepted terms and of running again: what a person types. The writers judge it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import forms

from datasets.models import Source
from datasets.models.upstream import Cadence, SliceRule, SourceKind
from datasets.sources import SourceFields

_WORD = {"autocomplete": "off", "spellcheck": "false"}
#: What uploads and sources declare of rights, in the same words; the page has the list ``licenses``.
LICENSE = forms.CharField(
    label="Licence",
    required=False,
    max_length=200,
    help_text="An SPDX id such as CC-BY-4.0, or a LicenseRef- of your own with its terms.",
    widget=forms.TextInput(attrs={"list": "licenses", "autocomplete": "off"}),
)
RIGHTS_HOLDER = forms.CharField(label="Rights holder", required=False, max_length=300)
ATTRIBUTION = forms.CharField(
    label="Attribution", required=False, max_length=500, help_text="The credit line shown with every copy."
)


class SourceForm(forms.Form):
    """A source, field by field as ``SourceFields``; ``allowed_hosts`` are lines."""

    name = forms.CharField(
        label="Name",
        max_length=60,
        help_text="Short, in lower case, with hyphens: weekly-export.",
        widget=forms.TextInput(attrs=_WORD),
    )
    kind = forms.ChoiceField(label="Kind", choices=SourceKind.choices, widget=forms.RadioSelect)
    location = forms.CharField(
        label="Where",
        max_length=1000,
        help_text="An https address, a directory this console may read, or s3://bucket/prefix. No passwords in it.",
        widget=forms.TextInput(attrs=_WORD),
    )
    pattern = forms.CharField(
        label="Which files",
        required=False,
        max_length=200,
        help_text="Of a directory or bucket: *.csv. Empty: all.",
        widget=forms.TextInput(attrs=_WORD),
    )
    allowed_hosts = forms.CharField(
        label="Hosts it may be fetched from",
        required=False,
        max_length=4000,
        help_text="One a line, redirects included. Empty: only the host of the address.",
        widget=forms.Textarea(attrs={"rows": 3, **_WORD}),
    )
    credential = forms.ChoiceField(
        label="Credential", required=False, help_text="By the name an operator set up; what it holds is never shown."
    )
    cadence = forms.ChoiceField(label="How often", choices=Cadence.choices)
    slice_rule = forms.ChoiceField(label="Which slice a fetch makes", choices=SliceRule.choices)
    license = LICENSE
    rights_holder = RIGHTS_HOLDER
    attribution = ATTRIBUTION
    terms_uri = forms.CharField(
        label="Page of the terms",
        required=False,
        max_length=500,
        help_text="Captured again at each fetch; a change asks a steward (clause B2).",
    )
    terms_text = forms.CharField(
        label="Terms, word for word",
        required=False,
        max_length=1_000_000,
        help_text="Where they stand on no page.",
        widget=forms.Textarea,
    )
    propose = forms.BooleanField(
        label="Propose what was fetched",
        required=False,
        help_text="The steps run on to CATALOG, and the signers see it.",
    )
    active = forms.BooleanField(
        label="Switched on", required=False, help_text="Off: nothing is fetched, also when asked. What came in stays."
    )

    def __init__(self, *args: Any, credentials: Iterable[str] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["credential"].choices = [("", "none"), *((name, name) for name in credentials)]  # type: ignore[attr-defined]

    def source_fields(self) -> SourceFields:
        """What was typed, for the writer; only of a valid form."""
        said = self.cleaned_data
        hosts = tuple(line.strip() for line in said["allowed_hosts"].splitlines() if line.strip())
        return SourceFields(**{**said, "allowed_hosts": hosts})


def as_typed(source: Source) -> dict[str, Any]:
    """The form's values for *source* as it stands."""
    held = {name: getattr(source, name) for name in SourceForm.base_fields if name != "allowed_hosts"}
    return {**held, "allowed_hosts": "\n".join(source.allowed_hosts)}


class BackfillForm(forms.Form):
    """A fetch for a slice that someone names."""

    slice = forms.CharField(
        label="Slice",
        max_length=10,
        help_text="YYYY, YYYY-MM or YYYY-MM-DD.",
        widget=forms.TextInput(attrs=_WORD),
    )


class AcceptForm(forms.Form):
    """The observation that the steward read, and why the dataset may go on under it."""

    observation = forms.IntegerField(widget=forms.HiddenInput)
    reason = forms.CharField(
        label="Reason",
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text="Why the dataset may go on under these terms. Kept with your name.",
    )
