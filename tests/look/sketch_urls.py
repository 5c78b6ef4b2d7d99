# ruff: noqa: E501 (a table of made-up facts reads better in long rows)
"""Addresses of the sketch (tests/look/sketch.py) only."""

from __future__ import annotations

from types import SimpleNamespace

from django import forms
from django.contrib.auth.forms import AuthenticationForm
from django.http import JsonResponse
from django.shortcuts import render
from django.urls import include, path

from tests.look.sketch import facts


class Steward(SimpleNamespace):
    is_authenticated = True
    is_staff = True
    username = "steward"

    def get_full_name(self):
        return "Ada Brandt"

    def get_username(self):
        return self.username


def page(template):
    return lambda request: render(request, template, {**facts(), "user": Steward()})


class Proposal(forms.Form):
    slug = forms.SlugField(help_text="Authority first, no date: noaa_ncei_storm_events.")
    reason = forms.CharField(widget=forms.Textarea, help_text="A sentence that an auditor will read.")
    label = forms.ChoiceField(choices=[("public", "public"), ("internal", "internal")], required=False)
    way = forms.ChoiceField(choices=[("a", "Send back to WORK"), ("b", "Deny")], widget=forms.RadioSelect)
    sure = forms.BooleanField(label="Tell the owner", required=False)
    document = forms.FileField(required=False)


def login(request):
    accounts = [
        {"username": "steward", "password": "demo-steward-2026", "role": "Steward", "meaning": "owns datasets, signs promotions, withdraws"},
        {"username": "reviewer", "password": "demo-reviewer-2026", "role": "Reviewer", "meaning": "triages quarantine, signs as the second pair of eyes"},
    ]  # fmt: skip
    form = (
        AuthenticationForm(request, data={"username": "x", "password": ""})
        if "wrong" in request.GET
        else AuthenticationForm()
    )
    return render(request, "registration/login.html", {"form": form, "demo_accounts": accounts})


def form(request):
    return render(
        request, "sketch_form.html", {"form": Proposal({"slug": "Not A Slug", "reason": ""}), "user": Steward()}
    )


def counties(_request):
    def box(name, west, east):
        return {"type": "Feature", "properties": {"name": name, "events": 12}, "geometry": {"type": "Polygon", "coordinates": [[[west, 37], [east, 37], [east, 40], [west, 40], [west, 37]]]}}  # fmt: skip

    point = {
        "type": "Feature",
        "properties": {"name": "station"},
        "geometry": {"type": "Point", "coordinates": [-98, 38.5]},
    }
    return JsonResponse({"type": "FeatureCollection", "features": [box("West", -102, -100), box("Middle", -99.5, -97), box("East", -96.8, -94.7), point]})  # fmt: skip


def stub(names):
    return [path(f"{name}/", page("sketch_home.html"), name=name) for name in names]


urlpatterns = [
    path("", page("sketch_home.html"), name="home"),
    path("version/", page("sketch_version.html")),
    path("document/", page("components/drawer_page.html")),
    path("login/", login, name="login"),
    path("logout/", login, name="logout"),
    path("form/", form),
    path("counties.geojson", counties),
    path("p/", include((stub(["queue", "quarantine", "runbooks"]), "promotions"))),
    path("d/", include((stub(["list"]), "datasets"))),
    path("l/", include((stub(["list"]), "audit"))),
    path("a/", include((stub(["index"]), "admin"))),
]
