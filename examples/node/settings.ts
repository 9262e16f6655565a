// The settings of the component.

const NAMES = [
  "MERAKI_DASHBOARD_API_KEY",
  "MERAKI_BASE_URL",
  "MV_CLIP_DEADLINE_SECONDS",
  "MV_CLIP_ATTEMPT_TIMEOUT_SECONDS",
  "MV_CLIP_MAX_ATTEMPTS",
  "MV_CLIP_REQUESTS_PER_SECOND",
  "MV_CLIP_LAG_SECONDS",
  "MV_CLIP_RETENTION_DAYS",
];

/** Those that are set. The component gets no other variable, because it could send it to whoever it may reach. */
export function settings(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => NAMES.includes(name)));
}
