"""The policy engine and PROJ live in one process, whichever of our modules is imported first."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize("first", ["datasets.policy.bundle", "datasets.quality.checks"])
def test_policy_and_projections_load_in_either_order(first):
    others = "import datasets.policy.bundle, datasets.quality.checks, datasets.obligations.apply"
    subprocess.run([sys.executable, "-c", f"import {first}; {others}"], check=True)
