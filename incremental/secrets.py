"""Values that must not be shown, and ways to take them out of what is shown.

Not a vault and not an encryption: who holds a :class:`Secret` holds the value.

What is masked, and where:

* ``repr()`` of a :class:`Secret` is ``'***'``; so are the ``repr`` and the printing of every
  container, dataclass or traceback local that holds one. That is how credentials usually leak.
* ``str()``, ``format()``, ``%s``, ``+``, ``encode()``, ``json.dumps`` and ``pickle`` use the real
  characters, because that is what a client library does to sign a request
  (``f"AWS4{key}".encode()``): a masked string there would be a wrong password.
* So text that is written down goes through this module first: records, plans and JSON through
  :func:`mask`, command lines through :func:`mask_argv`, addresses through :func:`strip_url`,
  texts of errors and logs through :meth:`Redactor.scrub`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import pairwise
from typing import Any

MASK = "***"
_DEEPEST = 60  # mask() goes no deeper: what lies below is replaced whole
_SHORTEST = 4  # a Redactor ignores shorter values: they occur in innocent text


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_WORDS = _words(
    "password passwords passwd passphrase passphrases passcode passkey pwd pswd secret secrets token tokens "
    "credential credentials cred creds authorization bearer jwt sas dsn con conn apikey apikeys accesskey "
    "accesskeys privatekey secretkey accountkey sharedkey storagekey signingkey encryptionkey masterkey "
    "sshkey authkey sessionkey clientkey connectionstring connstring connstr connectionurl authtoken "
    "accesstoken dbpass userpass smtppass adminpass rootpass serviceaccountkey cookie cookies"
)
_LAST_WORDS = frozenset({"auth"})  # 'http_auth' is a pair of user and password; 'auth_type' is not
_URL_WORDS = frozenset({"key", "sig", "signature", "pass", "code", "hmac"})  # after ? or & only
_COUNTS = _words("max min num n count counts limit length len size budget per")
_EMBEDDED = ("password", "passwd", "passphrase")  # 'PGPASSWORD' has no word boundary

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[A-Z]+")
# Looked for where a word begins, and not in the middle of it: a text may be one word of many megabytes.
_KEY = r"(?<![\w.\-])(?P<lead>(?:(?![A-Za-z_])[\w.\-])*)(?P<key>[A-Za-z_][\w.\-]*)"
_PAIR = re.compile(_KEY + r"""=(?P<value>"[^"]*"|'[^']*'|\{(?:[^}]|\}\})*\}|[^&;#\s'"]*)""")
_QUOTED_PAIR = re.compile(
    r"""(['"])([A-Za-z_][\w.\-]*)\1(\s*:\s*[bu]?)("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')"""
)
_AUTHORIZATION = re.compile(r"\b(Bearer|Basic|SharedKey|AWS4-HMAC-SHA256)\s+[\w.\-+/=~:]{8,}")
_AUTHORITY = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.\-]{0,30})://(?P<rest>[^\s'\"<>]*)")
_INNER_KEY = re.compile(_KEY + r"['\"]?\s*:")
_CONTAINER_SCHEMES = frozenset({"abfs", "abfss", "wasb", "wasbs", "adl"})  # container@account is an address


class Secret(str):
    """A string whose ``repr`` is ``'***'``; in every other way the string itself.

    Example: ``Secret("hunter2") == "hunter2"`` holds, ``repr({"password": Secret("hunter2")})``
    is ``"{'password': '***'}"``.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return repr(MASK)

    def reveal(self) -> str:
        """Return the value as a plain string."""
        return str.__str__(self)


def conceal(value: Any) -> Any:
    """Return a copy of nested configuration with every string wrapped in :class:`Secret`."""
    return _map_leaves(value, lambda leaf: Secret(leaf) if isinstance(leaf, str) else leaf)


def reveal(value: Any) -> Any:
    """Return a copy of nested configuration with every :class:`Secret` as a plain string."""
    return _map_leaves(value, lambda leaf: leaf.reveal() if isinstance(leaf, Secret) else leaf)


def looks_secret(key: object) -> bool:
    """Tell whether a key names something to hide: ``api_key``, ``dbPassword``; not ``primary_key``."""
    return isinstance(key, str) and _has_secret_word(key, _WORDS)


def mask(value: Any) -> Any:
    """Return a copy with Secrets, values under secret-like keys and passwords in URLs replaced by ``***``.

    Mappings become dicts; lists, tuples and sets keep their kind; other objects are returned as they are.
    """
    return _mask(value, _DEEPEST)


def strip_url(url: str) -> str:
    """Return a URL, or a text with URLs in it, without userinfo and secret-like query values."""
    if "://" in url:
        url = _AUTHORITY.sub(_strip_userinfo, url)
    return _PAIR.sub(_mask_pair, url) if "=" in url else url


class Redactor:
    """Knows secret values and takes them out of text: as they are, URL-quoted, escaped and in base64.

    Values shorter than four characters are ignored. Safe to share between threads.
    """

    __slots__ = ("_pattern", "_values")

    def __init__(self, values: Iterable[str] = ()) -> None:
        self._values = frozenset(str.__str__(value) for value in values if len(value) >= _SHORTEST)
        self._pattern: re.Pattern[str] | None = None

    @classmethod
    def of(cls, *configurations: Any) -> Redactor:
        """Collect every Secret, and every value under a secret-like key, of nested configuration."""
        return cls(
            value for configuration in configurations for value in _secret_values(configuration, False)
        )

    def including(self, *configurations: Any) -> Redactor:
        """Return a Redactor that knows these secrets as well."""
        return Redactor(self._values | Redactor.of(*configurations)._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"<Redactor of {len(self._values)} values>"

    def scrub(self, text: str) -> str:
        """Return ``text`` with known values, and what stands where secrets stand, replaced by ``***``.

        That is: passwords and tokens in URLs, values beside secret-like keys, headers of authorization.
        """
        if self._values:
            if self._pattern is None:
                forms = {form for value in self._values for form in _forms(value)}
                longest_first = sorted(forms, key=lambda form: (-len(form), form))
                self._pattern = re.compile("|".join(map(re.escape, longest_first)))
            text = self._pattern.sub(MASK, text)
        return strip_url(_strip_quoted(text))

    def scrub_all(self, value: Any) -> Any:
        """Return a copy of nested values that JSON can express, each text in it scrubbed."""
        return _map_leaves(value, lambda leaf: _plain(leaf, self.scrub))


def names_secret(text: str) -> bool:
    """Tell whether a text such as ``{password: x}`` has a secret-like key in it."""
    return any(looks_secret(match["key"]) for match in _INNER_KEY.finditer(text))


def as_text(value: object) -> str:
    """Return any value as text; one whose class fails to is told by its class."""
    try:
        return str(value)
    except Exception:  # noqa: BLE001 - code of the user's
        return f"<{type(value).__qualname__}>"


def _plain(leaf: Any, scrub: Callable[[str], str]) -> Any:
    return leaf if leaf is None or isinstance(leaf, bool | int | float) else scrub(as_text(leaf))


def without_references(config: Any) -> Any:
    """Return catalog configuration without the names by which its entries refer to credentials.

    ``credentials: dev_s3`` is no secret; a message has to be able to say which name is not configured.
    """
    if not isinstance(config, Mapping):
        return config
    return {
        key: without_references(value)
        for key, value in config.items()
        if not (key == "credentials" and isinstance(value, str))
    }


def _has_secret_word(key: str, known: frozenset[str]) -> bool:
    lowered = key.lower()
    words = [word.lower() for word in _WORD.findall(key)]
    if not _COUNTS.isdisjoint(words):
        return False
    if any(part in lowered for part in _EMBEDDED):
        return True
    if not known.isdisjoint(words) or not known.isdisjoint(re.split(r"[^a-z0-9]+", lowered)):
        return True
    if words and words[-1] in _LAST_WORDS:
        return True
    return any(first + second in known for first, second in pairwise(words))


def _map_leaves(value: Any, change: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _map_leaves(item, change) for key, item in value.items()}
    if isinstance(value, list):
        return [_map_leaves(item, change) for item in value]
    if type(value) is tuple:
        return tuple(_map_leaves(item, change) for item in value)
    return change(value)


def _mask(value: Any, depth: int) -> Any:
    if isinstance(value, str):
        return MASK if isinstance(value, Secret) else strip_url(value)
    if isinstance(value, Mapping | list | tuple | set | frozenset):
        if not depth:
            return MASK
        if isinstance(value, Mapping):
            return {_mask(key, depth - 1): _mask_value(key, item, depth) for key, item in value.items()}
        kind = next(base for base in (list, tuple, set, frozenset) if isinstance(value, base))
        return kind(_mask(item, depth - 1) for item in value)
    return value


def _mask_value(key: object, value: Any, depth: int) -> Any:
    if value is None or not looks_secret(key):
        return _mask(value, depth - 1)
    return MASK


def _strip_userinfo(match: re.Match[str]) -> str:
    scheme, rest = match["scheme"], match["rest"]
    ends = re.search(r"[/?#]", rest)
    authority, beyond = (rest[: ends.start()], rest[ends.start() :]) if ends else (rest, "")
    userinfo, _, host = authority.rpartition("@")
    if "@" in beyond and _is_cut_password(userinfo, host):  # a / that was not quoted in the password
        return f"{scheme}://{rest.rpartition('@')[2]}"
    if not userinfo or (scheme.lower() in _CONTAINER_SCHEMES and ":" not in userinfo):
        return match[0]
    return f"{scheme}://{host}{beyond}"


def _is_cut_password(userinfo: str, host: str) -> bool:
    port = host.rpartition(":")[2] if ":" in host and not host.endswith("]") else ""
    return ":" in userinfo or (port != "" and not port.isdigit())


def _mask_pair(match: re.Match[str], depth: int = _DEEPEST) -> str:
    key, value = f"{match['lead']}{match['key']}", match["value"]
    known = _WORDS | _URL_WORDS if _before(match) in ("?", "&") else _WORDS
    if value.startswith(MASK):  # masked before
        return match[0]
    if value and (not depth or _has_secret_word(match["key"], known)):
        return f"{key}={MASK}"
    return f"{key}={_PAIR.sub(lambda inner: _mask_pair(inner, depth - 1), value)}"


def _before(match: re.Match[str]) -> str:
    """Return the character before a key, an empty text at the beginning."""
    start = match.start("key")
    return match.string[start - 1 : start]


def _strip_quoted(text: str) -> str:
    """Return a text without the values of secret-like keys in what ``repr`` and JSON write of mappings."""
    if "': " in text or '":' in text or "':" in text:
        text = _QUOTED_PAIR.sub(_mask_quoted, text)
    return _AUTHORIZATION.sub(rf"\1 {MASK}", text)


def _mask_quoted(match: re.Match[str]) -> str:
    quote, key, colon, value = match.groups()
    if not looks_secret(key) or not value[1:-1]:
        return match[0]
    return f"{quote}{key}{quote}{colon}{value[0]}{MASK}{value[0]}"


def _secret_values(value: Any, known_secret: bool) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _secret_values(item, known_secret or looks_secret(key))
    elif isinstance(value, list | tuple | set | frozenset):
        for item in value:
            yield from _secret_values(item, known_secret)
    elif isinstance(value, str):
        secret = known_secret or isinstance(value, Secret)
        if secret:
            yield value
        if "://" in value or "=" in value:
            yield from _embedded(value, secret)
    elif known_secret and isinstance(value, int | float) and not isinstance(value, bool):
        yield str(value)


def _embedded(text: str, secret: bool) -> Iterator[str]:
    """Yield the secrets in a URL or a connection string: a library may show them without the rest."""
    from urllib.parse import unquote

    for match in _AUTHORITY.finditer(text):
        userinfo = re.split(r"[/?#]", match["rest"])[0].rpartition("@")[0]
        password = userinfo.partition(":")[2]
        yield from (password, unquote(password))
    in_url = "://" in text
    for match in _PAIR.finditer(text):
        queried = in_url and _before(match) in ("?", "&")
        known = _WORDS | _URL_WORDS if queried else _WORDS
        if (queried or secret or ";" in text) and _has_secret_word(match["key"], known):
            value = match["value"].strip("'\"")
            yield from (value, value.removeprefix("{").removesuffix("}"), unquote(value))


def _forms(value: str) -> set[str]:
    from json import dumps
    from urllib.parse import quote, quote_plus

    forms = {value, repr(value)[1:-1], dumps(value)[1:-1]}
    forms |= {quote(value), quote(value, safe=""), quote_plus(value)}
    forms |= {re.sub(r"%[0-9A-F]{2}", lambda match: match[0].lower(), form) for form in forms}
    forms |= _base64_forms(value.encode("utf-8", "surrogatepass"))
    return {form for form in forms if len(form) >= _SHORTEST}


def _base64_forms(value: bytes) -> set[str]:
    """Return what ``value`` looks like inside a base64 text, wherever it begins in it (``user:value``)."""
    from base64 import b64encode, urlsafe_b64encode

    forms: set[str] = set()
    for shift in range(3):
        first = (0, 2, 3)[shift]  # characters that mix with the bytes before
        last = 4 * ((shift + len(value)) // 3) + (0, 1, 2)[(shift + len(value)) % 3]
        for encode in (b64encode, urlsafe_b64encode):
            forms.add(encode(b"\0" * shift + value).decode("ascii")[first:last])
    return {form for form in forms if len(form) >= _SHORTEST}
