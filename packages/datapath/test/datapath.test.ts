import {
  type Endpoint,
  loopbackAddress,
  type PacketBatch,
  type Path,
  writePackedPath,
  writeUint32,
} from '@ipsec-kit/ip';
import type { Fact, PacketEngine } from '@ipsec-kit/ipsec';
import { createMemoryTun, type MemoryTun } from '@ipsec-kit/tun-adapter/memory';
import type { UdpAdapter } from '@ipsec-kit/udp-adapter';
import { createMemoryNetwork } from '@ipsec-kit/udp-adapter/memory';
import { beforeEach, describe, expect, it } from 'vitest';
import { createDatapath, type Datapath } from '../src/index.ts';

const address = loopbackAddress(4);
const at = (port: number): Endpoint => ({ address, port });
const alicePath: Path = { local: at(14500), remote: at(24500) };
const SPI = 0x01020304;

/** Eight bytes in front instead of ESP: what is tested here is the loop, not the engine. */
class HeaderEngine implements PacketEngine {
  readonly path: Path;
  facts: Fact[] = [];
  /** Inner packets of this length get an error back to the host. */
  tooBigLength = 1300;
  failure: Error | undefined;
  constructor(path: Path) {
    this.path = path;
  }
  outbound(batch: PacketBatch, toTun: PacketBatch): void {
    if (this.failure) throw this.failure;
    let kept = 0;
    for (let i = 0; i < batch.count; i += 1) {
      const offset = batch.offsets[i] ?? 0;
      const length = batch.lengths[i] ?? 0;
      if (length === this.tooBigLength) {
        const slot = toTun.count * toTun.slotBytes + toTun.headroom;
        toTun.memory.set([0xee], slot);
        toTun.offsets[toTun.count] = slot;
        toTun.lengths[toTun.count] = 1;
        toTun.count += 1;
        continue;
      }
      writeUint32(batch.memory, offset - 8, SPI);
      batch.offsets[kept] = offset - 8;
      batch.lengths[kept] = length + 8;
      writePackedPath(batch.paths, kept, this.path);
      kept += 1;
    }
    batch.count = kept;
  }
  inbound(batch: PacketBatch): void {
    if (this.failure) throw this.failure;
    for (let i = 0; i < batch.count; i += 1) {
      batch.offsets[i] = (batch.offsets[i] ?? 0) + 8;
      batch.lengths[i] = (batch.lengths[i] ?? 0) - 8;
    }
  }
  drainFacts(): readonly Fact[] {
    return this.facts.splice(0);
  }
  install(): void {}
  installElsewhere(): void {}
  activateOutbound(): void {}
  deactivateOutbound(): void {}
  reserveSpi(): void {}
  releaseSpi(): void {}
  takeReleased(): number {
    return 0;
  }
  installTrap(): void {}
  removeTrap(): void {}
  rearmTrap(): void {}
  takeHeld(): number {
    return 0;
  }
  movePeer(): void {}
  changeInnerMtu(): void {}
  askForSource(): void {}
  sealDummy(): boolean {
    return false;
  }
  sealProbe(): boolean {
    return false;
  }
  remove(): void {}
  counters(): ReturnType<PacketEngine['counters']> {
    const none = { inPackets: 0, inBytes: 0, outPackets: 0, outBytes: 0 };
    return { ...none, strangeEcnPackets: 0, heldPackets: 0, heldBytes: 0, drops: {} };
  }
  pairCounters(): undefined {
    return undefined;
  }
}

interface Side {
  readonly engine: HeaderEngine;
  readonly tun: MemoryTun;
  readonly udp: UdpAdapter;
  readonly datapath: Datapath;
  /** What happened, in order. */
  readonly log: string[];
  readonly written: Uint8Array[];
}

function side(udp: UdpAdapter, path: Path): Side {
  const engine = new HeaderEngine(path);
  const tun = createMemoryTun();
  const log: string[] = [];
  const written: Uint8Array[] = [];
  tun.onWritten((packet) => {
    log.push(`packet ${packet.length}`);
    written.push(packet);
  });
  const datapath = createDatapath({
    tun,
    udp,
    engine,
    isMarkedPort: (port) => port % 1000 === 500 && port > 10_000,
    onIke: (message, { local }, marker) => {
      log.push(`ike ${message.length} on ${local.port}${marker ? ' marked' : ''}`);
      if (message[0] === 0xbb) throw new Error('a defect');
    },
    onFacts: (facts) => log.push(...facts.map((fact) => `fact ${fact.kind}`)),
    onError: (error) => log.push(`error ${error.message}`),
  });
  return { engine, tun, udp, datapath, log, written };
}

