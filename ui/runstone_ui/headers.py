"""The headers that stand on every reply: what a browser may do with it."""

from __future__ import annotations

from collections.abc import Iterable

Headers = list[tuple[bytes, bytes]]

# What is no page runs nothing, loads nothing and is shown in nothing.
NOTHING = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
SANDBOXED = f"sandbox; {NOTHING}"

# The worker that has the stream for several tabs asks this server, and does nothing else.
STREAM_WORKER = NOTHING.replace(";", "; connect-src 'self';", 1)

_FEATURES = (
    "accelerometer", "autoplay", "camera", "display-capture", "geolocation", "gyroscope", "hid",
    "magnetometer", "microphone", "midi", "payment", "publickey-credentials-get", "screen-wake-lock", "serial", "usb",
    "xr-spatial-tracking",
)  # fmt: skip
_ALWAYS = {
    "content-security-policy": NOTHING,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": ", ".join(f"{feature}=()" for feature in _FEATURES),
    "cache-control": "no-store",
}
_PAIRS = [(name.encode(), value.encode()) for name, value in _ALWAYS.items()]


def page_policy(nonce: str, *, has_base: bool) -> str:
    """Return the policy of the page: everything from here, no script or style in the page but by its nonce.

    A page with a <base> element needs leave for it; it may only lead to this server.
    """
    style = f"style-src 'self' 'nonce-{nonce}'" if nonce else "style-src 'self'"
    base = "'self'" if has_base else "'none'"
    return (
        f"default-src 'self'; script-src 'self'; {style}; img-src 'self' data: blob:; media-src 'self' blob:; "
        "font-src 'self'; connect-src 'self'; worker-src 'self'; frame-src 'self'; object-src 'none'; "
        f"base-uri {base}; form-action 'none'; frame-ancestors 'none'"
    )


def figure_policy(nonce: str) -> str:
    """Return the policy of a frame without an origin in which a figure is drawn: it runs one script, reaches nothing.

    The script has a nonce as Safari does not take 'self' to name this server there; Chromium and Firefox do.
    """
    return (
        f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'unsafe-inline'; img-src data: blob:; "
        "connect-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'; sandbox allow-scripts"
    )


def completed(headers: Iterable[tuple[bytes, bytes]]) -> Headers:
    """Return the headers of a reply with those that stand on every one, unless it has its own."""
    found = [(name.lower(), value) for name, value in headers]
    own = {name for name, _ in found}
    return found + [pair for pair in _PAIRS if pair[0] not in own]
