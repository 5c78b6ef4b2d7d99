"""Addresses of labels, people and policy changes; ``promotions.urls`` takes them in at the root."""

from __future__ import annotations

from django.urls import path

from promotions.views.administration import changes, labels, people

_PERSON = "administration/people/<int:user_pk>/"

urlpatterns = [
    path("administration/labels/", labels.label_list, name="labels"),
    path("administration/labels/new/", labels.label_new, name="label_new"),
    path("administration/labels/of/<slug:name>/", labels.label_page, name="label"),
    path("administration/labels/of/<slug:name>/edit/", labels.label_edit, name="label_edit"),
    path("administration/changes/", changes.change_list, name="policy_changes"),
    path("administration/changes/<int:change_pk>/", changes.change_page, name="policy_change"),
    path("administration/people/", people.people_list, name="people"),
    path("administration/people/new/", people.open_account, name="person_open"),
    path(_PERSON, people.person, name="person"),
    path(f"{_PERSON}role/", people.give_role, name="give_role"),
    path(f"{_PERSON}grant/", people.give_grant, name="give_grant"),
    path(f"{_PERSON}take/<slug:key>/", people.take, name="take_right"),
    path(f"{_PERSON}close/", people.close, name="person_close"),
    path(f"{_PERSON}unlock/", people.unlock, name="person_unlock"),
    path(f"{_PERSON}link/", people.password_link, name="person_link"),
]
