// The protocol between a peer in Node.js and the benchmark. protocol.py describes it.

/** The words and options of the command line; ends the program where they are not as `usage` says. */
export function commandLine(usage, count) {
  const given = process.argv.slice(2);
  const words = given.filter((word) => !word.startsWith("--"));
  const unknown = given.some((word) => word.startsWith("--") && word !== "--once");
  const key = process.env.MERAKI_DASHBOARD_API_KEY;
  if (words.length !== count || unknown || !key) {
    console.error(`usage: MERAKI_DASHBOARD_API_KEY=… node ${usage} [--once]`);
    process.exit(2);
  }
  return { words, key };
}

/**
 * Makes calls as the benchmark asks for them; `call` gives the URL of a clip. `unsupported` says why
 * there is no more than one call in flight, where that is so.
 */
export async function serve(title, call, { unsupported } = {}) {
  if (process.argv.includes("--once")) {
    answer(await batch(call, { calls: 1, in_flight: 1 }));
    return;
  }
  const { createInterface } = await import("node:readline");
  answer({ ready: `${title()} (Node.js ${process.versions.node})` });
  for await (const line of createInterface({ input: process.stdin })) {
    const wanted = JSON.parse(line);
    const possible = unsupported === undefined || wanted.in_flight === 1;
    answer(possible ? await batch(call, wanted) : { unsupported });
  }
}

function answer(value) {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

/** Makes so many calls, never more than `in_flight` at once. */
async function batch(call, { calls, in_flight: inFlight }) {
  const seconds = [];
  const failures = [];
  let left = calls;

  async function loop() {
    while (left-- > 0) {
      const start = performance.now();
      try {
        const url = await call();
        if (!/^https?:\/\//.test(url)) throw new Error("no URL");
      } catch (error) {
        // The message may contain a secret.
        failures.push(error.payload?.val?.kind ?? error.code ?? error.name);
      }
      seconds.push((performance.now() - start) / 1000);
    }
  }

  const start = performance.now();
  await Promise.all(Array.from({ length: inFlight }, loop));
  const elapsed = (performance.now() - start) / 1000;
  if (failures.length > 0) {
    console.error(`${failures.length} calls failed, the first with ${failures[0]}`);
  }
  return { seconds, elapsed, failed: failures.length };
}
