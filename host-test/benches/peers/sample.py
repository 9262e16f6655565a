"""The Python sample of Meraki's Video Clip API page, up to the clip's URL.

    MERAKI_DASHBOARD_API_KEY=… python sample.py BASE_URL SERIAL [--once]

As there, each call is a `requests.get` without a session, and so has a connection of its own: that
is the sample that people start from. `protocol.py` says how it talks with the benchmark.
"""

from datetime import datetime, timedelta, timezone

import requests

import protocol

BASE_URL, API_KEY, CAMERA_SERIAL = protocol.arguments(__doc__)


def clip_url():
    # The sample's `datetime.utcnow()` warns in Python 3.12.
    end_time = datetime.now(timezone.utc) - timedelta(minutes=5)
    start_time = end_time - timedelta(minutes=2)
    params = {
        "startTimestamp": start_time.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
        "endTimestamp": end_time.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
    }
    response = requests.get(
        f"{BASE_URL}/devices/{CAMERA_SERIAL}/camera/clip",
        headers={
            "Authorization": f"Bearer {API_KEY}",
            "Accept": "application/json",
        },
        params=params,
    )
    if response.status_code == 200:
        return response.json()["url"]
    raise RuntimeError(f"status {response.status_code}")


if __name__ == "__main__":
    protocol.serve("requests", "requests", clip_url)
