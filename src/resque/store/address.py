"""Where a server is and how to get in, as one value."""

import re
from dataclasses import dataclass, field, replace

from resque.errors import AddressError

_SENTINEL_PORT = 26379
_SCHEMES = ("redis", "rediss", "unix", "redis+sentinel", "rediss+sentinel")
_OPTIONS = ("db", "ssl_ca_certs", "sentinel_username", "sentinel_password")
#: A password among the options, with whatever stands behind it: an ``&`` in it ends it too early.
_OPTION = re.compile(r"[?&]([^?&=]*)=")
_BRACKETED = re.compile(r"\[([^\[\]]+)\](?::(.*))?")
_ESCAPE = re.compile(rb"%([0-9A-Fa-f]{2})")


@dataclass(frozen=True, slots=True)
class Sentinels:
    """Who is asked where a service's primary is, and how to get in there."""

    hosts: tuple[tuple[str, int], ...]  #: in the order in which they are asked
    service: str
    username: str | None = None
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """A server's address; ``str()`` of it leaves the password out and is fit for a log."""

    host: str = "localhost"
    port: int = 6379
    path: str | None = None  #: of a Unix socket; host and port mean nothing then
    tls: bool = False
    username: str | None = None  #: None: the server's ``default`` user
    password: str | None = field(default=None, repr=False)
    db: int = 0
    ssl_ca_certs: str | None = None  #: a PEM file to trust instead of the system's authorities
    sentinels: Sentinels | None = None  #: who know the server; host and port mean nothing then
    #: What it was read from, password and all: for another process of ours, never for a log.
    url: str | None = field(default=None, repr=False, compare=False)

    @classmethod
    def parse(cls, url: str) -> "Address":
        """Read a ``redis://``, ``rediss://`` (TLS) or ``unix:///path`` URL, or one of Sentinel.

        That is ``redis+sentinel://user:password@host:port,host:port/service/db``, with
        ``rediss+sentinel`` for TLS to the sentinels and the server.

        Raises AddressError for whatever is not understood in full: jobs sent to a server that
        was guessed are lost.
        """
        try:
            return replace(_printable(_parse(url)), url=url)
        except ValueError as error:
            raise AddressError(_without_password(url), str(error)) from None

    def __str__(self) -> str:
        user = f"{self.username}@" if self.username else ""
        if self.path is not None:
            return f"unix://{user}{self.path}?db={self.db}"
        scheme = "rediss" if self.tls else "redis"
        if self.sentinels is not None:
            hosts = ",".join(_shown(*place) for place in self.sentinels.hosts)
            return f"{scheme}+sentinel://{user}{hosts}/{self.sentinels.service}/{self.db}"
        return f"{scheme}://{user}{_shown(self.host, self.port)}/{self.db}"


