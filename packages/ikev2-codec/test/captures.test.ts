import { describe, expect, it } from 'vitest';
import {
  decodeMessage,
  decodePayloads,
  describePayloads,
  encodeMessage,
  encodePayloads,
  type IkeMessage,
  NotifyType,
  notifyUint16,
  type Payload,
  TransformType,
} from '../src/index.ts';
import { type CapturedMessage, readCapture } from './captures/captured-message.ts';

const session = readCapture('strongswan-psk');
const fragments = readCapture('strongswan-fragments');

function decode(captured: CapturedMessage | undefined): IkeMessage {
  const result = decodeMessage(captured?.bytes ?? new Uint8Array(0));
  if (!result.ok) throw new Error(result.error.detail);
  return result.value;
}

function decodeInside(captured: CapturedMessage | undefined): readonly Payload[] {
  const last = decode(captured).payloads.at(-1);
  if (last?.type !== 'SK' || !captured?.decrypted) throw new Error('no SK payload');
  const result = decodePayloads(last.firstPayload, captured.decrypted);
  if (!result.ok) throw new Error(result.error.detail);
  return result.value;
}

describe('a session of strongSwan 5.9.8', () => {
  it.each([...session.entries()])('message %i is re-encoded byte for byte', (_, captured) => {
    expect(encodeMessage(decode(captured))).toEqual(captured.bytes);
  });

  it.each([...session.entries()])('message %i has the payloads of its exchange', (_, captured) => {
    const message = decode(captured);
    const payloads = captured.decrypted ? decodeInside(captured) : message.payloads;
    expect(describePayloads(payloads)).toBe(captured.payloads);
    expect(message.header.isInitiator).toBe(captured.from === 'initiator');
  });

  it.each(session.filter(({ decrypted }) => decrypted).map((captured) => [captured]))(
    'the payloads inside SK are re-encoded byte for byte',
    (captured) => {
      expect(encodePayloads(decodeInside(captured)).bytes).toEqual(captured.decrypted);
    },
  );

  it('has the proposals in the order of its configuration (RFC 7296 §3.3)', () => {
    const [sa] = decode(session[0]).payloads;
    expect(sa?.type === 'SA' && sa.proposals[0]).toEqual({
      number: 1,
      protocol: 1,
      spi: new Uint8Array(0),
      transforms: [
        { type: TransformType.ENCR, id: 20, keyBits: 256 },
        { type: TransformType.PRF, id: 5 },
        { type: TransformType.KE, id: 14 },
      ],
    });
  });

  it('names the accepted method in INVALID_KE_PAYLOAD (RFC 7296 §3.10.1)', () => {
    const [refusal] = decode(session[1]).payloads;
    expect(refusal).toMatchObject({ type: 'N', notify: NotifyType.INVALID_KE_PAYLOAD });
    expect(refusal?.type === 'N' && notifyUint16(refusal)).toBe(31);
  });

  it('narrows to the virtual addresses in IKE_AUTH (RFC 7296 §3.13)', () => {
    const selectors = decodeInside(session[5]).find(({ type }) => type === 'TSi');
    expect(selectors).toMatchObject({
      selectors: [
        { start: { version: 4, bytes: Uint8Array.of(10, 88, 0, 1) }, startPort: 0, endPort: 65535 },
        { start: { version: 6 }, protocol: 0 },
      ],
    });
  });
});

describe('an establishment of strongSwan 5.9.8 with fragments (RFC 7383 §2.5)', () => {
  it.each([...fragments.entries()])('message %i is re-encoded byte for byte', (_, captured) => {
    expect(encodeMessage(decode(captured))).toEqual(captured.bytes);
  });

  it.each([
    ['request', 4, 'IDi N(INITIAL_CONTACT) IDr AUTH CP(CFG_REQUEST) SA TSi TSr'],
    ['response', 6, 'IDr AUTH CP(CFG_REPLY) SA TSi TSr'],
  ])('the IKE_AUTH %s is whole again when the decrypted chunks are joined', (_, at, payloads) => {
    const parts = fragments.slice(at, at + 2);
    const headers = parts.map((part) => decode(part).payloads[0]);
    expect(headers).toMatchObject([
      { type: 'SKF', fragmentNumber: 1, totalFragments: 2 },
      { type: 'SKF', fragmentNumber: 2, totalFragments: 2, firstPayload: 0 },
    ]);
    const first = headers[0]?.type === 'SKF' ? headers[0].firstPayload : 0;
    const whole = Uint8Array.from(parts.flatMap((part) => [...(part.decrypted ?? [])]));
    const result = decodePayloads(first, whole);
    expect(result.ok && describePayloads(result.value)).toContain(payloads);
  });
});
