"""The pages keep the policy (no inline style, script, handler); components render with and without their facts."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path

import pytest
from django.conf import settings
from django.template.loader import render_to_string
from django.test import RequestFactory
from django.utils import timezone

from kfm_console.templatetags import console, layout
from tests.look.sketch import facts

ROOT = Path(settings.BASE_DIR)
TEMPLATES = sorted(
    path
    for path in ROOT.glob("**/templates/**/*.html")
    if not {".venv", "var", "node_modules"} & set(path.relative_to(ROOT).parts)
)
COMPONENTS = sorted(path.name for path in (ROOT / "templates/components").glob("*.html"))
PAGES = {"drawer_page.html"}
VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
SVG_LEAVES = {"path", "circle", "line", "rect"}


class Markup(HTMLParser):
    """Collects what a page must not have: unclosed tags, repeated ids, nameless controls."""

    def __init__(self):
        super().__init__()
        self.open, self.ids, self.faults = [], [], []

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        if "id" in given:
            self.ids.append(given["id"])
        if "style" in given or any(name.startswith("on") for name in given):
            self.faults.append(f"inline style or handler on <{tag}>")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.faults.append(f"</{tag}> closes nothing")


def read(html):
    markup = Markup()
    markup.feed(html)
    assert markup.open == []
    assert markup.faults == []
    assert len(markup.ids) == len(set(markup.ids))
    return markup


@pytest.fixture
def request_():
    return RequestFactory().get("/list/", {"label": "public", "page": "2"})


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_template_has_inline_style_script_or_handler(path):
    source = re.sub(r"{% comment %}.*?{% endcomment %}", "", path.read_text(), flags=re.DOTALL)
    assert not re.search(r"<style\b", source, re.IGNORECASE)
    assert not re.search(r"\sstyle\s*=", source, re.IGNORECASE)
    assert not re.search(r"<[a-z][^>]*\son[a-z]+\s*=", source, re.IGNORECASE)
    assert not re.search(r"<[a-z][^>]*\shx-on\b", source, re.IGNORECASE)
    assert not re.search(r"javascript:", source, re.IGNORECASE)
    assert not [tag for tag in re.findall(r"<script\b[^>]*>", source, re.IGNORECASE) if " src=" not in tag]


@pytest.mark.parametrize("name", COMPONENTS)
def test_component_says_what_it_needs(name):
    assert "{% comment %}" in (ROOT / "templates/components" / name).read_text()[:200]


@pytest.mark.parametrize("name", [name for name in COMPONENTS if name not in PAGES])
def test_component_renders_without_any_facts(name, request_):
    read(render_to_string(f"components/{name}", {}, request_))


@pytest.mark.parametrize("name", COMPONENTS)
def test_component_renders_with_all_its_facts(name, request_):
    given = facts()
    one = {"gate": given["gates"][2], "rail": given["withdrawn_rail"], "person": given["ada"], "word": "public"}
    read(render_to_string(f"components/{name}", {**given, **one}, request_))


@pytest.mark.parametrize("name", ["400", "403", "404", "500"])
def test_error_page_renders_without_a_request(name):
    assert "<h1>" in render_to_string(f"{name}.html", {})


def test_missing_page_does_not_tell_what_was_looked_for(request_):
    assert "secret" not in render_to_string("404.html", {"exception": "secret_dataset"}, request_)


def test_unknown_gate_state_is_shown_as_could_not_check_never_as_pass(request_):
    html = render_to_string(
        "components/strip.html", {"strip": [{"gate": "A", "name": "Identity", "state": "fine"}]}, request_
    )
    assert "could not check" in html
    assert "shape-pass" not in html


def test_strip_says_every_state_in_words_and_draws_six_different_shapes(request_):
    html = render_to_string("components/strip.html", {"strip": facts()["strip"]}, request_)
    for word in ("pass", "failed", "failed, quarantine", "not run", "could not check", "waived"):
        assert f">{word}<" in html
    drawings = {re.sub(r"shape-\w+", "", drawing) for drawing in re.findall(r"<svg.*?</svg>", html, re.DOTALL)}
    assert len(drawings) == 6


def test_compact_strip_is_one_image_with_all_seven_words(request_):
    html = render_to_string("components/strip.html", {"strip": facts()["strip"], "compact": True}, request_)
    label = re.search(r'role="img" aria-label="([^"]+)"', html).group(1)
    assert label == "Gates: A pass, B pass, C waived, D failed, E failed, quarantine, F could not check, G not run"


def test_denied_action_says_why_and_who_can(request_):
    html = render_to_string("components/decision_box.html", {"decision": facts()["decision"]}, request_)
    assert 'disabled aria-describedby="why-not-3"' in html
    assert "One signature is missing" in html
    assert "Who can: Maya Olsen (operator)" in html


def test_rail_hangs_quarantine_below_work_and_strikes_what_was_withdrawn():
    track = layout.rail_layout(facts()["withdrawn_rail"])
    assert track["siding"]["x"] == track["stations"][1]["x"]
    assert track["stations"][1]["y"] < track["siding"]["y"] < track["stations"][2]["y"]
    assert [part["state"] for part in track["stretches"]] == ["passed", "passed", "passed", "struck"]


def test_rail_state_that_is_not_known_is_not_drawn_as_passed():
    assert layout.rail_layout({"stations": [{"name": "RAW", "state": "perhaps"}]})["stations"][0]["state"] == "ahead"


@pytest.mark.parametrize(
    ("ago", "words"),
    [
        (timedelta(seconds=20), "just now"),
        (timedelta(hours=3, minutes=50), "3 h ago"),
        (timedelta(days=-2), "in 2 d"),
        (timedelta(days=400), "1 y ago"),
    ],
)
def test_times_are_said_in_the_largest_whole_unit(ago, words):
    now = datetime(2026, 2, 1, tzinfo=UTC)
    assert console.relative(now - ago, now) == words


def test_when_carries_the_full_utc():
    html = console.when(datetime(2020, 5, 1, 12, 30, 9, tzinfo=UTC))
    assert 'datetime="2020-05-01T12:30:09Z"' in html
    assert 'title="2020-05-01 12:30:09 UTC"' in html
    assert console.when(None) == console.ABSENT
    assert console.when("<b>soon</b>") == "<b>soon</b>"  # plain text: autoescaped by the template
    assert "ago" in console.when((timezone.now() - timedelta(days=1)).isoformat())


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (3905, "1 h 5 min"),
        (timedelta(days=2, seconds=5), "2 d 5 s"),
        (0.25, "250 ms"),
        (None, console.ABSENT),
        (60, "1 min"),
    ],
)
def test_durations_are_in_words(given, said):
    assert console.duration(given) == said


@pytest.mark.parametrize(
    ("given", "said"),
    [(0, "0 B"), (999, "999 B"), (12_400_000, "12.4 MB"), (None, console.ABSENT), (5e15, "5000.0 TB")],
)
def test_sizes_are_decimal(given, said):
    assert console.size_in_words(given) == said


def test_digests_show_eight_hex_and_identifiers_lose_their_middle():
    assert console.short_digest("sha256:d282c86f8a1f3b") == "sha256:d282c86f…"
    assert console.short_digest("d282c86f") == "d282c86f"
    assert console.middle("a" * 40 + "end", 20) == "a" * 13 + "…" + "aaaend"
    assert console.middle("short") == "short"


def test_query_replace_keeps_the_other_filters(request_):
    assert console.query_replace({"request": request_}, page=3) == "?label=public&page=3"
    assert console.query_replace({"request": request_}, page=None) == "?label=public"
    assert console.query_replace({}, page=1) == "?page=1"


def test_values_are_escaped_wherever_they_are_shown(request_):
    hostile = '"><script>alert(1)</script>'
    for name, given in {
        "chip.html": {"word": hostile},
        "digest.html": {"digest": hostile},
        "ident.html": {"value": hostile},
        "findings.html": {"findings": [{"code": hostile, "message": hostile, "where": hostile, "fix": hostile}]},
        "rail.html": {"rail": {"stations": [{"name": hostile, "by": hostile, "at": hostile, "href": hostile}]}},
        "map.html": {"map": {"src": hostile, "title": hostile, "bbox": hostile}},
    }.items():
        assert "<script>alert" not in render_to_string(f"components/{name}", given, request_)
