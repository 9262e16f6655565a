// Opens an evidence report from disk in Chromium and plays its first clip.
//
//   npm ci --prefix host-test/tests/report
//   node host-test/tests/report/play.mjs REPORT_HTML [SCREENSHOT_PREFIX]
//
// Exits with 0 and a line that begins with "skipped:" where Chromium or playwright-core is missing.
// CHROMIUM names another browser than the first of chromium, chromium-browser and google-chrome.

import { mkdtemp, rm } from "node:fs/promises";
import { accessSync, constants } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

const PLAYED_SECONDS = 1;
const TIMEOUT = 30_000;

const [report, screenshots] = process.argv.slice(2);
if (report === undefined) {
  console.error("usage: node play.mjs REPORT_HTML [SCREENSHOT_PREFIX]");
  process.exit(2);
}

const browser = findBrowser();
if (browser === undefined) {
  console.log("skipped: Chromium is not installed (Debian: apt-get install chromium)");
  process.exit(0);
}
const playwright = await import("playwright-core").catch(() => undefined);
if (playwright === undefined) {
  console.log("skipped: playwright-core is not installed (npm ci --prefix host-test/tests/report)");
  process.exit(0);
}

const profile = await mkdtemp(join(tmpdir(), "mv-clip-report-"));
try {
  await play(playwright.chromium, pathToFileURL(resolve(report)).href);
} finally {
  await rm(profile, { recursive: true, force: true, maxRetries: 5 });
}

async function play(chromium, url) {
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: browser,
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

/** Runs in the page: resolves once the first clip has advanced by so many seconds. */
function playFirst({ seconds, timeout }) {
  return new Promise((resolve, reject) => {
    const video = document.querySelector("video");
    if (video === null) return reject(new Error("the report has no clip to play"));
    setTimeout(() => reject(new Error(`stuck at ${video.currentTime} s`)), timeout);
    video.addEventListener("error", () => reject(new Error(video.error.message)));
    video.addEventListener("timeupdate", () => {
      const { currentTime: time, videoWidth: width, videoHeight: height, duration } = video;
      if (time >= seconds && width > 0) resolve({ time, width, height, duration });
    });
    video.muted = true;
    video.play().catch(reject);
  });
}

function findBrowser() {
  const named = process.env.CHROMIUM;
  const names = named === undefined ? ["chromium", "chromium-browser", "google-chrome"] : [named];
  const folders = (process.env.PATH ?? "").split(delimiter);
  return names
    .flatMap((name) => (name.includes("/") ? [name] : folders.map((folder) => join(folder, name))))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}
