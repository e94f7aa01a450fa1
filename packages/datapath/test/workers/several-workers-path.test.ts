import { Encr, Integ, KeyMaterial } from '@ipsec-kit/crypto';
import { loopbackAddress, type Path, parseSelector } from '@ipsec-kit/ip';
import type { SaPair } from '@ipsec-kit/ipsec';
import { describe, expect, it } from 'vitest';
import type { PacketPath } from '../../src/index.ts';
import type { WorkerPath } from '../../src/worker/worker-path.ts';
import { createSeveralWorkersPath } from '../../src/workers/several-workers-path.ts';

const selector = parseSelector('10.0.0.0/8');
if (!selector) throw new Error('a test value cannot be parsed');
const address = loopbackAddress(4);
const way: Path = { local: { address, port: 4500 }, remote: { address, port: 4500 } };
const tick = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function pair(id: number, spi: number): SaPair {
  const half = (own: number): SaPair['inbound'] => ({
    spi: own,
    encryptionKey: new KeyMaterial(new Uint8Array(36)),
    integrityKey: new KeyMaterial(new Uint8Array()),
  });
  if (!selector) throw new Error('no selector');
  return {
    id,
    suite: { encryption: Encr.ENCR_AES_GCM_16, keyBits: 256, integrity: Integ.NONE },
    inbound: half(spi),
    outbound: half(0x9000 + id),
    localSelectors: [selector],
    remoteSelectors: [selector],
    path: way,
    replayWindowPackets: 64,
    limits: {},
    innerMtu: 1400,
    outboundActive: false,
  };
}

/** Three workers that write down what they are told; what they answer waits until it is let go. */
function threeWorkers() {
  const told: string[] = [];
  const waiting: (() => void)[] = [];
  const refusing = new Set<number>();
  const workers = [0, 1, 2].map((worker): WorkerPath => {
    const note = (what: string): void => {
      told.push(`${worker} ${what}`);
    };
    const answered = (what: string): Promise<void> => {
      note(what);
      if (refusing.has(worker)) return Promise.reject(new Error('no room for a key'));
      return new Promise((resolve) => waiting.push(resolve));
    };
    const counters = { inPackets: worker, inBytes: 0, outPackets: 10, outBytes: 0 };
    const path: Partial<PacketPath> = {
      install: ({ id }) => answered(`install ${id}`),
      activateOutbound: (id) => note(`activate ${id}`),
      deactivateOutbound: (id) => note(`deactivate ${id}`),
      remove: (id) => note(`remove ${id}`),
      movePeer: (id) => note(`move ${id}`),
      changeInnerMtu: (id) => note(`mtu ${id}`),
      sendDummy: (id) => note(`dummy ${id}`),
      askForSource: (id) => note(`ask ${id}`),
      reserveSpi: (spi) => note(`reserve ${spi}`),
      releaseSpi: (spi) => note(`release ${spi}`),
      installTrap: ({ id }) => note(`trap ${id}`),
      sendIke: (message) => note(`ike ${message[0]}`),
      pairCounters: () => ({ ...counters, replayedPackets: worker }),
      engineCounters: () => ({
        ...counters,
        ...{ strangeEcnPackets: 0, heldPackets: 1, heldBytes: 100 },
        drops: { replayed: worker },
      }),
    };
    return {
      path: path as PacketPath,
      installElsewhere: ({ id, owner }) => answered(`elsewhere ${id} at ${owner}`),
      sync: () => answered('sync'),
      note: () => undefined,
    };
  });
  const path = createSeveralWorkersPath(workers, (worker) => ({
    handedOver: worker * 7,
    handoverDrops: worker,
  }));
  return {
    path,
    refusing,
    /** What was told since the last time. */
    said: (): string[] => told.splice(0),
    async letGo(): Promise<void> {
      for (const resolve of waiting.splice(0)) resolve();
      await tick();
    },
  };
}

