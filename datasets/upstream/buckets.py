"""An S3-compatible bucket as an fsspec file system, through obstore.

Decides which settings a bucket may have and that the console's own credentials never go there: a source brings its own
keys or says that none are needed. The endpoint comes from the operator's settings, never from a source's form: it is
not checked against private addresses, because a bucket may well stand beside the console, but a ``Relay`` sees
to it that nothing else is reached. Read-only use.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

from obstore.fsspec import FsspecStore
from obstore.store import S3Store

from datasets.upstream.errors import UpstreamRefused
from datasets.upstream.relay import Relay

if TYPE_CHECKING:
    from obstore.store import S3Config, S3CredentialProvider

SETTINGS = frozenset(
    {"endpoint", "region", "allow_http", "access_key_id", "secret_access_key", "session_token", "skip_signature"}
)
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_REGION = re.compile(r"[a-z0-9-]{1,40}")
_ENDPOINT = re.compile(
    r"(?P<scheme>https?)://(?P<host>[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::(?P<port>[1-9][0-9]{0,4}))?/?"
)
_TRUE = frozenset({"1", "true"})


class Bucket(FsspecStore):
    """Never shared between sources: fsspec would keep the keys in its cache of instances."""

    cachable = False

    def _construct_store(self, bucket: str) -> S3Store:
        """Obstore's own goes through ``from_url``, which can't be given the setting that the environment overrides."""
        return S3Store(
            bucket,
            config=cast("S3Config", self._config),
            client_options=self._client_options,
            retry_config=self._retry_config,
            credential_provider=cast("S3CredentialProvider", self._credential_provider),
        )


@contextmanager
def bucket_file_system(bucket: str, options: Mapping[str, str]) -> Iterator[Bucket]:
    """The file system whose paths begin with ``bucket``. Raises ``UpstreamRefused`` for settings that can't be used."""
    region = options.get("region", "us-east-1")
    if set(options) - SETTINGS or not _BUCKET.fullmatch(bucket) or not _REGION.fullmatch(region):
        raise _refuse("The bucket's name, region or one of its settings is not known.")
    allow_http = options.get("allow_http", "").lower() in _TRUE
    endpoint = _ENDPOINT.fullmatch(options.get("endpoint", f"https://s3.{region}.amazonaws.com"))
    if endpoint is None or (endpoint["scheme"] == "http" and not allow_http):
        raise _refuse("The bucket's endpoint is no https:// URL of a host and port.")
    unsigned = options.get("skip_signature", "").lower() in _TRUE
    place = endpoint[0].rstrip("/")
    # both endpoints: AWS_ENDPOINT_URL_S3 in the console's environment would win over the general one
    settings = {"endpoint": place, "aws_endpoint_url_s3": place, "region": region, "skip_signature": unsigned}
    credentials = None if unsigned else _credentials(options)
    port = int(endpoint["port"] or (80 if endpoint["scheme"] == "http" else 443))
    with Relay(endpoint["host"].strip("[]"), port) as relay:
        yield Bucket(
            "s3",
            config=cast("S3Config", settings),
            client_options={
                "connect_timeout": "10s",
                "timeout": "120s",
                "allow_http": allow_http,
                "proxy_url": relay.url,
            },
            retry_config={"max_retries": 3},
            credential_provider=cast("S3CredentialProvider | None", credentials),
        )


def _credentials(options: Mapping[str, str]) -> Callable[[], dict[str, Any]]:
    """The source's own keys; without a provider obstore would take the console's from the environment."""
    if not options.get("access_key_id") or not options.get("secret_access_key"):
        raise _refuse("The bucket has no credentials, and was not said to need none.")
    keys = {
        "access_key_id": options["access_key_id"],
        "secret_access_key": options["secret_access_key"],
        "token": options.get("session_token"),
        "expires_at": None,
    }
    return lambda: dict(keys)


def _refuse(message: str) -> UpstreamRefused:
    return UpstreamRefused("bucket_settings", message, "Correct the source's bucket settings.")
