"""B2: what counts as the same terms: the words a reader sees, not how they are wrapped or marked up."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasets.terms_words import difference, words_digest, words_of

HTML = "text/html; charset=utf-8"
PAGE = b"""<!doctype html><html><head><title>T</title><style>p{}</style></head><body>
<!-- build 17 --><script>var t = "now"</script><h1>Terms</h1><p>You may   <b>copy</b>
this &amp; share it.</p><noscript>no</noscript></body></html>"""


def test_b2_the_visible_words_of_a_page_are_its_terms():
    assert words_of(PAGE, HTML) == "Terms\nYou may copy this & share it."


@pytest.mark.parametrize(
    "other",
    [
        PAGE.replace(b"build 17", b"build 18"),
        PAGE.replace(b"now", b"later"),
        PAGE.replace(b"p{}", b"p{color:red}"),
        PAGE.replace(b"<b>copy</b>", b"<em class=x>copy</em>"),
        PAGE.replace(b"   <b>", b"\n\n<b>"),
        PAGE.replace(b"<h1>Terms</h1>", b"<div><h1>Terms</h1></div>"),
        PAGE.replace(b"</head>", b""),
    ],
)
def test_b2_a_change_that_no_reader_sees_is_none(other):
    assert words_digest(words_of(other, HTML)) == words_digest(words_of(PAGE, HTML))


@pytest.mark.parametrize(("old", "new"), [(b"may", b"may not"), (b"Terms", b"Conditions"), (b"&amp;", b"or")])
def test_b2_another_word_is_another_wording(old, new):
    assert words_digest(words_of(PAGE.replace(old, new), HTML)) != words_digest(words_of(PAGE, HTML))


def test_b2_plain_text_wrapped_anew_is_the_same():
    before, after = words_of(b"One two\nthree.\n", "text/plain"), words_of(b"One\r\n two three.", "text/plain")
    assert words_digest(before) == words_digest(after)


def test_b2_of_what_cannot_be_read_the_bytes_count():
    assert words_of(b"%PDF-1.7", "application/pdf").startswith("sha256:")
    assert words_of(b"%PDF-1.7", "application/pdf") != words_of(b"%PDF-1.8", "application/pdf")
    assert words_of(b"x", "text/plain; charset=no-such").startswith("sha256:")


def test_b2_bytes_that_are_not_what_they_say_are_read_all_the_same():
    assert words_of("§ 105".encode("latin-1"), "text/plain; charset=utf-8") == "§ 105"


@given(
    st.binary(max_size=300),
    st.sampled_from(["text/plain", HTML, "application/pdf", "", ";", "text/html;charset=utf-16"]),
)
def test_b2_any_bytes_have_words_and_the_same_twice(raw, media_type):
    assert words_of(raw, media_type) == words_of(raw, media_type)
    assert words_digest(words_of(raw, media_type)).startswith("sha256:")


lines = st.lists(st.sampled_from(["one", "two", "three", "four"]), max_size=8)


@given(lines, lines)
def test_the_difference_holds_both_texts_whole(before, after):
    found = difference("\n".join(before), "\n".join(after))
    assert [line for sign, line in found if sign != "+"] == before
    assert [line for sign, line in found if sign != "-"] == after


@given(lines, lines)
def test_the_difference_is_no_longer_than_need_be(before, after):
    found = difference("\n".join(before), "\n".join(after))
    shared = [[0] * (len(after) + 1) for _ in range(len(before) + 1)]
    for x, one in enumerate(before):
        for y, other in enumerate(after):
            shared[x + 1][y + 1] = shared[x][y] + 1 if one == other else max(shared[x][y + 1], shared[x + 1][y])
    assert sum(sign == " " for sign, _ in found) == shared[-1][-1]


@pytest.mark.parametrize(
    "unit", ["<!", "<!--", "<a", "<a x=", "<a b='", "</a", "<?", "<", "<div>", "<script>", "&#1", "\u0130"]
)
def test_a_hostile_page_takes_time_in_proportion(unit):
    began = time.process_time()
    words_of(unit.encode() * (400_000 // len(unit)), HTML)
    assert time.process_time() - began < 8  # html.parser takes minutes for some of these


def test_texts_of_equal_or_of_other_lines_are_told_in_time():
    began = time.process_time()
    assert len(difference("a\n" * 100_000, "a\nb\n" * 50_000)) >= 100_000
    assert len(difference("\n".join(map(str, range(90_000))), "\n".join(map(str, range(9, 90_009))))) == 90_009
    assert time.process_time() - began < 20


def test_b2_what_is_written_in_a_script_is_no_tag_and_a_mere_less_than_is_text():
    page = b"<p>If 1 < 2 &lt;b&gt;</p><script>if (a<b) '</p>'</SCRIPT><p title='>'>then"
    assert words_of(page, HTML) == "If 1 < 2 <b>\nthen"
