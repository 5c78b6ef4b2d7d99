"""The forms of an embargo: until when, why, and why it ends. The writers judge what is typed."""

from __future__ import annotations

from django import forms

MOST_LETTERS = 2000


def _reason(help_text: str) -> forms.CharField:
    return forms.CharField(
        label="Reason",
        max_length=MOST_LETTERS,
        help_text=help_text,
        widget=forms.Textarea(attrs={"rows": 3}),
        error_messages={"required": "Say why: the reason is kept, and read by everyone with a role on the dataset."},
    )


class SetForm(forms.Form):
    """The first day on which it may be lifted, and why."""

    prefix = "set"
    until = forms.DateField(
        label="Until",
        help_text="The first day on which it may be lifted, in UTC.",
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        input_formats=["%Y-%m-%d"],
        error_messages={
            "required": "Give the first day on which it may be lifted.",
            "invalid": "Give a day as 2026-06-01.",
        },
    )
    reason = _reason("Kept with your name. Everyone with a role on the dataset reads it.")


class LiftForm(forms.Form):
    """Why it ends; ``seen``: the day that was read."""

    prefix = "lift"
    seen = forms.DateField(widget=forms.HiddenInput, input_formats=["%Y-%m-%d"])
    reason = _reason("Why the data may be read from now on. Kept with your name.")
