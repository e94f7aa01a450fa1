import type { LivenessOptions } from './liveness-contract.ts';

/** {@link LivenessOptions} with nothing left out. */
export type LivenessSettings = Readonly<Required<LivenessOptions>>;

const LEAST_KEEPALIVE_MS = 1_000;
/** No mapping was ever seen to live that long. */
const MOST_KEEPALIVE_MS = 3_600_000;

/** Fills in the defaults. @throws RangeError when a duration is not one, or an interval cannot be of use. */
export function livenessSettings(options: LivenessOptions): LivenessSettings {
  const settings: LivenessSettings = {
    keepaliveMs: 20_000,
    dpdMarginMs: 20_000,
    keepaliveWhen: 'behind-nat',
    keepaliveKind: 'byte',
    dpdDelayMs: 0,
    updateOnConnectivity: false,
    keepaliveWake: 'device',
    dpdWake: 'device',
    ...options,
  };
  const { keepaliveMs } = settings;
  requireDuration('keepaliveMs', keepaliveMs);
  requireDuration('dpdMarginMs', settings.dpdMarginMs);
  requireDuration('dpdDelayMs', settings.dpdDelayMs);
  if (keepaliveMs !== 0 && (keepaliveMs < LEAST_KEEPALIVE_MS || keepaliveMs > MOST_KEEPALIVE_MS)) {
    throw new RangeError(
      `"keepaliveMs" expected 0 for none, or ${LEAST_KEEPALIVE_MS} to ${MOST_KEEPALIVE_MS}, got ${keepaliveMs}: 10 s works practically everywhere, 25 s mostly, and no NAT waits for an hour`,
    );
  }
  return settings;
}

function requireDuration(name: string, ms: number): void {
  if (!Number.isFinite(ms) || ms < 0) {
    throw new RangeError(`"${name}" expected milliseconds, 0 or more, got ${ms}`);
  }
}
