// Opens a report from disk in a browser, and plays the clips of all its cameras in step.
//
//   npm ci --prefix host-test/tests/report
//   node host-test/tests/report/play.mjs BROWSER REPORT_HTML [SCREENSHOT]
//
// BROWSER is the path of Chromium or Firefox. `ci/report.sh` makes a report of four cameras and runs this.

import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import puppeteer from "puppeteer-core";

// The most that two cameras may be apart, in milliseconds of footage.
const APART = 100;
const TIMEOUT = 30_000;

const [browser, report, screenshot] = process.argv.slice(2);
if (report === undefined) {
  console.error("usage: node play.mjs BROWSER REPORT_HTML [SCREENSHOT]");
  process.exit(2);
}

function launch() {
  const isFirefox = basename(browser).startsWith("firefox");
  const options = { executablePath: browser, userDataDir: profile, defaultViewport: { width: 1280, height: 900 } };
  if (isFirefox) return puppeteer.launch({ ...options, browser: "firefox" });
  const args = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync"];
  return puppeteer.launch({ ...options, args });
}

async function test(url) {
  const context = await launch();
  try {
    const page = await context.newPage();
    const problems = [];
    page.on("console", (line) => line.type() === "error" && problems.push(line.text()));
    page.on("pageerror", (error) => problems.push(String(error)));
    page.on("request", (request) => {
      // Firefox loads data of its own.
      if (!/^(file|data):/.test(request.url())) problems.push(`the page asks for ${request.url()}`);
    });
    await page.goto(url, { waitUntil: "load", timeout: TIMEOUT });
    await saysWhatIsMissing(page);
    await plays(page);
    if (screenshot !== undefined) await shoot(page);
    await followsLinks(page);
    await passesGaps(page);
    await ends(page);
    assert.deepEqual(problems, []);
  } finally {
    await context.close();
  }
}

// The view of a camera without footage says why in words, and has no sound to switch on.
async function saysWhatIsMissing(page) {
  await page.waitForSelector("#stage:not([hidden])", { timeout: TIMEOUT });
  await page.waitForFunction(() => [...document.querySelectorAll(".view .note")].some((note) => note.textContent !== ""));
  const views = await page.$$eval(".view", (all) => all.map((view) => ({
    note: view.querySelector(".note").textContent,
    sound: view.querySelector(".sound").checkVisibility(),
    plays: view.querySelector("video[src]") !== null,
  })));
  const missing = views.filter(({ plays }) => !plays);
  assert.equal(missing.length, 1, JSON.stringify(views));
  assert.match(missing[0].note, /^Missing: [a-zA-Z]+( [a-zA-Z]+)+$/);
  for (const { plays, sound } of views) assert.equal(sound, plays, JSON.stringify(views));
}

// After play, after a seek and at other speeds, the cameras are in step.
async function plays(page) {
  const event = (await look(page)).now;
  await page.waitForFunction(() => [...document.querySelectorAll("video[src]")].every((video) => video.readyState >= 2));
  await page.click("#play");
  await inStep(page, "after play");
  await page.click("#forward");
  await inStep(page, "after a seek");
  await page.keyboard.press("ArrowLeft");
  await inStep(page, "after a seek back");
  for (const speed of ["2", "0.5"]) {
    await page.select("#speed", speed);
    await inStep(page, `at speed ${speed}`);
  }
  await page.select("#speed", "1");
  await page.keyboard.press(" ");
  const before = await rested(page);
  assert.ok(before.times.every((time) => Math.abs(time - before.now) < 60), JSON.stringify(before));
  // One picture on, and the same one again.
  await page.keyboard.press(".");
  const after = await rested(page, before.now);
  const step = after.now - before.now;
  assert.ok(step > 5 && step < 150, `a step of ${step} ms`);
  assert.ok(spread(after.times) < APART, JSON.stringify(after));
  await page.keyboard.press(",");
  const again = await rested(page, after.now);
  assert.ok(again.now < after.now && Math.abs(again.now - before.now) < 150, `${again.now - before.now} ms`);
  await page.keyboard.press("e");
  assert.equal((await rested(page)).now, event);
}

async function followsLinks(page) {
  const { start } = await look(page);
  const time = new Date(start + 2500).toISOString();
  await page.evaluate((hash) => { location.hash = hash; }, `t=${time}&zone=Asia/Kolkata`);
  const { now, times } = await rested(page);
  assert.equal(now, start + 2500);
  assert.ok(spread(times) < APART && Math.abs(times[0] - now) < 60, JSON.stringify(times));
  assert.match(await page.$eval("#local", (local) => local.textContent), /Asia\/Kolkata$/);
  assert.equal(await page.$eval("#moment", (moment) => moment.getAttribute("href")), `#t=${time}&zone=Asia/Kolkata`);
}

