"""The forms that ask for a password in front of Django's own pages, with the brake on guessing.

``password_tries`` decides, before the password is looked at.
"""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.admin.forms import AdminPasswordChangeForm
from django.contrib.auth.forms import AuthenticationForm
from django.utils import timezone

from datasets import password_tries
from datasets.models import Prompt
from datasets.people import PUBLIC, person_for


class SignInForm(AuthenticationForm):
    """Django's, with every try counted; what is locked is told in the same words for every name."""

    def clean(self) -> dict[str, Any]:
        name = self.cleaned_data.get("username")
        if not name or not self.cleaned_data.get("password"):
            return super().clean()
        until = password_tries.count_try(name=name, prompt=Prompt.SIGN_IN, by=PUBLIC, at=timezone.now())
        if until is not None:
            raise forms.ValidationError(password_tries.words_of(until), code="locked")
        cleaned = super().clean()
        password_tries.forget_tries(name=name, prompt=Prompt.SIGN_IN)
        return cleaned


class ChangePasswordForm(AdminPasswordChangeForm):
    """Django's, with every try at the old password counted, as where it is given again to sign."""

    def clean_old_password(self) -> str:
        name = self.user.get_username()
        by, prompt = person_for(self.user), Prompt.CONFIRM
        until = password_tries.count_try(name=name, prompt=prompt, by=by, at=timezone.now())
        if until is not None:
            raise forms.ValidationError(password_tries.words_of(until), code="locked")
        old: str = super().clean_old_password()
        password_tries.forget_tries(name=name, prompt=prompt)
        return old
