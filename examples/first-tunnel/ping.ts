import { answerIcmpEcho, buildIcmpEcho, type IpAddress, readIcmpEcho } from '@ipsec-kit/ip';
import type { PacketPort } from '@ipsec-kit/vpn';

/** What a row of pings came to. */
export interface PingReport {
  readonly sent: number;
  readonly received: number;
  readonly roundTripsMs: readonly number[];
}

const ANSWER_WITHIN_MS = 2_000;

/** The host behind a tunnel: it answers echo requests, and sends its own. */
export class PingHost {
  readonly #port: PacketPort;
  readonly #awaited = new Map<number, () => void>();

  constructor(port: PacketPort) {
    this.#port = port;
    port.onPacket((packet) => {
      const answer = answerIcmpEcho(packet);
      if (answer) port.send(answer);
      const echo = readIcmpEcho(packet);
      if (echo?.kind === 'reply') this.#awaited.get(echo.sequence)?.();
    });
  }

  /** Sends `count` echo requests, one after the other, and waits for each answer. */
  async ping(source: IpAddress, destination: IpAddress, count: number): Promise<PingReport> {
    const roundTripsMs: number[] = [];
    for (let sequence = 1; sequence <= count; sequence += 1) {
      const data = new TextEncoder().encode('a packet through ESP');
      const request = {
        kind: 'request',
        source,
        destination,
        identifier: 7,
        sequence,
        data,
      } as const;
      const sentAt = performance.now();
      const answered = this.#answerTo(sequence);
      this.#port.send(buildIcmpEcho(request));
      if (await answered) roundTripsMs.push(performance.now() - sentAt);
    }
    return { sent: count, received: roundTripsMs.length, roundTripsMs };
  }

  #answerTo(sequence: number): Promise<boolean> {
    return new Promise((resolve) => {
      const done = (answered: boolean) => () => {
        clearTimeout(timer);
        this.#awaited.delete(sequence);
        resolve(answered);
      };
      const timer = setTimeout(done(false), ANSWER_WITHIN_MS);
      this.#awaited.set(sequence, done(true));
    });
  }
}
