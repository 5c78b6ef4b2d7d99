"""The forms of labels, people and changes: what an admin types. The writers judge it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, time
from typing import Any

from django import forms

from audit.findings import Finding
from datasets.models import Dataset
from datasets.people import GRANTS
from datasets.policy.label_rules import COLOURS, HIGHEST, LONGEST_MEANING, LONGEST_NAME, LONGEST_TITLE, SIGNS
from datasets.policy.labels import LabelFacts
from datasets.policy.obligations import (
    OPTIONS,
    PRESETS,
    Obligation,
    ObligationKind,
    obligation_findings,
    parse_obligation,
)
from datasets.policy.roles import Role
from datasets.policy_changes import LONGEST_REASON
from promotions.readers.administration import GRANT_WORDS

_SPARE_ROWS = 2
_MOST_ROWS = 12
_PLAIN = {"autocomplete": "off", "spellcheck": "false"}
_ROLES = [(role.value, role.label) for role in Role]
_KINDS = [("", "none"), *((kind.value, kind.value.replace("_", " ")) for kind in ObligationKind)]


class ReasonForm(forms.Form):
    """Why, kept with the change."""

    use_required_attribute = False  # the page says what is missing, in its own words

    reason = forms.CharField(
        label="Reason",
        max_length=LONGEST_REASON,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="Kept with the change. The ledger holds its digest.",
        error_messages={"required": "Say why: the reason is kept with the change."},
    )


class LineForm(ReasonForm):
    """A reason that is kept on one line."""

    reason = forms.CharField(
        label="Reason",
        max_length=100,
        help_text="One line, kept with what ends.",
        error_messages={"required": "Say why: the reason is kept."},
    )


class ConfirmForm(forms.Form):
    """The password again: to confirm is a signature."""

    use_required_attribute = False

    password = forms.CharField(
        label="Your password, again",
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
        help_text="To confirm is yours alone, so the console asks who you are once more.",
        error_messages={"required": "Give your password again to confirm."},
    )


class LabelForm(ReasonForm):
    """A label, field by field as ``LabelFacts``; obligations are rows of a kind and its value."""

    name = forms.CharField(
        label="Name",
        max_length=LONGEST_NAME,
        help_text="Lower-case letters, digits and underscores. It is never changed or used again.",
        widget=forms.TextInput(attrs={"autocapitalize": "none", **_PLAIN}),
        error_messages={"required": "Name the label, such as tribal_consultation."},
    )
    title = forms.CharField(
        label="Title", max_length=LONGEST_TITLE, error_messages={"required": "Give the title that pages show."}
    )
    meaning = forms.CharField(
        label="Meaning",
        max_length=LONGEST_MEANING,
        help_text="A sentence: who may know what.",
        error_messages={"required": "Say in a sentence who may know what."},
    )
    colour = forms.ChoiceField(
        label="Colour", choices=[(c, c) for c in COLOURS], help_text="Of the chip; the word comes first."
    )
    tightness = forms.IntegerField(
        label="Tightness",
        min_value=0,
        max_value=HIGHEST,
        help_text="Higher is tighter; 0 is public, 40 restricted, 60 quarantine.",
        error_messages={"required": "Give a whole number.", "invalid": "Give a whole number."},
    )
    readers = forms.MultipleChoiceField(
        label="Read what is published",
        choices=_ROLES,
        widget=forms.CheckboxSelectMultiple,
        help_text="Stewards and council read every label.",
        error_messages={"required": "Choose who reads; at least steward and council."},
    )
    qa_readers = forms.MultipleChoiceField(
        label="Read QA reports alone",
        required=False,
        choices=[pair for pair in _ROLES if pair[0] != Role.PUBLIC.value],
        widget=forms.CheckboxSelectMultiple,
    )
    sign_off_roles = forms.MultipleChoiceField(
        label="Sign a release",
        choices=[(role, Role(role).label) for role in SIGNS],
        widget=forms.CheckboxSelectMultiple,
        help_text="Steward and reviewer always; the council for every label but the two public ones.",
        error_messages={"required": "Choose who signs; at least steward and reviewer."},
    )
    opened_by_grant = forms.BooleanField(
        label="Opened by a grant",
        required=False,
        help_text="Whoever holds the grant to read restricted versions of a dataset reads it there.",
    )
    releasable = forms.BooleanField(
        label="May be released", required=False, help_text="Off: no version under it is ever published."
    )

    field_order = ["name", "title", "meaning", "readers", "qa_readers", "sign_off_roles", "opened_by_grant"]

    def __init__(self, data: Mapping[str, Any] | None = None, *, facts: LabelFacts | None = None) -> None:
        super().__init__(data, initial=_initial(facts) if facts else {"releasable": True, "colour": "idle"})
        if facts is not None:
            del self.fields["name"]
        self._name = facts.name if facts else ""
        self._obligations: list[Obligation] = []
        for index in range(self._row_count(facts)):
            self._add_row(index, facts)
        self.order_fields([*self.fields, "reason"])

    def _row_count(self, facts: LabelFacts | None) -> int:
        typed = sum(f"obligation_{index}_kind" in self.data for index in range(_MOST_ROWS))
        return typed or min(_MOST_ROWS, len(facts.default_obligations if facts else ()) + _SPARE_ROWS)

    def _add_row(self, index: int, facts: LabelFacts | None) -> None:
        given = facts.default_obligations[index] if facts and index < len(facts.default_obligations) else None
        self.fields[f"obligation_{index}_kind"] = forms.ChoiceField(
            label=f"Obligation {index + 1}", required=False, choices=_KINDS, initial=given.kind.value if given else ""
        )
        self.fields[f"obligation_{index}_value"] = forms.CharField(
            label="Its value",
            required=False,
            max_length=300,
            initial=_value_text(given) if given else "",
            widget=forms.TextInput(attrs=_PLAIN),
        )

    @property
    def obligation_rows(self) -> list[tuple[Any, Any]]:
        """Each row's two bound fields."""
        rows = range(sum(name.endswith("_kind") for name in self.fields))
        return [(self[f"obligation_{index}_kind"], self[f"obligation_{index}_value"]) for index in rows]

    @property
    def plain_fields(self) -> list[Any]:
        """The bound fields that are no obligation's, without the reason."""
        return [field for field in self if not field.name.startswith("obligation_") and field.name != "reason"]

    def clean(self) -> dict[str, Any]:
        said: dict[str, Any] = super().clean() or {}
        for index in range(len(self.obligation_rows)):
            kind = said.get(f"obligation_{index}_kind", "")
            text = str(said.get(f"obligation_{index}_value", ""))
            if not kind:
                if text:
                    self.add_error(f"obligation_{index}_kind", "Choose which obligation this value is for.")
                continue
            document = _document(kind, text)
            if findings := obligation_findings(document):
                self.add_error(f"obligation_{index}_value", _sentence(findings))
            else:
                self._obligations.append(parse_obligation(document))
        return said

    def facts(self) -> LabelFacts:
        """What was typed, as facts. Only for a valid form."""
        said = self.cleaned_data
        return LabelFacts(
            name=said.get("name", self._name),
            title=said["title"].strip(),
            meaning=said["meaning"].strip(),
            readers=tuple(said["readers"]),
            sign_off_roles=tuple(said["sign_off_roles"]),
            tightness=said["tightness"],
            colour=said["colour"],
            default_obligations=tuple(self._obligations),
            qa_readers=tuple(said["qa_readers"]),
            opened_by_grant=said["opened_by_grant"],
            releasable=said["releasable"],
        )


