// Plays the clips of all cameras in step. The time line says which clip is where; one clock leads.
"use strict";
(() => {
  const byId = (id) => document.getElementById(id);
  const player = byId("player");
  if (player === null) return;

  const START = Number(player.dataset.start);
  const END = Number(player.dataset.end);
  const EVENT = player.dataset.event === undefined ? undefined : Number(player.dataset.event);
  // Most views that are shown at once at first: each decodes a clip.
  const MOST_SHOWN = 9;
  // A view that is further off than this, in seconds, seeks; below, its speed makes up for it.
  const FAR = 0.3;
  // How long the others wait for a view that loads or seeks, in milliseconds.
  const PATIENCE = 5000;
  // A clip may be this much shorter than its window, in milliseconds, and not be called short.
  const ROUNDING = 250;
  // What one picture lasts until two pictures were seen, in seconds.
  const UNKNOWN_PICTURE = 1 / 30;

  class View {
    constructor(element, row) {
      const video = element.querySelector("video");
      this.element = element;
      this.video = video;
      this.shown = true;
      this.note = element.querySelector(".note");
      this.sound = element.querySelector(".sound");
      this.box = row.querySelector(".shown");
      this.parts = [...row.querySelectorAll(".part")].map(({ dataset }) => ({
        start: Number(dataset.start),
        end: Number(dataset.end),
        note: dataset.note,
        source: dataset.src,
        at: Number(dataset.at),
      }));
      this.part = undefined;
      this.failed = new Set();
      this.lateSince = undefined;
      this.picture = undefined;
      this.interval = undefined;
      video.addEventListener("error", () => this.source && this.failed.add(this.source));
      if (video.requestVideoFrameCallback) {
        const seen = (_, { mediaTime }) => {
          const step = mediaTime - (this.picture ?? mediaTime);
          if (step > 0.001 && step < 0.5 && !video.paused && clock.speed <= 1) this.interval = step;
          this.picture = mediaTime;
          video.requestVideoFrameCallback(seen);
        };
        video.requestVideoFrameCallback(seen);
      }
    }

    // The part of the time line at this time.
    at(now) {
      const { part } = this;
      if (part && part.start <= now && now < part.end) return part;
      return this.parts.find(({ start, end }) => start <= now && now < end) ?? this.parts.at(-1);
    }
    // Takes the clip at this time, and says whether there are pictures of it.
    place(now) {
      this.part = this.at(now);
      const { source, note } = this.part;
      if (source !== this.source) {
        this.source = source;
        this.picture = undefined;
        if (source === undefined) this.video.removeAttribute("src");
        else this.video.src = source;
        this.video.load();
      }
      const broken = source !== undefined && this.failed.has(source);
      const left = this.video.readyState > 0 ? this.video.duration - this.wanted(now) : Infinity;
      const ended = left <= 0 || (this.video.ended && left < 0.25);
      const text = broken ? "This clip cannot be played here. Play the .ts file with VLC or mpv."
        : ended && now < this.part.end - ROUNDING ? "The clip ends before its window" : note ?? "";
      if (this.note.textContent !== text) this.note.textContent = text;
      this.element.classList.toggle("empty", text !== "");
      this.has = source !== undefined && !broken && !ended;
      this.sound.hidden = source === undefined || broken;
      if (!this.has) this.pause();
      return this.has;
    }
    wanted(now) {
      return (now - this.part.at) / 1000;
    }
    // How far it is ahead, in seconds.
    drift(now) {
      return this.video.currentTime - this.wanted(now);
    }
    isReady() {
      const { video } = this;
      // Of the last pictures there is no future.
      const isLast = video.readyState === HTMLMediaElement.HAVE_CURRENT_DATA && video.duration - video.currentTime < 0.5;
      return !video.seeking && (isLast || video.readyState > HTMLMediaElement.HAVE_CURRENT_DATA);
    }
    seek(now) {
      if (this.video.readyState > 0) this.video.currentTime = Math.max(0, this.wanted(now));
    }
    pause() {
      if (!this.video.paused) this.video.pause();
    }
    // Stands still at this time.
    rest(now) {
      this.pause();
      const { video } = this;
      if (!video.seeking && Math.abs(this.drift(now)) > 0.002) this.seek(now);
    }
    // Plays along.
    run(now, speed) {
      const { video } = this;
      const drift = this.drift(now);
      if (Math.abs(drift) > FAR * Math.max(1, speed)) return this.seek(now);
      const rate = speed * Math.min(1.25, Math.max(0.75, 1 - drift * 2));
      if (Math.abs(video.playbackRate - rate) > 0.01) video.playbackRate = rate;
      // A browser may refuse, as when it saves power: the next tick asks again.
      if (video.paused) video.play().catch(() => {});
    }
  }

  const rows = [...document.querySelectorAll("#chart .row:not(.scale)")];
  const views = [...player.querySelectorAll(".view")].map((element, index) => new View(element, rows[index]));
  const clock = { now: START, playing: false, speed: 1, waiting: false };
  let lastFrame;
  let stepping = false;

  const shownViews = () => views.filter((view) => view.shown);

  function median(numbers) {
    return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)];
  }

  function tick(frame) {
    const passed = lastFrame === undefined ? 0 : Math.min(frame - lastFrame, 250);
    lastFrame = frame;
    if (!stepping) advance(passed, frame);
    show();
    requestAnimationFrame(tick);
  }

  function advance(passed, frame) {
    const shown = shownViews();
    const active = shown.filter((view) => view.place(clock.now));
    if (!clock.playing) {
      active.forEach((view) => view.rest(clock.now));
      return;
    }
    if (active.length === 0) {
      const next = byId("skip").checked ? nextFootage(shown) : undefined;
      move(next ?? clock.now + passed * clock.speed);
      return;
    }
    const late = active.filter((view) => isLate(view, frame));
    clock.waiting = late.length > 0;
    if (clock.waiting) {
      active.forEach((view) => view.pause());
      late.forEach((view) => !view.video.seeking && Math.abs(view.drift(clock.now)) > FAR && view.seek(clock.now));
      return;
    }
    // Pictures lead, and the clock follows the middle one of the views that play.
    const playing = active.filter((view) => !view.video.paused);
    const near = playing.map((view) => view.drift(clock.now)).filter((drift) => Math.abs(drift) < 1);
    move(near.length > 0 ? clock.now + Math.max(0, median(near) * 1000) : clock.now);
    active.forEach((view) => view.place(clock.now) && view.run(clock.now, clock.speed));
  }

  // Whether the others wait for this view. One that does not load counts as broken after a while.
  function isLate(view, frame) {
    if (view.isReady()) {
      view.lateSince = undefined;
      return false;
    }
    view.lateSince ??= frame;
    if (frame - view.lateSince < PATIENCE) return true;
    view.lateSince = undefined;
    view.failed.add(view.source);
    return false;
  }

  function nextFootage(shown) {
    const starts = shown.flatMap(({ parts }) => parts.filter(({ source }) => source !== undefined));
    const later = starts.map(({ start }) => start).filter((start) => start > clock.now);
    return later.length > 0 ? Math.min(...later) : END;
  }

  function move(now) {
    clock.now = Math.min(END, Math.max(START, now));
    if (clock.now >= END) pause();
  }

  function pause() {
    clock.playing = false;
    clock.waiting = false;
    views.forEach((view) => view.pause());
  }

  function play() {
    if (clock.now >= END) seek(START);
    clock.playing = true;
  }

  function seek(now) {
    clock.now = Math.min(END, Math.max(START, now));
    // All stop, and go on together when all are there.
    shownViews().forEach((view) => {
      view.pause();
      if (view.place(clock.now)) view.seek(clock.now);
    });
  }

  const settled = (view) =>
    new Promise((resolve) => {
      const until = performance.now() + 1000;
      const look = () => {
        if ((view.isReady() && performance.now() > until - 960) || performance.now() > until) resolve();
        else requestAnimationFrame(look);
      };
      look();
    });

  // To the next or the previous picture of the first view that has one.
  async function step(direction) {
    if (stepping) return;
    pause();
    const view = shownViews().find((candidate) => candidate.place(clock.now));
    if (view === undefined) return seek(clock.now + direction * 1000 * UNKNOWN_PICTURE);
    stepping = true;
    try {
      view.rest(clock.now);
      await settled(view);
      const { picture: before, source } = view;
      const length = 1000 * Math.min(view.interval ?? UNKNOWN_PICTURE, UNKNOWN_PICTURE);
      let now = clock.now;
      for (let tries = 0; tries < 30; tries++) {
        now += direction * length;
        if (now < START || now >= END || !view.place(now) || view.source !== source) break;
        view.seek(now);
        await settled(view);
        if (view.picture === undefined || before === undefined) break;
        if (Math.abs(view.picture - before) > 0.001) {
          // Into the picture, not onto its edge.
          now = view.part.at + view.picture * 1000 + 2;
          break;
        }
      }
      seek(now);
    } finally {
      stepping = false;
    }
  }

  // The clock, in UTC and in a zone of choice.
  const zone = byId("zone");
  const inZone = (timeZone) =>
    new Intl.DateTimeFormat("en-CA", {
      timeZone, year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit",
      second: "2-digit", fractionalSecondDigits: 1, hourCycle: "h23",
    });
  let local = inZone("UTC");
  const written = (format, time) => {
    const part = Object.fromEntries(format.formatToParts(time).map(({ type, value }) => [type, value]));
    const { year, month, day, hour, minute, second, fractionalSecond } = part;
    return `${year}-${month}-${day} ${hour}:${minute}:${second}.${fractionalSecond}`;
  };
  const utc = inZone("UTC");

  function fillZones() {
    const own = Intl.DateTimeFormat().resolvedOptions().timeZone;
    const all = Intl.supportedValuesOf ? Intl.supportedValuesOf("timeZone") : [];
    for (const name of new Set([own, ...all].filter((name) => name && name !== "UTC"))) {
      zone.append(new Option(name, name));
    }
  }

  function setZone(name) {
    try {
      local = inZone(name);
    } catch {
      // A link may name a zone that this browser does not know.
      return;
    }
    if (![...zone.options].some((option) => option.value === name)) zone.append(new Option(name, name));
    zone.value = name;
    for (const element of document.querySelectorAll("time")) {
      const time = Date.parse(element.dateTime);
      element.title = name === "UTC" ? "" : `${written(local, time)} ${name}`;
    }
  }

  const set = (element, text) => {
    if (element.textContent !== text) element.textContent = text;
  };

  function show() {
    const { now } = clock;
    set(byId("utc"), `${written(utc, now)} UTC`);
    set(byId("local"), zone.value === "UTC" ? "" : `${written(local, now)} ${zone.value}`);
    set(byId("play"), clock.playing ? "Pause" : "Play");
    set(byId("state"), clock.waiting ? "Loading" : "");
    const scrub = byId("scrub");
    if (document.activeElement !== scrub || clock.playing) scrub.value = String(now - START);
    scrub.setAttribute("aria-valuetext", byId("utc").textContent);
    const share = (now - START) / Math.max(1, END - START);
    head.style.left = `${track.offsetLeft + share * track.offsetWidth}px`;
    const moment = `#t=${new Date(now).toISOString()}` + (zone.value === "UTC" ? "" : `&zone=${zone.value}`);
    if (!clock.playing && byId("moment").getAttribute("href") !== moment) byId("moment").href = moment;
  }

  // A link to a moment: #t=2026-03-12T14:30:05.000Z&zone=Europe/Berlin
  function follow() {
    const asked = new URLSearchParams(location.hash.slice(1));
    if (asked.has("zone")) setZone(asked.get("zone"));
    const time = Date.parse(asked.get("t") ?? "");
    if (Number.isNaN(time)) return false;
    pause();
    seek(time);
    return true;
  }

  function showView(view, shown) {
    view.shown = shown;
    view.box.checked = shown;
    view.element.hidden = !shown;
    if (!shown) view.pause();
    byId("stage").dataset.count = String(Math.min(shownViews().length, MOST_SHOWN));
  }

  function listen(view) {
    view.sound.addEventListener("click", () => {
      const on = view.video.muted;
      for (const other of views) {
        other.video.muted = !(on && other === view);
        other.sound.setAttribute("aria-pressed", String(on && other === view));
      }
    });
    view.video.addEventListener("click", () => (clock.playing ? pause() : play()));
    view.box.addEventListener("change", () => showView(view, view.box.checked));
  }

  // What was chosen or clicked gives the keys back to the player.
  player.addEventListener("click", (click) => click.detail > 0 && click.target.closest("button")?.blur());
  for (const element of player.querySelectorAll("select, input[type=checkbox]")) {
    element.addEventListener("change", () => element.blur());
  }

  const setSpeed = (by) => {
    const select = byId("speed");
    select.selectedIndex = Math.min(select.options.length - 1, Math.max(0, select.selectedIndex + by));
    clock.speed = Number(select.value);
  };
  const toEvent = () => EVENT !== undefined && seek(EVENT);
  const toFull = () => (document.fullscreenElement ? document.exitFullscreen() : player.requestFullscreen()).catch(() => {});
  const keys = {
    " ": () => (clock.playing ? pause() : play()),
    ArrowLeft: ({ shiftKey }) => seek(clock.now - (shiftKey ? 60_000 : 5000)),
    ArrowRight: ({ shiftKey }) => seek(clock.now + (shiftKey ? 60_000 : 5000)),
    ArrowUp: () => setSpeed(1),
    ArrowDown: () => setSpeed(-1),
    Home: () => seek(START),
    End: () => seek(END),
    ",": () => step(-1),
    ".": () => step(1),
    e: toEvent,
    f: toFull,
  };

  const track = rows[0].querySelector(".track");
  const head = document.createElement("div");
  head.className = "head";
  byId("chart").append(head);
  byId("scrub").max = String(END - START);
  byId("stage").hidden = false;
  byId("controls").hidden = false;
  views.forEach((view, index) => {
    view.box.hidden = false;
    listen(view);
    showView(view, index < MOST_SHOWN);
  });
  fillZones();

  const buttons = { play: keys[" "], back: () => seek(clock.now - 5000), forward: () => seek(clock.now + 5000),
    before: () => step(-1), after: () => step(1), event: toEvent, full: toFull };
  for (const [id, action] of Object.entries(buttons)) byId(id)?.addEventListener("click", action);
  byId("speed").addEventListener("change", () => setSpeed(0));
  zone.addEventListener("change", () => setZone(zone.value));
  byId("scrub").addEventListener("input", ({ target }) => seek(START + Number(target.value)));
  byId("chart").addEventListener("click", (click) => {
    const line = click.target.closest(".track");
    if (line === null || click.detail === 0) return;
    // By the keyboard a bar leads to its clip; by the mouse, to the time below the pointer.
    click.preventDefault();
    const { left, width } = line.getBoundingClientRect();
    seek(START + ((click.clientX - left) / width) * (END - START));
  });
  document.addEventListener("keydown", (press) => {
    const action = keys[press.key.length === 1 ? press.key.toLowerCase() : press.key];
    const { target } = press;
    const takesKeys = target.closest("select, input:not([type=range])") !== null;
    const isPressed = press.key === " " && target.closest("button, a, summary") !== null;
    if (!action || takesKeys || isPressed || press.ctrlKey || press.altKey || press.metaKey) return;
    press.preventDefault();
    action(press);
  });
  window.addEventListener("hashchange", () => follow() && player.scrollIntoView());
  if (!follow()) seek(EVENT ?? START);
  requestAnimationFrame(tick);
})();
