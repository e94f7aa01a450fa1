import { addMs } from '@ipsec-kit/clock';
import { Ke, TransformType } from '@ipsec-kit/crypto';
import { ExchangeType } from '@ipsec-kit/ikev2-codec';
import { describe, expect, it } from 'vitest';
import { child, ESP_GCM, type Flight, Pair, selector } from '../pair.ts';

const GROUPED = {
  children: ['one', 'two'].map((name, index) => {
    const both = [selector(`10.${index}.0.0/16`)];
    const proposals = [
      { transforms: [...ESP_GCM.transforms, { type: TransformType.KE, id: Ke.CURVE25519 }] },
    ];
    return child({ name, proposals, localSelectors: both, remoteSelectors: both });
  }),
};

const exchangeOf = ({ data }: Flight): number => data[18] ?? 0;

/** Answers of the server in this exchange are lost. */
function loseAnswers(pair: Pair, exchangeType: number): void {
  pair.wire = (flight) =>
    flight.from === 'server' && exchangeOf(flight) === exchangeType ? [] : [{ flight }];
}

function closeIn(pair: Pair, patienceMs: number): void {
  pair.client.command({ kind: 'close', sessionId: 1, giveUpAt: addMs(pair.now, patienceMs) });
}

function expectGone(pair: Pair): void {
  for (const host of [pair.client, pair.server]) {
    expect(host.seen('session-closed')).toHaveLength(1);
    expect(host.children.size).toBe(0);
  }
  expect(pair.client.closeCode).toBe('closed-by-user');
  expect(pair.server.closeCode).toBe('peer-deleted');
}

describe('a close that cannot wait any longer leaves nothing at the peer (RFC 7296 §1.4.1, §2.3)', () => {
  it('when the answer to IKE_AUTH was lost', () => {
    const pair = new Pair();
    loseAnswers(pair, ExchangeType.IKE_AUTH);
    pair.initiate();
    pair.drive(500);
    expect(pair.server.seen('session-opened')).toHaveLength(1);
    closeIn(pair, 1_000);
    pair.drive(2_000);
    expectGone(pair);
  });

  it('when the packet path has not taken the first Child SA yet', () => {
    const pair = new Pair();
    pair.client.holdsInstallations = true;
    pair.initiate();
    pair.drive(500);
    expect(pair.server.seen('session-opened')).toHaveLength(1);
    closeIn(pair, 1_000);
    pair.drive(2_000);
    expectGone(pair);
  });

  for (const kind of ['create-child', 'rekey-child'] as const) {
    it(`when the answer to ${kind} was lost, or is still worked on`, () => {
      for (const isLost of [true, false]) {
        const pair = new Pair({ client: GROUPED, server: GROUPED }).open();
        const [childId] = pair.client.children.keys();
        if (isLost) loseAnswers(pair, ExchangeType.CREATE_CHILD_SA);
        else pair.client.holdsInstallations = true;
        if (kind === 'create-child') pair.client.command({ kind, sessionId: 1, child: 'two' });
        else pair.client.command({ kind, sessionId: 1, childId: childId ?? -1 });
        pair.drive(500);
        closeIn(pair, 1_000);
        pair.drive(2_000);
        expectGone(pair);
      }
    });
  }

  it('at once, when it is asked for a second time with less patience', () => {
    const pair = new Pair({ client: GROUPED, server: GROUPED }).open();
    loseAnswers(pair, ExchangeType.CREATE_CHILD_SA);
    pair.client.command({ kind: 'create-child', sessionId: 1, child: 'two' });
    pair.drive(500);
    closeIn(pair, 60_000);
    pair.drive(500);
    expect(pair.client.closeCode).toBeUndefined();
    closeIn(pair, 0);
    pair.drive(500);
    expectGone(pair);
  });
});

describe('a close with work under way (RFC 7296 §1.4.1)', () => {
  for (const command of [
    { kind: 'create-child', sessionId: 1, child: 'two' },
    { kind: 'rekey-child', sessionId: 1, childId: 1 },
    { kind: 'rekey-ike', sessionId: 1 },
  ] as const) {
    it(`drops a request for ${command.kind} that has not left`, () => {
      const pair = new Pair({ client: GROUPED, server: GROUPED, answerDelayMs: 50 }).open();
      pair.client.command(command);
      pair.drive(10);
      closeIn(pair, 60_000);
      pair.drive(2_000);
      expectGone(pair);
      const created = pair.client.story.filter((line) => line.includes('CREATE_CHILD_SA'));
      expect(created).toEqual([]);
    });
  }
});
