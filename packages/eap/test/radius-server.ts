import { createHash, createHmac } from 'node:crypto';
import { decodeRadiusPacket, encodeRadiusPacket, type RadiusPair } from '@ipsec-kit/eap';

/** A server's reply to a request, made with OpenSSL's MD5: Message-Authenticator and Response Authenticator. */
export function radiusReply(
  request: Uint8Array,
  secret: string,
  code: number,
  attributes: readonly RadiusPair[],
): Uint8Array {
  const asked = decodeRadiusPacket(request);
  if (asked === undefined) throw new Error('no RADIUS packet');
  const { identifier, authenticator } = asked;
  const pairs = [...attributes, { type: 80, value: new Uint8Array(16) }];
  const bytes = encodeRadiusPacket({ code, identifier, authenticator, attributes: pairs });
  bytes.set(createHmac('md5', secret).update(bytes).digest(), bytes.length - 16);
  bytes.set(createHash('md5').update(bytes).update(secret).digest(), 4);
  return bytes;
}

/** EAP-Message attributes. */
export function eapPairs(eap: Uint8Array): readonly RadiusPair[] {
  const pairs: RadiusPair[] = [];
  for (let at = 0; at < eap.length; at += 253) {
    pairs.push({ type: 79, value: eap.subarray(at, at + 253) });
  }
  return pairs;
}

/** MS-MPPE-Send-Key (16) or -Recv-Key (17), encrypted as RFC 2548 §2.4.2 says. */
export function mppeKey(
  request: Uint8Array,
  secret: string,
  type: 16 | 17,
  key: Uint8Array,
): RadiusPair {
  const salt = Uint8Array.of(0x80 | type, type);
  const plain = new Uint8Array(Math.ceil((1 + key.length) / 16) * 16);
  plain.set([key.length, ...key]);
  let previous = Buffer.concat([request.subarray(4, 20), salt]);
  const blocks: Buffer[] = [];
  for (let at = 0; at < plain.length; at += 16) {
    const pad = createHash('md5').update(secret).update(previous).digest();
    previous = Buffer.from(plain.slice(at, at + 16).map((byte, i) => byte ^ (pad[i] ?? 0)));
    blocks.push(previous);
  }
  const body = Buffer.concat([salt, ...blocks]);
  return { type: 26, value: Uint8Array.from([0, 0, 1, 0x37, type, 2 + body.length, ...body]) };
}
