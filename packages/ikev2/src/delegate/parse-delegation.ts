import { KeyMaterial } from '@ipsec-kit/crypto';
import { type Endpoint, parseEndpoint } from '@ipsec-kit/ip';
import {
  type DelegateReport,
  type Delegation,
  type LastResponse,
  MOST_RESPONSE_BYTES,
} from './delegation.ts';
import { fromHex } from './hex.ts';

const MAX_MESSAGE_ID = 0xffff_ffff;
const MOST_DATAGRAMS = 320;

/** A {@link Delegation} that has been read. */
export interface ParsedDelegation extends Delegation {
  readonly path: { readonly local: Endpoint; readonly remote: Endpoint };
  readonly spis: { readonly initiator: bigint; readonly responder: bigint };
  readonly material: Readonly<Record<keyof Delegation['keys'], KeyMaterial>>;
  readonly counter: bigint;
  readonly response:
    | { readonly messageId: number; readonly datagrams: readonly Uint8Array[] }
    | undefined;
}

/** Reads a delegation that came out of a pipe. @returns `undefined` when it is none. */
export function parseDelegation(value: unknown): ParsedDelegation | undefined {
  if (!isRecord(value)) return undefined;
  const given = value as unknown as Delegation;
  if (given.version !== 1) return undefined;
  const local = typeof given.local === 'string' ? parseEndpoint(given.local) : undefined;
  const remote = typeof given.remote === 'string' ? parseEndpoint(given.remote) : undefined;
  const material = parseKeys(given.keys);
  const initiator = parseSpi(given.initiatorSpi);
  const responder = parseSpi(given.responderSpi);
  const { suite, sealed, marker, isInitiator, lastResponse } = given;
  const counts = [
    given.keepaliveMs,
    given.silenceMs,
    given.lastOutboundAgoMs,
    given.lastInboundAgoMs,
  ];
  const isSound =
    isRecord(suite) &&
    [suite.encryption, suite.keyBits, suite.integrity, given.sessionId].every(Number.isInteger) &&
    counts.every(isCount) &&
    (given.wakeInMs === undefined || isCount(given.wakeInMs)) &&
    isMessageId(given.expectedRequestId) &&
    typeof marker === 'boolean' &&
    typeof isInitiator === 'boolean' &&
    typeof sealed === 'string' &&
    /^\d{1,19}$/.test(sealed);
  const response = lastResponse === undefined ? undefined : parseResponse(lastResponse);
  if (!isSound || !local || !remote || !material) return undefined;
  if (initiator === undefined || responder === undefined) return undefined;
  if (lastResponse !== undefined && !response) return undefined;
  return {
    ...given,
    path: { local, remote },
    spis: { initiator, responder },
    material,
    counter: BigInt(sealed),
    response,
  };
}

/** Reads what a delegate gave back. @returns `undefined` when it is nothing of that kind. */
export function parseReport(
  value: unknown,
): (DelegateReport & Pick<ParsedDelegation, 'response'>) | undefined {
  if (!isRecord(value)) return undefined;
  const given = value as unknown as DelegateReport;
  if (given.version !== 1) return undefined;
  const { expectedRequestId, lastResponse } = given;
  const response = lastResponse === undefined ? undefined : parseResponse(lastResponse);
  if (lastResponse !== undefined && !response) return undefined;
  const isSound =
    isMessageId(expectedRequestId) &&
    Number.isInteger(given.sessionId) &&
    isCount(given.lastOutboundAgoMs) &&
    isCount(given.lastInboundAgoMs);
  return isSound ? { ...given, response } : undefined;
}

function parseResponse(given: LastResponse): ParsedDelegation['response'] {
  if (!isRecord(given) || !isMessageId(given.messageId) || !Array.isArray(given.datagrams)) {
    return undefined;
  }
  const datagrams = given.datagrams.slice(0, MOST_DATAGRAMS).map(fromHex);
  const known = datagrams.filter((datagram) => datagram !== undefined);
  const bytes = known.reduce((sum, { length }) => sum + length, 0);
  if (known.length === 0 || known.length !== given.datagrams.length) return undefined;
  return bytes > MOST_RESPONSE_BYTES ? undefined : { messageId: given.messageId, datagrams: known };
}

function parseKeys(keys: Delegation['keys']): ParsedDelegation['material'] | undefined {
  if (!isRecord(keys)) return undefined;
  const [skEi, skEr, skAi, skAr] = [keys.skEi, keys.skEr, keys.skAi, keys.skAr].map(keyOf);
  return skEi && skEr && skAi && skAr ? { skEi, skEr, skAi, skAr } : undefined;
}

function keyOf(text: unknown): KeyMaterial | undefined {
  const bytes = fromHex(text);
  return bytes && new KeyMaterial(bytes);
}

function parseSpi(text: unknown): bigint | undefined {
  return typeof text === 'string' && /^[0-9a-f]{16}$/.test(text) ? BigInt(`0x${text}`) : undefined;
}

function isMessageId(value: unknown): value is number {
  return Number.isInteger(value) && Number(value) >= 0 && Number(value) <= MAX_MESSAGE_ID;
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}
