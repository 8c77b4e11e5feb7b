"""Signatures, transformations and delivery URLs of Cloudinary: pure text, no network."""

import base64
import enum
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from urllib.parse import quote

__all__ = ["SignatureAlgorithm", "Transformation", "delivery_url", "sign_parameters"]

_UNSIGNED = frozenset({"api_key", "cloud_name", "file", "resource_type", "signature"})
_SHORT_SIGNATURE = 8


class SignatureAlgorithm(enum.Enum):
    """How a cloud signs; SHA-1 unless its settings say otherwise."""

    SHA1 = "sha1"
    SHA256 = "sha256"


def sign_parameters(
    parameters: Mapping[str, str], *, secret: str, algorithm: SignatureAlgorithm
) -> str:
    """Sign the parameters of an upload, in hexadecimal.

    Version 2 of https://cloudinary.com/documentation/authentication_signatures: ampersands within
    a parameter are escaped, so that none can pass for two.
    """
    pairs = sorted(
        f"{name}={value}".replace("&", "%26")
        for name, value in parameters.items()
        if value and name not in _UNSIGNED
    )
    return hashlib.new(algorithm.value, ("&".join(pairs) + secret).encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Transformation:
    """One step of a transformation; what is None is left to Cloudinary."""

    crop: str | None = None
    effect: str | None = None
    fetch_format: str | None = None
    gravity: str | None = None
    height: int | None = None
    quality: str | None = None
    width: int | None = None

    def __str__(self) -> str:
        """Return the text in URLs, such as ``c_fill,h_200,w_300``: parameters in order."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return ",".join(
            sorted(f"{_CODES[name]}_{value}" for name, value in values.items() if value is not None)
        )


_CODES = {
    "crop": "c",
    "effect": "e",
    "fetch_format": "f",
    "gravity": "g",
    "height": "h",
    "quality": "q",
    "width": "w",
}


def delivery_url(  # noqa: PLR0913 - the parts of the URL
    base: str,
    public_id: str,
    *,
    transformation: Transformation | None = None,
    extension: str = "",
    version: int | None = None,
    secret: str | None = None,
    algorithm: SignatureAlgorithm = SignatureAlgorithm.SHA1,
) -> str:
    """Return the URL of an image, transformed on its way.

    Args:
        base: Up to and with the cloud's name.
        public_id: Of the image.
        transformation: None for the original.
        extension: Of the format to deliver; empty for the original's.
        version: Of the image, for caches; one with folders in its id needs one, and gets 1.
        secret: Signs the URL; None leaves it unsigned.
        algorithm: Of the signature.
    """
    source = quote(public_id + (f".{extension}" if extension else ""), safe="/:!_*@.$-")
    if version is None and "/" in public_id:
        version = 1
    steps = [] if transformation is None else [str(transformation)]
    parts = [base, "image/upload"]
    if secret is not None:
        text = "/".join([*steps, source])
        digest = hashlib.new(algorithm.value, (text + secret).encode()).digest()
        code = base64.urlsafe_b64encode(digest).decode()[:_SHORT_SIGNATURE]
        parts.append(f"s--{code}--")
    parts.extend(steps)
    if version is not None:
        parts.append(f"v{version}")
    return "/".join([*parts, source])
