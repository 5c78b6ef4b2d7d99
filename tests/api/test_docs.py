"""The generated docs are what the code says, and the OpenAPI document is what the API answers."""

from __future__ import annotations

import json
from io import StringIO

import pytest
import yaml
from django.core.management import call_command
from openapi_schema_validator import OAS30Validator
from openapi_spec_validator import validate

from kfm_console.management.commands import generate_docs
from promotions.api import openapi, urls
from tests.api.conftest import url


def check(directory=None):
    call_command(
        "generate_docs",
        "--check",
        *(["--directory", str(directory)] if directory else []),
        stdout=StringIO(),
        stderr=StringIO(),
    )


def test_the_generated_docs_are_fresh():
    check()


def test_a_stale_or_missing_page_fails_the_check(tmp_path):
    call_command("generate_docs", "--directory", str(tmp_path), stdout=StringIO())
    check(tmp_path)
    for name in generate_docs.pages():
        kept = (tmp_path / name).read_text()
        for spoil in (lambda p, k: p.write_text(k + "x"), lambda p, _: p.unlink()):
            spoil(tmp_path / name, kept)
            with pytest.raises(SystemExit) as left:
                check(tmp_path)
            assert left.value.code == 1
            (tmp_path / name).write_text(kept)


def test_the_openapi_document_is_valid_and_the_same_everywhere(api):
    document = openapi.document()
    validate(document)
    assert api.client().get("/api/v1/openapi.json").json() == document
    assert yaml.safe_load(api.client().get("/api/v1/openapi.yaml").content) == document


def test_every_address_is_documented_and_every_documented_one_answers(api):
    paths = openapi.document()["paths"]
    assert len(paths) == len(urls.urlpatterns) - 1  # the last takes every other address
    values = {"slug": "test_ks_wells", "version_id": api.public.version_id, "key": "data", "path": "dcat.jsonld"}
    client = api.client()
    body = json.dumps({"ref": f"dcat://test_ks_wells@{api.public.version_id}"})
    given = client.post("/api/v1/evidence/resolve", data=body, content_type="application/json")
    values["digest"] = given.json()["bundle"]["digest"]
    for path, methods in paths.items():
        for method, operation in methods.items():
            assert {"429", "503"} <= set(operation["responses"]), path
            if method == "get" and operation["security"] != [{"serviceToken": []}]:  # those are in tests/submissions
                answer = client.get(path.format(**values))
                assert answer.status_code == 200, path
                media = answer["Content-Type"].split(";")[0]
                documented = operation["responses"]["200"]["content"]
                assert media in documented or "application/octet-stream" in documented, (path, media)


@pytest.mark.parametrize(
    ("address", "shape"),
    [
        ("/api/v1/", "Landing"),
        ("/api/v1/datasets/", "DatasetPage"),
        ("/api/v1/datasets/test_ks_wells/", "Dataset"),
        ("/api/v1/datasets/test_ks_wells/versions/", "VersionList"),
        ("version", "Version"),
        ("withdrawn", "GoneEnvelope"),
        ("/api/v1/nothing", "ErrorEnvelope"),
        ("evidence", "Resolutions"),
    ],
)
def test_answers_have_their_documented_shapes(api, address, shape):
    client = api.client()
    schemas = openapi.document()["components"]["schemas"]
    name = shape if shape in schemas else f"{shape}Shape"
    if address == "evidence":
        body = json.dumps({"refs": [f"dcat://test_ks_wells@{api.public.version_id}", "dcat://no"]})
        answer = client.post("/api/v1/evidence/resolve", data=body, content_type="application/json")
    else:
        answer = client.get({"version": url(api.public), "withdrawn": url(api.withdrawn)}.get(address, address))
    schema = {"$ref": f"#/components/schemas/{name}", "components": {"schemas": schemas}}
    assert [e.message for e in OAS30Validator(schema).iter_errors(answer.json())] == []
    assert set(answer.json()) <= set(schemas[name]["properties"])
