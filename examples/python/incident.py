"""Saves the clip of an incident from one camera.

    MERAKI_DASHBOARD_API_KEY=… python incident.py SERIAL TIME [COMPONENT]

TIME is an RFC 3339 time, such as 2026-03-12T14:31:00Z. The default of COMPONENT is mv-clip.wasm.
"""

import os
import sys
import urllib.request
from datetime import datetime

from wasmtime import Engine, Store, WasiConfig
from wasmtime.component import Component, Linker, Variant


# The settings of the component. It gets no other variable, because it could send it to whoever it may reach.
SETTINGS = (
    "MERAKI_DASHBOARD_API_KEY",
    "MERAKI_BASE_URL",
    "MV_CLIP_DEADLINE_SECONDS",
    "MV_CLIP_ATTEMPT_TIMEOUT_SECONDS",
    "MV_CLIP_MAX_ATTEMPTS",
    "MV_CLIP_REQUESTS_PER_SECOND",
    "MV_CLIP_LAG_SECONDS",
    "MV_CLIP_RETENTION_DAYS",
)


class MvClip:
    """The component, compiled once. It reads its settings from the environment variables of this process."""

    def __init__(self, file):
        engine = Engine()
        self.linker = Linker(engine)
        self.linker.add_wasip2()
        self.linker.add_wasi_http()
        self.component = Component.from_file(engine, file)

    def call(self, interface, function, *arguments):
        store = Store(self.linker.engine)
        wasi = WasiConfig()
        wasi.env = [(name, os.environ[name]) for name in SETTINGS if name in os.environ]
        store.set_wasi(wasi)
        store.set_wasi_http()
        instance = self.linker.instantiate(store, self.component)
        index = instance.get_export_index(store, f"meraki-mv:clips/{interface}@0.1.0")
        index = instance.get_export_index(store, function, index)
        result = instance.get_func(store, index)(store, *arguments)
        # wasmtime returns the value of ok or err itself. A clip is a record, and an error is a variant.
        if isinstance(result, Variant):
            raise ClipError(result)
        return result


class ClipError(Exception):
    """The reason why there is no clip. If `transient` is true, the same call may succeed later."""

    def __init__(self, error):
        self.transient, self.failure = error.tag == "transient", vars(error.payload)
        super().__init__(f"{error.tag} {self.failure['kind']}: {self.failure['message']}")


def document_security_incident(mv_clip, camera_serial, incident_time, pre_roll=30, post_roll=30):
    """
    Capture video evidence for a security incident.

    Args:
        camera_serial: MV camera serial number
        incident_time: when the incident occurred, a datetime with a time zone
        pre_roll: seconds before the incident to include
        post_roll: seconds after the incident to include

    Returns:
        Path to the downloaded video clip
    """
    at = incident_time.isoformat()
    clip = mv_clip.call("events", "get-incident", camera_serial, at, pre_roll, post_roll)
    filename = f"incident_{incident_time.strftime('%Y%m%d_%H%M%S')}.ts"
    urllib.request.urlretrieve(clip.url, filename)
    return filename


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    serial, time, *component = sys.argv[1:]
    try:
        incident_time = datetime.fromisoformat(time)
        mv_clip = MvClip(*component or ["mv-clip.wasm"])
        print(document_security_incident(mv_clip, serial, incident_time))
    except (ClipError, ValueError) as error:
        sys.exit(str(error))
