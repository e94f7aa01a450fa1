import type { PacketEngine, SaPair } from '@ipsec-kit/ipsec';
import {
  clientPair,
  clientPath,
  engine,
  numbered,
  numberIn,
  open,
  packets,
  released,
  seal,
  serverPair,
  serverPath,
  taken,
} from './engine-fixture.ts';

/** One end of a tunnel, and the numbers that came out of it. */
export interface End {
  readonly name: 'client' | 'server';
  readonly engine: PacketEngine;
  readonly received: number[];
  sent: number;
}

export interface LinkOptions {
  /** Ticks that a message takes, drawn anew for each: packets overtake each other when it varies. */
  readonly delay: () => number;
  /** Inner packets that each end sends in a tick. */
  readonly packetsPerTick: number;
  readonly replayWindowPackets?: number;
}

/** Two engines that send numbered packets to each other in virtual time, and a control plane to be scripted. */
export class TwoEnds {
  readonly client: End = newEnd('client');
  readonly server: End = newEnd('server');
  readonly #options: LinkOptions;
  readonly #agenda = new Map<number, (() => void)[]>();
  #now = 0;
  /** Until when an end sends. */
  sendUntil = 0;

  constructor(options: LinkOptions) {
    this.#options = options;
  }

  other(end: End): End {
    return end === this.client ? this.server : this.client;
  }

  after(ticks: number, run: () => void): void {
    const at = this.#now + Math.max(ticks, 1);
    this.#agenda.set(at, [...(this.#agenda.get(at) ?? []), run]);
  }

  /** A control message on its way. */
  message(arrives: () => void): void {
    this.after(this.#options.delay(), arrives);
  }

  /** Installs pair `id` at one end, as the driver does: what was held goes on at once. */
  install(end: End, id: number, outboundActive: boolean): void {
    end.engine.install({ ...this.pair(end, id), outboundActive });
    this.flush(end);
  }

  activate(end: End, id: number): void {
    if (!end.engine.pairCounters(id)) return;
    end.engine.activateOutbound(id);
    this.flush(end);
  }

  pair(end: End, id: number): SaPair {
    const { replayWindowPackets = 1024 } = this.#options;
    const pair = clientPair({ id, replayWindowPackets });
    return end === this.client ? pair : serverPair(pair);
  }

  flush(end: End): void {
    end.received.push(...released(end.engine, 4).map(numberIn));
    this.#send(end, taken(end.engine, 4));
    this.#noteFacts(end);
  }

  /** Lets the time pass; both ends send in every tick before `sendUntil`. */
  run(ticks: number): void {
    for (const end = this.#now + ticks; this.#now < end; this.#now += 1) {
      for (const act of this.#agenda.get(this.#now) ?? []) act();
      this.#agenda.delete(this.#now);
      if (this.#now < this.sendUntil)
        for (const each of [this.client, this.server]) this.#talk(each);
    }
  }

  #talk(end: End): void {
    const [from, to] =
      end.name === 'client' ? ['10.0.0.5:1', '10.1.2.3:1'] : ['10.1.2.3:1', '10.0.0.5:1'];
    for (let i = 0; i < this.#options.packetsPerTick; i += 1) {
      end.sent += 1;
      this.#send(end, [numbered(from, to, end.sent)]);
    }
  }

  #send(end: End, inner: readonly Uint8Array[]): void {
    const to = this.other(end);
    for (const esp of packets(seal(end.engine, inner, Math.max(inner.length, 1)).esp)) {
      this.message(() => {
        const over = to.name === 'client' ? clientPath : serverPath;
        to.received.push(...open(to.engine, [esp], over).map(numberIn));
        this.#noteFacts(to);
      });
    }
  }

  /** The one thing that a driver does without being told: the peer's first packet lets a new pair send. */
  #noteFacts(end: End): void {
    for (const fact of end.engine.drainFacts()) {
      if (fact.kind === 'first-inbound') this.activate(end, fact.pairId);
    }
  }
}

function newEnd(name: 'client' | 'server'): End {
  return { name, engine: engine(), received: [], sent: 0 };
}
