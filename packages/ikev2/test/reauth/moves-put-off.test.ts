import { ExchangeType } from '@ipsec-kit/ikev2-codec';
import { describe, expect, it } from 'vitest';
import { FIRST_RESPONDER_SESSION_ID } from '../../src/index.ts';
import { child, type Flight, type Host, Pair, selector } from '../pair.ts';

const sessionId = FIRST_RESPONDER_SESSION_ID;
const CHILDREN = ['a', 'b', 'c'].map((name, index) => {
  const both = [selector(`10.${index}.0.0/16`)];
  return child({ name, localSelectors: both, remoteSelectors: both });
});

function names({ children }: Host): string[] {
  return [...children.values()].map(({ config }) => config.name).sort();
}

function isCreation({ data }: Flight): boolean {
  return data[18] === ExchangeType.CREATE_CHILD_SA;
}

function isResponse({ data }: Flight): boolean {
  return ((data[19] ?? 0) & 0x20) !== 0;
}

/** A session with all three. */
function opened(): Pair {
  const side = { children: CHILDREN, makeBeforeBreak: true };
  const pair = new Pair({
    client: { ...side, dpdDelayMs: 30_000, dpdTimeoutMs: 20_000, dpdAction: 'start' },
    server: side,
  }).open();
  for (const name of ['b', 'c']) {
    pair.client.command({ kind: 'create-child', sessionId: 1, child: name });
  }
  return pair.drive(40_000);
}

/** The server rekeys the new IKE SA, and puts off what the client moves to it until the answer to that is there.
 * @param answeredAfterMs - how long that takes.
 * @param lateMs - how long each answer of the server takes then.
 */
function reauthenticateWithMovesPutOff(pair: Pair, answeredAfterMs: number, lateMs = 0): void {
  const { client, server } = pair;
  client.command({ kind: 'reauthenticate', sessionId: 1 });
  while (server.seen('session-reauthenticated').length === 0) pair.drive(1);
  const begunAt = pair.now;
  pair.wire = (flight) => {
    if (!isCreation(flight)) return [{ flight }];
    const isRekey = isResponse(flight) === (flight.from === 'client');
    const isPutOff = pair.now < begunAt + 100;
    return [{ flight, delayMs: isRekey ? answeredAfterMs : isPutOff ? 0 : lateMs }];
  };
  server.command({ kind: 'rekey-ike', sessionId });
}

describe('what a reauthentication moves, where the peer puts it off (RFC 7296 §2.8.3, §2.25)', () => {
  it('is moved before the old IKE SA is deleted, though one waits for the answer to another', () => {
    const pair = opened();
    const { client, server } = pair;
    reauthenticateWithMovesPutOff(pair, 100, 200);
    pair.drive(60_000);
    for (const host of [client, server]) {
      expect(host.seen('session-reauthenticated')).toHaveLength(1);
      expect(host.seen('child-closed')).toEqual([]);
      expect(host.seen('child-opened')).toHaveLength(3);
      expect(names(host)).toEqual(['a', 'b', 'c']);
    }
  });

  it('is opened once when the session is lost before that, also what was rekeyed meanwhile', () => {
    const pair = opened();
    const { client } = pair;
    pair.wire = (flight) => [{ flight, delayMs: isCreation(flight) ? 2_000 : 0 }];
    const [, childId = 0] = [...client.children.keys()];
    client.command({ kind: 'rekey-child', sessionId: 1, childId });
    pair.drive(1_990);
    reauthenticateWithMovesPutOff(pair, 60_000);
    pair.drive(5_000);
    expect(client.steps.map(({ what }) => what)).toContain(`install 5 for ${childId}`);
    pair.wire = () => [];
    while (client.seen('session-interrupted').length === 0) pair.drive(1_000);
    pair.wire = (flight) => [{ flight }];
    pair.drive(60_000);
    expect(names(client)).toEqual(['a', 'b', 'c']);
  });
});
