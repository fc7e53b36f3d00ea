"""SHA-1, by which things are named."""


def sha1_hex(data: bytes) -> str:
    """Return the digest, as 40 hexadecimal digits. It protects nothing: it only names things.

    The library is loaded by the first call: hardly any process needs it, and forks pay for those
    that are mapped (docs/architecture.md, decision 13).
    """
    try:
        # The standard library's random does the same: hashlib would map OpenSSL besides.
        from _sha1 import sha1  # type: ignore[import-not-found]  # noqa: PLC0415
    except ImportError:  # a Python built without it
        from hashlib import sha1  # noqa: PLC0415
    digest: str = sha1(data, usedforsecurity=False).hexdigest()
    return digest
