import { describe, expect, it } from 'vitest';
import {
  decodeMessage,
  decodePayloads,
  describePayloads,
  formatMessageTree,
  formatProposal,
  formatTransform,
} from '../../src/index.ts';
import { readCapture } from '../captures/captured-message.ts';

const session = readCapture('strongswan-psk');

/** The tree of a captured message, with what was inside SK. */
function treeOf(index: number): string {
  const captured = session[index];
  const message = decodeMessage(captured?.bytes ?? new Uint8Array(0));
  if (!message.ok) throw new Error(message.error.detail);
  const last = message.value.payloads.at(-1);
  if (last?.type !== 'SK' || !captured?.decrypted) return formatMessageTree(message.value);
  const inside = decodePayloads(last.firstPayload, captured.decrypted);
  return formatMessageTree(message.value, inside.ok ? inside.value : undefined);
}

describe('a message tree', () => {
  it('shows proposals and notifies', () => {
    expect(treeOf(1)).toBe(
      [
        'IKE_SA_INIT response 0 from the responder, SPIs ef080dd4ddc0c149_i 0000000000000000_r',
        '├─ N INVALID_KE_PAYLOAD: CURVE25519',
        '└─ Vendor ID: 882fe56d6fd20dbc2251613b2ebe5beb',
      ].join('\n'),
    );
    expect(treeOf(0)).toContain(
      '│  ├─ proposal 1 IKE:ENCR_AES_GCM_16_256/PRF_HMAC_SHA2_256/MODP_2048',
    );
    expect(treeOf(0)).toContain('SIGNATURE_HASH_ALGORITHMS: SHA2_256 SHA2_384 SHA2_512 IDENTITY');
  });

  it('draws decrypted payloads inside SK', () => {
    expect(treeOf(5).split('\n')).toEqual([
      'IKE_AUTH response 1 from the responder, SPIs ef080dd4ddc0c149_i 5d3294e8a8f734b5_r',
      '└─ SK first IDr: 336 bytes',
      '   ├─ IDr ID_FQDN: "server"',
      '   ├─ AUTH SHARED_KEY_MESSAGE_INTEGRITY_CODE: 32 bytes',
      '   ├─ CP CFG_REPLY',
      '   │  ├─ INTERNAL_IP4_ADDRESS: 10.88.0.1',
      '   │  ├─ INTERNAL_IP6_ADDRESS: fd88::1',
      '   │  ├─ INTERNAL_IP4_DNS: 10.77.0.1',
      '   │  ├─ INTERNAL_IP4_SUBNET: 10.77.0.0/16',
      '   │  └─ INTERNAL_IP6_DNS: fd77::1',
      '   ├─ SA',
      '   │  └─ proposal 1 SPI f779e075 ESP:ENCR_AES_GCM_16_256/SEQUENTIAL_32',
      '   ├─ TSi',
      '   │  ├─ 10.88.0.1/32',
      '   │  └─ fd88::1/128',
      '   ├─ TSr',
      '   │  ├─ 10.77.0.0/16',
      '   │  └─ fd77::/64',
      '   ├─ N MOBIKE_SUPPORTED',
      '   └─ N NO_ADDITIONAL_ADDRESSES',
    ]);
  });

  it('prints bytes that could steer a terminal as digits', () => {
    const chain = Uint8Array.of(0, 0, 0, 7, 0x1b, 0x5b, 0x4a);
    const result = decodePayloads(43, chain);
    const first = decodeMessage(session[1]?.bytes ?? chain);
    if (!result.ok || !first.ok) throw new Error('not decoded');
    const tree = formatMessageTree({ header: first.value.header, payloads: result.value });
    expect(tree).toContain('Vendor ID: 1b5b4a');
  });
});

describe('short notation', () => {
  it('lists payloads in one line', () => {
    const bytes = Uint8Array.of(0x35, 0, 0, 4, 0, 0, 0, 5, 9);
    const result = decodePayloads(200, Uint8Array.of(43, 0, 0, 5, 1, 0, 0, 0, 4));
    expect(result.ok && describePayloads(result.value)).toBe('unknown(200) V');
    expect(decodePayloads(43, bytes).ok).toBe(false);
    const fragment = readCapture('strongswan-fragments')[4];
    const message = decodeMessage(fragment?.bytes ?? bytes);
    expect(message.ok && describePayloads(message.value)).toBe('SKF(1/2)');
  });

  it('names unknown transforms with their type, and marks unknown attributes', () => {
    expect(formatTransform({ type: 4, id: 1042 })).toBe('KE unknown(1042)');
    expect(formatTransform({ type: 3, id: 0 })).toBe('INTEG NONE');
    const unknownAttributes = [Uint8Array.of(0x80, 18, 0, 0)];
    const transform = { type: 1, id: 12, keyBits: 128, unknownAttributes };
    expect(formatProposal({ protocol: 3, transforms: [transform] })).toBe('ESP:ENCR_AES_CBC_128+');
  });
});
