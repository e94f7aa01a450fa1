import type { CryptoProvider, RandomSource } from '@ipsec-kit/crypto';
import { createInboundSa, createOutboundSa, type InboundSa, type OutboundSa } from '@ipsec-kit/esp';
import { isAnyPort, PACKED_PATH_BYTES, packPath, type TrafficSelector } from '@ipsec-kit/ip';
import type { HeldQueue } from './held-queue.ts';
import type { SaPair } from './sa-pair.ts';
import { requireTfcPadding, type TfcPadding } from './tfc-padding.ts';
import {
  createTransportHeader,
  requireHostSelectors,
  type TransportHeader,
} from './transport-mode.ts';

/** The smallest MTU that every IPv4 module must forward. @see RFC 791 §3.2 */
const MIN_INNER_MTU = 68;

/** A pair in the databases of an engine: its two SAs, and what has been told to the control plane about it. */
export interface InstalledPair {
  readonly id: number;
  readonly inboundSa: InboundSa;
  readonly outboundSa: OutboundSa;
  readonly localSelectors: readonly TrafficSelector[];
  readonly remoteSelectors: readonly TrafficSelector[];
  /** Whether some selector names ports: later fragments, which have none, do not match it. */
  readonly selectsPorts: boolean;
  innerMtu: number;
  /** What TCP's MSS is clamped to; at most `innerMtu`. */
  tcpMtu: number;
  /** Whether the control plane wants to know whom the next packet comes from. */
  wantsSource: boolean;
  readonly tfcPadding: Required<TfcPadding> | undefined;
  readonly copyDscp: boolean;
  /** Of the echoes that probe the path, while one of them has no answer. */
  probeIdentifier: number | undefined;
  /** How many probes may still be answered. */
  probesAwaited: number;
  /** The header that is taken off and put back; `undefined` in tunnel mode. */
  readonly transport: TransportHeader | undefined;
  /** Packed; where ESP goes. */
  readonly path: Uint8Array;
  /** The same bytes, four at a time. */
  readonly pathWords: Uint32Array;
  /** Packed; the other path that was told last, valid while `isElsewhere`. */
  readonly reportedPath: Uint8Array;
  /** The same bytes, four at a time. */
  readonly reportedWords: Uint32Array;
  /** Whether the peer was last seen on another path than `path`. */
  isElsewhere: boolean;
  /** ESP bytes that came from `reportedPath`, and were told; and those that were not. */
  toldBytes: number;
  untoldBytes: number;
  /** Whether `reportedPath` was told, or there is nothing to tell. */
  moveReported: boolean;
  isActive: boolean;
  /** When it was activated, counted in activations: the highest is the newest. */
  activation: number;
  firstInboundReported: boolean;
  softLimitReported: boolean;
  hardLimitReached: boolean;
  hardLimitReported: boolean;
  /** ESP packets that came before the pair stood and are to be opened before any other. */
  held: HeldQueue | undefined;
}

/** Keys both SAs of a pair.
 * @throws when the suite is not provided, a key has another length than the suite's, or a value is out of range.
 */
export function createInstalledPair(
  pair: SaPair,
  crypto: CryptoProvider,
  random: RandomSource,
): InstalledPair {
  const { suite, inbound, outbound, limits, localSelectors, remoteSelectors, innerMtu } = pair;
  requireSelectors('localSelectors', localSelectors);
  requireSelectors('remoteSelectors', remoteSelectors);
  const { esn = false, copyDscp = true, tcpMtu = innerMtu } = pair;
  requireInnerMtu(innerMtu);
  requireInnerMtu(tcpMtu);
  const path = packPath(pair.path);
  const reportedPath = new Uint8Array(PACKED_PATH_BYTES);
  return {
    id: pair.id,
    inboundSa: createInboundSa({
      spi: inbound.spi,
      cipher: crypto.createCipher(suite, {
        encryption: inbound.encryptionKey,
        integrity: inbound.integrityKey,
      }),
      replayWindowPackets: pair.replayWindowPackets,
      esn,
      limits,
    }),
    outboundSa: createOutboundSa({
      spi: outbound.spi,
      cipher: crypto.createCipher(suite, {
        encryption: outbound.encryptionKey,
        integrity: outbound.integrityKey,
      }),
      random,
      esn,
      limits,
    }),
    localSelectors: [...localSelectors],
    remoteSelectors: [...remoteSelectors],
    selectsPorts: ![...localSelectors, ...remoteSelectors].every(isAnyPort),
    innerMtu,
    tcpMtu: Math.min(tcpMtu, innerMtu),
    wantsSource: false,
    tfcPadding: tfcPaddingOf(pair),
    copyDscp,
    probeIdentifier: undefined,
    probesAwaited: 0,
    transport: transportOf(pair),
    path,
    pathWords: new Uint32Array(path.buffer),
    reportedPath,
    reportedWords: new Uint32Array(reportedPath.buffer),
    isElsewhere: false,
    toldBytes: 0,
    untoldBytes: 0,
    moveReported: true,
    isActive: false,
    activation: 0,
    firstInboundReported: false,
    softLimitReported: false,
    hardLimitReached: false,
    hardLimitReported: false,
    held: undefined,
  };
}

function transportOf(pair: SaPair): TransportHeader | undefined {
  const { mode = 'tunnel', transportAddresses } = pair;
  if (mode === 'tunnel') return undefined;
  if (!transportAddresses) {
    throw new TypeError('"transportAddresses" expected two addresses in transport mode, got none');
  }
  requireHostSelectors('localSelectors', pair.localSelectors, transportAddresses.local);
  requireHostSelectors('remoteSelectors', pair.remoteSelectors, transportAddresses.remote);
  return createTransportHeader(transportAddresses);
}

/** @throws when it is no MTU of IPv4. */
export function requireInnerMtu(innerMtu: number): void {
  if (!Number.isInteger(innerMtu) || innerMtu < MIN_INNER_MTU || innerMtu > 65535) {
    throw new RangeError(`"innerMtu" expected ${MIN_INNER_MTU} to 65535, got ${innerMtu}`);
  }
}

function tfcPaddingOf({ mode, tfcPadding }: SaPair): Required<TfcPadding> | undefined {
  if (!tfcPadding) return undefined;
  // RFC 4303 §2.7: only where the payload says how long it is, which TCP and ICMP do not.
  if (mode === 'transport') {
    throw new TypeError('"tfcPadding" expected none in transport mode, got some');
  }
  return requireTfcPadding(tfcPadding);
}

/** @throws when there is no selector. */
export function requireSelectors(name: string, selectors: readonly TrafficSelector[]): void {
  if (selectors.length === 0)
    throw new RangeError(`"${name}" expected at least one selector, got none`);
}
