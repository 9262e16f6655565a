"""Runs incident.py against servers that do what servers do on a bad day: COMPONENT=mv-clip.wasm python test_incident.py"""

import io
import json
import os
import signal
import ssl
import subprocess
import sys
import tempfile
import unittest
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from urllib.error import URLError

HERE = Path(__file__).parent
KEY = "0123456789abcdef0123456789abcdef01234567"
SECRET = "token-of-the-url"
GUARD = 100  # Seconds. No test depends on time, but one that fails may hang.

AT = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=30)


def packets(name, first=b"\0\0\1\xe0"):
    """A transport stream of two packets, of which the first begins a picture."""
    return b"".join((head + body).ljust(188, b"\xff") for head, body in (
        (b"\x47\x41\x00\x10", first + name.encode()),
        (b"\x47\x01\x00\x11", b""),
    ))


class Site(ThreadingHTTPServer):
    """Meraki's API, and the media host of its clips. `media` answers requests for them."""

    def __init__(self, media, api=None):
        super().__init__(("127.0.0.1", 0), Handler)
        self.media, self.api = media, api or (lambda _: None)
        self.url = f"http://127.0.0.1:{self.server_port}"

    def __enter__(self):
        Thread(target=self.serve_forever, args=[0.01], daemon=True).start()
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()

    def handle_error(self, *_):
        """A client that was interrupted is no error."""


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        serial = self.path.split("/")[4 if self.path.startswith("/api") else 2]
        if self.path.startswith("/api"):
            self.server.api(self)
            self.reply(200, json.dumps({"url": f"{self.server.url}/media/{serial}/{SECRET}"}).encode())
        else:
            assert KEY not in str(self.headers)
            self.server.media(self, serial)

    def reply(self, status, body, length=None, **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def log_message(self, *_):
        pass


class Case(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def site(self, *arguments):
        site = Site(*arguments)
        self.addCleanup(site.__exit__)
        return site.__enter__()

    def start(self, site, camera):
        command = [sys.executable, HERE / "incident.py", camera, AT.isoformat(), os.environ["COMPONENT"]]
        settings = {"MERAKI_BASE_URL": f"{site.url}/api/v1", "MERAKI_DASHBOARD_API_KEY": KEY}
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return subprocess.Popen(command, cwd=self.folder, env=os.environ | settings, text=True, **pipes)

    def end(self, process):
        try:
            out, err = process.communicate(timeout=GUARD)
        finally:
            process.kill()
        for secret in (KEY, SECRET):
            self.assertNotIn(secret, out + err)
        return process.returncode, out.strip(), err

    def run_incident(self, site, camera="Q2XX-ABCD-1234"):
        return self.end(self.start(site, camera))

    def files(self):
        return sorted(path.name for path in self.folder.iterdir())

    def assert_refused(self, media, words, expected=75, advice="Run the same command again"):
        code, out, err = self.run_incident(self.site(media))
        self.assertEqual((code, out, self.files()), (expected, "", []), err)
        self.assertIn(words, err)
        self.assertIn(advice, err)


class WhatIsNoClip(Case):
    def test_html_in_place_of_a_clip_is_refused(self):
        page = b"<!DOCTYPE html><title>Expired</title>" + b" " * 400
        self.assert_refused(lambda reply, _: reply.reply(200, page, Content_Type="text/html"), "an HTML page")

    def test_nothing_in_place_of_a_clip_is_refused(self):
        self.assert_refused(lambda reply, _: reply.reply(200, b""), "is empty")

    def test_json_in_place_of_a_clip_is_refused(self):
        self.assert_refused(lambda reply, _: reply.reply(200, b'{"errors":[]}'.ljust(376)), "no MPEG transport stream")

    def test_a_clip_that_breaks_off_is_refused(self):
        clip = packets("whole")
        self.assert_refused(lambda reply, _: reply.reply(200, clip[:188], length=len(clip)), "188 of 376 bytes")

    def test_a_clip_that_ends_inside_a_packet_is_refused(self):
        self.assert_refused(lambda reply, _: reply.reply(200, packets("a")[:-1]), "inside a packet")

    def test_a_stream_without_a_picture_is_refused(self):
        self.assert_refused(lambda reply, _: reply.reply(200, packets("a", b"\0\0\1\xc0")), "no picture")

    def test_a_url_that_has_expired_is_replaced_by_the_same_command(self):
        for status in (403, 410):
            self.assert_refused(lambda reply, _: reply.reply(status, packets("a")), f"answered {status}")

    def test_a_redirect_to_plain_http_is_not_followed(self):
        asked = []
        other = self.site(lambda *_: asked.append("the clip"))
        move = lambda reply, _: reply.reply(302, b"", Location=f"{other.url}/media/a/{SECRET}")
        self.assert_refused(move, "redirects to a URL without https", 1, "Check whether a proxy")
        self.assertEqual(asked, [])

    def test_a_redirect_to_nowhere_fails_again(self):
        self.assert_refused(lambda reply, _: reply.reply(302, b""), "(302) lead to no clip", 1, "Check whether a proxy")

    def test_a_clip_that_is_not_there_yet_is_asked_for_again(self):
        asked = []

        def media(reply, _):
            asked.append(reply)
            reply.reply(404 if len(asked) == 1 else 200, packets("a"))

        self.assertEqual(self.run_incident(self.site(media))[0], 0)


class Names(Case):
    def name(self, camera):
        start, end = (f"{AT + timedelta(seconds=roll):%Y%m%dT%H%M%S.000Z}" for roll in (-30, 30))
        return f"{camera}_{start}_{end}.ts"

    def test_two_cameras_at_one_time_are_two_files(self):
        site = self.site(lambda reply, serial: reply.reply(200, packets(serial)))
        serials = ["Q2XX-ABCD-1234", "Q2XX-ABCD-5678"]
        for process in [self.start(site, serial) for serial in serials]:
            code, out, err = self.end(process)
            self.assertEqual(code, 0, err)
            self.assertIn(out, self.files())
        self.assertEqual(self.files(), [self.name(serial) for serial in serials])
        for serial in serials:
            self.assertEqual((self.folder / self.name(serial)).read_bytes(), packets(serial))

    def test_two_imagers_at_one_time_are_two_files(self):
        site = self.site(lambda reply, serial: reply.reply(200, packets(serial)))
        for imager in (1, 2):
            code, out, err = self.run_incident(site, f"q2xx-abcd-1234.{imager}")
            self.assertEqual((code, out), (0, self.name(f"Q2XX-ABCD-1234_i{imager}")), err)
        self.assertEqual(len(self.files()), 2)

    def test_another_file_is_never_replaced(self):
        name = self.name("Q2XX-ABCD-1234")
        (self.folder / name).write_text("kept")
        site = self.site(lambda reply, serial: reply.reply(200, packets(serial)))
        code, _, err = self.run_incident(site)
        self.assertEqual((code, (self.folder / name).read_text(), self.files()), (1, "kept", [name]))
        self.assertIn("Move it away", err)

    def test_an_empty_file_of_that_name_is_replaced(self):
        name = self.name("Q2XX-ABCD-1234")
        (self.folder / name).touch()
        code, out, err = self.run_incident(self.site(lambda reply, serial: reply.reply(200, packets(serial))))
        self.assertEqual((code, out, self.files()), (0, name, [name]), err)
        self.assertEqual((self.folder / name).read_bytes(), packets("Q2XX-ABCD-1234"))

    def test_the_same_clip_twice_is_one_file(self):
        site = self.site(lambda reply, serial: reply.reply(200, packets(serial)))
        self.assertEqual([self.run_incident(site)[0] for _ in range(2)], [0, 0])
        self.assertEqual(self.files(), [self.name("Q2XX-ABCD-1234")])


class Ends(Case):
    def check(self, number, media, api=None):
        reached, ended = Event(), Event()
        self.addCleanup(ended.set)

        def hold(*_):
            reached.set()
            ended.wait(GUARD)

        process = self.start(self.site(media(hold), api and hold), "Q2XX-ABCD-1234")
        self.assertTrue(reached.wait(GUARD))
        process.send_signal(number)
        code, out, _ = self.end(process)
        self.assertFalse(ended.is_set())
        self.assertEqual((code, out, self.files()), (128 + number, "", []))

    def test_nothing_is_left_of_a_download_that_is_interrupted(self):
        def media(hold):
            def half(reply, serial):
                reply.reply(200, packets(serial)[:188], length=376)
                hold()
            return half

        for number in (signal.SIGINT, signal.SIGTERM):
            self.check(number, media)

    def test_ctrl_c_ends_a_call_of_the_component(self):
        self.check(signal.SIGINT, lambda hold: hold, api=True)


class Mistakes(Case):
    def test_a_mistake_in_the_arguments_is_told(self):
        for arguments, words in (
            (["../x", AT.isoformat()], "no camera"),
            (["Q2XX-ABCD-1234", "2026-03-12"], "offset"),
        ):
            command = [sys.executable, HERE / "incident.py", *arguments, os.environ["COMPONENT"]]
            done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, timeout=GUARD)
            self.assertEqual((done.returncode, done.stdout, self.files()), (2, "", []))
            self.assertIn(words, done.stderr)


class Parts(unittest.TestCase):
    """What takes too long, or another file system, to do with a whole program."""

    def setUp(self):
        sys.path.insert(0, str(HERE))
        import download
        self.download = download

    def test_a_clip_is_of_bounded_size(self):
        self.replace_in(self.download, "LARGEST", 300)
        with Site(lambda reply, serial: reply.reply(200, packets(serial))) as site:
            with self.assertRaisesRegex(self.download.NoClip, "more than 300 bytes") as raised:
                self.download.fetch(f"{site.url}/media/a", io.BytesIO())
        self.assertFalse(raised.exception.transient)

    def test_a_drip_ends(self):
        self.replace_in(self.download, "LONGEST", 0)
        with Site(lambda reply, serial: reply.reply(200, packets(serial))) as site:
            with self.assertRaisesRegex(self.download.NoClip, "more than 0 s") as raised:
                self.download.fetch(f"{site.url}/media/a", io.BytesIO())
        self.assertTrue(raised.exception.transient)

    def test_a_certificate_that_is_not_trusted_fails_again(self):
        broken = self.download.broken
        self.assertFalse(broken(URLError(ssl.SSLCertVerificationError())).transient)
        self.assertTrue(broken(URLError(ssl.SSLEOFError())).transient)
        self.assertTrue(broken(URLError(ConnectionRefusedError())).transient)

    def refuse_links(self):
        def refuse(*_):
            raise PermissionError

        self.replace_in(os, "link", refuse)

    def replace_in(self, module, name, value):
        self.addCleanup(setattr, module, name, getattr(module, name))
        setattr(module, name, value)

    def test_a_file_system_without_links_keeps_what_is_there(self):
        self.refuse_links()
        with tempfile.TemporaryDirectory() as folder:
            part, path = Path(folder) / "part", Path(folder) / "clip"
            part.write_text("clip")
            self.download.give_name(part, path)
            self.assertEqual((path.read_text(), part.exists()), ("clip", False))
            part.write_text("another")
            with self.assertRaisesRegex(self.download.NoClip, "Move it away"):
                self.download.give_name(part, path)
            self.assertEqual(path.read_text(), "clip")

    def test_a_run_that_was_killed_on_a_file_system_without_links_is_made_good(self):
        def kill(*_):
            raise SystemExit

        self.refuse_links()
        with tempfile.TemporaryDirectory() as folder:
            part, path = Path(folder) / "part", Path(folder) / "clip"
            part.write_text("clip")
            replace = os.replace
            self.replace_in(os, "replace", kill)
            self.assertRaises(SystemExit, self.download.give_name, part, path)
            self.assertEqual(path.read_text(), "")
            os.replace = replace
            self.download.give_name(part, path)
            self.assertEqual((path.read_text(), part.exists()), ("clip", False))

    def test_a_packet_that_ends_inside_a_start_code_is_no_picture(self):
        stuffing = bytes([0x47, 0x41, 0x00, 0x30, 180]) + bytes(180)
        self.assertFalse(self.download.check(stuffing + b"\0\0\1"))

    def test_only_https_is_fetched(self):
        for url in ("http://media.example/a", "file:///etc/passwd", "ftp://127.0.0.1/a"):
            with self.assertRaisesRegex(self.download.NoClip, "not https") as raised:
                self.download.fetch(url, io.BytesIO())
            self.assertFalse(raised.exception.transient)


if __name__ == "__main__":
    unittest.main()
