"""The component mv-clip in wasmtime."""

import os
from concurrent.futures import Future
from threading import Thread

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


class NoClip(Exception):
    """Why there is no clip, and what to do. If `transient` is true, the same call may succeed later."""

    def __init__(self, message, transient):
        super().__init__(message)
        self.transient = transient


class MvClip:
    """The component, compiled once. It reads its settings from the environment variables of this process."""

    def __init__(self, file):
        engine = Engine()
        self.linker = Linker(engine)
        self.linker.add_wasip2()
        self.linker.add_wasi_http()
        self.component = Component.from_file(engine, file)

    def call(self, interface, function, *arguments):
        """Calls a function in a thread of its own, because Ctrl-C does not interrupt a thread that runs a component."""
        result = Future()

        def work():
            try:
                result.set_result(self._call(interface, function, *arguments))
            except BaseException as error:
                result.set_exception(error)

        Thread(target=work, daemon=True).start()
        return result.result()

    def _call(self, interface, function, *arguments):
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
            kind, message = vars(result.payload)["kind"], vars(result.payload)["message"]
            raise NoClip(f"{result.tag} {kind}: {message}", result.tag == "transient")
        return result
