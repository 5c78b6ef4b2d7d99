"""Licences: what counts as an explicit SPDX licence, and which ones forbid passing the bytes on.

Decides whether a text is an SPDX licence expression (SPDX 2.3 Annex D, with 3.0's all-lower-case operators) over the
SPDX licence list that the package license-expression carries, or a ``LicenseRef-`` of one's own. Never guesses a
licence from a name or an alias, never reads the network. Keeps the licence half of clause B1.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

import license_expression

from audit.findings import Finding

COMMON_LICENSES: tuple[tuple[str, str], ...] = (
    ("CC0-1.0", "Creative Commons Zero 1.0"),
    ("CC-BY-4.0", "Creative Commons Attribution 4.0"),
    ("CC-BY-SA-4.0", "Creative Commons Attribution Share Alike 4.0"),
    ("CC-BY-NC-4.0", "Creative Commons Attribution Non Commercial 4.0"),
    ("CC-PDDC", "Creative Commons Public Domain Dedication and Certification"),
    ("CC-PDM-1.0", "Creative Commons Public Domain Mark 1.0"),
    ("ODbL-1.0", "Open Data Commons Open Database License 1.0"),
    ("ODC-By-1.0", "Open Data Commons Attribution License 1.0"),
    ("PDDL-1.0", "Open Data Commons Public Domain Dedication and License 1.0"),
    ("OGL-UK-3.0", "Open Government Licence 3.0 (United Kingdom)"),
    ("CDLA-Permissive-2.0", "Community Data License Agreement Permissive 2.0"),
    ("LicenseRef-US-Government-Work", "Work of the United States government (give the terms)"),
)

# Words that say "we don't know"; each gets its own sentence rather than "unknown id".
NO_LICENSE_WORDS = frozenset({"noassertion", "none", "unknown", "unclear", "other", "various", "proprietary", "tbd"})
PUBLIC_DOMAIN_WORDS = frozenset({"public_domain", "public-domain", "publicdomain", "public domain", "pd"})
# SPDX's deprecated ids (licence list 3.x) and what to write instead; "" where SPDX names no single successor.
DEPRECATED_IDS = {
    "AGPL-1.0": "AGPL-1.0-only",
    "AGPL-3.0": "AGPL-3.0-only",
    "BSD-2-Clause-FreeBSD": "BSD-2-Clause-Views",
    "BSD-2-Clause-NetBSD": "BSD-2-Clause",
    "bzip2-1.0.5": "bzip2-1.0.6",
    "eCos-2.0": "GPL-2.0-or-later WITH eCos-exception-2.0",
    "GFDL-1.1": "GFDL-1.1-only",
    "GFDL-1.2": "GFDL-1.2-only",
    "GFDL-1.3": "GFDL-1.3-only",
    "GPL-1.0": "GPL-1.0-only",
    "GPL-1.0+": "GPL-1.0-or-later",
    "GPL-2.0": "GPL-2.0-only",
    "GPL-2.0+": "GPL-2.0-or-later",
    "GPL-3.0": "GPL-3.0-only",
    "GPL-3.0+": "GPL-3.0-or-later",
    "GPL-2.0-with-autoconf-exception": "GPL-2.0-only WITH Autoconf-exception-2.0",
    "GPL-2.0-with-bison-exception": "GPL-2.0-or-later WITH Bison-exception-2.2",
    "GPL-2.0-with-classpath-exception": "GPL-2.0-only WITH Classpath-exception-2.0",
    "GPL-2.0-with-font-exception": "GPL-2.0-only WITH Font-exception-2.0",
    "GPL-2.0-with-GCC-exception": "GPL-2.0-or-later WITH GCC-exception-2.0",
    "GPL-3.0-with-autoconf-exception": "GPL-3.0-only WITH Autoconf-exception-3.0",
    "GPL-3.0-with-GCC-exception": "GPL-3.0-only WITH GCC-exception-3.1",
    "LGPL-2.0": "LGPL-2.0-only",
    "LGPL-2.0+": "LGPL-2.0-or-later",
    "LGPL-2.1": "LGPL-2.1-only",
    "LGPL-2.1+": "LGPL-2.1-or-later",
    "LGPL-3.0": "LGPL-3.0-only",
    "LGPL-3.0+": "LGPL-3.0-or-later",
    "Net-SNMP": "",
    "Nunit": "zlib-acknowledgement",
    "StandardML-NJ": "SMLNJ",
    "wxWindows": "LGPL-2.0-or-later WITH WxWindows-exception-3.1",
}
# A LicenseRef- whose name matches one of these forbids passing the bytes on (clause B1). Compared in lower case.
FORBIDS_REDISTRIBUTION = (
    re.compile(r"licenseref-proprietary.*"),
    re.compile(r"licenseref-(.*-)?all-rights-reserved(-.*)?"),
    re.compile(r"licenseref-(.*-)?(no|not-for)-redistribution(-.*)?"),
    re.compile(r"licenseref-(.*-)?no-(distribution|sharing|reuse)(-.*)?"),
    re.compile(r"licenseref-(.*-)?(confidential|internal-use-only)(-.*)?"),
)

TOKEN = re.compile(r"\(|\)|[^\s()]+")
LICENSE_REF = re.compile(r"(?:DocumentRef-[A-Za-z0-9.-]+:)?LicenseRef-[A-Za-z0-9.-]*[A-Za-z0-9][A-Za-z0-9.-]*")
ADDITION_REF = re.compile(r"(?:DocumentRef-[A-Za-z0-9.-]+:)?AdditionRef-[A-Za-z0-9.-]+")
OPERATORS = frozenset({"AND", "OR", "WITH"})
MAX_LENGTH = 1000
MAX_NESTING = 20

Tree = str | tuple[str, "Tree", "Tree"]


@dataclass(frozen=True, slots=True)
class LicenseReading:
    """``canonical``: the expression in SPDX's own spelling, None when refused; ``notes``: advice, refuses nothing."""

    canonical: str | None
    findings: tuple[Finding, ...]
    notes: tuple[str, ...] = ()
    tree: Tree | None = None


