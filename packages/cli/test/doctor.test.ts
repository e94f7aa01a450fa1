import { createSocket, type Socket } from 'node:dgram';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createNodeProvider, systemRandom } from '@ipsec-kit/crypto/node';
import { decodeMessage, encodeMessage, NotifyType, notify } from '@ipsec-kit/ikev2-codec';
import { parseEndpoint } from '@ipsec-kit/ip';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { checkHost } from '../src/doctor/check-host.ts';
import { findingsText } from '../src/doctor/finding.ts';
import { probePeer } from '../src/doctor/probe-peer.ts';
import { runDoctor } from '../src/doctor/run-doctor.ts';
import { runPki } from '../src/pki/run-pki.ts';

const NOW = Date.UTC(2026, 10, 21, 8);
const DAY = 86_400_000;

let dir: string;
let sockets: Socket[];
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'ipsec-kit-doctor-'));
  sockets = [];
});
afterEach(() => {
  for (const socket of sockets) socket.close();
  rmSync(dir, { recursive: true, force: true });
});

function file(content: string): string {
  const path = join(dir, 'x.conf');
  writeFileSync(path, content);
  return path;
}

async function diagnose(content: string, nowMs = NOW): Promise<string> {
  const findings = await runDoctor({ config: file(content), probe: false }, nowMs);
  return findingsText(findings);
}

const office = (more = '', secret = 'a secret of more than 16 bytes'): string => `
connections { office {
  ${more}
  local { auth = psk
    id = vpn.example.org }
  remote { auth = psk
    id = anna@example.org }
  children { net { local_ts = 10.77.0.0/16 } }
} }
secrets { ike { secret = "${secret}" } }`;

describe('doctor, reading a configuration', () => {
  it('says what is offered, to whom, and for which traffic', async () => {
    const text = await diagnose(office('proposals = aes128gcm16-prfsha256-x25519'));
    expect(text).toContain(
      'this side is vpn.example.org and proves it with a pre-shared key, the peer anna@example.org with a pre-shared key',
    );
    expect(text).toContain('IKE proposal: AES_GCM_16_128, PRF_HMAC_SHA2_256, CURVE_25519');
    expect(text).toContain('child net, tunnel: 10.77.0.0/16 === its own address');
    expect(text).toContain('no weak algorithm is offered');
    expect(text).not.toContain('a secret of');
  });

  it('warns of weak algorithms and of short secrets, and shows none', async () => {
    const text = await diagnose(
      office('legacy = yes\n  proposals = aes128-sha1-modp2048', 'tiger'),
    );
    expect(text).toMatch(/warning HMAC_SHA1_96 is SHA-1/);
    expect(text).toMatch(/warning the pre-shared key has 5 bytes/);
    expect(text).not.toContain('tiger');
  });

  it('warns of post-quantum pre-shared keys that are short (RFC 8784 §6)', async () => {
    const withKey = (key: string): string =>
      office('ppk_id = carol').replace(
        'secrets {',
        `secrets { ppk { id = carol\n secret = ${key} }`,
      );
    const short = await diagnose(withKey('panther'));
    expect(short).toMatch(/a post-quantum pre-shared key is used where the peer has one/);
    expect(short).toMatch(/warning a post-quantum pre-shared key has 7 bytes/);
    expect(short).not.toContain('panther');
    const long = await diagnose(withKey(`0s${Buffer.alloc(32, 5).toString('base64')}`));
    expect(long).not.toMatch(/pre-shared key has/);
  });

  it('misses the secret of the two identities', async () => {
    const text = await diagnose(
      office().replace('secrets { ike {', 'secrets { ike { id = other\n'),
    );
    expect(text).toMatch(/ERROR +there is no pre-shared key for these two identities/);
  });

  it('repeats what the loader refuses, with its line', async () => {
    const text = await diagnose(office('propsals = default'));
    expect(text).toMatch(/ERROR .*x\.conf:3:3: connections\.office\.propsals.*proposals/);
    expect(text).toMatch(/things? stands? in the way/);
  });

  it('knows no connection of another name', async () => {
    const args = { config: file(office()), connection: 'home', probe: false };
    const findings = await runDoctor(args, NOW);
    expect(findings).toContainEqual(
      expect.objectContaining({ level: 'error', advice: 'there is: office' }),
    );
  });
});

