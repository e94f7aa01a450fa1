import { instantFromMs } from '@ipsec-kit/clock';
import { createSeededRandom } from '@ipsec-kit/crypto';
import {
  createRadiusClient,
  createRadiusRelay,
  decodeRadiusPacket,
  type RadiusAsk,
  type RadiusClientInput,
  type RadiusClientOptions,
  type RadiusClientOutput,
  type RadiusRelayOutput,
} from '@ipsec-kit/eap';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hex, secret, text } from './conversation.ts';
import { eapPairs, radiusReply } from './radius-server.ts';

const SECRETS = ['first', 'second'];
const ask: RadiusAsk = { userName: text('carol'), eap: hex('0201000a016361726f6c') };

/** A client of two servers in virtual time. */
function setUp(options: Partial<RadiusClientOptions> = {}) {
  const client = createRadiusClient({
    servers: SECRETS.map((one) => ({ secret: secret(one) })),
    nasIdentifier: text('gw'),
    random: createSeededRandom('client'),
    ...options,
  });
  let nowMs = 1_000;
  type Told = RadiusClientInput extends infer I
    ? I extends unknown
      ? Omit<I, 'now'>
      : never
    : never;
  const tell = (input: Told): readonly RadiusClientOutput[] =>
    client.handle({ ...input, now: instantFromMs(nowMs) } as RadiusClientInput);
  return {
    client,
    tell,
    get nowMs() {
      return nowMs;
    },
    ask: (request: number, more: Partial<RadiusAsk> = {}) =>
      tell({ kind: 'ask', request, ask: { ...ask, ...more } }),
    wake(): readonly RadiusClientOutput[] {
      const deadline = client.nextDeadline();
      if (deadline === undefined) throw new Error('no deadline');
      nowMs = Math.max(nowMs, deadline.at);
      return tell({ kind: 'timeout' });
    },
    pass(ms: number): void {
      nowMs += ms;
    },
  };
}

function sent(outputs: readonly RadiusClientOutput[]): { server: number; datagram: Uint8Array } {
  const [output] = outputs;
  if (output?.kind !== 'send') throw new Error(`nothing sent but ${output?.kind}`);
  return output;
}

const accept = (request: Uint8Array, server: number): Uint8Array =>
  radiusReply(request, SECRETS[server] ?? '', 2, eapPairs(hex('03010004')));

describe('a RADIUS client (RFC 2865 §2.4, §2.5, RFC 3579 §2)', () => {
  it('sends the same packet again, then goes to the next server, then ends', () => {
    const desk = setUp();
    const start = desk.nowMs;
    const first = sent(desk.ask(7));
    const log: string[] = [];
    for (
      let outputs: readonly RadiusClientOutput[] = [{ kind: 'send', ...first }];
      ;
      outputs = desk.wake()
    ) {
      const [output] = outputs;
      if (output?.kind !== 'send') {
        expect(outputs).toEqual([{ kind: 'failed', request: 7, reason: 'no-answer' }]);
        break;
      }
      if (output.server === 0) expect(output.datagram).toEqual(first.datagram);
      log.push(`${desk.nowMs - start} ${output.server}`);
    }
    expect(log).toEqual(['0 0', '1000 0', '3000 0', '7000 1', '8000 1', '10000 1']);
    expect(desk.nowMs - start).toBe(14_000);
    expect(desk.client.nextDeadline()).toBeUndefined();
  });

  it('takes the answer of the server that was asked, once', () => {
    const desk = setUp();
    const { datagram } = sent(desk.ask(7));
    const reply = accept(datagram, 0);
    expect(desk.tell({ kind: 'datagram', server: 1, datagram: reply })).toEqual([]);
    expect(desk.tell({ kind: 'datagram', server: 0, datagram: accept(datagram, 1) })).toEqual([]);
    expect(desk.tell({ kind: 'datagram', server: 0, datagram: reply })).toMatchObject([
      { kind: 'reply', request: 7, server: 0, reply: { kind: 'accept' } },
    ]);
    expect(desk.tell({ kind: 'datagram', server: 0, datagram: reply })).toEqual([]);
    expect(desk.client.nextDeadline()).toBeUndefined();
  });

  it('asks a server that was silent last for a minute, and goes on with the one that a conversation has', () => {
    const desk = setUp();
    desk.ask(1);
    for (let i = 0; i < 3; i += 1) desk.wake();
    desk.tell({ kind: 'cancel', request: 1 });
    expect(sent(desk.ask(2)).server).toBe(1);
    expect(sent(desk.ask(3, { server: 0, state: hex('aa') })).server).toBe(0);
    desk.pass(60_001);
    expect(sent(desk.ask(4)).server).toBe(0);
  });

  it('has 256 open requests a server, all of other identifiers, and no more', () => {
    const desk = setUp();
    const used = new Set<string>();
    for (let request = 0; request < 512; request += 1) {
      const { server, datagram } = sent(desk.ask(request));
      used.add(`${server} ${decodeRadiusPacket(datagram)?.identifier}`);
    }
    expect(used.size).toBe(512);
    expect(desk.ask(512)).toEqual([{ kind: 'failed', request: 512, reason: 'busy' }]);
    desk.tell({ kind: 'cancel', request: 300 });
    expect(sent(desk.ask(513)).server).toBe(1);
  });

  it('refuses what does not fit, and settings that make no sense', () => {
    const desk = setUp();
    const refused = [{ kind: 'failed', request: 1, reason: 'too-long' }];
    expect(desk.ask(1, { eap: new Uint8Array(3_501) })).toEqual(refused);
    expect(desk.ask(1, { userName: new Uint8Array(254) })).toEqual(refused);
    const most = {
      eap: new Uint8Array(3_500),
      userName: new Uint8Array(253),
      state: new Uint8Array(253),
    };
    expect(sent(desk.ask(1, most)).datagram.length).toBeLessThan(4_097);
    expect(() => setUp({ servers: [] })).toThrow('"servers" expected 1 to 16, got 0');
    expect(() => setUp({ transmissions: 0 })).toThrow('"transmissions"');
  });

  it('ignores garbage', () => {
    const desk = setUp();
    desk.ask(1);
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 60 }),
        fc.integer({ min: -1, max: 3 }),
        (datagram, server) => {
          expect(desk.tell({ kind: 'datagram', server, datagram })).toEqual([]);
        },
      ),
    );
  });
});

