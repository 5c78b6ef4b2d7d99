"""Credentials inside addresses and settings: found, so that they are refused, or cut out before anything is kept.

Decides what is one: a user name or password in an address, an address that is signed by its query, the value of a
setting whose name says that it is secret. Pure. Never repeats a credential in what it says (style rule 19). It errs
towards cutting: a harmless query may go, too. What it can't know is a secret under a harmless name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from audit.findings import Finding
from datasets.schemas import pointer

CUT = "…"

_NAMES = r"pass(?:word|wd|phrase)?|pwd|secret|token|credentials?|authorization|signature|sig|cookie"
_KEYS = r"(?:api|access|account|private|secret|storage|encryption|shared|client|auth|ssh)[_.-]?keys?(?:[_.-]?id)?"
#: A name that says its value is secret: a word of it, however the words are joined.
_SECRET_NAME = re.compile(
    rf"(?i)(?:^|[^a-z]|(?-i:(?<=[a-z])(?=[A-Z])))(?:{_NAMES}|{_KEYS})(?:$|[^a-z]|(?-i:(?=[A-Z])))"
)
#: Parameters that sign or open an address and whose names do not say so.
_SIGNING = frozenset(
    {"sas", "key", "apikey", "accesskey", "auth", "code", "sid", "jwt", "policy", "awsaccesskeyid", "googleaccessid"}
)
_SIGNING_STARTS = ("x-amz-", "x-goog-", "x-oss-", "x-ms-")
#: Where what stands before ``@`` names a container: Azure's own form, without a secret in it.
_CONTAINERS = frozenset({"abfs", "abfss", "wasb", "wasbs"})
#: The name of everybody's account at a git host, no credential.
_NO_SECRET = frozenset({("ssh", "git"), ("git+ssh", "git")})

_SCHEME = r"([A-Za-z][A-Za-z0-9+.-]*)"
_USERINFO = re.compile(rf"(?<![A-Za-z0-9+.-]){_SCHEME}://([^\s/?#\"'<>]*)@")
#: A password may hold a slash, against RFC 3986; a port before the slash is none.
_LOOSE_USERINFO = re.compile(
    rf"(?<![A-Za-z0-9+.-]){_SCHEME}://([^\s/?#@:\[\]\"'<>]{{0,200}}:(?!\d{{1,5}}(?:[/?#\s]|$))[^\s@\"'<>]{{0,200}})@"
)
_THIN = re.compile(r"(?i)(jdbc:oracle:\w{1,10}:)([^\s@]{1,200})@")
_QUERY = re.compile(r"(?<=[^\s\"'<>])[?#][^\s\"'<>]*")
_PARAMETER = re.compile(r"[?#&;]([^=&;#?]+)=")
_SETTING = re.compile(
    r"(?<![\w%.-])([\w.-]{1,80})(\"?\s*(?:=>|[=:])\s*)((?i:(?:bearer|basic)\s+)?(?:\"[^\"]*\"|'[^']*'|[^\s;&,\"')}\]]+))"
)
_BEARER = re.compile(r"(?i)\b(bearer|basic)\s+([A-Za-z0-9+/_.~=-]{8,})")
_OUR_TOKEN = re.compile(r"kfm_[A-Za-z0-9_-]{43}")


def is_secret_name(name: str) -> bool:
    """Whether a setting's or parameter's name says that its value is secret."""
    return _SECRET_NAME.search(name) is not None


def check_absent(document: object, where: str = "", *, prose: bool = False) -> list[Finding]:
    """Findings for each text of a JSON value that holds credentials. ``where`` leads the pointers; in ``prose`` only
    addresses are judged, because it may speak of a password.
    """
    judged = _without_credentials if prose else scrubbed_text
    return [
        Finding(
            "credentials_sent",
            where + pointer(path),
            "An address here holds a user name, a password, a token or a signature. None of these is ever kept.",
            "Leave it out, and change it where it is valid: it was sent.",
        )
        for path, text in _texts(document, ())
        if judged(text) != text
    ]


def scrubbed_text(text: str) -> str:
    """*text* without the credentials in its addresses and settings. Idempotent."""
    text = _OUR_TOKEN.sub(CUT, _without_credentials(text))
    text = _SETTING.sub(lambda m: f"{m[1]}{m[2]}{CUT}" if is_secret_name(m[1]) else m[0], text)
    return _BEARER.sub(rf"\1 {CUT}", text)


def scrubbed(document: Any) -> Any:
    """A JSON value without credentials in any text, name or setting of it. Idempotent; equal values stay equal."""
    if isinstance(document, str):
        return scrubbed_text(document)
    if isinstance(document, Mapping):
        told = document.get("name")
        named = isinstance(told, str) and is_secret_name(told)
        return {scrubbed_text(k): _value(k, document[k], secret=named and k == "value") for k in sorted(document)}
    return [scrubbed(value) for value in document] if isinstance(document, list) else document


def _value(name: str, value: Any, *, secret: bool) -> Any:
    return _emptied(value) if secret or is_secret_name(name) else scrubbed(value)


def _emptied(value: Any) -> Any:
    """The value of a secret setting: its texts are cut, whatever holds them."""
    if isinstance(value, str):
        return CUT if value else value
    if isinstance(value, Mapping):
        return {scrubbed_text(k): _emptied(value[k]) for k in sorted(value)}
    return [_emptied(one) for one in value] if isinstance(value, list) else value


def _without_credentials(text: str) -> str:
    text = _THIN.sub(r"\1@", text)
    for pattern in (_LOOSE_USERINFO, _USERINFO):
        text = pattern.sub(lambda m: m[0] if _harmless(m[1].lower(), m[2]) else f"{m[1]}://", text)
    return _QUERY.sub(lambda m: "" if _signs(m[0]) else m[0], text)


def _harmless(scheme: str, userinfo: str) -> bool:
    return (scheme in _CONTAINERS and ":" not in userinfo) or (scheme, userinfo) in _NO_SECRET


def _signs(query: str) -> bool:
    for name in _PARAMETER.findall(query):
        plain = name.strip().lower()
        if plain in _SIGNING or plain.startswith(_SIGNING_STARTS) or is_secret_name(name):
            return True
    return False


def _texts(value: object, path: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Every text in a JSON value, names too, each with its place; a name's place is what holds it."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping):
        for name, one in value.items():
            yield path, str(name)
            # a name that is at fault must not stand in the pointer of what is under it
            yield from _texts(one, (*path, str(name)) if scrubbed_text(str(name)) == name else path)
    elif isinstance(value, list):
        for index, one in enumerate(value):
            yield from _texts(one, (*path, index))
