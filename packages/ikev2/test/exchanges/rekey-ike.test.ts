import { Ke } from '@ipsec-kit/crypto';
import { ExchangeType } from '@ipsec-kit/ikev2-codec';
import { RequestWindow } from '@ipsec-kit/retransmit';
import { describe, expect, it, vi } from 'vitest';
import { FIRST_RESPONDER_SESSION_ID } from '../../src/index.ts';
import { child, type Host, ikeProposal, Pair } from '../pair.ts';

const sides = ['client', 'server'] as const;

function sessionOf(host: Host): number {
  return host.seen('session-opened')[0]?.sessionId ?? -1;
}

function rekey(host: Host): void {
  host.command({ kind: 'rekey-ike', sessionId: sessionOf(host) });
}

function spisOf(host: Host): unknown {
  return host.seen('session-rekeyed').at(-1)?.spis;
}

/** Both ends go by the same IKE SA, which works in both directions; children stay, and nobody was told of an end. */
function expectAgreement(pair: Pair, spis = spisOf(pair.client)): void {
  expect(spisOf(pair.server)).toEqual(spis);
  for (const name of sides) {
    const host = pair[name];
    const confirmed = host.seen('liveness-confirmed').length;
    host.command({ kind: 'check-liveness', sessionId: sessionOf(host) });
    pair.drive(1_000);
    expect(host.seen('liveness-confirmed')).toHaveLength(confirmed + 1);
    expect(host.seen('session-closed')).toHaveLength(0);
    expect(host.seen('child-closed')).toHaveLength(0);
    expect(host.children.size).toBe(1);
  }
}