def _initial(facts: LabelFacts) -> dict[str, Any]:
    return {
        "title": facts.title,
        "meaning": facts.meaning,
        "colour": facts.colour,
        "tightness": facts.tightness,
        "readers": list(facts.readers),
        "qa_readers": list(facts.qa_readers),
        "sign_off_roles": list(facts.sign_off_roles),
        "opened_by_grant": facts.opened_by_grant,
        "releasable": facts.releasable,
    }


def _value_text(given: Obligation) -> str:
    value = (
        ", ".join(given.value) if isinstance(given.value, tuple) else "" if given.value is None else str(given.value)
    )
    return " ".join([value, *(word for _, word in given.options)])


def _document(kind: str, text: str) -> dict[str, Any]:
    """The wire form that was meant; what can't be read stays as typed, for the rules to name."""
    text = text.strip()
    document: dict[str, Any] = {"type": kind}
    if kind == ObligationKind.GENERALIZE_GEOMETRY:
        document |= _geometry(text.replace(",", " ").split())
    elif kind == ObligationKind.REMOVE_ATTRIBUTES:
        document["fields"] = [part.strip() for part in text.split(",") if part.strip()]
    elif kind == ObligationKind.GENERALIZE_TIME:
        document["resolution"] = text
    elif kind == ObligationKind.SUPPRESS_SMALL_COUNTS:
        document["k"] = int(text) if text.isascii() and text.isdigit() else text
    elif kind == ObligationKind.SHOW_NOTICE:
        document["message"] = text
    elif text:
        document["value"] = text
    return document


