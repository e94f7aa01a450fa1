import { createSeededRandom, Encr, Integ, KeyMaterial } from '@ipsec-kit/crypto';
import { createNodeProvider } from '@ipsec-kit/crypto/node';
import { buildIcmpEcho, loopbackAddress, parseAddress, parseSelector } from '@ipsec-kit/ip';
import type { SaPair } from '@ipsec-kit/ipsec';
import { createMemoryTun } from '@ipsec-kit/tun-adapter/memory';
import type { UdpAdapter } from '@ipsec-kit/udp-adapter';
import { createMemoryNetwork } from '@ipsec-kit/udp-adapter/memory';
import { describe, expect, it } from 'vitest';
import { createInlinePath, type PathFact } from '../src/index.ts';

const near = parseAddress('10.0.0.1');
const far = parseAddress('10.0.0.2');
const nearSelector = parseSelector('10.0.0.1');
const farSelector = parseSelector('10.0.0.2');
if (!near || !far || !nearSelector || !farSelector) throw new Error('a test value is wrong');
const echo = buildIcmpEcho({
  kind: 'request',
  source: near,
  destination: far,
  identifier: 1,
  sequence: 1,
  data: new Uint8Array(8),
});

/** A path to itself: what it seals comes back and is opened by the same pair. */
function bench(parts: Pick<UdpAdapter, 'takeRefused'> = {}) {
  let nowMs = 0;
  const endpoint = { address: loopbackAddress(4), port: 4500 };
  const facts: PathFact[] = [];
  const tun = createMemoryTun({ mtu: 1500 });
  let isReturned = false;
  const path = createInlinePath({
    tun,
    udp: {
      ...createMemoryNetwork({ delivery: 'at-once', lose: () => !isReturned }).bind([endpoint]),
      ...parts,
    },
    crypto: createNodeProvider(),
    random: createSeededRandom('inline'),
    nowMs: () => nowMs,
    isMarkedPort: () => true,
    onIke: () => undefined,
    onFacts: (more) => facts.push(...more),
  });
  const half = {
    spi: 0x1111,
    encryptionKey: new KeyMaterial(new Uint8Array(36)),
    integrityKey: new KeyMaterial(new Uint8Array()),
  };
  const pair: SaPair = {
    id: 1,
    suite: { encryption: Encr.ENCR_AES_GCM_16, keyBits: 256, integrity: Integ.NONE },
    inbound: half,
    outbound: half,
    localSelectors: [nearSelector, farSelector].flatMap((one) => one ?? []),
    remoteSelectors: [farSelector, nearSelector].flatMap((one) => one ?? []),
    path: { local: endpoint, remote: endpoint },
    replayWindowPackets: 64,
    limits: {},
    innerMtu: 1300,
    outboundActive: true,
  };
  path.install(pair);
  return {
    path,
    unsendable: () => facts.filter(({ kind }) => kind === 'send-failed'),
    resumed: () => facts.filter(({ kind }) => kind === 'outbound-resumed').length,
    send: () => tun.inject(echo),
    answer(isAnswered: boolean) {
      isReturned = isAnswered;
    },
    pass(ms: number) {
      nowMs += ms;
    },
  };
}

describe('a path in the thread of the caller', () => {
  it('tells when packets passed, and not when it was asked', () => {
    const { path, send, answer, pass } = bench();
    expect(path.pairActivity(1)).toEqual({});
    send();
    pass(300);
    expect(path.pairActivity(1)).toEqual({ lastOutboundAgoMs: 300 });
    pass(700);
    answer(true);
    send();
    pass(5_000);
    expect(path.pairActivity(1)).toEqual({ lastInboundAgoMs: 5_000, lastOutboundAgoMs: 5_000 });
    path.remove(1);
    expect(path.pairActivity(1)).toBeUndefined();
  });

  it('tells where the system refuses to send ESP, at intervals and not of each packet, and only for lack of a way', () => {
    const endpoint = { address: loopbackAddress(4), port: 4500 };
    const way = { local: endpoint, remote: endpoint };
    let code = 'EHOSTUNREACH';
    const { send, pass, unsendable } = bench({ takeRefused: () => ({ ...way, code }) });
    for (let i = 0; i < 400; i += 1) {
      send();
      pass(1);
    }
    expect(unsendable()[0]).toEqual({ kind: 'send-failed', path: way });
    expect(unsendable().length).toBeGreaterThan(10);
    expect(unsendable().length).toBeLessThanOrEqual(20);
    code = 'EMSGSIZE';
    const before = unsendable().length;
    pass(20);
    send();
    expect(unsendable()).toHaveLength(before);
  });

  it('is exact to 20 ms while packets pass all the time', () => {
    const { path, send, pass } = bench();
    for (let i = 0; i < 1_000; i += 1) {
      pass(3);
      send();
    }
    pass(100);
    const { lastOutboundAgoMs = 0 } = path.pairActivity(1) ?? {};
    expect(lastOutboundAgoMs).toBeGreaterThanOrEqual(80);
    expect(lastOutboundAgoMs).toBeLessThanOrEqual(120);
  });

  it('tells the first outbound packet after a second of silence, once', () => {
    const { resumed, send, pass } = bench();
    send();
    expect(resumed()).toBe(1);
    for (let i = 0; i < 50; i += 1) {
      pass(900);
      send();
    }
    expect(resumed()).toBe(1);
    pass(1_000);
    send();
    send();
    expect(resumed()).toBe(2);
  });

  it('counts a dummy packet as outbound: it renews a mapping (RFC 4303 §2.6)', () => {
    const { path, pass } = bench();
    path.sendDummy(1, 0);
    pass(10);
    expect(path.pairActivity(1)).toEqual({ lastOutboundAgoMs: 10 });
  });
});
