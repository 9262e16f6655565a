"""Calls a mock of the Meraki API through Meraki's own Python SDK, unchanged.

    python clip.py BASE_URL KEY SERIAL

SERIAL is an online camera with one imager. The mock must not redirect: after a redirect to a host
outside Meraki's domains the SDK (4.7) garbles its own base URL, and its next call fails.

Prints one line per case. Exits with 0 if every case did what Meraki's documentation says, else
with 1. Neither the key nor a clip's URL is printed.
"""

import logging
import sys
from datetime import datetime, timedelta, timezone

import httpx
import meraki

# More than any mock lets through at once; so the search for its limit ends.
MOST_REQUESTS = 500


class Lines(logging.Handler):
    """Keeps the SDK's log lines."""

    def __init__(self):
        super().__init__()
        self.lines = []

    def emit(self, record):
        self.lines.append(record.getMessage())


def dashboard(base_url, key, **settings):
    # No cache file, because a test has no business in the home directory.
    return meraki.DashboardAPI(
        key,
        base_url=base_url,
        smart_flow_cache_path="",
        **{"suppress_logging": True, **settings},
    )


def window(seconds):
    """A window of that length that ended ten minutes ago."""
    end = datetime.now(timezone.utc) - timedelta(minutes=10)
    times = (end - timedelta(seconds=seconds), end)
    return [time.strftime("%Y-%m-%dT%H:%M:%S.000Z") for time in times]


def refusal(api, serial, seconds=60):
    """The status and messages with which a call is refused."""
    try:
        api.camera.clipDeviceCamera(serial, *window(seconds))
    except meraki.APIError as error:
        return error.status, error.message["errors"]
    raise AssertionError("the call was not refused")


def expect(found, expected):
    if found != expected:
        raise AssertionError(f"expected {expected}, found {found}")


def success(base_url, key, serial):
    clip = dashboard(base_url, key).camera.clipDeviceCamera(serial, *window(120))
    expect(sorted(clip), ["expiry", "url"])
    expect(clip["expiry"].startswith("Access to the clip will expire at 2"), True)
    media = httpx.get(clip["url"])
    expect(media.status_code, 200)
    packets = [media.content[at : at + 188] for at in range(0, len(media.content), 188)]
    expect({(packet[0], len(packet)) for packet in packets}, {(0x47, 188)})
    return f"{len(packets)} MPEG-TS packets"


def unknown_serial(base_url, key, serial):
    found = refusal(dashboard(base_url, key), "Q2XX-XXXX-XXXX")
    expect(found, (404, ["Not found"]))


def wrong_key(base_url, key, serial):
    found = refusal(dashboard(base_url, "another-key"), serial)
    expect(found, (401, ["Invalid API key"]))


def too_long(base_url, key, serial):
    found = refusal(dashboard(base_url, key), serial, seconds=301)
    expect(found, (400, ["Clip duration must not exceed 5 minutes"]))


def rate_limit(base_url, key, serial):
    """Uses the budget up with a client that does not wait, then calls with one that does."""
    log = Lines()
    logging.getLogger("meraki").addHandler(log)
    # Without the SDK's own pacing, which would never meet the limit.
    hasty = dashboard(base_url, key, smart_flow_enabled=False, wait_on_rate_limit=False)
    patient = dashboard(
        base_url,
        key,
        smart_flow_enabled=False,
        suppress_logging=False,
        inherit_logging_config=True,
    )
    for _ in range(MOST_REQUESTS):
        try:
            hasty.camera.clipDeviceCamera(serial, *window(60))
            continue
        except meraki.APIError as error:
            expect(error.status, 429)
            expect(error.message["errors"], ["API rate limit exceeded for organization"])
            expect(error.response.headers["Retry-After"].isdigit(), True)
        clip = patient.camera.clipDeviceCamera(serial, *window(60))
        expect("url" in clip, True)
        waits = [line for line in log.lines if " 429 " in line and "retrying in" in line]
        # The budget may have room again by the time of the patient call: then, once more.
        if waits:
            return f"SDK: {waits[0]}"
    raise AssertionError(f"no 429 and wait in {MOST_REQUESTS} requests")


CASES = [success, unknown_serial, wrong_key, too_long, rate_limit]


def main(arguments):
    if len(arguments) != 3:
        print(__doc__, file=sys.stderr)
        return 2
    print(f"meraki {meraki.__version__}")
    failed = 0
    for case in CASES:
        try:
            note = case(*arguments) or ""
            print(f"ok      {case.__name__}  {note}".rstrip())
        except Exception as error:
            failed += 1
            print(f"FAILED  {case.__name__}  {type(error).__name__}: {error}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
