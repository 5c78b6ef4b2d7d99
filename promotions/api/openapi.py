"""The API's own description: generated from the views, the same bytes in the docs and from the server."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import yaml
from django.http import HttpResponse, HttpResponseBase
from django.urls import include, path
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from promotions.api import shapes
from promotions.api.answers import CACHE_CONTROL
from promotions.api.base import ApiView
from promotions.api.shapes import responses

PREFIX = "api/v1/"


@cache
def document() -> dict[str, Any]:
    """The OpenAPI 3.0 document, as plain JSON values."""
    generator = SchemaGenerator(patterns=[path(PREFIX, include("promotions.api.urls"))])  # type: ignore[no-untyped-call]
    found: dict[str, Any] = json.loads(json.dumps(generator.get_schema(request=None, public=True)))  # type: ignore[no-untyped-call]
    return found


def document_yaml() -> str:
    """The document as YAML, keys in the document's own order."""
    return yaml.safe_dump(document(), sort_keys=False, allow_unicode=True, width=120)


class OpenApiJsonView(ApiView):
    @extend_schema(operation_id="openapi_json", tags=["api"], responses=responses(shapes.OBJECT))
    def get(self, request: Request) -> HttpResponseBase:  # noqa: ARG002 - the framework's signature
        """The OpenAPI document as JSON."""
        return _headed(
            HttpResponse(json.dumps(document(), ensure_ascii=False, indent=1), content_type="application/json")
        )


class OpenApiYamlView(ApiView):
    @extend_schema(
        operation_id="openapi_yaml", tags=["api"], responses=responses({(200, "application/yaml"): shapes.TEXT})
    )
    def get(self, request: Request) -> HttpResponseBase:  # noqa: ARG002 - as above
        """The OpenAPI document as YAML."""
        return _headed(HttpResponse(document_yaml(), content_type="application/yaml"))


def _headed(response: HttpResponseBase) -> HttpResponseBase:
    response["Cache-Control"] = CACHE_CONTROL
    return response