class _LicenseError(ValueError):
    def __init__(self, code: str, message: str, fix: str = "") -> None:
        super().__init__(message)
        self.code, self.message, self.fix = code, message, fix


def read_license(text: object, where: str = "/license") -> LicenseReading:
    """Read one SPDX expression; ids are compared without regard to case and answered in SPDX's spelling."""
    if not isinstance(text, str) or not text.strip():
        fix = "State an SPDX id such as CC-BY-4.0, or a LicenseRef- with its terms."
        return LicenseReading(None, (Finding("license_missing", where, "No licence is stated.", fix, "missing"),))
    try:
        parser = _Parser(text.strip())
        tree = parser.expression()
    except _LicenseError as refused:
        return LicenseReading(None, (Finding(refused.code, where, refused.message, refused.fix),))
    return LicenseReading(_render(tree), (), tuple(parser.notes), tree)


def check_license(text: object, where: str = "/license") -> list[Finding]:
    """B1: the findings against a stated licence; empty when it is an explicit SPDX expression or ``LicenseRef-``."""
    return list(read_license(text, where).findings)


def forbids_redistribution(text: str, *, terms_forbid: bool = False) -> bool:
    """B1: may a version under this licence carry bytes? True when it may not.

    ``terms_forbid``: the flag of the captured terms; it binds whatever the expression says. ``A AND B`` forbids when
    either does, ``A OR B`` when both do. A licence that cannot be read forbids.
    """
    if terms_forbid:
        return True
    tree = read_license(text).tree
    return tree is None or _forbids(tree)


@cache
def _spdx_ids() -> tuple[dict[str, str], dict[str, str]]:
    """Licence ids and exception ids, each from lower case to SPDX's spelling."""
    licenses = {old.lower(): old for old in DEPRECATED_IDS}
    exceptions: dict[str, str] = {}
    for symbol in license_expression.get_spdx_licensing().known_symbols.values():
        if not symbol.key.startswith("LicenseRef-"):
            (exceptions if symbol.is_exception else licenses)[symbol.key.lower()] = symbol.key
    exceptions["nokia-qt-exception-1.1"] = "Nokia-Qt-exception-1.1"
    return licenses, exceptions