describe('rekey of the IKE SA (RFC 7296 §1.3.2, §2.18)', () => {
  for (const side of sides) {
    it(`replaces it when the ${side} asks; session, lease and children stay`, () => {
      const pair = new Pair().open();
      const before = pair.client.seen('ike-sa-keyed')[0];
      rekey(pair[side]);
      pair.drive(2_000);
      expectAgreement(pair);
      const [first, second] = pair.client.seen('ike-sa-keyed');
      expect(first).toEqual(before);
      expect(second?.initiatorSpi).not.toBe(first?.initiatorSpi);
      expect(second?.initiator).toBe(side === 'client');
      expect(second?.keys.skEi.reveal()).not.toEqual(first?.keys.skEi.reveal());
      for (const name of sides) {
        const by = name === side ? 'local' : 'peer';
        expect(pair[name].seen('session-rekeyed').map((event) => event.by)).toEqual([by]);
        expect(pair[name].seen('session-rekeyed')[0]?.sessionId).toBe(sessionOf(pair[name]));
      }
      const sent = pair[side].story.filter((line) => line.includes('CREATE_CHILD_SA'));
      expect(sent).toEqual([
        'sent CREATE_CHILD_SA request: SA No KE',
        'received CREATE_CHILD_SA response: SA No KE',
      ]);
    });

    it(`begins message ids at 0 in both directions when the ${side} asks (RFC 7296 §2.2)`, () => {
      const pair = new Pair().open();
      rekey(pair[side]);
      pair.drive(2_000);
      const before = pair.client.seen('message').length;
      expectAgreement(pair);
      const ids = pair.client
        .seen('message')
        .slice(before)
        .map(({ messageId }) => messageId);
      expect(ids).toEqual([0, 0, 0, 0]);
    });

    it(`survives the loss of any one packet when the ${side} asks`, () => {
      for (let lost = 0; lost < 4; lost += 1) {
        const pair = new Pair().open();
        const first = pair.flights.length;
        pair.wire = (flight) => (flight.index === first + lost ? [] : [{ flight }]);
        rekey(pair[side]);
        pair.drive(40_000);
        expectAgreement(pair);
        expect(pair.client.seen('session-rekeyed')).toHaveLength(1);
        expect(pair.server.seen('session-rekeyed')).toHaveLength(1);
      }
    });
  }

  it('can be repeated by either side, over and over, with a child rekeyed in between (RFC 7296 §2.17)', () => {
    const pair = new Pair().open();
    for (let round = 0; round < 12; round += 1) {
      const host = pair[round % 3 === 0 ? 'server' : 'client'];
      rekey(host);
      pair.drive(1_000);
      const childId = [...host.children.keys()].at(-1) ?? -1;
      host.command({ kind: 'rekey-child', sessionId: sessionOf(host), childId });
      pair.drive(10_000);
      const [ours, theirs] = [
        [...pair.client.children.values()],
        [...pair.server.children.values()],
      ];
      expect(ours[0]?.inboundKeys.encryption.reveal()).toEqual(
        theirs[0]?.outboundKeys.encryption.reveal(),
      );
      expectAgreement(pair);
    }
    pair.drive(300_000);
    expect(pair.client.machine.nextDeadline()?.name).toBe(pair.server.machine.nextDeadline()?.name);
  });

  it('asks again with the method that the peer wants, and begins with it the next time (RFC 7296 §1.3)', () => {
    const client = { proposals: [ikeProposal(Ke.CURVE25519, Ke.ECP_256)] };
    const pair = new Pair({ client, server: { proposals: [ikeProposal(Ke.ECP_256)] } }).open();
    const requests = () =>
      pair.client.story.filter((line) => line.startsWith('sent CREATE_CHILD_SA request')).length;
    rekey(pair.client);
    pair.drive(2_000);
    expect(requests()).toBe(2);
    rekey(pair.client);
    pair.drive(2_000);
    expect(requests()).toBe(3);
    expectAgreement(pair);
  });

  it('forgets the old one: its messages are none any more', () => {
    const pair = new Pair().open();
    rekey(pair.client);
    pair.drive(60_000);
    const old = pair.flights.find(({ data }) => data[18] === 36);
    if (!old) throw new Error('no request');
    const rejected = pair.server.machine.rejectedMessages;
    pair.deliver(old);
    expect(pair.server.machine.rejectedMessages).toBe(rejected + 1);
  });

  it('is due by time; the hard end never comes while it works', () => {
    const client = { rekeyMs: 60_000, rekeyJitterMs: 5_000, overMs: 10_000 };
    const pair = new Pair({ client }).open();
    pair.drive(590_000);
    expect(pair.client.seen('session-rekeyed')).toHaveLength(9);
    expectAgreement(pair);
  });

  it('goes before its children, and before every end, when all are due at one late wake', () => {
    const children = [child({ rekeyMs: 50_000, hardLifetimeMs: 55_000 })];
    const client = { rekeyMs: 60_000, overMs: 10_000, children, dpdDelayMs: 30_000 };
    const pair = new Pair({ client }).open();
    const first = pair.client.story.length;
    pair.sleep(100_000);
    pair.drive(10_000);
    const asked = pair.client.story.slice(first).filter((line) => line.startsWith('sent'));
    expect(asked.slice(0, 3)).toEqual([
      'sent CREATE_CHILD_SA request: SA No KE',
      'sent INFORMATIONAL request: D',
      'sent CREATE_CHILD_SA request: N(REKEY_SA) SA No TSi TSr',
    ]);
    expectAgreement(pair);
  });

  it('is another IKE SA at once when even the hard end is long past at a late wake', () => {
    const client = { rekeyMs: 60_000, overMs: 10_000, children: [child({ rekeyMs: 50_000 })] };
    const pair = new Pair({ client }).open();
    pair.sleep(7_200_000);
    pair.drive(500);
    expect([pair.client.children.size, pair.server.children.size]).not.toContain(0);
    pair.drive(60_000);
    expect([pair.client.children.size, pair.server.children.size]).toEqual([1, 1]);
    expect(pair.client.seen('session-closed')).toHaveLength(0);
  });

  it('comes long before message ids run out (RFC 7296 §2.2)', () => {
    const pair = new Pair().open();
    const few = vi.spyOn(RequestWindow.prototype, 'remainingMessageIds', 'get').mockReturnValue(9);
    pair.client.command({ kind: 'check-liveness', sessionId: 1 });
    pair.drive(30);
    few.mockRestore();
    pair.drive(2_000);
    expect(pair.client.seen('session-rekeyed').length).toBeGreaterThan(0);
    expectAgreement(pair);
  });

  it('asks no longer than the IKE SA may live (RFC 7296 §2.1)', () => {
    const pair = new Pair({ client: { rekeyMs: 60_000, overMs: 70_000 } }).open();
    pair.wire = () => [];
    pair.drive(128_000);
    expect(pair.client.closeCode).toBeUndefined();
    pair.drive(2_000);
    expect(pair.client.closeCode).toBe('peer-dead');
    expect(pair.client.machine.nextDeadline()).toBeUndefined();
  });
});