// Where a camera has no footage, its view says why, and the clock goes on. A gap of all cameras can be skipped.
async function passesGaps(page) {
  const gap = await page.evaluate(() => {
    const rows = [...document.querySelectorAll("#chart .row")];
    const index = rows.findIndex((row) => row.querySelector("[data-src] + .part:not([data-src]) + [data-src]") !== null);
    const { start, end } = rows[index]?.querySelector(".part:not([data-src])").dataset ?? {};
    return { index, start: Number(start), end: Number(end) };
  });
  assert.notEqual(gap.index, -1, "no camera has a gap");
  const says = (text) => page.waitForFunction(
    (index, text) => document.querySelectorAll(".view .note")[index].textContent === text, { timeout: TIMEOUT }, gap.index, text);
  const goTo = (time) => page.evaluate((hash) => { location.hash = hash; }, `t=${new Date(time).toISOString()}`);
  await goTo(gap.start - 1000);
  await rested(page);
  await page.click("#play");
  await says("Not requested");
  const { now } = await look(page);
  assert.ok(gap.start <= now && now < gap.end, `${now} in the gap from ${gap.start}`);
  await says("");
  assert.ok((await look(page)).now >= gap.end);
  await page.click("#play");
  await goTo(gap.start + 100);
  await says("Not requested");
  await page.click("#skip");
  await page.click("#play");
  await says("");
  const after = await look(page);
  assert.ok(after.now >= gap.end && after.now < gap.end + 1500, `${after.now - gap.end} ms`);
  await page.click("#play");
}

// Plays to the end, and stops there.
async function ends(page) {
  const { end } = await look(page);
  await page.evaluate((hash) => { location.hash = hash; }, `t=${new Date(end - 2000).toISOString()}`);
  await rested(page);
  await page.click("#play");
  for (const text of ["Pause", "Play"]) {
    await page.waitForFunction((text) => document.getElementById("play").textContent === text, { timeout: TIMEOUT }, text);
  }
  assert.equal((await look(page)).now, end);
}

async function shoot(page) {
  await page.screenshot({ path: screenshot, fullPage: true });
}

// Waits until all play, and compares them for two seconds.
async function inStep(page, when) {
  await page.waitForFunction(() =>
    document.getElementById("state").textContent === "" &&
    [...document.querySelectorAll("video[src]")].every((video) => !video.paused && !video.seeking), { timeout: TIMEOUT });
  const first = await look(page);
  let most = 0;
  for (let sample = 0; sample < 20; sample++) {
    await sleep(100);
    const { now, times } = await look(page);
    assert.equal(times.length, first.times.length);
    most = Math.max(most, spread(times));
    // The clock is written once for each picture of the screen.
    assert.ok(spread([...times, now]) < 2 * APART, `${when}: the clock says ${now}, the pictures ${times}`);
  }
  const last = await look(page);
  console.log(`${when}: ${last.times.length} cameras at most ${most.toFixed(0)} ms apart`);
  assert.ok(most <= APART, `${when}: ${most} ms apart`);
  assert.ok(last.now > first.now + 500, `${when}: the clock stands`);
}

// Waits until the clock has left a time, and the pictures stand.
async function rested(page, left) {
  for (let tries = 0; tries < 100; tries++) {
    await sleep(100);
    const seen = await look(page);
    if (seen.rests && seen.now !== left) return seen;
  }
  throw new Error("the pictures do not come to rest");
}

const spread = (times) => Math.max(...times) - Math.min(...times);

// The time of the clock and of each camera's picture, all at one moment.
const look = (page) => page.evaluate(() => {
  const videos = [...document.querySelectorAll("video[src]")];
  const player = document.getElementById("player");
  const time = (video) => {
    const part = document.querySelector(`.part[data-src="${video.getAttribute("src")}"]`);
    return Number(part.dataset.at) + video.currentTime * 1000;
  };
  const [start, end] = [Number(player.dataset.start), Number(player.dataset.end)];
  return {
    start,
    end,
    now: start + Number(document.getElementById("scrub").value),
    times: videos.map(time),
    rests: videos.every((video) => video.paused && !video.seeking && video.readyState >= 2),
  };
});

const profile = await mkdtemp(join(tmpdir(), "mv-clip-report-"));
try {
  await test(pathToFileURL(resolve(report)).href);
} finally {
  await rm(profile, { recursive: true, force: true, maxRetries: 5 });
}
