"""The Catalogs and Provenance tabs: the triplet aligned, links followed, the graph drawn, for whoever may read."""

from __future__ import annotations

import json
import re

import pytest

from datasets.models import RunReceipt
from promotions import shelf
from promotions.readers import documents, triplet_words
from promotions.states import State
from tests.inspector.triplets import good

PEOPLE = ("steward", "reviewer", "contributor", "operator", "auditor", "council", "nobody", None)


def address(version, tab):
    return f"/datasets/{version.dataset.slug}/versions/{version.version_id}/?tab={tab}"


def drawer(version, digest):
    return f"/evidence/{version.dataset.slug}/{version.version_id}/{digest}/"


def digest_of(version, part):
    return version.files.filter(part=part).order_by("-pk").first().artifact_id


@pytest.fixture
def spoil(api, monkeypatch):
    """``spoil("dcat", old, new)``: the stored document reads otherwise; ``new=None``: it is not there."""

    def change(part, old=b"", new=b""):
        digest, real = digest_of(api.public, part), shelf.read_whole

        def read(asked):
            raw = real(asked)
            if asked != digest:
                return raw
            if new is None:
                return None
            assert old in raw, (part, old)
            return raw.replace(old, new) if old else new

        monkeypatch.setattr(shelf, "read_whole", read)

    return change


@pytest.mark.parametrize("name", PEOPLE)
def test_whoever_reads_the_version_sees_its_triplet_agree(api, name):
    page = api.client(name).get(address(api.public, "catalogs"))
    text = page.content.decode()
    assert page.status_code == 200
    assert "fields agree." in text
    assert re.search(r"All \d+ cross-links resolve\.", text)
    assert text.count("valid under KFM&#x27;s profile") == 3


@pytest.mark.parametrize("tab", ["catalogs", "provenance"])
def test_hidden_and_absent_are_the_same_answer(api, tab):
    token = re.compile(r'csrfmiddlewaretoken" value="[^"]+|X-CSRFToken": "[^"]+|kfm(?:://|%3A%2F%2F)policy_decis[^<"]*')
    for name in ("nobody", None):
        client = api.client(name)
        answers = []
        for version in (api.restricted, api.hidden[State.CATALOG]):
            for where in (version.version_id, "2031.00000000"):
                page = client.get(address(version, tab).replace(version.version_id, where))
                answers.append((page.status_code, token.sub("", page.content.decode()).replace(where, "")))
        assert {status for status, _ in answers} == {404}
        assert len(set(answers)) == 1, answers[0][1]


def test_every_drawer_link_of_the_page_opens_for_the_public(api):
    client = api.client()
    for tab in ("catalogs", "provenance"):
        text = client.get(address(api.public, tab)).content.decode()
        links = {link.replace("&amp;", "&") for link in re.findall(r'href="(/evidence/[^"]+/[^"]*)"', text)}
        assert len(links) > 5
        for link in links:
            opened = client.get(link)
            assert opened.status_code == 200, link
            body = opened.content.decode()
            assert "✓ the bytes have this digest" in body, link
            if "where=" in link:
                assert "marked-line" in body, link


def test_the_workflows_documents_and_people_are_not_the_publics(api):
    release = api.public.releases.first()
    assert api.client("steward").get(drawer(api.public, release.manifest_digest)).status_code == 200
    for name in ("nobody", None):
        assert api.client(name).get(drawer(api.public, release.manifest_digest)).status_code == 404
        page = api.client(name).get(drawer(api.public, digest_of(api.public, "dcat"))).content.decode()
        assert "Made by" not in page
        assert "The board" not in page


def test_one_field_that_differs_is_marked_with_shape_and_word(api, spoil):
    spoil("stac_item", b'"kfm:license": "CC-BY-4.0"', b'"kfm:license": "CC-BY-4.1"')
    text = api.client("steward").get(address(api.public, "catalogs")).content.decode()
    assert "1 differs;" in text
    assert "What needs a look" in text
    assert "Rights · </span>Licence" in text
    assert "shape-block" in text
    assert re.search(r"</svg>\s+differs</span>", text)
    assert "item:</span>" in text


def test_one_dangling_link_is_unresolved_with_its_reason(api, spoil):
    run = RunReceipt.objects.filter(version=api.public, operation="validate").first().run_id
    spoil("dcat", f'"@id": "{run}"'.encode(), f'"@id": "{run}x"'.encode())
    text = api.client().get(address(api.public, "catalogs")).content.decode()
    assert re.search(r"cross-links? unresolved", text)
    assert "DCAT names a run that is no prov:Activity in the PROV bundle." in text


@pytest.mark.parametrize("part", ["dcat", "stac_collection", "stac_item", "prov"])
@pytest.mark.parametrize("new", [None, b"{", b'{"a": 1, "a": 2}', b"\xff", b"[]", b""])
def test_a_document_that_is_missing_or_malformed_is_said_and_the_page_stands(api, spoil, part, new):
    spoil(part, b"", new)
    for tab in ("catalogs", "provenance"):
        page = api.client("reviewer").get(address(api.public, tab))
        assert page.status_code == 200
    text = api.client("reviewer").get(address(api.public, "catalogs")).content.decode()
    assert "All 20 cross-links resolve" not in text
    assert "fields agree.</strong>" not in text
    assert any(words in text for words in ("could not check", "finding", "unresolved"))


