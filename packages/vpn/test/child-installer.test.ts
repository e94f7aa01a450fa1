import { Encr, Integ, KeyMaterial } from '@ipsec-kit/crypto';
import { createNodeProvider } from '@ipsec-kit/crypto/node';
import type { ChildInstallation } from '@ipsec-kit/ikev2';
import { formatPrefix, parseAddress, parseSelector } from '@ipsec-kit/ip';
import type { SaPair } from '@ipsec-kit/ipsec';
import type { TunSettings } from '@ipsec-kit/tun-adapter';
import { describe, expect, it } from 'vitest';
import { createChildInstaller } from '../src/child-installer.ts';
import { saPairFor } from '../src/sa-pair-for.ts';
import { createTunConfigurator } from '../src/tun-configurator.ts';

const crypto = createNodeProvider();
const address = parseAddress('192.0.2.1');
const virtual = parseAddress('10.88.0.1');
const own = parseSelector('10.88.0.1');
const far = parseSelector('10.77.0.0/16');
if (!address || !virtual || !own || !far) throw new Error('a test value cannot be parsed');
const keys = (): ChildInstallation['inboundKeys'] => ({
  encryption: new KeyMaterial(new Uint8Array(36).fill(7)),
  integrity: new KeyMaterial(new Uint8Array()),
});

const child = (childId: number): ChildInstallation => ({
  sessionId: 1,
  childId,
  connection: 'home',
  config: {
    name: 'net',
    proposals: [],
    localSelectors: [],
    remoteSelectors: [],
    replayWindowPackets: 128,
  },
  limits: { hardBytes: 1000 },
  suite: { encryption: Encr.ENCR_AES_GCM_16, keyBits: 256, integrity: Integ.NONE },
  inboundSpi: 0x100 + childId,
  outboundSpi: 0x200 + childId,
  inboundKeys: keys(),
  outboundKeys: keys(),
  localSelectors: [own],
  remoteSelectors: [far],
  path: { local: { address, port: 4500 }, remote: { address, port: 4500 } },
  mode: 'tunnel',
  esn: false,
  peerTakesTfc: true,
  outboundActive: true,
  virtualAddresses: [virtual],
  dns: [],
});

function bench(
  configure: (settings: TunSettings) => Promise<void> = async () => undefined,
  standing: () => Promise<void> | undefined = () => undefined,
) {
  const pairs = new Map<number, SaPair>();
  const asked: TunSettings[] = [];
  const warnings: string[] = [];
  const moves: number[] = [];
  const mtus: string[] = [];
  const reserved = new Set<number>();
  const installer = createChildInstaller({
    crypto,
    packetPath: {
      install(pair) {
        if (pairs.has(pair.id)) throw new Error('installed already');
        pairs.set(pair.id, pair);
        return standing();
      },
      activateOutbound: (id) => moves.push(id),
      deactivateOutbound: (id) => moves.push(id),
      movePeer: (id) => moves.push(id),
      changeInnerMtu: (id, innerMtu) => mtus.push(`${id}: ${innerMtu}`),
      remove: (id) => pairs.delete(id),
      reserveSpi: (spi) => reserved.add(spi),
      releaseSpi: (spi) => reserved.delete(spi),
    },
    tun: createTunConfigurator(
      {
        configure(settings) {
          asked.push(settings);
          return configure(settings);
        },
      },
      () => undefined,
    ),
    onWarning: (sentence) => warnings.push(sentence),
  });
  return { installer, pairs, asked, warnings, moves, mtus, reserved };
}

