import { decodeHeader } from '@ipsec-kit/ikev2-codec';
import { describe, expect, it } from 'vitest';
import { createSimulation, type Datagram, lan, type Simulation } from '../../src/index.ts';
import { crypto } from './establishments.ts';

const SKF = 53;

/** What makes two datagrams the same message, or the same fragment of it. */
function messageKey({ from, data }: Datagram): string | undefined {
  const message = from.port === 4500 ? data.subarray(4) : data;
  const header = decodeHeader(message);
  if (!header.ok) return undefined;
  const { initiatorSpi, responderSpi, exchangeType, isResponse, messageId } = header.value;
  const firstPayload = message[16];
  const fragment = firstPayload === SKF ? ((message[32] ?? 0) << 8) | (message[33] ?? 0) : 0;
  const sender = from.address.bytes.join('.');
  // The first payload tells a cached response from INVALID_IKE_SPI, which comes once the IKE SA is forgotten.
  const spis = `${initiatorSpi}/${responderSpi}`;
  return [sender, spis, exchangeType, isResponse, messageId, firstPayload, fragment].join();
}

/** How often each message was sent, and in how many different forms. */
function messagesOf({ network }: Simulation): { times: number; forms: number }[] {
  const sent = new Map<string, string[]>();
  for (const entry of network.trace) {
    if (entry.kind !== 'sent') continue;
    const key = messageKey(entry.datagram);
    if (key === undefined) continue;
    sent.set(key, [...(sent.get(key) ?? []), entry.datagram.data.join()]);
  }
  return [...sent.values()].map((copies) => ({
    times: copies.length,
    forms: new Set(copies).size,
  }));
}

describe('retransmissions', () => {
  it.each([
    { name: 'whole', settings: {} },
    { name: 'fragmented', settings: { fragmentBytes: 160 } },
  ])('of $name messages are bitwise what was sent first (RFC 7296 §2.1)', ({ settings }) => {
    let repeated = 0;
    for (let seed = 1; seed <= 40; seed += 1) {
      const simulation = createSimulation({
        seed,
        crypto,
        link: lan({ latencyMs: 20, loss: 0.4 }),
        client: { settings },
        server: { settings },
      });
      const result = simulation.open();
      if (result.opened) simulation.close(result.sessionId);
      simulation.runFor(300_000);
      for (const { times, forms } of messagesOf(simulation)) {
        expect(forms, simulation.story()).toBe(1);
        if (times > 1) repeated += 1;
      }
    }
    expect(repeated).toBeGreaterThan(100);
  });

  it('wait longer from one to the next (RFC 7296 §2.4)', () => {
    const simulation = createSimulation({ seed: 1, crypto, link: lan({ loss: 1 }) });
    simulation.open();
    const sentAt = simulation.network.trace.filter(({ kind }) => kind === 'sent').map((e) => e.at);
    const waits = sentAt.slice(1).map((at, index) => at - (sentAt[index] ?? 0));
    expect(waits).toHaveLength(5);
    expect(waits).toEqual(waits.toSorted((a, b) => a - b));
    expect(waits[0]).toBe(4_000);
  });
});
