// Sends a motion alert in Meraki's format, to try webhook.js: node alert.mjs URL SERIAL
//
// Set WEBHOOK_SHARED_SECRET to the same value as for the webhook.

const [url, serial] = process.argv.slice(2);
const alert = {
  version: "0.1",
  sharedSecret: process.env.WEBHOOK_SHARED_SECRET,
  alertTypeId: "motion_alert",
  deviceSerial: serial,
  occurredAt: new Date(Date.now() - 10 * 60 * 1000).toISOString(),
};
const response = await fetch(url, { method: "POST", body: JSON.stringify(alert) });
console.log(response.status, await response.text());
