"""The forms of decisions: what a person types, and no rule but that something was typed. The writers judge."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django import forms

from datasets.models import PolicyLabel
from datasets.policy.roles import Role
from promotions.roles import MEANINGS
from promotions.states import ReasonCode

_ROWS = {"rows": 4}


class SeenForm(forms.Form):
    """Carries the digest of the dossier that the person saw."""

    seen = forms.CharField(widget=forms.HiddenInput, max_length=100)


class ProposeForm(forms.Form):
    note = forms.CharField(
        label="Note to those who sign",
        required=False,
        max_length=2000,
        widget=forms.Textarea(attrs=_ROWS),
        help_text="What is new, and what they should look at.",
    )


class SignForm(SeenForm):
    """The role to sign in, and the password again."""

    role = forms.ChoiceField(label="Sign as", widget=forms.RadioSelect)
    password = forms.CharField(
        label="Your password, again",
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
        help_text="A signature is yours alone, so the console asks who you are once more.",
    )

    def __init__(self, *args: Any, may: Iterable[Role] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.offer(may)

    def offer(self, may: Iterable[Role]) -> None:
        """Offers the roles in *may*; all of them when it is empty, so that the writer says what is wrong."""
        offered = list(may) or list(MEANINGS)
        self.fields["role"].choices = [(role.value, f"{role.label}: {MEANINGS[role]}") for role in offered]  # type: ignore[attr-defined]
        if len(offered) == 1:
            self.fields["role"].initial = offered[0].value


class ChangesForm(forms.Form):
    note = forms.CharField(
        label="What should change",
        max_length=2000,
        widget=forms.Textarea(attrs=_ROWS),
        help_text="The proposer reads it.",
    )


class PublishForm(SeenForm):
    """Publishing needs nothing but the digest that was seen."""


class RestoreForm(SeenForm):
    reason = forms.CharField(label="Why it should stand again", max_length=2000, widget=forms.Textarea(attrs=_ROWS))


class WithdrawForm(forms.Form):
    reason = forms.CharField(
        label="Reason",
        max_length=2000,
        widget=forms.Textarea(attrs=_ROWS),
        help_text="The public reads this where the version was served.",
    )
    incident = forms.RegexField(
        r"^[A-Za-z0-9][A-Za-z0-9_.:-]*$",
        label="Incident",
        required=False,
        max_length=80,
        help_text="Its id, such as INC-2026-014.",
    )


class QuarantineForm(forms.Form):
    reason_code = forms.ChoiceField(
        label="Reason code", choices=[(r.value, r.value.replace("_", " ").capitalize()) for r in ReasonCode]
    )
    reason = forms.CharField(
        label="What was found",
        max_length=2000,
        widget=forms.Textarea(attrs=_ROWS),
        help_text="Whoever mends it reads this.",
    )


class ReasonForm(forms.Form):
    reason = forms.CharField(
        label="Reason", max_length=2000, widget=forms.Textarea(attrs=_ROWS), help_text="Kept with the case."
    )


class LabelForm(forms.Form):
    label = forms.ChoiceField(label="Policy label", widget=forms.RadioSelect)
    reason = forms.CharField(
        label="Reason", max_length=2000, widget=forms.Textarea(attrs=_ROWS), help_text="Kept with the label."
    )

    def __init__(self, *args: Any, choices: Iterable[PolicyLabel] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["label"].choices = [(row.name, f"{row.title}: {row.meaning}") for row in choices]  # type: ignore[attr-defined]


class PlanForm(forms.Form):
    owner = forms.ChoiceField(label="Owner", required=False)
    due = forms.DateField(label="Due", widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"))
    plan = forms.CharField(
        label="Plan",
        required=False,
        max_length=4000,
        widget=forms.Textarea(attrs=_ROWS),
        help_text="How it will be mended. Whoever writes the plan can't release the version.",
    )

    def __init__(self, *args: Any, people: Mapping[str, str] | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["owner"].choices = [("", "nobody yet"), *(people or {}).items()]  # type: ignore[attr-defined]
