"""The protocol between a peer and the benchmark.

    MERAKI_DASHBOARD_API_KEY=… python PEER.py [OPTIONS] BASE_URL SERIAL [--once]

The peer says who it is, then answers each line of its input with one line, until the input ends:

    < {"ready": "meraki 4.7.0 (Python 3.11.7)"}
    > {"calls": 200, "in_flight": 1}
    < {"seconds": [0.0012, …], "elapsed": 0.26, "failed": 0}

`seconds` has each call in order of completion, those that gave no URL included; `failed` counts
these. What the peer cannot do it answers with `{"unsupported": "…"}`. With `--once` it says nothing
before its only call: the time from the start of the process to that answer is what a user's script
takes. Neither the key nor a URL is printed; the kind of the first failure goes to standard error.
"""

import json
import os
import sys
import time


def arguments(doc, *options):
    """The API's base URL, the key and the serial; then for each of `options` whether it is there."""
    # Parsed by hand: importing argparse would add to the measured start-up time.
    words = [word for word in sys.argv[1:] if not word.startswith("--")]
    given = {word for word in sys.argv[1:] if word.startswith("--")}
    key = os.environ.get("MERAKI_DASHBOARD_API_KEY")
    if len(words) != 2 or not given <= {"--once", *options} or not key:
        print(doc, file=sys.stderr)
        sys.exit(2)
    base_url, serial = words
    return base_url, key, serial, *(option in given for option in options)


def serve(name, distribution, call):
    """Makes calls as the benchmark asks for them; `call` gives the URL of a clip."""
    if "--once" in sys.argv:
        answer(batch(call, calls=1, in_flight=1))
        return
    from importlib.metadata import version
    from platform import python_version

    answer({"ready": f"{name} {version(distribution)} (Python {python_version()})"})
    for line in sys.stdin:
        answer(batch(call, **json.loads(line)))


def answer(value):
    print(json.dumps(value), flush=True)


def batch(call, calls, in_flight):
    """Makes so many calls, never more than `in_flight` at once."""
    seconds = []
    failures = []

    def timed():
        start = time.perf_counter()
        try:
            url = call()
            if not url.startswith(("https://", "http://")):
                raise ValueError("no URL")
        except Exception as error:
            # The message may contain a secret.
            failures.append(type(error).__name__)
        seconds.append(time.perf_counter() - start)

    if in_flight == 1:
        start = time.perf_counter()
        for _ in range(calls):
            timed()
        elapsed = time.perf_counter() - start
    else:
        elapsed = in_threads(timed, calls, in_flight)
    if failures:
        print(f"{len(failures)} calls failed, the first with {failures[0]}", file=sys.stderr)
    return {"seconds": seconds, "elapsed": elapsed, "failed": len(failures)}


def in_threads(work, times, threads):
    """Does `work` so many times in a pool of threads that are there when the clock starts."""
    from concurrent.futures import ThreadPoolExecutor
    from threading import Barrier

    started = Barrier(threads + 1)
    with ThreadPoolExecutor(threads) as pool:
        for _ in range(threads):
            pool.submit(started.wait)
        started.wait()
        start = time.perf_counter()
        done = [pool.submit(work) for _ in range(times)]
        for each in done:
            each.result()
        return time.perf_counter() - start
