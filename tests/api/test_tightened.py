"""C2: once a label asks for more than the bytes were made under, they go out nowhere: not by the API, nor the pages."""

from __future__ import annotations

import pytest
from django.urls import reverse

from datasets.catalogs.released_parts import DATA_PARTS
from datasets.models import PolicyLabel
from tests.api.conftest import url

COARSER = {"type": "generalize_geometry", "min_cell_size_m": 50_000}


def addresses(version) -> list[str]:
    names = [version.dataset.slug, version.version_id]
    files = [f for f in version.files.all() if f.part in {*DATA_PARTS, "normalized", "source"}]
    pages = [reverse("promotions:version_file", args=[*names, file.path]) for file in files]
    pages.append(reverse("promotions:version_preview", args=names))
    released = [f for f in files if f.part in DATA_PARTS]
    return [*pages, *(url(version, f"/artifacts/{file.path}") for file in released)]


def tighten(name: str, *more) -> None:
    label = PolicyLabel.objects.get(name=name)
    label.default_obligations = [*label.default_obligations, *more]
    label.save()


@pytest.mark.parametrize("name", [None, "nobody", "auditor", "superuser", "admin"])
def test_c2_bytes_made_under_less_go_to_nobody_outside(api, name):
    client = api.client(name)
    before = {address: client.get(address).status_code for address in addresses(api.public)}
    assert 200 in before.values()
    tighten("public", COARSER)
    after = {address: client.get(address).status_code for address in before}
    assert set(after.values()) == {404}, after
    assert (
        client.get(reverse("promotions:version", args=[api.public.dataset.slug, api.public.version_id])).status_code
        == 200
    )


def test_c2_the_pages_draw_and_offer_nothing_of_them_either(api):
    names = [api.public.dataset.slug, api.public.version_id]
    page = reverse("promotions:version", args=names)
    preview = reverse("promotions:version_preview", args=names)
    client = api.client()
    assert preview in client.get(page).content.decode()
    tighten("public", COARSER)
    for address in (page, f"{page}?tab=files", reverse("promotions:redaction", args=names)):
        text = client.get(address).content.decode()
        assert preview not in text, address
        assert f"{page}files/" not in text, address
    report = reverse("promotions:quality_json", args=names)
    assert client.get(report).status_code == 404


def test_c2_more_words_to_show_hold_no_bytes_back(api):
    tighten("public", {"type": "show_notice", "message": "Mind the fences."})
    names = [api.public.dataset.slug, api.public.version_id]
    assert api.client().get(reverse("promotions:version_preview", args=names)).status_code == 200


def test_c2_bytes_released_under_a_decision_that_is_lost_stay_in(api, monkeypatch):
    monkeypatch.setattr("promotions.readers.as_owed._made_under", lambda _version: None)
    names = [api.public.dataset.slug, api.public.version_id]
    assert api.client().get(reverse("promotions:version_preview", args=names)).status_code == 404