describe('doctor, looking at certificates (RFC 4945 §3.1)', () => {
  const certified = (id: string, key = 'vpn.example.org.key.pem'): string => `
connections { home {
  local { auth = pubkey
    certs = vpn.example.org.cert.pem
    id = ${id} }
  remote { auth = pubkey
    cacerts = ca.cert.pem }
  children { net { } }
} }
secrets { private { file = ${key} } }`;
  const make = async (): Promise<void> => {
    const common = { dir, key: 'ecdsa', san: [] } as const;
    await runPki({ action: 'ca', args: { ...common, name: 'CA', days: 3650 } }, NOW);
    for (const name of ['vpn.example.org', 'other.example.org']) {
      await runPki({ action: 'server', args: { ...common, name, days: 100 } }, NOW);
    }
  };

  it('finds key, name, chain and dates in order', async () => {
    await make();
    const text = await diagnose(certified('vpn.example.org'));
    expect(text).toContain('ok      vpn.example.org.cert.pem is valid until 2027-03-01');
    expect(text).toContain('ok      vpn.example.org.cert.pem is for vpn.example.org');
    expect(text).toContain('ok      a chain leads from vpn.example.org.cert.pem');
    expect(text).toContain('ok      there is the private key of vpn.example.org.cert.pem');
  });

  it.each([
    [
      'a name that is not in it',
      'gw.example.org',
      undefined,
      0,
      'is not for gw.example.org: it is for vpn.example.org',
    ],
    [
      'the key of another',
      'vpn.example.org',
      'other.example.org.key.pem',
      0,
      'no private key fits',
    ],
    ['a key file that is none', 'vpn.example.org', 'x.conf', 0, 'holds no private key'],
    [
      'a key file that is not there',
      'vpn.example.org',
      'nowhere.pem',
      0,
      'nowhere.pem: there is no such file',
    ],
    ['its end', 'vpn.example.org', undefined, 101 * DAY, 'has expired on 2027-03-01'],
    ['its end to come', 'vpn.example.org', undefined, 90 * DAY, 'expires on 2027-03-01'],
    [
      'a clock that is wrong',
      'vpn.example.org',
      undefined,
      -DAY,
      'is valid from 2026-11-21 on only',
    ],
  ])('finds %s', async (_what, id, key, laterMs, sentence) => {
    await make();
    expect(await diagnose(certified(id, key), NOW + laterMs)).toContain(sentence);
  });
});

describe('doctor, asking a peer (RFC 7296 §1.2)', () => {
  const peer = (answer: (request: Uint8Array) => Uint8Array | undefined): Promise<number> =>
    new Promise((resolve) => {
      const socket = createSocket('udp4');
      sockets.push(socket);
      socket.on('message', (request, { port, address }) => {
        const bytes = answer(Uint8Array.from(request));
        if (bytes) socket.send(bytes, port, address);
      });
      socket.bind(0, '127.0.0.1', () => resolve(socket.address().port));
    });
  const probe = (port: number, marker: boolean) => {
    const remote = parseEndpoint(`127.0.0.1:${port}`);
    if (!remote) throw new Error('no endpoint');
    return probePeer({ remote, marker, proposals: [] }, createNodeProvider(), systemRandom());
  };
  const refusal = (request: Uint8Array): Uint8Array => {
    const decoded = decodeMessage(request);
    if (!decoded.ok) throw new Error(decoded.error.detail);
    const { header } = decoded.value;
    return encodeMessage({
      header: { ...header, isInitiator: false, isResponse: true },
      payloads: [notify(NotifyType.NO_PROPOSAL_CHOSEN)],
    });
  };

  it('hears a refusal, with and without the non-ESP marker (RFC 3948 §2.2)', async () => {
    const plain = await peer(refusal);
    expect(await probe(plain, false)).toMatchObject({
      kind: 'answered',
      notify: 'NO_PROPOSAL_CHOSEN',
    });
    const marked = await peer((request) => {
      if (request.subarray(0, 4).some((byte) => byte !== 0)) return undefined;
      return Uint8Array.of(0, 0, 0, 0, ...refusal(request.slice(4)));
    });
    expect(await probe(marked, true)).toMatchObject({
      kind: 'answered',
      notify: 'NO_PROPOSAL_CHOSEN',
    });
  });

  it('takes nothing but an answer to its own request, and asks again', async () => {
    let requests = 0;
    const port = await peer((request) => {
      requests += 1;
      if (requests === 1) return Uint8Array.of(1, 2, 3);
      return refusal(request);
    });
    expect(await probe(port, false)).toMatchObject({ kind: 'answered' });
    expect(requests).toBe(2);
  });

  it('hears that nobody listens', async () => {
    const port = await peer(() => undefined);
    sockets.pop()?.close();
    expect(await probe(port, false)).toEqual({ kind: 'unreachable', code: 'ECONNREFUSED' });
  });
});

describe('doctor, looking at this host', () => {
  it('names the process that has a port', async () => {
    const socket = createSocket('udp4');
    sockets.push(socket);
    await new Promise<void>((resolve) => socket.bind(0, () => resolve()));
    const { port } = socket.address();
    const findings = await checkHost({ ports: [port], answers: true });
    const sentence = findings.find((one) => one.sentence.includes(`UDP port ${port}`))?.sentence;
    expect(sentence).toMatch(new RegExp(`is in use by .* \\(process ${process.pid}\\)`));
  });
});
