"""The API's world, made once: published, restricted, hidden, withdrawn and superseded versions."""

from __future__ import annotations

from tests.api.conftest import _api, api, api_settings, var_dir

__all__ = ["_api", "api", "api_settings", "var_dir"]
