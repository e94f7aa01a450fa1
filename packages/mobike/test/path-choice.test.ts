import { instantFromMs } from '@ipsec-kit/clock';
import { formatPath, type Path } from '@ipsec-kit/ip';
import { PathMover, type PathMoverOutput } from '@ipsec-kit/mobike';
import { describe, expect, it } from 'vitest';
import { address, path } from './addresses.ts';

const WIFI = '10.0.0.2';
const LTE = '100.64.0.9';
const SERVER = '192.0.2.1';
const SECOND = '192.0.2.2';
const at = instantFromMs;

function moverTo(...remotes: readonly string[]): PathMover {
  const known = { locals: [address(WIFI), address(LTE)], remotes: remotes.map(address) };
  return new PathMover(at(0), path(WIFI, SERVER), known, { hasMobike: true });
}

const inShort = (way: Path): string => formatPath(way).replaceAll(':4500', '');
const triedIn = (outputs: readonly PathMoverOutput[]): readonly string[] =>
  outputs.flatMap((output) => (output.kind === 'transmit' ? output.paths.map(inShort) : []));

describe('an initiator whose peer says that it is elsewhere', () => {
  it('tries it also where it was last, until it has answered there (RFC 4555 §3.6, §5.3)', () => {
    const mover = moverTo(SERVER);
    mover.handle({ kind: 'peer-addresses', now: at(1), addresses: [address(SECOND)] });
    expect(inShort(mover.path)).toBe(`${WIFI} -> ${SECOND}`);
    const tried = triedIn(mover.handle({ kind: 'no-answer', now: at(5_000) }));
    expect(tried.slice(0, 3)).toEqual([
      `${WIFI} -> ${SECOND}`,
      `${WIFI} -> ${SERVER}`,
      `${LTE} -> ${SERVER}`,
    ]);
    const update = { updateId: 1, routability: 'verified' } as const;
    mover.handle({ kind: 'answered', now: at(5_020), path: path(WIFI, SECOND), update });
    expect(mover.testable.map(inShort).join()).toContain(SECOND);
  });

  it('stays where it answers, whatever the list says, until the next one', () => {
    const mover = moverTo(SERVER);
    mover.handle({ kind: 'peer-addresses', now: at(1), addresses: [address(SECOND)] });
    mover.handle({ kind: 'no-answer', now: at(5_000) });
    const first = { updateId: 1, routability: 'ambiguous' } as const;
    mover.handle({ kind: 'answered', now: at(5_020), path: path(WIFI, SERVER), update: first });
    const second = { updateId: 2, routability: 'verified' } as const;
    mover.handle({ kind: 'answered', now: at(5_040), path: path(WIFI, SERVER), update: second });
    mover.handle({ kind: 'local-addresses', now: at(9_000), addresses: [address(LTE)] });
    expect(inShort(mover.path)).toBe(`${LTE} -> ${SERVER}`);
    mover.handle({ kind: 'peer-addresses', now: at(20_000), addresses: [address(SECOND)] });
    expect(inShort(mover.path)).toBe(`${LTE} -> ${SECOND}`);
  });
});

describe('a path over which the host cannot send', () => {
  it('gives way to the next one at once, and that to the one after it (RFC 4555 §3.5)', () => {
    const mover = moverTo(SERVER, SECOND);
    const say = (ms: number, way: Path) =>
      triedIn(mover.handle({ kind: 'unsendable', now: at(ms), path: way }));
    expect(say(10, path(WIFI, SERVER))).toEqual([`${LTE} -> ${SERVER}`]);
    expect(say(10, path(LTE, SERVER))).toEqual([`${WIFI} -> ${SECOND}`]);
    const answered = mover.handle({ kind: 'answered', now: at(30), path: path(WIFI, SECOND) });
    expect(answered.map(({ kind }) => kind)).toEqual(['move-ike', 'send-update']);
    expect(inShort(mover.path)).toBe(`${WIFI} -> ${SECOND}`);
  });

  it('causes one try in five seconds, however often it is told of, and none where nothing leaves at all', () => {
    const mover = moverTo(SERVER, SECOND);
    let tries = 0;
    for (let ms = 0; ms < 60_000; ms += 10) {
      for (const way of [path(WIFI, SERVER), path(LTE, SERVER)]) {
        tries += triedIn(mover.handle({ kind: 'unsendable', now: at(ms), path: way })).length;
      }
    }
    expect(tries).toBeLessThanOrEqual(2 * 12);
    const stuck = moverTo(SERVER);
    stuck.handle({ kind: 'unsendable', now: at(0), path: path(LTE, SERVER) });
    expect(stuck.handle({ kind: 'unsendable', now: at(1), path: path(WIFI, SERVER) })).toEqual([]);
  });

  it('is left out of the rounds for a while, unless there is no other', () => {
    const mover = moverTo(SERVER);
    mover.handle({ kind: 'unsendable', now: at(0), path: path(WIFI, SERVER) });
    expect(mover.isSendable(at(0), path(WIFI, SERVER))).toBe(false);
    expect(triedIn(mover.handle({ kind: 'no-answer', now: at(1) }))).toEqual([
      `${LTE} -> ${SERVER}`,
    ]);
    expect(triedIn(mover.handle({ kind: 'no-answer', now: at(5_001) }))).toHaveLength(2);
    mover.handle({ kind: 'unsendable', now: at(6_000), path: path(WIFI, SERVER) });
    mover.handle({ kind: 'unsendable', now: at(6_000), path: path(LTE, SERVER) });
    expect(triedIn(mover.handle({ kind: 'no-answer', now: at(6_001) }))).toHaveLength(2);
  });

  it('is forgotten when our addresses change', () => {
    const mover = moverTo(SERVER);
    mover.handle({ kind: 'unsendable', now: at(0), path: path(WIFI, SERVER) });
    mover.handle({ kind: 'local-addresses', now: at(1), addresses: [address(WIFI)] });
    expect(mover.isSendable(at(1), path(WIFI, SERVER))).toBe(true);
  });
});
