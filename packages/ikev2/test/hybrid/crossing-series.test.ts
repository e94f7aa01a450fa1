import { Ke } from '@ipsec-kit/crypto';
import { describe, expect, it } from 'vitest';
import { child, type Host, ikeProposal, Pair } from '../pair.ts';
import { hybrid, hybridEsp } from './hybrid-pair.ts';

const SIDES = ['client', 'server'] as const;
const KEM = Ke.ML_KEM_512;

function sessionOf(host: Host): number {
  return host.seen('session-opened')[0]?.sessionId ?? -1;
}

const ACTIONS = {
  'rekey-child': (host: Host) => {
    const childId = [...host.children.keys()].at(-1) ?? -1;
    host.command({ kind: 'rekey-child', sessionId: sessionOf(host), childId });
  },
  'rekey-ike': (host: Host) => host.command({ kind: 'rekey-ike', sessionId: sessionOf(host) }),
  'create-child': (host: Host) =>
    host.command({ kind: 'create-child', sessionId: sessionOf(host), child: 'net' }),
  'close-child': (host: Host) => {
    const childId = [...host.children.keys()].at(-1) ?? -1;
    const reason = 'test';
    host.command({ kind: 'close-child', sessionId: sessionOf(host), childId, reason });
  },
  close: (host: Host) => host.command({ kind: 'close', sessionId: sessionOf(host) }),
} as const;
type Action = keyof typeof ACTIONS;

/** Whether the exchanges of both sides are followed by additional ones, or of one side alone: each prefers otherwise as responder. */
const MIXES = {
  'both hybrid': { client: ['hybrid'], server: ['hybrid'] },
  'of the client alone': { client: ['plain', 'hybrid'], server: ['hybrid', 'plain'] },
  'of the server alone': { client: ['hybrid', 'plain'], server: ['plain', 'hybrid'] },
} as const;
type Mix = keyof typeof MIXES;

function pairOf(mix: Mix, seed: string): Pair {
  const configOf = (kinds: readonly ('hybrid' | 'plain')[]) => ({
    proposals: kinds.map((kind) => (kind === 'hybrid' ? hybrid(KEM) : ikeProposal())),
    children: [
      child({ proposals: kinds.map((kind) => (kind === 'hybrid' ? hybridEsp(KEM) : hybridEsp())) }),
    ],
  });
  const { client, server } = MIXES[mix];
  const options = { client: configOf(client), server: configOf(server), seed, jitters: true };
  return new Pair(options).open();
}

/** Both ends hold the same, it works, and nothing waits for anything. */
function expectAgreement(pair: Pair): void {
  const [ours, theirs] = [[...pair.client.children.values()], [...pair.server.children.values()]];
  expect(theirs).toHaveLength(ours.length);
  for (const one of ours) {
    const other = theirs.find(({ inboundSpi }) => inboundSpi === one.outboundSpi);
    expect(other?.inboundKeys.encryption.reveal()).toEqual(one.outboundKeys.encryption.reveal());
  }
  const isClosed = pair.client.seen('session-closed').length > 0;
  expect(pair.server.seen('session-closed').length > 0).toBe(isClosed);
  for (const name of SIDES) {
    const host = pair[name];
    expect(host.removedTwice).toBe(0);
    expect(new Set(host.usedKeys).size).toBe(host.usedKeys.length);
    if (isClosed) continue;
    const confirmed = host.seen('liveness-confirmed').length;
    host.command({ kind: 'check-liveness', sessionId: sessionOf(host) });
    pair.drive(1_000);
    expect(host.seen('liveness-confirmed').length).toBe(confirmed + 1);
  }
}

describe('series of key exchanges that cross (RFC 9370 §2.2.4, RFC 7296 §2.8.1, §2.8.2, §2.25)', () => {
  const actions = Object.keys(ACTIONS) as Action[];
  for (const mix of Object.keys(MIXES) as Mix[]) {
    for (const first of ['rekey-child', 'rekey-ike', 'create-child'] as const) {
      for (const second of actions) {
        it(`${first} of the client and ${second} of the server, ${mix}`, () => {
          for (let seed = 0; seed < 3; seed += 1) {
            // From the same instant to one where the other side's series is over.
            for (const afterMs of [0, 12, 25, 45, 70]) {
              const pair = pairOf(mix, `cross ${seed}`);
              ACTIONS[first](pair.client);
              pair.drive(afterMs);
              ACTIONS[second](pair.server);
              pair.drive(200_000);
              expectAgreement(pair);
              const isAlive = pair.client.seen('session-closed').length === 0;
              if (first === 'rekey-child' && second === 'rekey-child') {
                expect(pair.client.children.size).toBe(1);
                expect(pair.client.seen('child-rekeyed').length).toBeGreaterThan(0);
              }
              if (second !== 'close') expect(isAlive).toBe(true);
              if (first === 'rekey-ike' && isAlive) {
                expect(pair.server.seen('session-rekeyed').length).toBeGreaterThan(0);
              }
            }
          }
        });
      }
    }

    for (const action of ['rekey-child', 'rekey-ike'] as const) {
      it(`${action} of both at once agrees when any one datagram is lost or late, ${mix}`, () => {
        for (let lost = 0; lost < 14; lost += 1) {
          for (const delayMs of [undefined, 60, 25_000]) {
            const pair = pairOf(mix, `lost ${lost}`);
            const at = pair.flights.length + lost;
            pair.wire = (flight) => {
              if (flight.index !== at) return [{ flight }];
              return delayMs === undefined ? [] : [{ flight, delayMs }];
            };
            for (const name of SIDES) ACTIONS[action](pair[name]);
            pair.drive(240_000);
            pair.wire = (flight) => [{ flight }];
            expectAgreement(pair);
            expect(pair.client.children.size).toBe(1);
          }
        }
      });
    }
  }
});
