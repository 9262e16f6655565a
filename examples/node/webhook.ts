// Receives Meraki's motion alerts, and answers each with the URL of a clip around the motion.
//
// Settings: WEBHOOK_SHARED_SECRET is the secret that was entered in the Meraki Dashboard. PORT is 8090 by default. The
// component gets its own settings, such as MERAKI_DASHBOARD_API_KEY, and no other variable.

import { timingSafeEqual } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { Worker } from "node:worker_threads";
import type { Incident, Outcome } from "./incident.js";
import { settings } from "./settings.js";

// https://developer.cisco.com/meraki/webhooks/
type Alert = { sharedSecret: string; alertTypeId: string; deviceSerial: string; occurredAt: string };

type Answer = { status: number; retryAfter?: number; body: object };

const secret = Buffer.from(process.env.WEBHOOK_SHARED_SECRET ?? "");
if (secret.length === 0) throw new Error("set WEBHOOK_SHARED_SECRET to the secret entered in the Dashboard");

/** The most bytes of an alert. */
const LARGEST = 64 * 1024;

async function read(request: IncomingMessage): Promise<Alert> {
  const pieces: Buffer[] = [];
  let size = 0;
  for await (const piece of request as AsyncIterable<Buffer>) {
    size += piece.length;
    // The rest is read too: the answer comes after it.
    if (size <= LARGEST) pieces.push(piece);
  }
  if (size > LARGEST) throw new Error(`an alert has at most ${LARGEST} bytes`);
  return JSON.parse(Buffer.concat(pieces).toString()) as Alert;
}

async function answer(request: IncomingMessage): Promise<Answer> {
  const alert = await read(request);
  const given = Buffer.from(String(alert.sharedSecret));
  if (given.length !== secret.length || !timingSafeEqual(given, secret)) {
    return { status: 401, body: { error: "wrong shared secret" } };
  }
  if (alert.alertTypeId !== "motion_alert") return { status: 200, body: {} };

  const incident: Incident = { serial: alert.deviceSerial, at: alert.occurredAt };
  const worker = new Worker(new URL("./incident.js", import.meta.url), { workerData: incident, env: settings() });
  const [outcome] = (await once(worker, "message")) as [Outcome];
  if (outcome.tag === "ok") return { status: 200, body: { url: outcome.val.url } };
  const error = outcome.val;
  switch (error.tag) {
    case "permanent":
      return { status: 422, body: error.val };
    case "transient":
      return { status: 503, retryAfter: error.val.retryAfterSeconds, body: error.val };
    case "execution-failed":
      return { status: 500, body: {} };
  }
}

const server = createServer(async (request, response) => {
  const { status, retryAfter, body } = await answer(request).catch((error: Error) => {
    return { status: 400, retryAfter: undefined, body: { error: error.message } };
  });
  if (retryAfter !== undefined) response.setHeader("Retry-After", retryAfter);
  response.writeHead(status, { "Content-Type": "application/json" });
  response.end(JSON.stringify(body));
});
server.listen(Number(process.env.PORT ?? 8090), "127.0.0.1", () => {
  const { port } = server.address() as AddressInfo;
  console.log(`listening on http://127.0.0.1:${port}`);
});
