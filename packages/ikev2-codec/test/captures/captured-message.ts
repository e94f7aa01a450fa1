import { readFileSync } from 'node:fs';

/** One message of a capture between two strongSwan 5.9.8, without IP, UDP and non-ESP marker. */
export interface CapturedMessage {
  readonly from: 'initiator' | 'responder';
  readonly bytes: Uint8Array;
  /** What was inside the SK or SKF payload, without padding. */
  readonly decrypted?: Uint8Array;
  /** The payloads in short notation, those inside SK when there is one. */
  readonly payloads?: string;
}

/** Reads `strongswan-psk` (every exchange of a session) or `strongswan-fragments` (establishment in fragments). */
export function readCapture(name: 'strongswan-psk' | 'strongswan-fragments'): CapturedMessage[] {
  const entries: { from: 'initiator'; hex: string; decrypted?: string; payloads?: string }[] =
    JSON.parse(readFileSync(new URL(`./${name}.json`, import.meta.url), 'utf8'));
  return entries.map(({ from, hex, decrypted, payloads }) => ({
    from,
    bytes: bytesOf(hex),
    ...(decrypted === undefined ? {} : { decrypted: bytesOf(decrypted) }),
    ...(payloads === undefined ? {} : { payloads }),
  }));
}

/** Bytes of hexadecimal digits; blanks are ignored. */
export function bytesOf(hex: string): Uint8Array {
  return Uint8Array.from(Buffer.from(hex.replaceAll(/\s/g, ''), 'hex'));
}
