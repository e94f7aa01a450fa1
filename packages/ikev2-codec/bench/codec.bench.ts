import { readFileSync } from 'node:fs';
import { Bench } from 'tinybench';
import {
  decodeMessage,
  decodePayloads,
  encodeMessage,
  encodePayloads,
  type IkeMessage,
  type Payload,
} from '../src/index.ts';

/** One line of the table of benchmarks. */
export interface Row {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
}

interface Entry {
  readonly hex: string;
  readonly decrypted?: string;
}

/** Measures how many captured messages are decoded and encoded per second: an IKE_SA_INIT request with three
 * proposals, and the 13 payloads of an IKE_AUTH request as they are inside SK.
 */
export async function bench(): Promise<Row[]> {
  const file = new URL('../test/captures/strongswan-psk.json', import.meta.url);
  const session: readonly Entry[] = JSON.parse(readFileSync(file, 'utf8'));
  const init = bytesOf(session[2]?.hex);
  const auth = bytesOf(session[4]?.decrypted);
  const initMessage = decodedInit(init);
  const { firstPayload, payloads } = decodedAuth(bytesOf(session[4]?.hex), auth);

  const runner = new Bench({ time: 500, warmupTime: 200 })
    .add('codec: decode IKE_SA_INIT', () => void decodeMessage(init))
    .add('codec: encode IKE_SA_INIT', () => void encodeMessage(initMessage))
    .add('codec: decode IKE_AUTH payloads', () => void decodePayloads(firstPayload, auth))
    .add('codec: encode IKE_AUTH payloads', () => void encodePayloads(payloads));
  await runner.run();
  return runner.tasks.map(({ name, result }) => ({
    name,
    value: result.state === 'completed' ? Math.round(result.throughput.mean) : 0,
    unit: 'messages/s',
  }));
}

function bytesOf(hex = ''): Uint8Array {
  return Uint8Array.from(Buffer.from(hex, 'hex'));
}

function decodedInit(datagram: Uint8Array): IkeMessage {
  const result = decodeMessage(datagram);
  if (!result.ok) throw new Error(result.error.detail);
  return result.value;
}

function decodedAuth(
  datagram: Uint8Array,
  text: Uint8Array,
): { firstPayload: number; payloads: readonly Payload[] } {
  const [sk] = decodedInit(datagram).payloads;
  if (sk?.type !== 'SK') throw new Error('the captured IKE_AUTH has no SK payload');
  const result = decodePayloads(sk.firstPayload, text);
  if (!result.ok) throw new Error(result.error.detail);
  return { firstPayload: sk.firstPayload, payloads: result.value };
}
