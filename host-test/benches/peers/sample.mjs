// The Node.js sample of Meraki's Video Clip API page, up to the clip's URL.
//
//   MERAKI_DASHBOARD_API_KEY=… node sample.mjs BASE_URL SERIAL [--once]
//
// As in the sample, axios has no agent of its own; Node.js keeps connections open by itself since version 19.
// protocol.py describes the protocol with the benchmark.

import { createRequire } from "node:module";
import { commandLine, serve } from "./protocol.mjs";

// `require`, as in the sample: `import` loads another build of axios, in many files, which is slower.
const axios = createRequire(import.meta.url)("axios");

const { words, key: API_KEY } = commandLine("sample.mjs BASE_URL SERIAL", 2);
const [BASE_URL, CAMERA_SERIAL] = words;

async function getVideoClip() {
  const endTime = new Date(Date.now() - 5 * 60 * 1000);
  const startTime = new Date(endTime - 2 * 60 * 1000);
  // Rejects for every status but 2xx.
  const response = await axios.get(`${BASE_URL}/devices/${CAMERA_SERIAL}/camera/clip`, {
    headers: {
      Authorization: `Bearer ${API_KEY}`,
      Accept: "application/json",
    },
    params: {
      startTimestamp: startTime.toISOString(),
      endTimestamp: endTime.toISOString(),
    },
  });
  return response.data.url;
}

await serve(() => `axios ${axios.VERSION}`, getVideoClip);
