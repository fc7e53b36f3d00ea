"""SHA-1, by which the server names scripts, without what it would cost every worker."""

try:
    # The standard library's random does the same: hashlib would map OpenSSL into every worker.
    from _sha1 import sha1  # type: ignore[import-not-found]
except ImportError:  # a Python built without it
    from hashlib import sha1


def sha1_hex(data: bytes) -> str:
    """Return the digest, as 40 hexadecimal digits. It protects nothing: it only names things."""
    digest: str = sha1(data, usedforsecurity=False).hexdigest()
    return digest
