// Prints the URL of one clip: node get-clip.js SERIAL START END
//
// MERAKI_DASHBOARD_API_KEY is the API key.

import { clips, type types } from "./mv-clip/mv-clip.js";

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
