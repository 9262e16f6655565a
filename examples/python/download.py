"""Saves the clip behind a URL: a whole clip under its name, or nothing."""

import filecmp
import os
import ssl
import tempfile
import time
from contextlib import suppress
from http.client import HTTPException
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, build_opener

from mv_clip import NoClip

SILENCE = 30  # Seconds that the media host may take to connect, and between two pieces of the clip.
LONGEST = 600  # Seconds that the clip may take.
LARGEST = 1 << 30  # Bytes.
PACKET = 188  # Bytes of a packet of an MPEG transport stream.
NOT_YET = {202, 204, 205, 206, 404, 408, 425, 429, 500, 502, 503, 504}
PAUSES = (1, 2, 4, 8)  # Seconds: Meraki names a clip a moment before it is there.
AGAIN = "Run the same command again."
INTERCEPTED = "Check whether a proxy or a login page answers in its place."


class Unavailable(NoClip):
    """The media host has no clip now."""


class OnlyHttps(HTTPRedirectHandler):
    max_redirections = 3

    def redirect_request(self, request, file, status, reason, headers, url):
        if urlsplit(url).scheme != "https":
            raise NoClip(f"The media host redirects to a URL without https, which is not followed. {INTERCEPTED}", False)
        return super().redirect_request(request, file, status, reason, headers, url)


def save(url, path):
    """
    Saves a clip. No error contains the URL: whoever has it has the video.

    The clip gets its name when it is whole and on the disk. A file that has this name already is never replaced.
    """
    path = Path(path)
    handle, part = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    try:
        with open(handle, "w+b") as file:
            fetch_when_there(url, file)
            file.flush()
            os.fsync(file.fileno())
        give_name(part, path)
    finally:
        Path(part).unlink(missing_ok=True)


def fetch_when_there(url, file):
    for pause in PAUSES:
        try:
            return fetch(url, file)
        except Unavailable:
            time.sleep(pause)
    return fetch(url, file)


def fetch(url, file):
    address = urlsplit(url)
    is_mock = address.scheme == "http" and address.hostname in ("127.0.0.1", "::1", "localhost")
    if address.scheme != "https" and not is_mock:
        raise NoClip("The clip's URL is not https. Use the newest mv-clip.wasm.", False)
    until = time.monotonic() + LONGEST
    try:
        response = build_opener(OnlyHttps).open(url, timeout=SILENCE)
    except HTTPError as error:
        if error.code < 400:
            raise NoClip(f"The redirects of the media host ({error.code}) lead to no clip. {INTERCEPTED}", False) from None
        kind = Unavailable if error.code in NOT_YET else NoClip
        raise kind(f"The media host answered {error.code}. {AGAIN}", True) from None
    except (OSError, HTTPException, ValueError) as error:
        raise broken(error) from None
    with response:
        if response.status in NOT_YET:
            raise Unavailable(f"The media host answered {response.status}. {AGAIN}", True)
        length, announced, rest, has_picture = 0, response.length, b"", False
        while chunk := read(response):
            length += len(chunk)
            if length > LARGEST:
                raise NoClip(f"The clip has more than {LARGEST} bytes: raise LARGEST in download.py.", False)
            if time.monotonic() > until:
                raise NoClip(f"The media host takes more than {LONGEST} s for one clip. {AGAIN}", True)
            rest += chunk
            for start in range(0, len(rest) - PACKET + 1, PACKET):
                has_picture |= check(rest[start : start + PACKET])
            rest = rest[len(rest) - len(rest) % PACKET :]
            file.write(chunk)
    if announced not in (None, length):
        raise NoClip(f"The media host sent {length} of {announced} bytes. {AGAIN}", True)
    if rest or not has_picture:
        what = "stops inside a packet" if rest else "has no picture" if length else "is empty"
        raise NoClip(f"What the media host sent is no clip: it {what}. {AGAIN}", True)


def read(response):
    try:
        return response.read1(1 << 16)
    except (OSError, HTTPException) as error:
        raise broken(error) from None


def broken(error):
    reason = getattr(error, "reason", error)
    if isinstance(reason, ssl.SSLCertVerificationError):
        return NoClip(f"The TLS certificate of the media host is not trusted. {INTERCEPTED}", False)
    return NoClip(f"The connection to the media host failed ({type(reason).__name__}). {AGAIN}", True)


def check(packet):
    """Whether a packet of an MPEG transport stream (ISO/IEC 13818-1) begins a picture."""
    if packet[0] != 0x47:
        what = "an HTML page" if packet.lstrip()[:1] == b"<" else "no MPEG transport stream"
        raise NoClip(f"What the media host sent is no clip but {what}. {AGAIN}", True)
    payload = packet[5 + packet[4] :] if packet[3] & 0x20 else packet[4:]
    begins = packet[1] & 0x40 and packet[3] & 0x10 and payload.startswith(b"\0\0\1")
    return bool(begins and b"\xe0" <= payload[3:4] <= b"\xef")


def give_name(part, path):
    try:
        try:
            os.link(part, path)  # Unlike a rename, this never replaces a file.
        except FileExistsError:
            raise
        except OSError:
            # This file system has no hard links. Only one process can make the file that it then replaces.
            os.close(os.open(path, os.O_CREAT | os.O_EXCL, 0o600))
            os.replace(part, path)
    except FileExistsError:
        if path.is_file() and path.stat().st_size == 0:
            os.replace(part, path)  # The empty file of a run that ended before it could replace it.
        elif not filecmp.cmp(part, path, shallow=False):
            raise NoClip(f"{path} is there, and is another file. Move it away and run the command again.", False) from None
    if os.name == "posix":
        folder = os.open(path.parent, os.O_RDONLY)
        with suppress(OSError):  # Some network file systems cannot do this.
            os.fsync(folder)
        os.close(folder)
