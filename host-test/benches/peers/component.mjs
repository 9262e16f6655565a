// The component in Node.js: the JavaScript that transpile.mjs generates from it with jco's transpiler.
//
//   MERAKI_DASHBOARD_API_KEY=… node component.mjs TRANSPILED BASE_URL SERIAL [--once]
//
// TRANSPILED is the mv-clip.js that transpile.mjs wrote. One instance serves all calls, as in
// any program that imports jco's output. protocol.py describes the protocol with the benchmark.

import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { _setEnv, environment } from "@bytecodealliance/preview2-shim/cli";
import { monotonicClock, wallClock } from "@bytecodealliance/preview2-shim/clocks";
import { outgoingHandler, types } from "@bytecodealliance/preview2-shim/http";
import { error, poll, streams } from "@bytecodealliance/preview2-shim/io";
import { random } from "@bytecodealliance/preview2-shim/random";
import { commandLine, serve } from "./protocol.mjs";

const UNSUPPORTED =
  "a call blocks the only thread that runs JavaScript: one process has one call in flight";

const { words, key } = commandLine("component.mjs TRANSPILED BASE_URL SERIAL", 3);
const [transpiled, baseUrl, serial] = words;

_setEnv({ MERAKI_BASE_URL: baseUrl, MERAKI_DASHBOARD_API_KEY: key });
const { instantiate } = await import(pathToFileURL(resolve(transpiled)));
// The imports of the component and no others, so that nothing else of the shim is loaded.
const { clips } = await instantiate(null, {
  "wasi:cli/environment": environment,
  "wasi:clocks/monotonic-clock": monotonicClock,
  "wasi:clocks/wall-clock": wallClock,
  "wasi:http/outgoing-handler": outgoingHandler,
  "wasi:http/types": types,
  "wasi:io/error": error,
  "wasi:io/poll": poll,
  "wasi:io/streams": streams,
  "wasi:random/random": random,
});

function getClip() {
  const end = new Date(Date.now() - 5 * 60 * 1000);
  const start = new Date(end - 2 * 60 * 1000);
  return clips.getClip(serial, start.toISOString(), end.toISOString());
}

/** The versions of what jco's transpiler made and of what runs it. */
function title() {
  const version = (name) => {
    // Their manifests cannot be imported.
    const manifest = new URL(`node_modules/@bytecodealliance/${name}/package.json`, import.meta.url);
    return `${name} ${JSON.parse(readFileSync(manifest)).version}`;
  };
  return `${version("jco-transpile")}, ${version("preview2-shim")}`;
}

await serve(title, getClip, { unsupported: UNSUPPORTED });
