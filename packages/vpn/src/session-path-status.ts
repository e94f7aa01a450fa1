import { type Instant, msBetween } from '@ipsec-kit/clock';
import type { PathStatus } from '@ipsec-kit/ikev2';
import { formatAddress } from '@ipsec-kit/ip';
import type { SessionPathStatus } from './status.ts';

/** The path of a session as its status shows it. */
export function sessionPathStatus(now: Instant, path: PathStatus): SessionPathStatus {
  const { stamps, counters, next, nat, binding } = path;
  const ago = <Name extends keyof SessionPathStatus>(name: Name, at: Instant | undefined) =>
    at === undefined ? {} : { [name]: secondsBetween(at, now) };
  return {
    state: path.state,
    mobike: path.hasMobike,
    nat: { local: nat.local, remote: nat.remote },
    localAddresses: path.localAddresses.map(formatAddress),
    remoteAddresses: path.peerAddresses.map(formatAddress),
    keepaliveSeconds: tenths(path.keepaliveMs),
    ...(binding ? { binding: { ...lifetime(binding.lifetimeMs), state: binding.state } } : {}),
    ...ago('lastInIkeSeconds', stamps.inIke),
    ...ago('lastInEspSeconds', stamps.inEsp),
    ...ago('lastOutIkeSeconds', stamps.outIke),
    ...ago('lastOutEspSeconds', stamps.outEsp),
    ...ago('lastKeepaliveSeconds', stamps.outKeepalive),
    keepalives: counters?.keepalives ?? 0,
    checks: asked(counters?.dpds ?? {}),
    updates: counters?.updates ?? 0,
    ...(next ? { next: { inSeconds: tenths(msBetween(now, next.at)), reason: next.name } } : {}),
  };
}

function lifetime(ms: number | undefined): { readonly lifetimeSeconds?: number } {
  // It is what was seen at least.
  return ms === undefined ? {} : { lifetimeSeconds: Math.floor(ms / 100) / 10 };
}

/** Without the reasons that never came up. */
function asked(dpds: Readonly<Record<string, number>>): Readonly<Record<string, number>> {
  return Object.fromEntries(Object.entries(dpds).filter(([, count]) => count > 0));
}

function secondsBetween(from: Instant, to: Instant): number {
  return Math.floor(Math.max(0, msBetween(from, to)) / 1000);
}

function tenths(ms: number): number {
  return Math.max(0, Math.round(ms / 100) / 10);
}