describe('both sides rekey the IKE SA (RFC 7296 §2.8.2)', () => {
  it('leaves one IKE SA, whoever had the lowest nonce, with nothing over', () => {
    const survivors = new Set<string>();
    for (let seed = 0; seed < 12; seed += 1) {
      const pair = new Pair({ seed: `both/${seed}` }).open();
      rekey(pair.client);
      rekey(pair.server);
      pair.drive(2_000);
      expectAgreement(pair);
      survivors.add(pair.client.seen('session-rekeyed')[0]?.by ?? 'nobody');
      for (const name of sides) {
        expect(pair[name].seen('session-rekeyed')).toHaveLength(1);
        const deletes = pair[name].story.filter((line) => line === 'sent INFORMATIONAL request: D');
        expect(deletes).toHaveLength(1);
      }
    }
    expect([...survivors].sort()).toEqual(['local', 'peer']);
  });

  it('ends the session when the peer deletes what had won, and not only what had lost, before its answer is here', () => {
    for (let seed = 0; seed < 8; seed += 1) {
      const pair = new Pair({ seed: `closed/${seed}`, answerDelayMs: 10 }).open();
      const { client, server } = pair;
      const sessionId = FIRST_RESPONDER_SESSION_ID;
      client.command({ kind: 'rekey-ike', sessionId: 1 });
      server.command({ kind: 'rekey-ike', sessionId });
      // The client has the answer, and works on it, when the DELETEs come.
      pair.wire = (flight) => {
        const isAnswer = ((flight.data[19] ?? 0) & 0x20) !== 0;
        const isLate =
          flight.from === 'server' && isAnswer && flight.data[18] === ExchangeType.CREATE_CHILD_SA;
        return [{ flight, delayMs: isLate ? 15 : 0 }];
      };
      pair.drive(55);
      server.command({ kind: 'close', sessionId });
      pair.drive(5_000);
      expect([client.closeCode, server.closeCode], `seed ${seed}`).toEqual([
        'peer-deleted',
        'closed-by-user',
      ]);
      expect(client.children.size + server.children.size).toBe(0);
    }
  });

  it('ends one that a reauthentication has replaced when the peer deletes its replacement and does not know the old one, whose DELETE was lost', () => {
    const pair = new Pair({
      client: { makeBeforeBreak: true },
      server: { makeBeforeBreak: true },
    }).open();
    const { client, server } = pair;
    pair.drive(31_000);
    let oldSpis: string | undefined;
    pair.wire = (flight) => {
      const { data, from } = flight;
      const isRequest = ((data[19] ?? 0) & 0x20) === 0;
      const spis = data.slice(0, 16).join();
      if (from === 'server' && isRequest && data[18] === ExchangeType.CREATE_CHILD_SA) {
        oldSpis = spis;
        // The client hears of it when it has forgotten the IKE SA.
        return [{ flight, delayMs: 3_000 }];
      }
      const isDelete = from === 'client' && isRequest && data[18] === ExchangeType.INFORMATIONAL;
      return isDelete && spis === oldSpis ? [] : [{ flight }];
    };
    rekey(client);
    rekey(server);
    pair.drive(500);
    client.command({ kind: 'reauthenticate', sessionId: 1 });
    pair.drive(15_000);
    for (const host of [client, server]) {
      expect(host.seen('session-reauthenticated')).toHaveLength(1);
      expect(host.children.size).toBe(1);
    }
  });

  it('leaves one when any one packet is lost, or all are repeated', () => {
    for (let lost = -1; lost < 10; lost += 1) {
      for (const seed of ['a', 'b', 'c']) {
        const pair = new Pair({ seed: `lost/${seed}` }).open();
        const first = pair.flights.length;
        pair.wire = (flight) =>
          flight.index === first + lost ? [] : [{ flight }, { flight, delayMs: 7 }];
        rekey(pair.client);
        rekey(pair.server);
        pair.drive(60_000);
        expectAgreement(pair);
      }
    }
  });
});
