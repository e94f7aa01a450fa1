import type { VpnEvent } from '@ipsec-kit/vpn';
import type { PingReport } from './ping.ts';

/** Prints what happens at one end, a line at a time. */
export function show(who: 'client' | 'server', event: VpnEvent): void {
  const line = lineFor(event);
  if (line !== undefined) console.log(`${who} | ${line}`);
}

/** A row of pings in one line. */
export function showPings(who: 'client' | 'server', target: string, report: PingReport): void {
  const { sent, received, roundTripsMs } = report;
  const [fastest, slowest] = [Math.min(...roundTripsMs), Math.max(...roundTripsMs)];
  const times = received > 0 ? `, round trip ${fastest.toFixed(2)}-${slowest.toFixed(2)} ms` : '';
  console.log(
    `${who} | ping ${target} through the tunnel: ${received} of ${sent} answered${times}`,
  );
}

function lineFor(event: VpnEvent): string | undefined {
  switch (event.kind) {
    case 'message': {
      const arrow = event.direction === 'sent' ? '->' : '<-';
      const kind = event.isResponse ? 'response' : 'request';
      const time =
        event.roundTripMs === undefined ? '' : `, round trip ${event.roundTripMs.toFixed(1)} ms`;
      const payloads = event.payloads === '' ? '(empty)' : event.payloads;
      return `${arrow} ${event.exchange} ${kind} ${event.messageId} (${event.bytes} bytes${time}): ${payloads}`;
    }
    case 'ike-sa-keyed': {
      const seen = event.nat.local || event.nat.remote ? 'NAT seen' : 'no NAT seen';
      const forced = event.nat.forced ? ', UDP encapsulation forced' : '';
      return `IKE SA keyed: ${event.suite}; ${seen}${forced}`;
    }
    case 'session-opened': {
      const [virtual] = event.virtualAddresses;
      const got = virtual === undefined ? '' : `; our virtual IP is ${virtual}`;
      return `IKE SA established: ${event.localIdentity} with ${event.remoteIdentity}${got}`;
    }
    case 'child-opened':
      return `Child SA open: ${event.suite}, ${event.localSelectors} === ${event.remoteSelectors}`;
    case 'liveness-confirmed':
      return `the peer is alive, round trip ${event.roundTripMs.toFixed(1)} ms`;
    case 'session-closed':
      return `IKE SA closed: ${event.sentence}`;
    case 'child-failed':
    case 'warning-raised':
      return event.sentence;
    default:
      return undefined;
  }
}
