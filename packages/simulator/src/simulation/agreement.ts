import { formatSelector, selectorsEqual, type TrafficSelector } from '@ipsec-kit/ip';
import type { StandingChild } from '../host/packet-path.ts';
import type { SimulatedSession } from '../host/session-book.ts';
import type { SimulatedHost } from '../host/simulated-host.ts';
import type { Simulation } from './simulation.ts';

/** Everything that server and clients see differently, in words; empty when they agree: each IKE SA is open at both ends
 * with the same SPIs, each Child SA is installed at both ends with mirrored SPIs and selectors and belongs to an open
 * IKE SA, and whoever has no IKE SA has no deadline left either.
 * Ask when nothing is under way: in the middle of an exchange the ends differ of necessity.
 */
export function disagreements(simulation: Simulation): readonly string[] {
  const { server, clients } = simulation;
  const found = [server, ...clients].flatMap(leaksOf);
  const atServer = bySpis(server, found);
  const atClients = new Set<string>();
  for (const client of clients) {
    for (const [spis, session] of bySpis(client, found)) {
      atClients.add(spis);
      const other = atServer.get(spis);
      if (!other) found.push(`${client.name} has an IKE SA ${spis} that the server does not have`);
      else compareChildren(client, session, server, other, found);
    }
  }
  for (const [spis, { isOpen }] of atServer) {
    const isLone = isOpen && !atClients.has(spis);
    if (isLone) found.push(`the server has an IKE SA ${spis} that no client has`);
  }
  return found;
}

function leaksOf(host: SimulatedHost): string[] {
  const found: string[] = [];
  for (const child of host.children.values()) {
    if (!host.sessions.get(child.sessionId)?.isOpen) {
      found.push(`${host.name} has a Child SA ${child.childId} without an open IKE SA`);
    }
  }
  const { nextDeadline } = host;
  if (host.sessions.size === 0 && nextDeadline) {
    found.push(`${host.name} has no IKE SA, but waits for "${nextDeadline.name}"`);
  }
  return found;
}

function bySpis(host: SimulatedHost, found: string[]): Map<string, SimulatedSession> {
  const sessions = new Map<string, SimulatedSession>();
  for (const session of host.sessions.values()) {
    const spis = `${hex(session.initiatorSpi)}/${hex(session.responderSpi)}`;
    if (!session.isOpen) found.push(`${host.name} has an IKE SA ${spis} that is not authenticated`);
    sessions.set(spis, session);
  }
  return sessions;
}

function compareChildren(
  client: SimulatedHost,
  atClient: SimulatedSession,
  server: SimulatedHost,
  atServer: SimulatedSession,
  found: string[],
): void {
  const own = childrenOf(client, atClient);
  const others = childrenOf(server, atServer);
  if (own.length !== others.length) {
    found.push(
      `${client.name} has ${own.length} Child SAs, the server ${others.length} for the same IKE SA`,
    );
  }
  for (const child of own) {
    const mirror = others.find(({ inboundSpi }) => inboundSpi === child.outboundSpi);
    const isMirrored =
      mirror?.outboundSpi === child.inboundSpi &&
      sameSelectors(child.localSelectors, mirror.remoteSelectors) &&
      sameSelectors(child.remoteSelectors, mirror.localSelectors);
    if (!isMirrored) {
      found.push(`Child SA ${describe(child)} of ${client.name} has no mirror at the server`);
    }
  }
}

function childrenOf(host: SimulatedHost, { sessionId }: SimulatedSession): StandingChild[] {
  return [...host.children.values()].filter((child) => child.sessionId === sessionId);
}

function sameSelectors(a: readonly TrafficSelector[], b: readonly TrafficSelector[]): boolean {
  return a.length === b.length && a.every((one) => b.some((other) => selectorsEqual(one, other)));
}

function describe({
  inboundSpi,
  outboundSpi,
  localSelectors,
  remoteSelectors,
}: StandingChild): string {
  const [local, remote] = [localSelectors, remoteSelectors].map((selectors) =>
    selectors.map(formatSelector).join(' '),
  );
  return `${hex(inboundSpi)}/${hex(outboundSpi)} ${local} === ${remote}`;
}

function hex(spi: bigint | number): string {
  return `0x${spi.toString(16)}`;
}
