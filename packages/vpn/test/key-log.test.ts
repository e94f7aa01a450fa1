import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Encr, Integ, KeyMaterial, Prf, TransformType } from '@ipsec-kit/crypto';
import type { ChildInstallation, SessionEvent } from '@ipsec-kit/ikev2';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { espTableLines, ikeTableLine, openKeyLog } from '../src/key-log.ts';
import { address } from './memory-world.ts';

type Keyed = Extract<SessionEvent, { kind: 'ike-sa-keyed' }>;

const key = (byte: number, length: number): KeyMaterial =>
  new KeyMaterial(new Uint8Array(length).fill(byte));
const cbc = {
  encryption: Encr.ENCR_AES_CBC,
  keyBits: 128,
  integrity: Integ.AUTH_HMAC_SHA2_256_128,
};
const gcm = { encryption: Encr.ENCR_AES_GCM_16, keyBits: 256, integrity: Integ.NONE };
const chacha = { encryption: Encr.ENCR_CHACHA20_POLY1305, keyBits: 256, integrity: Integ.NONE };

const keyed = (suite: Keyed['suite']): Keyed => ({
  kind: 'ike-sa-keyed',
  sessionId: 1,
  connection: 'home',
  initiator: true,
  initiatorSpi: 0x1122334455667788n,
  responderSpi: 0x99n,
  transforms: [{ type: TransformType.PRF, id: Prf.PRF_HMAC_SHA2_256 }],
  suite,
  keys: {
    skEi: key(0xe1, 2),
    skEr: key(0xe2, 2),
    skAi: key(0xa1, suite.integrity === Integ.NONE ? 0 : 2),
    skAr: key(0xa2, suite.integrity === Integ.NONE ? 0 : 2),
  },
  nat: { local: false, remote: false, forced: true },
});

const child = (suite: ChildInstallation['suite'], version: 4 | 6 = 4): ChildInstallation => ({
  sessionId: 1,
  childId: 1,
  connection: 'home',
  config: {
    name: 'net',
    proposals: [],
    localSelectors: [],
    remoteSelectors: [],
    replayWindowPackets: 32,
  },
  limits: {},
  suite,
  inboundSpi: 0x11,
  outboundSpi: 0xfedcba98,
  inboundKeys: { encryption: key(1, 3), integrity: key(2, suite.integrity ? 2 : 0) },
  outboundKeys: { encryption: key(3, 3), integrity: key(4, suite.integrity ? 2 : 0) },
  localSelectors: [],
  remoteSelectors: [],
  path: {
    local: { address: address(version === 4 ? '192.0.2.1' : '2001:db8::1'), port: 4500 },
    remote: { address: address(version === 4 ? '192.0.2.2' : '2001:db8::2'), port: 4500 },
  },
  mode: 'tunnel',
  esn: false,
  peerTakesTfc: true,
  outboundActive: true,
  virtualAddresses: [],
  dns: [],
});

describe('the tables for Wireshark', () => {
  it('have SPIs, keys and names of an IKE SA', () => {
    expect(ikeTableLine(keyed(cbc))).toBe(
      '1122334455667788,0000000000000099,e1e1,e2e2,"AES-CBC-128 [RFC3602]",a1a1,a2a2,"HMAC_SHA2_256_128 [RFC4868]"',
    );
    expect(ikeTableLine(keyed(gcm))).toBe(
      '1122334455667788,0000000000000099,e1e1,e2e2,"AES-GCM-256 with 16 octet ICV [RFC5282]",,,"NONE [RFC4306]"',
    );
  });

  it('have both directions of a Child SA, each with its addresses', () => {
    expect(espTableLines(child(cbc))).toEqual([
      '"IPv4","192.0.2.2","192.0.2.1","0x00000011","AES-CBC [RFC3602]","0x010101","HMAC-SHA-256-128 [RFC4868]","0x0202"',
      '"IPv4","192.0.2.1","192.0.2.2","0xfedcba98","AES-CBC [RFC3602]","0x030303","HMAC-SHA-256-128 [RFC4868]","0x0404"',
    ]);
    expect(espTableLines(child(gcm, 6))[1]).toBe(
      '"IPv6","2001:db8::1","2001:db8::2","0xfedcba98","AES-GCM with 16 octet ICV [RFC4106]","0x030303","NULL",""',
    );
  });

  it('say in a comment that Wireshark has no name for a suite, without its keys', () => {
    const lines = [ikeTableLine(keyed(chacha)), ...espTableLines(child(chacha))];
    for (const line of lines) expect(line).toMatch(/^# .*does not know this suite$/);
    expect(lines.join()).not.toMatch(/e1e1|0101/);
  });
});

describe('the files of the key log', () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'keylog-'));
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  it('are for their owner alone, and are appended to', () => {
    const keys = join(directory, 'keys');
    openKeyLog(keys).noteEvent(keyed(cbc));
    const again = openKeyLog(keys);
    again.noteEvent(keyed(gcm));
    again.noteChild(child(gcm));
    const ikeFile = join(keys, 'ikev2_decryption_table');
    const espFile = join(keys, 'esp_sa');
    expect(readFileSync(ikeFile, 'utf8').trim().split('\n')).toHaveLength(2);
    expect(readFileSync(espFile, 'utf8').trim().split('\n')).toHaveLength(2);
    for (const file of [ikeFile, espFile]) expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  it('take nothing but keys', () => {
    openKeyLog(directory).noteEvent({ kind: 'liveness-confirmed', sessionId: 1, roundTripMs: 1 });
    expect(readFileSync(join(directory, 'ikev2_decryption_table'), 'utf8')).toBe('');
  });

  it('are refused in one sentence where they cannot be', () => {
    const file = join(directory, 'file');
    writeFileSync(file, '');
    expect(() => openKeyLog(join(file, 'keys'))).toThrow(/Cannot write the key log in/);
    expect(existsSync(join(directory, 'esp_sa'))).toBe(false);
  });
});
