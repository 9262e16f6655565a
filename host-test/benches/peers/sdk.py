"""Meraki's own SDK for Python, its log off: one DashboardAPI for all calls, as its users have it.

    MERAKI_DASHBOARD_API_KEY=… python sdk.py [--smart-flow] BASE_URL SERIAL [--once]

--smart-flow leaves the SDK's pacing at its default: 9 requests a second for an organisation, after
as many at once. Without the option it sends as fast as it can. `protocol.py` says how it talks with
the benchmark.
"""

from datetime import datetime, timedelta, timezone

import meraki

import protocol

base_url, key, serial, smart_flow = protocol.arguments(__doc__, "--smart-flow")
dashboard = meraki.DashboardAPI(
    key,
    base_url=base_url,
    suppress_logging=True,
    smart_flow_enabled=smart_flow,
    # No cache file: a benchmark must not write to the home directory.
    smart_flow_cache_path="",
)
if smart_flow:
    # What that file would hold. The SDK asks the API for a camera's organisation once; a mock that
    # knows only clips cannot say it, is asked again at every call, and so would halve the pace.
    dashboard._session._smart_flow.register_device(serial, "1")


def clip_url():
    end = datetime.now(timezone.utc) - timedelta(minutes=5)
    start = end - timedelta(minutes=2)
    times = [time.strftime("%Y-%m-%dT%H:%M:%S.000Z") for time in (start, end)]
    # Raises an APIError for every status but 2xx.
    return dashboard.camera.clipDeviceCamera(serial, *times)["url"]


if __name__ == "__main__":
    protocol.serve("meraki", "meraki", clip_url)
