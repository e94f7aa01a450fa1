import { formatIdentity } from '@ipsec-kit/auth';
import { type CipherSuite, formatSuite, formatTransforms } from '@ipsec-kit/crypto';
import type { SessionEvent } from '@ipsec-kit/ikev2';
import { formatAddress, formatEndpoint, formatSelector } from '@ipsec-kit/ip';
import type { VpnEvent } from './events.ts';

/** An SPI of ESP as people and other tools write it: eight hexadecimal digits. */
export function formatSpi(spi: number): string {
  return (spi >>> 0).toString(16).padStart(8, '0');
}

/** An SPI of IKE: sixteen hexadecimal digits. */
export function formatIkeSpi(spi: bigint): string {
  return spi.toString(16).padStart(16, '0');
}

/** The public form of an event of the IKE machine: plain JSON, and no key in it. */
export function publicEvent(event: SessionEvent): VpnEvent {
  switch (event.kind) {
    case 'message': {
      const { path, ...rest } = event;
      return { ...rest, local: formatEndpoint(path.local), remote: formatEndpoint(path.remote) };
    }
    case 'message-rejected': {
      const { path, ...rest } = event;
      return { ...rest, remote: formatEndpoint(path.remote) };
    }
    case 'ike-sa-keyed':
      return {
        kind: event.kind,
        sessionId: event.sessionId,
        ...(event.connection === undefined ? {} : { connection: event.connection }),
        initiator: event.initiator,
        initiatorSpi: formatIkeSpi(event.initiatorSpi),
        responderSpi: formatIkeSpi(event.responderSpi),
        suite: formatTransforms(event.transforms),
        nat: event.nat,
      };
    case 'session-retried':
      return {
        kind: event.kind,
        sessionId: event.sessionId,
        attempt: event.attempt,
        sentence: event.failure.sentence,
      };
    case 'session-opened':
      return {
        kind: event.kind,
        sessionId: event.sessionId,
        connection: event.connection,
        localIdentity: formatIdentity(event.localIdentity),
        remoteIdentity: formatIdentity(event.remoteIdentity),
        ...(event.eapIdentity ? { eapIdentity: formatIdentity(event.eapIdentity) } : {}),
        ...(event.ppk ? { ppk: event.ppk } : {}),
        local: formatEndpoint(event.path.local),
        remote: formatEndpoint(event.path.remote),
        virtualAddresses: event.virtualAddresses.map(formatAddress),
        peerAddresses: event.peerAddresses.map(formatAddress),
        initiatorSpi: formatIkeSpi(event.spis.initiator),
        responderSpi: formatIkeSpi(event.spis.responder),
      };
    case 'child-opened': {
      const { esn, ...shown } = event;
      return {
        ...shown,
        inboundSpi: formatSpi(event.inboundSpi),
        outboundSpi: formatSpi(event.outboundSpi),
        suite: formatChildSuite(event.suite, esn),
        localSelectors: event.localSelectors.map(formatSelector),
        remoteSelectors: event.remoteSelectors.map(formatSelector),
      };
    }
    case 'child-rekeyed': {
      const { esn, ...shown } = event;
      return {
        ...shown,
        inboundSpi: formatSpi(event.inboundSpi),
        outboundSpi: formatSpi(event.outboundSpi),
        suite: formatChildSuite(event.suite, esn),
        localSelectors: event.localSelectors.map(formatSelector),
        remoteSelectors: event.remoteSelectors.map(formatSelector),
      };
    }
    case 'session-rekeyed':
    case 'session-reauthenticated':
      return {
        kind: event.kind,
        sessionId: event.sessionId,
        by: event.by,
        initiatorSpi: formatIkeSpi(event.spis.initiator),
        responderSpi: formatIkeSpi(event.spis.responder),
      };
    case 'reauthentication-failed':
      return {
        kind: event.kind,
        sessionId: event.sessionId,
        initiatorSpi: formatIkeSpi(event.spis.initiator),
        responderSpi: formatIkeSpi(event.spis.responder),
        retryInMs: event.retryInMs,
        code: event.failure.code,
        sentence: event.failure.sentence,
      };
    case 'rekey-failed':
    case 'session-interrupted': {
      const { failure, ...rest } = event;
      return { ...rest, code: failure.code, sentence: failure.sentence };
    }
    case 'child-failed':
      return {
        kind: event.kind,
        sessionId: event.sessionId,
        name: event.name,
        code: event.failure.code,
        sentence: event.failure.sentence,
      };
    case 'session-closed':
      return {
        kind: event.kind,
        sessionId: event.sessionId,
        ...(event.connection === undefined ? {} : { connection: event.connection }),
        code: event.failure.code,
        sentence: event.failure.sentence,
      };
    case 'peer-path-changed':
      return {
        kind: event.kind,
        sessionId: event.sessionId,
        from: formatEndpoint(event.from.remote),
        to: formatEndpoint(event.to.remote),
        localFrom: formatEndpoint(event.from.local),
        localTo: formatEndpoint(event.to.local),
      };
    case 'addresses-updated':
      return {
        ...event,
        from: formatEndpoint(event.from.local),
        to: formatEndpoint(event.to.local),
        remoteFrom: formatEndpoint(event.from.remote),
        remoteTo: formatEndpoint(event.to.remote),
      };
    case 'mapping-changed':
      return {
        kind: event.kind,
        sessionId: event.sessionId,
        remote: formatEndpoint(event.path.remote),
      };
    case 'path-found':
      return {
        kind: event.kind,
        sessionId: event.sessionId,
        local: formatEndpoint(event.path.local),
        remote: formatEndpoint(event.path.remote),
      };
    case 'child-closed':
    case 'path-lost':
    case 'slept':
    case 'binding-discovered':
    case 'liveness-check-started':
    case 'liveness-confirmed':
      return event;
  }
}

/** As strongSwan has it: `AES_GCM_16_256/ESN`. */
function formatChildSuite(suite: CipherSuite, esn: boolean): string {
  return esn ? `${formatSuite(suite)}/ESN` : formatSuite(suite);
}
