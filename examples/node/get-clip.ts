// Prints the URL of one clip: node get-clip.js SERIAL START END
//
// MERAKI_DASHBOARD_API_KEY is the API key. The component gets its own settings and no other variable.

import type { types } from "./mv-clip/mv-clip.js";
import { settings } from "./settings.js";

// jco passes on the environment of this process, as it is when the component is loaded.
process.env = settings();
const { clips } = await import("./mv-clip/mv-clip.js");

const [serial, start, end] = process.argv.slice(2);
if (serial === undefined || start === undefined || end === undefined) {
  throw new Error("usage: node get-clip.js SERIAL START END");
}
try {
  console.log(clips.getClip(serial, start, end));
} catch (error) {
  const { payload } = error as { payload?: types.ClipError };
  if (payload === undefined) throw error;
  console.error(payload);
  process.exitCode = payload.tag === "transient" ? 75 : 1;
}
