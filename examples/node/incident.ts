// Makes one call of the component in a worker thread, because a call blocks its thread until the clip is available.

import { parentPort, workerData } from "node:worker_threads";
import { events, type types } from "./mv-clip/mv-clip.js";

export type Incident = { serial: string; at: string };
export type Outcome = types.Result<types.Clip, types.ClipError>;

function outcome({ serial, at }: Incident): Outcome {
  try {
    return { tag: "ok", val: events.getIncident(serial, at, undefined, undefined) };
  } catch (error) {
    const { payload } = error as { payload?: types.ClipError };
    if (payload === undefined) throw error;
    return { tag: "err", val: payload };
  }
}

parentPort?.postMessage(outcome(workerData));
