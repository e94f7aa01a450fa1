import type { VpnEvent } from '@ipsec-kit/vpn';
import { movedText } from './path-text.ts';

type Nat = Extract<VpnEvent, { kind: 'ike-sa-keyed' }>['nat'];
type Message = Extract<VpnEvent, { kind: 'message' }>;

/** One event as a line for people. */
export function narrate(event: VpnEvent): string {
  switch (event.kind) {
    case 'control-opened':
      return `control: ${event.path}`;
    case 'sockets-opened':
      return `sockets: ${event.endpoints.join(', ')}`;
    case 'serving-started':
      return `listening on ${event.endpoints.join(', ')} for ${event.connections.join(', ')}`;
    case 'tun-opened':
      return `tun: ${event.name}, MTU ${event.mtu}`;
    case 'tun-configured':
      return [
        `tun: ${event.name} has ${listOr(event.addresses, 'no address')}`,
        `routes ${listOr(event.routes, 'nothing')}`,
        ...(event.dns.length === 0 ? [] : [`DNS ${event.dns.join(', ')}`]),
      ].join('; ');
    case 'connection-started':
      return `connecting: ${event.connection} to ${event.remote}`;
    case 'warning-raised':
      return `warning: ${event.sentence}`;
    case 'message':
      return narrateMessage(event);
    case 'message-rejected':
      return event.answer === undefined
        ? `-- message from ${event.remote} dropped: ${event.reason}`
        : `-> ${event.answer} to ${event.remote}: ${event.reason}`;
    case 'ike-sa-keyed':
      return `IKE SA keyed: ${event.suite}; ${natText(event.nat)}`;
    case 'session-retried':
      return `attempt ${event.attempt}: ${event.sentence}`;
    case 'session-opened':
      return [
        `IKE SA ${event.connection} established: ${event.localIdentity} (${event.local}) with ${event.remoteIdentity} (${event.remote})`,
        ...(event.eapIdentity === undefined ? [] : [`EAP has proven ${event.eapIdentity}`]),
        ...(event.ppk === undefined ? [] : [PPK_TEXT[event.ppk]]),
        ...event.virtualAddresses.map((address) => `virtual IP ${address}`),
        ...event.peerAddresses.map((address) => `peer has virtual IP ${address}`),
      ].join('; ');
    case 'child-opened':
      return `Child SA ${event.name} open: ${event.suite}, ${modeText(event)}${event.localSelectors.join(' ')} === ${event.remoteSelectors.join(' ')}, SPI in ${event.inboundSpi}, out ${event.outboundSpi}`;
    case 'child-failed':
      return `Child SA ${event.name} failed: ${event.sentence}`;
    case 'child-closed':
      return `Child SA ${event.name} closed: ${event.reason}`;
    case 'child-rekeyed':
      return `Child SA ${event.name} rekeyed by ${event.by === 'local' ? 'us' : 'the peer'}: SPI in ${event.inboundSpi}, out ${event.outboundSpi}`;
    case 'session-rekeyed':
      return `IKE SA rekeyed by ${event.by === 'local' ? 'us' : 'the peer'}`;
    case 'session-reauthenticated':
      return `session reauthenticated by ${event.by === 'local' ? 'us' : 'the peer'}`;
    case 'session-revalidated':
      return revalidationLine(event);
    case 'rekey-failed':
      return `rekey failed, next attempt in ${seconds(event.retryInMs)}: ${event.sentence}`;
    case 'reauthentication-failed':
      return `reauthentication failed, ${event.retryInMs === 0 ? 'no other attempt is planned here' : `next attempt in ${seconds(event.retryInMs)}`}: ${event.sentence}`;
    case 'session-interrupted':
      return event.by === 'peer'
        ? `session interrupted, the peer has ${seconds(event.retryInMs)} to open it again: ${event.sentence}`
        : `session interrupted, opening it again ${event.retryInMs === 0 ? 'at once' : `in ${seconds(event.retryInMs)}`}: ${event.sentence}`;
    case 'acquire-started':
      return `traffic for ${event.name}, ${event.local} === ${event.remote}: opening it`;
    case 'acquire-failed':
      return `traffic for ${event.name} got no SA, next attempt in ${seconds(event.retryInMs)} at the earliest: ${event.sentence}`;
    case 'liveness-confirmed':
      return `peer answers, ${milliseconds(event.roundTripMs)}`;
    case 'peer-path-changed':
      return `path changed: ${movedText({
        local: [event.localFrom, event.localTo],
        peer: [event.from, event.to],
      })}`;
    case 'mapping-changed':
      return `the NAT maps this host anew, as the peer ${event.remote} sees it`;
    case 'addresses-updated':
      return `path confirmed: ${movedText({
        local: [event.from, event.to],
        peer: [event.remoteFrom, event.remoteTo],
      })}, ${milliseconds(event.roundTripMs)}`;
    case 'path-mtu-changed':
      return event.reason === 'found'
        ? `packets of ${event.bytes} bytes come through to the peer`
        : `large packets do not come through to the peer any more: ${event.bytes} bytes from now on`;
    case 'path-lost':
      return 'no path to the peer is left to try';
    case 'path-found':
      return `a path to the peer again: ${event.local} to ${event.remote}`;
    case 'binding-discovered': {
      const lifetime =
        event.lifetimeMs === undefined
          ? ''
          : `the NAT keeps a mapping for ${seconds(event.lifetimeMs)}; `;
      return `${lifetime}a keepalive each ${seconds(event.keepaliveMs)} from now on (${event.probes} probes)`;
    }
    case 'slept':
      return `this process did not run for ${seconds(event.sleptMs)}`;
    case 'liveness-check-started':
      return `asking whether the peer lives${event.natDetection ? ' and where it sees this host' : ''} (${event.reason})`;
    case 'session-closed':
      return `IKE SA ${event.connection ?? 'without a connection'} closed: ${event.sentence}`;
  }
}

