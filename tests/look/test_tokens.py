"""Each text on its ground has a contrast of 4.5:1 or more, marks 3:1, light and dark (WCAG 2.2, 1.4.3, 1.4.11)."""

from __future__ import annotations

import math
import re
from pathlib import Path

import pytest

CSS = (Path(__file__).resolve().parents[2] / "static/css/tokens.css").read_text()
VALUE = r"oklch\(([\d.]+)% ([\d.]+) ([\d.]+)\)"
TOKENS = {
    name: {"light": tuple(map(float, numbers[:3])), "dark": tuple(map(float, numbers[3:]))}
    for name, *numbers in re.findall(rf"--([\w-]+): light-dark\({VALUE}, {VALUE}\);", CSS)
}
STATES = ("accent", "pass", "block", "quarantine", "idle", "waived")
TEXT_PAIRS = [
    *((f"{state}-ink", f"{state}-tint") for state in STATES),
    *((f"{state}-ink", ground) for state in STATES for ground in ("paper", "paper-raised", "paper-sunk")),
    *((ink, ground) for ink in ("ink", "ink-soft", "accent") for ground in ("paper", "paper-raised", "paper-sunk")),
    *(("ink-soft", f"{state}-tint") for state in STATES),
    ("on-accent", "accent"),
    ("on-accent", "accent-strong"),
    ("on-block", "block"),
    ("paper", "ink"),
]
MARK_PAIRS = [(state, ground) for state in STATES for ground in ("paper", "paper-raised", f"{state}-tint")]


def linear_srgb(lightness, chroma, hue):
    """OKLCH (percent, chroma, degrees) to linear sRGB, clipped to the gamut; matrices of CSS Color 4."""
    a, b = chroma * math.cos(math.radians(hue)), chroma * math.sin(math.radians(hue))
    light = lightness / 100
    long = (light + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (light - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (light - 0.0894841775 * a - 1.2914855480 * b) ** 3
    channels = (
        4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short,
        -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short,
        -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short,
    )
    return [min(max(channel, 0.0), 1.0) for channel in channels]


def contrast(first, second):
    lights = sorted(
        sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), linear_srgb(*x), strict=True)) for x in (first, second)
    )
    return (lights[1] + 0.05) / (lights[0] + 0.05)


def test_the_measure_itself_knows_black_on_white():
    assert contrast((0, 0, 0), (100, 0, 0)) == pytest.approx(21, abs=0.01)


def test_every_colour_token_was_read():
    assert len(TOKENS) == CSS.count("light-dark(")
    assert {name for pair in TEXT_PAIRS + MARK_PAIRS for name in pair} <= set(TOKENS)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("ink", "ground"), TEXT_PAIRS)
def test_text_on_its_ground_is_legible(ink, ground, scheme):
    assert contrast(TOKENS[ink][scheme], TOKENS[ground][scheme]) >= 4.5


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("mark", "ground"), MARK_PAIRS)
def test_marks_stand_out_from_their_ground(mark, ground, scheme):
    assert contrast(TOKENS[mark][scheme], TOKENS[ground][scheme]) >= 3


def test_only_tokens_are_used_and_all_used_ones_exist():
    sheets = "".join(path.read_text() for path in (Path(__file__).resolve().parents[2] / "static/css").glob("*.css"))
    assert set(re.findall(r"var\(--([\w-]+)\)", sheets)) <= set(re.findall(r"--([\w-]+):", CSS))