describe('a relay between a peer and a server (RFC 3579 §2, §2.6.3)', () => {
  /** Up to the first question to the server. */
  function begin() {
    const relay = createRadiusRelay(createSeededRandom('relay'));
    const [first] = relay.start();
    const identifier = first?.kind === 'send' ? (first.packet[1] ?? 0) : 0;
    const packet = Uint8Array.of(2, identifier, 0, 6, 1, 0x63);
    return { relay, outputs: relay.handle({ kind: 'packet', packet }) };
  }
  const kinds = (outputs: readonly RadiusRelayOutput[]): readonly string[] =>
    outputs.map((output) => (output.kind === 'failure' ? output.reason : output.kind));
  const challenge = (identifier: number, server = 1) =>
    ({
      kind: 'answer',
      id: 1,
      server,
      reply: { kind: 'challenge', eap: Uint8Array.of(1, identifier, 0, 6, 4, 0), state: hex('bb') },
    }) as const;

  it('hands the packets on, with the state and the server of the challenge', () => {
    const { relay, outputs } = begin();
    expect(kinds(outputs)).toEqual(['identity', 'ask']);
    expect(outputs[1]).toMatchObject({ id: 1, ask: { userName: text('c') } });
    expect(kinds(relay.handle(challenge(9)))).toEqual(['send']);
    const wrong = Uint8Array.of(2, 8, 0, 6, 4, 0);
    expect(kinds(relay.handle({ kind: 'packet', packet: wrong }))).toEqual(['ignored']);
    // What stands behind the length is padding.
    const right = Uint8Array.of(2, 9, 0, 6, 4, 0, 0xee);
    expect(relay.handle({ kind: 'packet', packet: right })).toEqual([
      {
        kind: 'ask',
        id: 2,
        ask: { userName: text('c'), eap: right.subarray(0, 6), state: hex('bb'), server: 1 },
      },
    ]);
    const accepted = { kind: 'accept', eap: hex('03090004'), userName: text('carol') } as const;
    expect(relay.handle({ kind: 'answer', id: 2, server: 1, reply: accepted })).toEqual([
      { kind: 'send', packet: hex('03090004') },
      { kind: 'success', user: text('carol') },
    ]);
    expect(relay.handle({ kind: 'packet', packet: right })).toEqual([]);
  });

  it('an accept without EAP-Success, a challenge that is none, and silence are failures', () => {
    for (const [reply, reason] of [
      [{ kind: 'accept', eap: hex('04090004') }, 'protocol-error'],
      [{ kind: 'accept', eap: hex('') }, 'protocol-error'],
      [{ kind: 'challenge', eap: hex('03090004') }, 'protocol-error'],
      [{ kind: 'challenge', eap: hex('') }, 'protocol-error'],
      [{ kind: 'reject', eap: hex('04090004') }, 'refused'],
      [{ kind: 'reject', eap: hex('') }, 'refused'],
      [undefined, 'work-failed'],
    ] as const) {
      const answer = { kind: 'answer', id: 1, server: 0 } as const;
      const outputs = begin().relay.handle(reply ? { ...answer, reply } : answer);
      expect(kinds(outputs)).toEqual(['send', reason]);
      const [end] = outputs;
      expect(end?.kind === 'send' && end.packet[0]).toBe(4);
    }
  });

  it('ends after 64 rounds', () => {
    const { relay } = begin();
    let rounds = 1;
    for (; rounds < 100; rounds += 1) {
      relay.handle({ ...challenge(rounds), id: rounds });
      const packet = Uint8Array.of(2, rounds, 0, 6, 4, 0);
      if (kinds(relay.handle({ kind: 'packet', packet })).includes('too-many-rounds')) break;
    }
    expect(rounds).toBe(64);
  });
});