const PPK_TEXT = {
  used: 'with the post-quantum pre-shared key',
  unused: 'WITHOUT a post-quantum pre-shared key',
} as const;

function revalidationLine(event: Extract<VpnEvent, { kind: 'session-revalidated' }>): string {
  const { standing, reason, action, sentence = '', endsInMs = 0 } = event;
  if (action === 'none') return `certificate of the peer is good (${reason})`;
  const then = {
    close: 'the session ends',
    alert: 'the session stays',
    grace: `the session ends in ${seconds(endsInMs)} unless that changes`,
  }[action];
  return `certificate of the peer is ${standing} (${reason}), ${then}: ${sentence}`;
}

/** A tunnel is the rule, and needs no word unless something else was wanted. */
function modeText({ mode, configuredMode }: Extract<VpnEvent, { kind: 'child-opened' }>): string {
  if (mode === 'transport') return 'transport mode, ';
  return configuredMode === 'transport'
    ? 'tunnel mode (the peer does not want transport mode, or the selectors do not name the two hosts), '
    : '';
}

/** What is known about NATs on the path; encapsulation that is forced is told apart from a NAT that was seen. */
export function natText(nat: Nat): string {
  const seen = [
    ...(nat.local ? ['this host is behind a NAT'] : []),
    ...(nat.remote ? ['the peer is behind a NAT'] : []),
  ];
  const forced = nat.forced ? ['UDP encapsulation forced'] : [];
  return [...(seen.length === 0 ? ['no NAT seen'] : seen), ...forced].join(', ');
}

function narrateMessage(event: Message): string {
  const { direction, exchange, messageId, remote, bytes } = event;
  const arrow = direction === 'sent' ? '->' : '<-';
  const kind = event.isResponse ? 'response' : 'request';
  const details = [
    `${bytes} bytes`,
    ...(event.fragments > 1 ? [`${event.fragments} fragments`] : []),
    ...(event.retransmission ? ['again'] : []),
    ...(event.roundTripMs === undefined ? [] : [milliseconds(event.roundTripMs)]),
  ].join(', ');
  const preposition = direction === 'sent' ? 'to' : 'from';
  // What an answer that is repeated was made of is not kept.
  const unnamed = event.retransmission ? '' : ': (empty)';
  const payloads = event.payloads === '' ? unnamed : `: ${event.payloads}`;
  return `${arrow} ${exchange} ${kind} ${messageId} ${preposition} ${remote} (${details})${payloads}`;
}

function seconds(ms: number): string {
  return `${Math.ceil(ms / 1000)} s`;
}

function milliseconds(value: number): string {
  return `${value.toFixed(1)} ms`;
}

function listOr(items: readonly string[], none: string): string {
  return items.length === 0 ? none : items.join(', ');
}
