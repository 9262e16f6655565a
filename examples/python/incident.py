"""Saves the clip of an incident from one camera.

    MERAKI_DASHBOARD_API_KEY=… python incident.py SERIAL[.IMAGER] TIME [COMPONENT]

TIME is an RFC 3339 time, such as 2026-03-12T14:31:00Z. The default of COMPONENT is mv-clip.wasm.
"""

import re
import signal
import sys
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

from wasmtime import WasmtimeError

from download import save
from mv_clip import MvClip, NoClip


def document_security_incident(mv_clip, camera_serial, incident_time, pre_roll=30, post_roll=30, imager_id=None):
    """
    Capture video evidence for a security incident.

    Args:
        camera_serial: MV camera serial number
        incident_time: when the incident occurred, a datetime with a time zone
        pre_roll: seconds before the incident to include
        post_roll: seconds after the incident to include
        imager_id: the imager of a camera that has several

    Returns:
        Path to the downloaded video clip
    """
    start, end = (incident_time + timedelta(seconds=seconds) for seconds in (-pre_roll, post_roll))
    request = {"serial": camera_serial.upper(), "imager-id": imager_id, "start": text(start), "end": text(end)}
    clip = mv_clip.call("clips", "request-clip", SimpleNamespace(**request))
    if request != {name: getattr(clip, name) for name in request}:
        raise NoClip("The component returned a clip that nobody asked for. Use the newest mv-clip.wasm.", False)
    imager = "" if imager_id is None else f"_i{imager_id}"
    start, end = (request[name].replace("-", "").replace(":", "") for name in ("start", "end"))
    filename = f"{request['serial']}{imager}_{start}_{end}.ts"
    save(clip.url, filename)
    return filename


def text(time):
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse(camera, time):
    found = re.fullmatch(r"([A-Za-z0-9-]+)(?:\.([1-9][0-9]{0,8}))?", camera)
    if found is None:
        raise ValueError(f"{camera!r} is no camera: write Q2XX-ABCD-1234, or Q2XX-ABCD-1234.2 for its second imager")
    serial, imager = found.groups()
    with suppress(ValueError):
        incident_time = datetime.fromisoformat(time)
        if incident_time.tzinfo is not None:
            return serial, imager and int(imager), incident_time
    raise ValueError(f"{time!r} is no time with an offset: write it as 2026-03-12T14:31:00Z")


def main():
    if len(sys.argv) not in (3, 4):
        return 2, __doc__
    camera, time, file = (*sys.argv[1:], "mv-clip.wasm")[:3]
    try:
        mv_clip = MvClip(file)
    except (OSError, WasmtimeError):
        return 2, f"{file} is no component that can be read. Copy mv-clip.wasm to this folder, or name its path."
    try:
        serial, imager_id, incident_time = parse(camera, time)
        print(document_security_incident(mv_clip, serial, incident_time, imager_id=imager_id))
        return 0, None
    except ValueError as error:
        return 2, error
    except NoClip as error:
        return 75 if error.transient else 1, error
    except OSError as error:
        return 1, f"{error}. Use a folder that you may write to and that has room."
    except WasmtimeError as error:
        return 1, f"The component failed: {error}. Use the newest mv-clip.wasm."


def stop(number, _frame):
    """Ends the program with an exception, so that it removes the unfinished file."""
    print(signal.strsignal(number), file=sys.stderr)
    sys.exit(128 + number)


if __name__ == "__main__":
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    code, error = main()
    if error:
        print(error, file=sys.stderr)
    sys.exit(code)