describe('createDatapath', () => {
  let alice: Side;
  let bob: Side;
  const ikeMessage = (length = 28): Uint8Array => new Uint8Array(length).fill(0xaa);

  beforeEach(() => {
    const network = createMemoryNetwork({ delivery: 'at-once' });
    alice = side(network.bind([at(500), at(14500)]), alicePath);
    bob = side(network.bind([at(501), at(24500)]), {
      local: alicePath.remote,
      remote: alicePath.local,
    });
  });

  it('carries packets from one TUN to the other, in order and unchanged', () => {
    const packets = [1, 2, 3].map((n) => new Uint8Array(100 * n).fill(n));
    alice.tun.injectAll(packets);
    expect(bob.written).toEqual(packets);
    expect(bob.datapath.counters.espReceived).toBe(3);
  });

  it('carries more packets than a batch holds', () => {
    const packets = Array.from({ length: 300 }, (_, i) => new Uint8Array(20).fill(i));
    expect(alice.tun.injectAll(packets)).toBe(300);
    expect(bob.written).toEqual(packets);
  });

  it('sends IKE with the marker on port 4500 and hands it over without (RFC 3948 §2.2)', () => {
    alice.datapath.sendIke(ikeMessage(), alicePath, true);
    expect(bob.log).toEqual(['ike 28 on 24500 marked']);
    expect(bob.datapath.counters).toMatchObject({ ikeReceived: 1, espReceived: 0 });
  });

  it('hands over everything on port 500 as IKE without marker', () => {
    alice.datapath.sendIke(ikeMessage(40), { local: at(500), remote: at(501) }, false);
    alice.udp.sendOne(new Uint8Array(3), at(500), at(501));
    expect(bob.log).toEqual(['ike 40 on 501', 'ike 3 on 501']);
  });

  it('hands over IKE ahead of the ESP that came before it in the same batch', async () => {
    const network = createMemoryNetwork();
    const sender = network.bind([at(1)]);
    const receiver = side(network.bind([at(24500)]), alicePath);
    const esp = new Uint8Array(50);
    writeUint32(esp, 0, SPI);
    sender.sendOne(esp, at(1), at(24500));
    sender.sendOne(new Uint8Array(4 + 28), at(1), at(24500));
    await new Promise((resolve) => setImmediate(resolve));
    expect(receiver.log).toEqual(['ike 28 on 24500 marked', 'packet 42']);
  });

  it('drops NAT-keepalives, counts them and tells where they came from (RFC 3948 §2.3)', () => {
    alice.datapath.sendKeepalive(alicePath);
    alice.datapath.sendKeepalive({ local: at(500), remote: at(501) });
    expect(bob.log).toEqual(['fact keepalive-received', 'fact keepalive-received']);
    expect(bob.datapath.counters.keepalivesReceived).toBe(2);
    expect(alice.datapath.counters.keepalivesSent).toBe(2);
  });

  it('drops and counts what is too short to be anything', () => {
    for (const length of [0, 2, 7]) {
      alice.udp.sendOne(new Uint8Array(length), alicePath.local, alicePath.remote);
    }
    expect(bob.datapath.counters.malformed).toBe(3);
    expect(bob.log).toEqual([]);
  });

  it('keeps the paths with their packets when others are taken out between them', async () => {
    const seen: number[] = [];
    const network = createMemoryNetwork();
    const senders = [1, 2, 3].map((port) => network.bind([at(port)]));
    const receiver = side(network.bind([at(24500)]), alicePath);
    receiver.engine.inbound = (batch) => {
      for (let i = 0; i < batch.count; i += 1) seen.push(batch.paths[i * 36 + 35] ?? 0);
      batch.count = 0;
    };
    const esp = new Uint8Array(50).fill(1);
    senders[0]?.sendOne(esp, at(1), at(24500));
    senders[1]?.sendOne(Uint8Array.of(0xff), at(2), at(24500));
    senders[2]?.sendOne(esp, at(3), at(24500));
    await new Promise((resolve) => setImmediate(resolve));
    expect(seen).toEqual([1, 3]);
  });

  it('gives errors of the engine back to the host', () => {
    alice.tun.inject(new Uint8Array(1300));
    expect(alice.written).toEqual([Uint8Array.of(0xee)]);
    expect(bob.written).toEqual([]);
    expect(alice.datapath.counters.errorsToHost).toBe(1);
  });

  it('tells what the engine noticed after the batch', () => {
    bob.engine.facts.push({ kind: 'first-inbound', pairId: 1 });
    alice.engine.facts.push({ kind: 'soft-limit', pairId: 1 });
    alice.tun.inject(new Uint8Array(10));
    expect(bob.log).toEqual(['packet 10', 'fact first-inbound']);
    expect(alice.log).toEqual(['fact soft-limit']);
  });

  it('survives a handler that throws, counts it, and goes on with the next message', () => {
    alice.datapath.sendIke(new Uint8Array(28).fill(0xbb), alicePath, true);
    alice.datapath.sendIke(ikeMessage(), alicePath, true);
    expect(bob.log).toEqual(['ike 28 on 24500 marked', 'error a defect', 'ike 28 on 24500 marked']);
    expect(bob.datapath.counters.defects).toBe(1);
  });

  it('survives an engine that throws', () => {
    bob.engine.failure = new Error('broken');
    alice.tun.inject(new Uint8Array(10));
    bob.engine.failure = undefined;
    alice.tun.inject(new Uint8Array(20));
    expect(bob.log).toEqual(['error broken', 'packet 20']);
  });

  it('takes nothing more after it was stopped, and leaves the adapters open', () => {
    bob.datapath.stop();
    alice.tun.inject(new Uint8Array(10));
    expect(bob.log).toEqual([]);
    expect(bob.tun.isClosed).toBe(false);
  });
});