def test_a_gate_that_crashes_is_could_not_check(api, monkeypatch):
    from promotions.gates import d_catalogs

    def crash(*_args, **_kwargs):
        raise ZeroDivisionError

    monkeypatch.setattr(d_catalogs, "check_crosslinks", crash)
    text = api.client("reviewer").get(address(api.public, "catalogs")).content.decode()
    assert "could not be checked" in text
    assert "✓ resolved" not in text


def test_before_the_catalogs_there_is_nothing_to_inspect_and_receipts_are_drawn(api):
    raw = api.hidden[State.RAW]
    client = api.client("operator")
    assert "No catalog documents yet." in client.get(address(raw, "catalogs")).content.decode()
    text = client.get(address(raw, "provenance")).content.decode()
    assert "drawn from the run receipts" in text
    assert 'class="graph-node graph-activity' in text


@pytest.mark.parametrize("name", PEOPLE)
def test_the_graph_is_drawn_and_told_in_words(api, name):
    text = api.client(name).get(address(api.public, "provenance")).content.decode()
    for kind in ("activity", "entity", "agent", "release"):
        assert f'class="graph-node graph-{kind}' in text
    nodes = re.findall(r'<a class="graph-node[^>]*>', text)
    assert all('href="' in node and "aria-label=" in node for node in nodes)
    anchors = set(re.findall(r'href="#([^"]+)"', "".join(nodes)))
    assert anchors <= set(re.findall(r'id="([^"]+)"', text))
    runs = [n for n in nodes if "graph-activity" in n]
    assert len(runs) == 3
    assert all("data-drawer" in run for run in runs)
    for words in ("Ingest", "Normalize and check", "Build the catalogs", "Release", "The same, step by step"):
        assert words in text


def test_ids_of_the_page_are_unique(api):
    for tab in ("catalogs", "provenance"):
        text = api.client("steward").get(address(api.public, tab)).content.decode()
        ids = re.findall(r'\sid="([^"]+)"', text)
        assert sorted(set(ids)) == sorted(ids)


@pytest.mark.parametrize(("tab", "most"), [("catalogs", 45), ("provenance", 40)])
def test_query_count_is_bounded(api, tab, most, django_assert_max_num_queries):
    client = api.client("reviewer")
    client.get(address(api.public, tab))
    with django_assert_max_num_queries(most):
        client.get(address(api.public, tab))


# --- lines ---


def lines(document):
    import json

    return documents._lines(json.dumps(document).encode())


@pytest.mark.parametrize(
    ("document", "where", "words"),
    [
        ("dcat", "{dataset} kfm:license", '"kfm:license"'),
        ("dcat", "{dataset}#dist=airports", '"@id": "{dataset}#dist=airports"'),
        ("dcat", "{dataset}#dist=airports.checksum spdx:checksumValue", '"spdx:checksumValue"'),
        ("prov", "kfm://run/2026-02-01T09:00:00Z.process kfm:receipt_digest", '"kfm:receipt_digest"'),
        ("item", "assets/qa_report/file:size", '"file:size": 128'),
        ("item", "properties/kfm:license", '"kfm:license"'),
        ("item", "kfm://run/2026-02-01T09:00:00Z.process", ".process"),
    ],
)
def test_the_line_of_a_finding_is_the_one_it_means(document, where, words):
    dataset = "kfm://dataset/faa_airports_ks@2024.0a1b2c3d"
    told = lines(getattr(good(), document))
    number = documents.line_of(told, where.replace("{dataset}", dataset))
    assert number is not None
    assert words.replace("{dataset}", dataset) in told[number - 1]


def test_a_line_within_a_node_is_not_taken_from_another_node():
    told = lines(good().prov)
    first, second = (
        documents.line_of(told, f"kfm://run/2026-02-01T0{hour} kfm:receipt_digest")
        for hour in ("8:00:00Z.ingest", "9:00:00Z.process")
    )
    assert first is not None
    assert second is not None
    assert first < second


@pytest.mark.parametrize("where", ["", " ", "/", "#", "nowhere", "a b c", "\x00", "x" * 300, '"', "@id", "../../etc"])
def test_a_place_that_is_nowhere_marks_no_line_or_some_line_and_never_fails(where):
    number = documents.line_of(lines(good().dcat), where)
    assert number is None or number >= 1


def test_obligations_read_alike_in_each_document_whatever_their_order():
    owed = [{"type": "remove_attributes", "fields": ["owner", "phone"]}, {"type": "require_attribution"}]
    said = {triplet_words.in_words(json.dumps(order)) for order in (owed, owed[::-1])}
    assert said == {"Readers are told whom to name. These fields are removed: owner, phone."}
