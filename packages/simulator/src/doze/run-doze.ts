import { addMs } from '@ipsec-kit/clock';
import type { CryptoProvider } from '@ipsec-kit/crypto';
import type { DeviceSettings } from '../device/device-settings.ts';
import type { DozingDevice } from '../device/dozing-device.ts';
import { type EnergyAccount, wakeUpsForProgram } from '../device/energy-account.ts';
import type { NatCounters } from '../nat/nat-box.ts';
import type { NatSettings } from '../nat/nat-settings.ts';
import type { Datagram } from '../network/datagram.ts';
import { describeDatagram } from '../network/format-trace.ts';
import type { LinkSettings } from '../network/link.ts';
import { wifi } from '../network/link.ts';
import { createSimulation } from '../simulation/create-simulation.ts';
import type { Simulation } from '../simulation/simulation.ts';
import type { SideOptions } from '../simulation/simulation-options.ts';

const HOUR_MS = 3_600_000;
const PING_EVERY_MS = 300_000;
const PING_TIMEOUT_MS = 10_000;

/** A phone that lies on a table for hours behind a NAT, pinged through its tunnel every five minutes. */
export interface DozePlan {
  readonly hours: number;
  /** Settings of the phone, in place of those of `dozingPhone`. */
  readonly device: Partial<DeviceSettings>;
  /** Settings of the NAT, in place of those of `behavingNat`. */
  readonly nat: Partial<NatSettings>;
  /** Default `wifi()`. */
  readonly link?: LinkSettings;
  readonly client?: Omit<SideOptions, 'device' | 'networks'>;
  readonly server?: SideOptions;
  /** Whether a tunnel is opened at all; without one nothing is pinged. Default true. */
  readonly hasTunnel?: boolean;
  /** Whether a wake lock is held all the time; default false. */
  readonly hasWakeLock?: boolean;
}

/** What came of it. */
export interface DozeResult {
  readonly pings: number;
  readonly lostPings: number;
  /** Of the phone, first ones and retransmissions: 0xFF, and INFORMATIONAL requests. */
  readonly keepalives: number;
  readonly clientChecks: number;
  /** INFORMATIONAL requests of the server. */
  readonly serverChecks: number;
  /** Wakes from sleep, whatever for; a device that never slept has none. */
  readonly wakeUpsPerHour: number;
  /** Those that the tunnel costs. @see wakeUpsForProgram */
  readonly tunnelWakeUpsPerHour: number;
  /** Milliseconds between the last packet out and each keepalive or check of the phone, in order. */
  readonly keepalivePausesMs: readonly number[];
  readonly account: EnergyAccount;
  readonly nat: NatCounters;
  /** Sessions that the phone had in all. */
  readonly sessions: number;
  /** How far things were after each ping, in order; without a tunnel, when one would have been. */
  readonly progress: readonly DozeProgress[];
}

/** What had come of a plan by some time. */
export interface DozeProgress {
  readonly atMs: number;
  readonly wakeUps: number;
  readonly tunnelWakeUps: number;
  /** Pings lost so far; always 0 without a tunnel. */
  readonly lostPings: number;
}

/** Lets the time of a plan pass, with the real machines at both ends.
 * @throws Error when the tunnel does not open.
 */
export function runDoze(
  plan: DozePlan,
  seed: number | string,
  crypto?: CryptoProvider,
): DozeResult {
  const simulation = createSimulation({
    seed,
    link: plan.link ?? wifi(),
    nat: plan.nat,
    client: { ...plan.client, device: plan.device },
    ...(plan.server ? { server: plan.server } : {}),
    ...(crypto ? { crypto } : {}),
  });
  const device = simulation.devices.get('client');
  const { nat } = simulation;
  if (!device || !nat) throw new Error('a doze needs a device and a NAT');
  if (plan.hasWakeLock) device.hold();
  const traffic = watchTraffic(simulation);
  const isOpen = plan.hasTunnel !== false;
  const progress = isOpen ? pingAlong(simulation, device, plan) : rest(simulation, device, plan);
  const account = device.account();
  return {
    pings: isOpen ? progress.length : 0,
    lostPings: progress.at(-1)?.lostPings ?? 0,
    ...traffic,
    wakeUpsPerHour: allWakeUps(account) / plan.hours,
    tunnelWakeUpsPerHour: isOpen ? wakeUpsForProgram(account) / plan.hours : 0,
    account,
    nat: nat.counters,
    sessions: openings(simulation),
    progress,
  };
}

function rest(
  simulation: Simulation,
  device: DozingDevice,
  { hours }: DozePlan,
): readonly DozeProgress[] {
  return Array.from({ length: Math.floor((hours * HOUR_MS) / PING_EVERY_MS) }, (_, index) => {
    simulation.runFor(PING_EVERY_MS);
    return progressAt((index + 1) * PING_EVERY_MS, device, 0);
  });
}

function pingAlong(
  simulation: Simulation,
  device: DozingDevice,
  { hours }: DozePlan,
): readonly DozeProgress[] {
  const startedAt = simulation.now;
  const opened = simulation.open();
  if (!opened.opened) throw new Error(`the tunnel did not open: ${opened.failure?.sentence}`);
  const pings = Math.floor((hours * HOUR_MS) / PING_EVERY_MS);
  const progress: DozeProgress[] = [];
  let lostPings = 0;
  for (let number = 1; number <= pings; number += 1) {
    const atMs = number * PING_EVERY_MS;
    simulation.clock.advanceTo(addMs(startedAt, atMs - PING_TIMEOUT_MS));
    const timeMs = simulation.ping('to-client', { timeoutMs: PING_TIMEOUT_MS });
    if (timeMs === undefined) lostPings += 1;
    progress.push(progressAt(atMs, device, lostPings));
  }
  simulation.clock.advanceTo(addMs(startedAt, hours * HOUR_MS));
  return progress;
}

function progressAt(atMs: number, device: DozingDevice, lostPings: number): DozeProgress {
  const account = device.account();
  return {
    atMs,
    wakeUps: allWakeUps(account),
    tunnelWakeUps: wakeUpsForProgram(account),
    lostPings,
  };
}

interface TrafficCount {
  keepalives: number;
  clientChecks: number;
  serverChecks: number;
  readonly keepalivePausesMs: number[];
}

function watchTraffic({ network, server, clock }: Simulation): TrafficCount {
  const count: TrafficCount = {
    keepalives: 0,
    clientChecks: 0,
    serverChecks: 0,
    keepalivePausesMs: [],
  };
  let lastOutAt = clock.now();
  network.onDatagram((datagram) => {
    const what = describeDatagram(datagram);
    const isCheck = what.startsWith('INFORMATIONAL request');
    if (isFrom(datagram, server.addresses)) {
      if (isCheck) count.serverChecks += 1;
      return;
    }
    if (what === 'keepalive') count.keepalives += 1;
    if (isCheck) count.clientChecks += 1;
    if (isCheck || what === 'keepalive') count.keepalivePausesMs.push(clock.now() - lastOutAt);
    lastOutAt = clock.now();
  });
  return count;
}

function isFrom({ from }: Datagram, addresses: Simulation['server']['addresses']): boolean {
  return addresses.some((own) => own.bytes.join('.') === from.address.bytes.join('.'));
}

function allWakeUps({ wakeUps }: EnergyAccount): number {
  return wakeUps.packet + wakeUps.alarm + wakeUps.chance + wakeUps.user;
}

function openings({ events }: Simulation): number {
  return events.filter(({ host, event }) => host === 'client' && event.kind === 'session-opened')
    .length;
}
