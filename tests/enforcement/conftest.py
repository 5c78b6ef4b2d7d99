"""The API's world: a public dataset with versions at every kind of standing, and a restricted one."""

from __future__ import annotations

from tests.api.conftest import _api, api, api_settings, var_dir

__all__ = ["_api", "api", "api_settings", "var_dir"]