def _geometry(words: list[str]) -> dict[str, Any]:
    """``1000``, ``0.1_degree``, ``5000 h3 cell``: the size first, then how it is drawn."""
    document: dict[str, Any] = {}
    for word in words:
        option = next((name for name, values in OPTIONS.items() if word in values), None)
        if word in PRESETS:
            document["preset"] = word
        elif option:
            document[option] = word
        elif "min_cell_size_m" in document:
            document[word] = True  # one word too many: the rules name it
        else:
            document["min_cell_size_m"] = int(word) if word.isascii() and word.isdigit() else word
    return document


def _sentence(findings: list[Finding]) -> str:
    return " ".join(f"{finding.message} {finding.fix}".strip() for finding in findings)


class EndForm(ReasonForm):
    """A right that may end by the clock."""

    expires_at = forms.DateField(
        label="Ends on",
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        help_text="The end of that day, UTC. Empty: until taken. Its holder and admins are told two weeks before.",
    )

    def clean_expires_at(self) -> datetime | None:
        day = self.cleaned_data["expires_at"]
        return datetime.combine(day, time(23, 59, 59), UTC) if day else None


class RoleForm(EndForm):
    role = forms.ChoiceField(
        label="Role",
        widget=forms.RadioSelect,
        choices=[(r.value, f"{r.label}: {r.meaning}") for r in Role if r not in {Role.PUBLIC, Role.PIPELINE}],
        help_text="Everywhere in the console. A second person confirms every role but contributor.",
        error_messages={"required": "Choose a role."},
    )
    field_order = ["role", "expires_at", "reason"]


class GrantForm(EndForm):
    dataset = forms.ChoiceField(label="Dataset", error_messages={"required": "Choose a dataset."})
    grant = forms.ChoiceField(
        label="Grant",
        widget=forms.RadioSelect,
        choices=[(grant, words) for grant, words in GRANT_WORDS.items() if grant in GRANTS],
        help_text="On this dataset alone. A second person confirms every grant but to contribute.",
        error_messages={"required": "Choose a grant."},
    )
    field_order = ["dataset", "grant", "expires_at", "reason"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.rows = {row.slug: row for row in Dataset.objects.order_by("slug")}
        choices = [("", "Choose a dataset"), *((slug, f"{row.title} ({slug})") for slug, row in self.rows.items())]
        self.fields["dataset"].choices = choices  # type: ignore[attr-defined]  # a ChoiceField


class AccountForm(LineForm):
    """A new account of a person."""

    username = forms.CharField(
        label="Account name",
        max_length=150,
        help_text="What the ledger calls this person, for ever: rosa.lopez.",
        widget=forms.TextInput(attrs={"autocapitalize": "none", **_PLAIN}),
        error_messages={"required": "Give the name they sign in with."},
    )
    first_name = forms.CharField(label="First name", max_length=150, error_messages={"required": "Give a first name."})
    last_name = forms.CharField(label="Last name", max_length=150, error_messages={"required": "Give a last name."})
    email = forms.CharField(
        label="E-mail", required=False, max_length=254, help_text="Notices go there too, when e-mail is on."
    )
    field_order = ["username", "first_name", "last_name", "email", "reason"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["reason"].help_text = "One line. The ledger holds its digest."
