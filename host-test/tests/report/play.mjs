// Opens an evidence report from disk in Chromium and plays its first clip.
//
//   npm ci --prefix host-test/tests/report
//   node host-test/tests/report/play.mjs REPORT_HTML [SCREENSHOT_PREFIX]
//
// CHROMIUM is the path of the browser, if it is not Debian's. `ci/report.sh` makes a report and runs this.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { chromium } from "playwright-core";

// To the end, as a file that is cut off begins well; but a clip may be minutes long.
const PLAYED_SECONDS = 10;
const TIMEOUT = 30_000;
const BROWSER = process.env.CHROMIUM ?? "/usr/bin/chromium";

const [report, screenshots] = process.argv.slice(2);
if (report === undefined) {
  console.error("usage: node play.mjs REPORT_HTML [SCREENSHOT_PREFIX]");
  process.exit(2);
}

const profile = await mkdtemp(join(tmpdir(), "mv-clip-report-"));
try {
  await play(pathToFileURL(resolve(report)).href);
} finally {
  await rm(profile, { recursive: true, force: true, maxRetries: 5 });
}

async function play(url) {
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: BROWSER,
    headless: true,
    viewport: { width: 1280, height: 900 },
    // No user's click starts the clip here.
    args: [
      "--headless",
      "--no-sandbox",
      "--disable-gpu",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      "--autoplay-policy=no-user-gesture-required",
    ],
  });
  try {
    const page = await context.newPage();
    const problems = [];
    page.on("console", (line) => line.type() === "error" && problems.push(line.text()));
    page.on("request", (request) => {
      if (!request.url().startsWith("file:")) problems.push(`the page asks for ${request.url()}`);
    });
    await page.goto(url, { waitUntil: "load", timeout: TIMEOUT });
    if (screenshots !== undefined) {
      for (const colorScheme of ["light", "dark"]) {
        await page.emulateMedia({ colorScheme });
        await page.screenshot({ path: `${screenshots}-${colorScheme}.png`, fullPage: true });
      }
    }
    const played = await page.evaluate(playFirst, { seconds: PLAYED_SECONDS, timeout: TIMEOUT });
    if (problems.length > 0) throw new Error(problems.join("\n"));
    const { time, width, height, duration } = played;
    console.log(`played: ${width}x${height}, at ${time.toFixed(2)} s of ${duration.toFixed(2)} s`);
  } finally {
    await context.close();
  }
}

/** Runs in the page: resolves once the first clip has played to its end, or for so many seconds. */
function playFirst({ seconds, timeout }) {
  return new Promise((resolve, reject) => {
    const video = document.querySelector("video");
    if (video === null) return reject(new Error("the report has no clip to play"));
    setTimeout(() => reject(new Error(`stuck at ${video.currentTime} s`)), timeout);
    const played = () => {
      const { currentTime: time, videoWidth: width, videoHeight: height, duration } = video;
      if (time > 0 && width > 0) resolve({ time, width, height, duration });
      else reject(new Error(`no pictures until the end, at ${time} s`));
    };
    video.addEventListener("error", () => reject(new Error(video.error.message)));
    video.addEventListener("timeupdate", () => video.currentTime >= seconds && played());
    video.addEventListener("ended", played);
    video.muted = true;
    video.play().catch(reject);
  });
}