class _Parser:
    """Recursive descent over SPDX's grammar: OR binds weakest, then AND, then WITH, then brackets."""

    def __init__(self, text: str) -> None:
        if len(text) > MAX_LENGTH:
            raise _LicenseError("license_too_long", f"A licence expression has at most {MAX_LENGTH} characters.")
        self.notes: list[str] = []
        self.depth = 0
        word = text.lower()
        if word in PUBLIC_DOMAIN_WORDS:
            fix = "State what makes it so: CC0-1.0, CC-PDDC, CC-PDM-1.0, or a LicenseRef- with its terms."
            raise _LicenseError("license_ambiguous", "“Public domain” is a claim, not a licence.", fix)
        if word in NO_LICENSE_WORDS:
            raise _LicenseError("license_unknown", f"“{text}” says that the licence is not known.", "Find the terms.")
        self.tokens: list[str] = TOKEN.findall(text)
        self.at = 0

    def expression(self) -> Tree:
        tree = self._chain("OR")
        if self.at < len(self.tokens):
            found = self.tokens[self.at]
            fix = "Join two licences by AND or OR. An id has no spaces: write CC-BY-4.0, not CC BY 4.0."
            raise _LicenseError("license_malformed", f"“{found[:60]}” stands where AND, OR or the end should be.", fix)
        return tree

    def _chain(self, operator: str) -> Tree:
        def part() -> Tree:
            return self._chain("AND") if operator == "OR" else self._simple()

        tree = part()
        while self._operator() == operator:
            self.at += 1
            tree = (operator, tree, part())
        return tree

    def _simple(self) -> Tree:
        token = self._next("a licence")
        if token == "(":  # noqa: S105 -- a bracket
            self.depth += 1
            if self.depth > MAX_NESTING:
                raise _LicenseError("license_malformed", f"Brackets are nested more than {MAX_NESTING} deep.")
            tree = self._chain("OR")
            if self._next("a closing bracket") != ")":
                raise _LicenseError("license_malformed", "A bracket is not closed.")
            self.depth -= 1
            return tree
        leaf = self._license(token)
        if self._operator() == "WITH":
            self.at += 1
            return f"{leaf} WITH {self._exception(self._next('an exception'))}"
        return leaf

    def _license(self, token: str) -> str:
        if "LicenseRef-" in token:
            return self._license_ref(token)
        licenses, exceptions = _spdx_ids()
        known = licenses.get(token.lower())
        if known is None and token.endswith("+") and token[:-1].lower() in licenses:
            known = licenses[token[:-1].lower()] + "+"
        if known is not None:
            self._note_spelling(token, known)
            return known
        if token.lower() in exceptions:
            raise _LicenseError("license_malformed", f"{token} is an exception; it stands only after WITH.")
        if token.upper() in OPERATORS or token == ")":  # noqa: S105 -- a bracket
            raise _LicenseError("license_malformed", f"“{token}” stands where a licence should be.")
        fix = "Take an id from the SPDX licence list, or name your own: LicenseRef-<name>, with its terms."
        raise _LicenseError("license_not_spdx", f"“{token[:60]}” is not on the SPDX licence list.", fix)

    def _license_ref(self, token: str) -> str:
        if LICENSE_REF.fullmatch(token) is None:
            raise _LicenseError("license_malformed", "After LicenseRef- stand letters, digits, dots and hyphens.")
        name = token.partition("LicenseRef-")[2].lower()
        if name in NO_LICENSE_WORDS - {"proprietary"}:
            raise _LicenseError("license_unknown", f"“{token}” says that the licence is not known.", "Find the terms.")
        return token

    def _exception(self, token: str) -> str:
        if ADDITION_REF.fullmatch(token):
            return token
        known = _spdx_ids()[1].get(token.lower())
        if known is None:
            raise _LicenseError("license_not_spdx", f"“{token[:60]}” is not on the SPDX list of exceptions.")
        self._note_spelling(token, known)
        return known

    def _note_spelling(self, token: str, known: str) -> None:
        if token != known:
            self.notes.append(f"SPDX spells {token} as {known}.")
        if known in DEPRECATED_IDS:
            instead = DEPRECATED_IDS[known]
            self.notes.append(f"SPDX deprecates {known}" + (f"; write {instead}." if instead else "."))

    def _operator(self) -> str | None:
        token = self.tokens[self.at] if self.at < len(self.tokens) else ""
        if token.upper() not in OPERATORS:
            return None
        if token not in (token.upper(), token.lower()):
            raise _LicenseError("license_malformed", f"Write the operator in capitals: {token.upper()}.")
        return token.upper()

    def _next(self, wanted: str) -> str:
        if self.at >= len(self.tokens):
            raise _LicenseError("license_malformed", f"The expression ends where {wanted} should be.")
        self.at += 1
        return self.tokens[self.at - 1]


def _render(tree: Tree, *, inside: str = "OR") -> str:
    if isinstance(tree, str):
        return tree
    operator, left, right = tree
    text = f"{_render(left, inside=operator)} {operator} {_render(right, inside=operator)}"
    return f"({text})" if operator == "OR" and inside == "AND" else text


def _forbids(tree: Tree) -> bool:
    if isinstance(tree, str):
        name = tree.rpartition(":")[2].lower()
        return any(pattern.fullmatch(name) for pattern in FORBIDS_REDISTRIBUTION)
    operator, left, right = tree
    return _forbids(left) and _forbids(right) if operator == "OR" else _forbids(left) or _forbids(right)
