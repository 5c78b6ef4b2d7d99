"""The inbox's forms: what a person types on a case, or on many. The writers judge it; nothing is decided here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django import forms

from datasets.models import PolicyLabel
from datasets.policy.obligation_words import metres
from datasets.policy.obligations import MAXIMUM_CELL_SIZE_M, OPTIONS, PRESETS, TIME_RESOLUTIONS, ObligationKind
from promotions.forms import ReasonForm

_ROWS = {"rows": 3}
_LONGEST = 2000
PRESET_CHOICES = [(name, f"{name.partition('_')[0]}°: {metres(size)}") for name, size in PRESETS.items()]


class CommentForm(forms.Form):
    text = forms.CharField(
        label="Comment",
        max_length=_LONGEST,
        widget=forms.Textarea(attrs=_ROWS),
        help_text="Owner and holder are told. What was said is never changed, so name no secret and no place.",
    )


class PersonForm(forms.Form):
    """Names one of those who work the case's dataset."""

    owner = forms.ChoiceField(label="Assign to", required=False)

    def __init__(self, *args: Any, people: Mapping[str, str] | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["owner"].choices = [("", "nobody"), *(people or {}).items()]  # type: ignore[attr-defined]


class HandOverForm(forms.Form):
    to = forms.ChoiceField(label="Hand over to")
    note = forms.CharField(
        label="Note",
        max_length=_LONGEST,
        widget=forms.Textarea(attrs=_ROWS),
        help_text="Where you stopped and what comes next; kept as a comment.",
    )

    def __init__(self, *args: Any, people: Mapping[str, str] | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["to"].choices = [("", "choose a person"), *(people or {}).items()]  # type: ignore[attr-defined]


class SeenReasonForm(ReasonForm):
    """A reason, and the spec hash that the person was shown."""

    seen = forms.CharField(required=False, widget=forms.HiddenInput, max_length=100)


class DerivativeForm(SeenReasonForm):
    """Obligations with their parameters: one is chosen by filling it in. ``obligations()``: as documents."""

    preset = forms.ChoiceField(
        label="Generalize the geometry to cells of",
        required=False,
        choices=[("", "leave it, or say the metres below"), *PRESET_CHOICES],
        help_text="GBIF's categories of sensitivity, from the most sensitive; nowhere finer than so many degrees.",
    )
    min_cell_size_m = forms.FloatField(
        label="or to cells of these metres",
        required=False,
        min_value=1,
        max_value=MAXIMUM_CELL_SIZE_M,
        widget=forms.NumberInput(attrs={"inputmode": "decimal", "step": "any"}),
        help_text="The least width of a cell. Every shape goes to the cell of its centroid; nothing is random.",
    )
    grid = forms.ChoiceField(
        label="Grid",
        required=False,
        choices=[("square", "squares, contiguous US"), ("h3", "H3 cells, anywhere")],
        help_text="H3 takes the finest resolution whose every cell is at least so wide.",
    )
    shape = forms.ChoiceField(
        label="Drawn as",
        required=False,
        choices=[("centroid", "the cell's centre"), ("cell", "the cell's outline")],
        help_text="Either way each row says how far off the true place may be.",
    )
    fields_removed = forms.MultipleChoiceField(
        label="Remove these fields",
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="They are left out of every file that is served.",
    )
    resolution = forms.ChoiceField(
        label="Generalize times to the",
        required=False,
        choices=[("", "leave them as they are"), *((r, r) for r in TIME_RESOLUTIONS)],
        help_text="A finer time is cut off.",
    )
    k = forms.IntegerField(
        label="Suppress groups smaller than",
        required=False,
        min_value=2,
        max_value=1_000_000,
        help_text="Rows; smaller groups are left out.",
    )
    message = forms.CharField(
        label="Show this notice",
        required=False,
        max_length=500,
        help_text="One sentence that every reader is shown beside the data.",
    )
    require_attribution = forms.BooleanField(
        label="Require attribution", required=False, help_text="Whoever reads it is told whom to name."
    )
    label = forms.ChoiceField(
        label="The label it is meant to have",
        widget=forms.RadioSelect,
        help_text="A looser one than now needs an obligation that changes the bytes.",
    )

    field_order = [
        "preset",
        "min_cell_size_m",
        "grid",
        "shape",
        "fields_removed",
        "resolution",
        "k",
        "message",
        "require_attribution",
        "label",
        "reason",
    ]

    def __init__(
        self, *args: Any, names: Iterable[str] = (), labels: Iterable[PolicyLabel] = (), **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.fields["fields_removed"].choices = [(name, name) for name in names]  # type: ignore[attr-defined]
        self.fields["label"].choices = [(row.name, f"{row.title}: {row.meaning}") for row in labels]  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        typed: dict[str, Any] = super().clean() or {}
        if typed.get("preset") and typed.get("min_cell_size_m"):
            self.add_error("min_cell_size_m", "A size is chosen above already. Keep one of the two.")
        if not self.errors and not self.obligations():
            raise forms.ValidationError(
                "No obligation is chosen, so the derivative would be no safer. Fill in one at least."
            )
        return typed

    def obligations(self) -> list[dict[str, Any]]:
        """What was chosen, in the form that specs hold; after validation only."""
        typed = self.cleaned_data
        chosen: list[tuple[ObligationKind, str, Any]] = [
            (ObligationKind.REMOVE_ATTRIBUTES, "fields", typed.get("fields_removed")),
            (ObligationKind.GENERALIZE_TIME, "resolution", typed.get("resolution")),
            (ObligationKind.SUPPRESS_SMALL_COUNTS, "k", typed.get("k")),
            (ObligationKind.SHOW_NOTICE, "message", typed.get("message")),
        ]
        found = [*self.geometry(), *({"type": kind.value, name: value} for kind, name, value in chosen if value)]
        if typed.get("require_attribution"):
            found.append({"type": ObligationKind.REQUIRE_ATTRIBUTION.value})
        return found

    def geometry(self) -> list[dict[str, Any]]:
        """``generalize_geometry`` in metres, a preset being its metres, with grid and shape where they are chosen."""
        typed = self.cleaned_data
        size = PRESETS.get(typed.get("preset", ""), typed.get("min_cell_size_m"))
        if not size:
            return []
        plain = int(size) if float(size).is_integer() else size
        options = {name: typed[name] for name in OPTIONS if typed.get(name) in OPTIONS[name][1:]}
        return [{"type": ObligationKind.GENERALIZE_GEOMETRY.value, "min_cell_size_m": plain, **options}]


class ManyOwnerForm(PersonForm):
    """Who should see to the chosen cases."""


class ManyCommentForm(CommentForm):
    """What is said on each of the chosen cases."""


class ManyDueForm(forms.Form):
    due = forms.DateField(label="Due", widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"))


class ManyReasonForm(forms.Form):
    reason = forms.CharField(
        label="Reason",
        max_length=_LONGEST,
        widget=forms.Textarea(attrs=_ROWS),
        help_text="Kept with each of the cases.",
    )