describe('several workers as one packet path', () => {
  it('give a pair to the worker of its SPI, and tell all others where it is', async () => {
    const { path, said, letGo } = threeWorkers();
    const done = path.install(pair(5, 301));
    expect(said()).toEqual(['0 elsewhere 5 at 1', '1 install 5', '2 elsewhere 5 at 1']);
    let stands = false;
    void Promise.resolve(done).then(() => {
      stands = true;
    });
    await tick();
    expect(stands).toBe(false);
    await letGo();
    expect(stands).toBe(true);
    path.activateOutbound(5);
    path.deactivateOutbound(5);
    expect(said()).toEqual([
      ...['0 activate 5', '1 activate 5', '2 activate 5'],
      ...['0 deactivate 5', '1 deactivate 5', '2 deactivate 5'],
    ]);
    path.movePeer(5, way);
    path.changeInnerMtu(5, 1300);
    path.sendDummy(5, 0);
    path.askForSource(5);
    path.reserveSpi(302);
    path.releaseSpi(302);
    expect(said()).toEqual([
      '1 move 5',
      '1 mtu 5',
      '1 dummy 5',
      '1 ask 5',
      '2 reserve 302',
      '2 release 302',
    ]);
    expect(path.pairCounters(5)?.replayedPackets).toBe(1);
    path.installTrap({ id: 1, localSelectors: [], remoteSelectors: [] });
    expect(said()).toEqual(['0 trap 1', '1 trap 1', '2 trap 1']);
    path.remove(5);
    path.remove(5);
    expect(said()).toEqual(['0 remove 5', '1 remove 5', '2 remove 5']);
    expect(path.pairCounters(5)).toBeUndefined();
  });

  it('take a pair back everywhere when its worker refuses it, and leave one alone that stands', async () => {
    const { path, said, letGo, refusing } = threeWorkers();
    refusing.add(1);
    const failed = path.install(pair(5, 301));
    await expect(failed).rejects.toThrow('no room for a key');
    expect(said().slice(3)).toEqual(['0 remove 5', '1 remove 5', '2 remove 5']);
    refusing.clear();
    const stands = path.install(pair(6, 300));
    await letGo();
    await stands;
    said();
    refusing.add(0);
    await expect(path.install(pair(6, 300))).rejects.toThrow('no room for a key');
    expect(said()).toEqual(['0 install 6']);
  });

  it('send IKE behind what was commanded before, whoever has to obey it, and in its order', async () => {
    const { path, said, letGo } = threeWorkers();
    const ike = (number: number): void => path.sendIke(Uint8Array.of(number), way, true);
    ike(1);
    expect(said()).toEqual(['0 ike 1']);
    const stands = path.install(pair(5, 301));
    await letGo();
    await stands;
    said();
    path.deactivateOutbound(5);
    said();
    ike(2);
    path.movePeer(5, way);
    ike(3);
    await tick();
    expect(said()).toEqual(['1 sync', '2 sync', '1 move 5', '1 sync']);
    await letGo();
    await tick();
    expect(said()).toEqual(['0 ike 2', '0 ike 3']);
    ike(4);
    expect(said()).toEqual(['0 ike 4']);
  });

  it('count as one, and each by itself', async () => {
    const { path, letGo } = threeWorkers();
    const stands = path.install(pair(5, 302));
    await letGo();
    await stands;
    expect(path.engineCounters()).toMatchObject({
      inPackets: 3,
      outPackets: 30,
      heldPackets: 3,
      drops: { replayed: 3, 'handover-full': 3 },
    });
    expect(path.workers?.()).toEqual([
      { pairs: 0, inPackets: 0, outPackets: 10, handedOver: 0, handoverDrops: 0 },
      { pairs: 0, inPackets: 1, outPackets: 10, handedOver: 7, handoverDrops: 1 },
      { pairs: 1, inPackets: 2, outPackets: 10, handedOver: 14, handoverDrops: 2 },
    ]);
  });
});
