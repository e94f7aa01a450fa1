import { createHash, createHmac } from 'node:crypto';
import { createSeededRandom } from '@ipsec-kit/crypto';
import {
  decodeRadiusPacket,
  encodeRadiusEapRequest,
  encodeRadiusPacket,
  RadiusAttribute,
  RadiusCode,
  type RadiusPair,
  readRadiusEapReply,
} from '@ipsec-kit/eap';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hex, secret, text } from './conversation.ts';

const shared = secret('xyzzy5461');
const md5 = (...parts: Uint8Array[]): Buffer =>
  createHash('md5').update(Buffer.concat(parts)).digest();
const MESSAGE_AUTHENTICATOR = RadiusAttribute.MESSAGE_AUTHENTICATOR;

const request = encodeRadiusEapRequest({
  identifier: 7,
  secret: shared,
  random: createSeededRandom('radius'),
  userName: text('carol'),
  nasIdentifier: text('gw'),
  eap: Uint8Array.from({ length: 600 }, (_, i) => i & 0xff),
  state: hex('aabb'),
});

/** A server's reply, made with OpenSSL's MD5. */
function replyOf(code: number, attributes: readonly RadiusPair[], withMac = true): Uint8Array {
  const pairs = withMac
    ? [...attributes, { type: MESSAGE_AUTHENTICATOR, value: new Uint8Array(16) }]
    : attributes;
  const authenticator = request.slice(4, 20);
  const bytes = encodeRadiusPacket({ code, identifier: 7, authenticator, attributes: pairs });
  if (withMac) {
    const mac = createHmac('md5', shared.reveal()).update(bytes).digest();
    bytes.set(mac, bytes.length - 16);
  }
  bytes.set(md5(bytes, shared.reveal()), 4);
  return bytes;
}

/** MS-MPPE-Send-Key (16) or -Recv-Key (17), encrypted as RFC 2548 §2.4.2 says. */
function mppe(type: number, key: Uint8Array, salt: Uint8Array): RadiusPair {
  const plain = new Uint8Array(Math.ceil((1 + key.length) / 16) * 16);
  plain.set([key.length, ...key]);
  let previous = Buffer.concat([request.slice(4, 20), salt]);
  const blocks: Buffer[] = [];
  for (let at = 0; at < plain.length; at += 16) {
    const pad = md5(shared.reveal(), previous);
    previous = Buffer.from(plain.slice(at, at + 16).map((byte, i) => byte ^ (pad[i] ?? 0)));
    blocks.push(previous);
  }
  const body = Buffer.concat([salt, ...blocks]);
  return {
    type: RadiusAttribute.VENDOR_SPECIFIC,
    value: Uint8Array.from([0, 0, 1, 0x37, type, 2 + body.length, ...body]),
  };
}

const EAP: RadiusPair = { type: RadiusAttribute.EAP_MESSAGE, value: hex('03070004') };

describe('encodeRadiusEapRequest (RFC 3579 §3.1, §3.2)', () => {
  it('spreads EAP over attributes and has a Message-Authenticator', () => {
    const packet = decodeRadiusPacket(request);
    expect(packet).toMatchObject({ code: RadiusCode.ACCESS_REQUEST, identifier: 7 });
    expect(packet?.attributes.map(({ type, value }) => [type, value.length])).toEqual([
      [80, 16],
      [1, 5],
      [32, 2],
      [79, 253],
      [79, 253],
      [79, 94],
      [24, 2],
    ]);
    const blank = request.slice();
    blank.fill(0, 22, 38);
    const mac = createHmac('md5', shared.reveal()).update(blank).digest();
    expect(Buffer.from(request.slice(22, 38))).toEqual(mac);
  });

  it('throws on a name that is too long', () => {
    const wish = { identifier: 1, secret: shared, random: createSeededRandom(1) };
    const long = { ...wish, nasIdentifier: text(''), eap: hex(''), userName: new Uint8Array(254) };
    expect(() => encodeRadiusEapRequest(long)).toThrow('"value" expected at most 253 bytes');
  });
});

