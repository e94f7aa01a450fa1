import {
  type ProfileText,
  qrCode,
  readMobileConfig,
  readSswan,
  swanctlText,
  type VpnProfile,
  writeMobileConfig,
  writeSswan,
} from '@ipsec-kit/profiles';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

const UUIDS = Array.from({ length: 5 }, (_, i) => `0000000${i}-1111-2222-3333-444444444444`);
const base: VpnProfile = {
  name: 'Home',
  uuid: '6f9619ff-8b86-d011-b42d-00c04fc964ff',
  server: 'vpn.example.org',
  remoteId: 'vpn.example.org',
  localId: 'alice@example.org',
  authentication: { kind: 'certificate' },
  pkcs12: Uint8Array.of(0x30, 0x01, 0x02),
  caCertificates: [Uint8Array.of(0x30, 0x03, 0x04, 0x05)],
  ikeProposals: ['aes256gcm16-prfsha384-ecp384'],
  espProposals: ['aes256gcm16-ecp384'],
  remoteSubnets: ['10.77.0.0/16'],
};
const textOf = (written: ProfileText): string => {
  if (!written.ok) throw new Error(written.sentence);
  return written.text;
};
const apple = (profile: VpnProfile): string => textOf(writeMobileConfig(profile, UUIDS));

describe('.sswan', () => {
  it.each([
    { kind: 'certificate' },
    { kind: 'eap', user: 'alice' },
    { kind: 'eap-tls' },
    { kind: 'certificate-and-eap', user: 'alice' },
  ] as const)('is read as it was written: $kind', (authentication) => {
    const profile = { ...base, port: 4500, authentication };
    const read = readSswan(textOf(writeSswan(profile)));
    expect(read).toEqual({ ok: true, profile, notes: [] });
  });

  it('is read as the app of Android has it', () => {
    const read = readSswan(`{
      "uuid": "52fb5e21-f8f1-4c2f-9d4f-0a9e6d3f9f11", "name": "Office", "type": "ikev2-eap",
      "remote": { "addr": "vpn.example.org", "id": "gw.example.org" },
      "local": { "eap_id": "bob" },
      "split-tunneling": { "subnets": "10.0.0.0/8 fd00::/8", "excluded": ["10.1.0.0/16"] },
      "dns-servers": "192.0.2.53", "mtu": 1400 }`);
    expect(read).toMatchObject({
      profile: {
        remoteId: 'gw.example.org',
        authentication: { kind: 'eap', user: 'bob' },
        remoteSubnets: ['10.0.0.0/8', 'fd00::/8'],
      },
      notes: [expect.stringMatching(/dns-servers, mtu, split-tunneling.excluded/)],
    });
  });

  it('keeps what it says about revocation, and names what it does not keep', () => {
    const strict = { ...base, revocation: 'strict' } as const;
    const text = textOf(writeSswan(strict));
    expect(readSswan(text)).toEqual({ ok: true, profile: strict, notes: [] });
    expect(swanctlText(strict, { caCertificates: [] })).toContain('revocation = strict');
    const { remote, local, ...rest } = JSON.parse(text);
    const more = JSON.stringify({
      ...rest,
      remote: { ...remote, revocation: { strict: false, ocsp: false } },
      local: { ...local, 'rsa-pss': true },
      'ipv6-transport': true,
      'a name\u001b[2J': 1,
    });
    expect(readSswan(more)).toMatchObject({
      notes: [
        'left out, since it has no counterpart here: ipv6-transport, (a name that is none), local.rsa-pss, remote.revocation.ocsp',
      ],
    });
  });

  it('is read with a byte order mark, and with a measurement of the device left out', () => {
    const byod = textOf(writeSswan(base)).replace('ikev2-cert', 'ikev2-byod-eap');
    expect(readSswan(`\uFEFF${byod}`)).toMatchObject({
      profile: { authentication: { kind: 'eap' } },
      notes: [expect.stringContaining('the measurement of the device')],
    });
  });

  it('has no pre-shared keys', () => {
    const written = writeSswan({ ...base, authentication: { kind: 'psk', secret: 'tiger' } });
    expect(written).toMatchObject({ ok: false, sentence: expect.stringMatching(/pre-shared/) });
  });
});