describe('the installation of a Child SA', () => {
  it('hands the packet engine a pair with keys, selectors, limits and an inner MTU', () => {
    const pair = saPairFor(child(3), crypto);
    expect(pair).toMatchObject({
      id: 3,
      inbound: { spi: 0x103 },
      outbound: { spi: 0x203 },
      replayWindowPackets: 128,
      limits: { hardBytes: 1000 },
      innerMtu: 1400,
      outboundActive: true,
    });
    expect(saPairFor(child(3), crypto, 1450).innerMtu).toBe(1438);
  });

  it('keeps TCP to what nearly every path carries while nothing is known of this one (RFC 2923)', () => {
    expect(saPairFor(child(3), crypto)).toMatchObject({ innerMtu: 1400, tcpMtu: 1218 });
    expect(saPairFor(child(3), crypto, 1400, 1500)).toMatchObject({ innerMtu: 1400, tcpMtu: 1400 });
    expect(saPairFor(child(3), crypto, 1400, 1300)).toMatchObject({ innerMtu: 1238, tcpMtu: 1238 });
  });

  it('is brought to what the path of its session carries', () => {
    const { installer, mtus } = bench();
    installer.install(child(1));
    installer.install({ ...child(2), sessionId: 9 });
    expect(installer.probeBytes(1, 1500)).toBe(1438);
    installer.changeOuterMtu(1, 1500);
    installer.changeOuterMtu(1, 1500);
    installer.changeOuterMtu(1, 1300);
    expect(mtus).toEqual(['1: 1400', '1: 1238']);
    expect(installer.probeBytes(3, 1500)).toBeUndefined();
  });

  it('hands it the mode, and in transport mode the addresses of the headers and a larger inner MTU', () => {
    if (!address || !virtual) throw new Error('a test value cannot be parsed');
    const transportAddresses = { local: address, remote: virtual };
    const pair = saPairFor({ ...child(3), mode: 'transport', transportAddresses }, crypto, 1500);
    expect(pair).toMatchObject({ mode: 'transport', transportAddresses, innerMtu: 1458 });
    expect(saPairFor(child(3), crypto).mode).toBe('tunnel');
  });

  it('hands it what was agreed on sequence numbers and padding, and what is wanted of the outer header', () => {
    const plain = saPairFor(child(3), crypto);
    expect(plain).toMatchObject({ esn: false });
    expect(plain).not.toHaveProperty('tfcPadding');
    expect(plain).not.toHaveProperty('copyDscp');
    const config = { ...child(3).config, tfcPaddingBytes: 1200, copyDscp: false };
    expect(saPairFor({ ...child(3), config, esn: true }, crypto)).toMatchObject({
      esn: true,
      tfcPadding: { minimumBytes: 1200 },
      copyDscp: false,
    });
  });

  it('pads nothing for a peer that takes none, and says so (RFC 7296 §1.3.1)', () => {
    const { installer, pairs, warnings } = bench();
    const config = { ...child(3).config, tfcPaddingBytes: 1200 };
    installer.install({ ...child(3), config, peerTakesTfc: false });
    expect(pairs.get(3)).not.toHaveProperty('tfcPadding');
    expect(warnings).toEqual([
      'Packets of Child SA net show their size: the peer takes no padding',
    ]);
  });

  it('is acknowledged when the device stands, not before', async () => {
    let stand: () => void = () => undefined;
    const { installer, pairs } = bench(
      () =>
        new Promise((resolve) => {
          stand = resolve;
        }),
    );
    const answer = installer.install(child(1));
    expect(answer).toBeInstanceOf(Promise);
    expect(pairs.has(1)).toBe(true);
    stand();
    expect(await answer).toEqual({ kind: 'install-child', ok: true });
  });

  it('is acknowledged at once when the device needs no change', async () => {
    const { installer, asked } = bench();
    await installer.install(child(1));
    expect(installer.install(child(2))).toEqual({ kind: 'install-child', ok: true });
    expect(asked).toHaveLength(1);
  });

  it('is undone and refused when the device cannot be set up', async () => {
    const { installer, pairs } = bench(() => Promise.reject(new Error('no route for you')));
    expect(await installer.install(child(1))).toEqual({
      kind: 'install-child',
      ok: false,
      reason: 'no route for you',
    });
    expect(pairs.size).toBe(0);
    expect(installer.children.size).toBe(0);
  });

  it('is refused when the packet path does not take it, and leaves the one that stands', async () => {
    const { installer, pairs } = bench();
    await installer.install(child(1));
    expect(await installer.install(child(1))).toMatchObject({ ok: false });
    expect(pairs.has(1)).toBe(true);
  });

  it('keeps no key', async () => {
    const { installer } = bench();
    await installer.install(child(1));
    expect(Object.keys(installer.children.get(1) ?? {}).join()).not.toMatch(/key/i);
  });

  it('takes its routes and addresses away when it goes', async () => {
    const { installer, pairs, asked } = bench();
    await installer.install(child(1));
    expect(asked.at(-1)?.routes.map(formatPrefix)).toEqual(['10.77.0.0/16']);
    installer.remove(1);
    installer.remove(1);
    expect(pairs.size).toBe(0);
    await Promise.resolve();
    expect(asked).toHaveLength(2);
    expect(asked.at(-1)).toMatchObject({ routes: [], addresses: [] });
  });

  it('leaves the device alone when another takes its place in the same turn', async () => {
    const { installer, asked } = bench();
    await installer.install(child(1));
    installer.remove(1);
    await installer.install(child(2));
    await Promise.resolve();
    expect(asked).toHaveLength(1);
  });

  it('warns in one sentence when the device cannot be cleaned up', async () => {
    let count = 0;
    const { installer, warnings } = bench(async () => {
      count += 1;
      if (count > 1) throw new Error('busy');
    });
    await installer.install(child(1));
    installer.remove(1);
    await new Promise((resolve) => setImmediate(resolve));
    expect(warnings).toEqual(['The TUN device could not be brought up to date: busy']);
  });

  it('moves, activates and deactivates only what stands', async () => {
    const { installer, moves } = bench();
    await installer.install(child(1));
    const { path } = child(1);
    installer.move(1, path);
    installer.activate(1);
    installer.move(2, path);
    installer.activate(2);
    installer.deactivate(1);
    installer.deactivate(2);
    expect(moves).toEqual([1, 1, 1]);
  });

  it('waits until the packet path has it, where that is another thread', async () => {
    let stand: () => void = () => undefined;
    const { installer } = bench(undefined, () => new Promise((resolve) => (stand = resolve)));
    let answer: unknown;
    const answered = Promise.resolve(installer.install(child(3))).then((one) => (answer = one));
    await new Promise((resolve) => setImmediate(resolve));
    expect(answer).toBeUndefined();
    stand();
    expect(await answered).toEqual({ kind: 'install-child', ok: true });
  });

  it('is refused with the reason of the packet path, and nothing stays', async () => {
    const { installer, pairs } = bench(undefined, () => Promise.reject(new Error('no memory')));
    const answer = await installer.install(child(3));
    expect(answer).toEqual({ kind: 'install-child', ok: false, reason: 'no memory' });
    expect(installer.children.size).toBe(0);
    expect(pairs.size).toBe(0);
  });
});