describe('readRadiusEapReply (RFC 2865 §3, RFC 3579 §3.2)', () => {
  const read = (reply: Uint8Array) => readRadiusEapReply(request, reply, shared);

  it('tells a challenge, an accept and a reject', () => {
    const state = { type: RadiusAttribute.STATE, value: hex('0102') };
    const long = new Uint8Array(253).fill(9);
    const parts = [{ type: 79, value: long }, { type: 79, value: hex('0a') }, state];
    expect(read(replyOf(RadiusCode.ACCESS_CHALLENGE, parts))).toEqual({
      kind: 'challenge',
      eap: Uint8Array.from([...long, 0x0a]),
      state: hex('0102'),
    });
    expect(read(replyOf(RadiusCode.ACCESS_REJECT, [EAP]))).toEqual({
      kind: 'reject',
      eap: EAP.value,
    });
    expect(read(replyOf(RadiusCode.ACCESS_ACCEPT, [EAP]))).toEqual({
      kind: 'accept',
      eap: EAP.value,
    });
    expect(read(replyOf(99, [EAP]))).toEqual({ kind: 'ignored' });
  });

  it.each([16, 32])('takes the MSK from keys of %d bytes (RFC 2548 §2.4.2, §2.4.3)', (bytes) => {
    const receive = new Uint8Array(bytes).fill(0x11);
    const send = new Uint8Array(bytes).fill(0x22);
    const keys = [mppe(16, send, hex('8001')), mppe(17, receive, hex('9002'))];
    const reply = read(replyOf(RadiusCode.ACCESS_ACCEPT, [EAP, ...keys]));
    const msk = reply.kind === 'accept' ? reply.msk?.reveal() : undefined;
    const zeros = new Uint8Array(64 - 2 * bytes);
    expect(msk).toEqual(Uint8Array.from([...receive, ...send, ...zeros]));
  });

  it('ignores what is forged, without Message-Authenticator, or to another request', () => {
    const good = replyOf(RadiusCode.ACCESS_ACCEPT, [EAP]);
    expect(read(replyOf(RadiusCode.ACCESS_ACCEPT, [EAP], false))).toEqual({ kind: 'ignored' });
    for (let at = 0; at < good.length; at += 1) {
      const forged = good.slice();
      forged[at] = (forged[at] ?? 0) ^ 0x01;
      expect(read(forged)).toEqual({ kind: 'ignored' });
      expect(read(good.slice(0, at))).toEqual({ kind: 'ignored' });
    }
    expect(readRadiusEapReply(request, good, secret('other'))).toEqual({ kind: 'ignored' });
    expect(readRadiusEapReply(hex('00'), good, shared)).toEqual({ kind: 'ignored' });
    expect(read(Uint8Array.from([...good, 1, 2, 3]))).toMatchObject({ kind: 'accept' });
  });

  it('reads what lies in a Buffer, and leaves it as it is', () => {
    const reply = Buffer.from(replyOf(RadiusCode.ACCESS_ACCEPT, [EAP]));
    const before = Buffer.copyBytesFrom(reply);
    expect(read(reply)).toEqual({ kind: 'accept', eap: EAP.value });
    expect(reply).toEqual(before);
  });

  it('never throws', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 120 }), (bytes) => {
        expect(read(bytes)).toEqual({ kind: 'ignored' });
      }),
      { numRuns: 300 },
    );
  });
});

describe('decodeRadiusPacket (RFC 2865 §7.1)', () => {
  it('reads the example of RFC 2865 and its authenticator', () => {
    const asked = hex(`01 00 00 38 0f 40 3f 94 73 97 80 57 bd 83 d5 cb 98 f4 22 7a 01 06 6e 65 6d 6f
      02 12 0d be 70 8d 93 d4 13 ce 31 96 e4 3f 78 2a 0a ee 04 06 c0 a8 01 10 05 06 00 00 00 03`);
    expect(decodeRadiusPacket(asked)?.attributes.map(({ type }) => type)).toEqual([1, 2, 4, 5]);
    const accept = hex(`02 00 00 26 86 fe 22 0e 76 24 ba 2a 10 05 f6 bf 9b 55 e0 b2
      06 06 00 00 00 01 0f 06 00 00 00 00 0e 06 c0 a8 01 03`);
    const packet = decodeRadiusPacket(accept);
    expect(packet && encodeRadiusPacket(packet)).toEqual(accept);
    // Genuine, but without EAP and Message-Authenticator: not for us.
    const asSent = accept.slice();
    asSent.set(asked.slice(4, 20), 4);
    expect(md5(asSent, shared.reveal())).toEqual(Buffer.from(accept.slice(4, 20)));
    expect(readRadiusEapReply(asked, accept, shared)).toEqual({ kind: 'ignored' });
  });

  it('refuses attributes that are cut off, and packets that are too long', () => {
    const head = '0207001600000000000000000000000000000000';
    expect(decodeRadiusPacket(hex(`${head}0102`))).toBeDefined();
    expect(decodeRadiusPacket(hex(`${head}0101`))).toBeUndefined();
    expect(decodeRadiusPacket(hex(`${head}0103`))).toBeUndefined();
    const long = new Uint8Array(5000);
    long.set([2, 7, 0x13, 0x88]);
    expect(decodeRadiusPacket(long)).toBeUndefined();
    const value = new Uint8Array(253);
    const attributes = new Array<RadiusPair>(17).fill({ type: 1, value });
    const packet = { code: 1, identifier: 1, authenticator: new Uint8Array(16), attributes };
    expect(() => encodeRadiusPacket(packet)).toThrow('"packet" expected at most 4096 bytes');
  });
});