describe('.mobileconfig', () => {
  // Output of the XML parser would be seen by whoever runs the command.
  const printed = vi.fn();
  beforeEach(() => {
    printed.mockClear();
    for (const method of ['error', 'warn', 'log'] as const) {
      vi.spyOn(console, method).mockImplementation(printed);
    }
  });
  afterEach(() => vi.restoreAllMocks());

  it.each([
    { kind: 'certificate' },
    { kind: 'psk', secret: 'a <secret> & "more"' },
    { kind: 'eap', user: 'alice', password: 'p]]>' },
    { kind: 'eap-tls' },
  ] as const)('is read as it was written: $kind', (authentication) => {
    const hasIdentity = authentication.kind === 'certificate' || authentication.kind === 'eap-tls';
    const { pkcs12, ...rest } = base;
    const profile = {
      ...rest,
      ...(hasIdentity && pkcs12 ? { pkcs12, pkcs12Password: 'word' } : {}),
      authentication,
    };
    const read = readMobileConfig(apple(profile));
    // The device asks for all traffic, and UUIDs are written in capitals.
    const expected = { ...profile, uuid: profile.uuid?.toUpperCase(), remoteSubnets: [] };
    expect(read).toEqual({ ok: true, profile: expected, notes: [] });
  });

  it('is refused where a pre-shared key is to prove the server, and EAP the user', () => {
    const text = apple({ ...base, authentication: { kind: 'psk', secret: 'tiger' } });
    const both = text.replace(
      '<key>SharedSecret',
      '<key>ExtendedAuthEnabled</key><true/><key>SharedSecret',
    );
    expect(readMobileConfig(both)).toMatchObject({
      ok: false,
      sentence: expect.stringMatching(/pre-shared key and the user by EAP/),
    });
  });

  it('is read with a byte order mark, and names the fields that it does not keep', () => {
    const text = apple(base).replace(
      '<key>RemoteAddress',
      '<key>IncludeAllNetworks</key><true/><key>RemoteAddress',
    );
    expect(readMobileConfig(`\uFEFF${text}`)).toMatchObject({
      ok: true,
      notes: ['left out, since it has no counterpart here: IncludeAllNetworks'],
    });
  });

  it('wants key and certificate inside', () => {
    const { pkcs12: _, ...without } = base;
    expect(writeMobileConfig(without, UUIDS)).toMatchObject({ ok: false });
  });

  it('offers the defaults for algorithms that are weak or unknown', () => {
    const weak = apple(base).replaceAll('AES-256-GCM', '3DES');
    expect(readMobileConfig(weak)).toMatchObject({
      profile: { ikeProposals: [], espProposals: [] },
      notes: [expect.stringMatching(/algorithms/)],
    });
  });

  it.each([
    ['text that is none', 'hello', 'neither a .sswan file'],
    ['a page of the web', '<html></html>', 'XML, but no property list'],
    ['a signed one', '0\x82\x01 <plist><dict/></plist>', 'openssl smime -verify'],
    ['a binary one', 'bplist00', 'plutil -convert xml1'],
    ['XML that is cut off', '<plist><dict><key>x</key><string>tiger', 'malformed XML'],
    ['tags that cross', '<plist><dict><key>tiger</dict></key></plist>', 'malformed XML'],
    ['entities', '<!DOCTYPE x [<!ENTITY a "b">]><plist><dict/></plist>', 'malformed XML'],
    ['another payload', '<plist><dict/></plist>', 'no VPN payload'],
    ['a list', '<plist><array/></plist>', 'no VPN payload'],
    ['bottomless nesting', `<plist>${'<array>'.repeat(50_000)}`, 'malformed'],
    ['too much', `<plist>${' '.repeat(1_100_000)}</plist>`, 'longer than'],
  ])('is refused in one quiet sentence: %s', (_what, text, why) => {
    const read = readMobileConfig(text);
    expect(read).toMatchObject({ ok: false, sentence: expect.stringContaining(why) });
    expect(JSON.stringify(read)).not.toContain('tiger');
    expect(printed).not.toHaveBeenCalled();
  });

  it('never throws on damage, and prints nothing about it', () => {
    const text = apple(base);
    fc.assert(
      fc.property(fc.nat(text.length - 1), fc.string({ maxLength: 8 }), (at, patch) => {
        readMobileConfig(text.slice(0, at) + patch + text.slice(at + patch.length));
      }),
    );
    expect(printed).not.toHaveBeenCalled();
  });
});

describe('both readers', () => {
  it('never throw', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
        expect(readSswan(text).ok).toBe(false);
        expect(readMobileConfig(text).ok).toBe(false);
      }),
    );
  });

  it('name the field that is wrong, and not what stands in it', () => {
    const bad = JSON.parse(textOf(writeSswan(base)));
    const read = readSswan(JSON.stringify({ ...bad, local: { id: ['tiger'], p12: '%%tiger' } }));
    expect(read).toEqual({
      ok: false,
      sentence:
        'The profile is malformed: local.id is not one line of text; local.p12 is not Base64.',
    });
  });

  it('take no line break into a configuration', () => {
    const bad = JSON.parse(textOf(writeSswan(base)));
    const read = readSswan(JSON.stringify({ ...bad, name: 'x\n}\nsecrets {' }));
    expect(read.ok).toBe(false);
  });
});

describe('swanctl.conf of a profile', () => {
  it('quotes what is not harmless, and keeps secrets whole', () => {
    const text = swanctlText(
      {
        ...base,
        name: 'At home {1}',
        localId: 'C=CH, CN="x"',
        authentication: { kind: 'psk', secret: '0x\\ "ü' },
        caCertificates: [],
      },
      { caCertificates: [] },
    );
    expect(text).toContain('At-home-1 {');
    expect(text).toContain('id = "C=CH, CN=\\"x\\""');
    expect(text).toContain('secret = 0x30785c2022c3bc');
  });

  it.each([
    [['aes256-sha256-modp2048'], ['aes256gcm16'], false],
    [['aes128-sha1-modp2048'], ['aes256gcm16'], true],
    [['aes256-sha256-modp2048'], ['aes256gcm16', '3DES-sha256'], true],
    [['aes256-sha256-modp1024'], [], true],
  ])('says that weak algorithms are wanted where they are: %j and %j', (ike, esp, isLegacy) => {
    const profile = { ...base, ikeProposals: ike, espProposals: esp };
    const text = swanctlText(profile, { caCertificates: [] });
    expect(text.includes('legacy = yes')).toBe(isLegacy);
  });
});

describe('a QR code', () => {
  it('is square, and says when the text is too long', () => {
    const code = qrCode(textOf(writeSswan(base)));
    const lines = code.ok ? code.lines.split('\n') : [];
    expect(lines.length * 2).toBeGreaterThan(lines[0]?.length ?? Number.POSITIVE_INFINITY);
    expect(qrCode('x'.repeat(2953)).ok).toBe(true);
    expect(qrCode('ü'.repeat(1477))).toMatchObject({
      sentence: expect.stringContaining('2954 bytes, and a QR code takes 2953'),
    });
  });
});