def _shown(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


# The functions below raise ValueError with the problem, in words that never quote a part which
# may be a password. They do by hand what urllib.parse does, as importing it costs every worker
# half a megabyte.


def _printable(address: Address) -> Address:
    """Return it; its names go to the log, and to system calls which take no NUL."""
    if not f"{address}{address.ssl_ca_certs or ''}".isprintable():
        raise ValueError("a percent-encoded part holds a control character")
    return address


def _parse(url: str) -> Address:
    scheme, separator, rest = url.partition("://")
    if not separator or scheme not in _SCHEMES:
        raise ValueError("it must start with redis://, rediss://, unix:// or redis+sentinel://")
    if not url.isprintable():
        raise ValueError("it holds a control character or an undecodable byte")
    location, _, query = rest.partition("?")
    authority, slash, path = location.partition("/")
    if "@" in rest and "@" not in authority and scheme != "unix":
        raise ValueError("'/', '?', '%' and '@' in a password are written %2F, %3F, %25 and %40")
    userinfo, _, place = authority.rpartition("@")
    options = _options(query, scheme)
    if scheme == "unix":
        return _unix(userinfo, place, slash + path, options)
    if scheme.endswith("+sentinel"):
        return _sentinel(userinfo, place, path, options, tls=scheme.startswith("rediss"))
    return _tcp(userinfo, place, path, options, tls=scheme == "rediss")


def _unix(userinfo: str, host: str, path: str, options: dict[str, str]) -> Address:
    if host or path in {"", "/"}:
        raise ValueError("a socket's path is absolute: unix:///run/valkey.sock")
    username, password = _credentials(userinfo)
    db = _db(options.get("db", ""))
    return Address(path=_unquote(path), username=username, password=password, db=db)


def _tcp(
    userinfo: str, host_and_port: str, path: str, options: dict[str, str], *, tls: bool
) -> Address:
    host, port = _host_and_port(host_and_port, 6379)
    username, password = _credentials(userinfo)
    return Address(
        host=host,
        port=port,
        tls=tls,
        username=username,
        password=password,
        db=_db(options.get("db", path)),
        ssl_ca_certs=options.get("ssl_ca_certs"),
    )


def _sentinel(
    userinfo: str, hosts: str, path: str, options: dict[str, str], *, tls: bool
) -> Address:
    service, _, db = path.partition("/")
    places = hosts.split(",")
    if not service or not all(places):
        raise ValueError("sentinels and a service are named: redis+sentinel://a:26379,b/mymaster")
    username, password = _credentials(userinfo)
    sentinels = Sentinels(
        tuple(_host_and_port(place, _SENTINEL_PORT) for place in places),
        _unquote(service),
        options.get("sentinel_username"),
        options.get("sentinel_password"),
    )
    if sentinels.username and not sentinels.password:
        raise ValueError("sentinel_username needs a sentinel_password")
    return Address(
        tls=tls,
        username=username,
        password=password,
        db=_db(options.get("db", db)),
        ssl_ca_certs=options.get("ssl_ca_certs"),
        sentinels=sentinels,
    )


def _host_and_port(text: str, default_port: int) -> tuple[str, int]:
    bracketed = _BRACKETED.fullmatch(text)
    host, port = bracketed.groups() if bracketed else (text, None)
    if not bracketed:
        host, colon, rest = text.partition(":")
        port = rest if colon else None
        if ":" in rest or "[" in text or "]" in text:
            raise ValueError("an IPv6 host stands in brackets: redis://[::1]:6379")
    if port is None:
        return _unquote(host) or "localhost", default_port
    if not _is_number(port) or not 0 < int(port) < 65536:
        raise ValueError("the port is not a number from 1 to 65535")
    return _unquote(host) or "localhost", int(port)


def _credentials(userinfo: str) -> tuple[str | None, str | None]:
    username, colon, password = userinfo.partition(":")
    if username and not password:
        raise ValueError("a user name without a password; a password alone is written :password@")
    return _unquote(username) or None, _unquote(password) if colon and password else None


def _options(query: str, scheme: str) -> dict[str, str]:
    options: dict[str, str] = {}
    for option in filter(None, query.split("&")):
        name, _, value = option.partition("=")
        if name not in _OPTIONS:
            # Behind a password it may be the rest of it.
            may_be_password = "sentinel_password" in options or "@" in query
            shown = "" if may_be_password else f" {name!r}"
            raise ValueError(f"unknown option{shown}; known are {', '.join(_OPTIONS)}")
        if name == "ssl_ca_certs" and not scheme.startswith("rediss"):
            raise ValueError("ssl_ca_certs is for rediss:// only")
        if name.startswith("sentinel_") and not scheme.endswith("+sentinel"):
            raise ValueError(f"{name} is for redis+sentinel:// only")
        options[name] = _unquote(value)
    return options


def _db(text: str) -> int:
    number = text.removesuffix("/") or "0"
    if not _is_number(number):
        raise ValueError("the database is not a number")
    return int(number)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 10


def _unquote(text: str) -> str:
    """Undo percent-encoding. UnicodeDecodeError is a ValueError, but would quote the bytes."""
    raw = _ESCAPE.sub(lambda match: bytes.fromhex(match[1].decode()), text.encode())
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise ValueError("a percent-encoded part is not UTF-8") from None


def _without_password(url: str) -> str:
    """Hide whatever may be a password, however malformed the rest is."""
    head, at, tail = _without_password_option(url).rpartition("@")
    if not at:
        return tail
    scheme, separator, _ = head.partition("://")
    is_scheme = separator and scheme in _SCHEMES
    return f"{scheme}://***@{tail}" if is_scheme else f"***@{tail}"


def _without_password_option(url: str) -> str:
    """Hide all that follows an option whose name speaks of a password; in time linear in length."""
    for option in _OPTION.finditer(url):
        if "pass" in option[1].lower():
            return f"{url[: option.end()]}***"
    return url
