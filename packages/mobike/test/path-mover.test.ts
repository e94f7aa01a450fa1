import { instantFromMs } from '@ipsec-kit/clock';
import { formatAddress, formatPath, type Path, type Prefix, parsePrefix } from '@ipsec-kit/ip';
import {
  PathMover,
  type PathMoverInput,
  type PathMoverOptions,
  type PathMoverOutput,
  type UpdateAnswer,
  WELL_KNOWN_NAT64_PREFIX,
} from '@ipsec-kit/mobike';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { address, path } from './addresses.ts';

const WIFI = '10.0.0.2';
const LTE = '100.64.0.9';
const WIFI6 = '2001:db8:a::2';
const SERVER = '192.0.2.1';
const SECOND = '192.0.2.2';
const SERVER6 = '2001:db8::1';

const at = instantFromMs;

/** An initiator on WiFi, and its decisions in short: `update 1 over LTE->SERVER`. */
function setUp(options: Partial<PathMoverOptions> = {}, remotes: readonly string[] = [SERVER]) {
  const mover = new PathMover(
    at(0),
    path(WIFI, SERVER),
    { locals: [address(WIFI)], remotes: remotes.map(address) },
    { hasMobike: true, ...options },
  );
  const handle = (input: PathMoverInput) => mover.handle(input).map(inShort);
  return {
    mover,
    locals: (ms: number, ...list: readonly string[]) =>
      handle({ kind: 'local-addresses', now: at(ms), addresses: list.map(address) }),
    remotes: (ms: number, ...list: readonly string[]) =>
      handle({ kind: 'peer-addresses', now: at(ms), addresses: list.map(address) }),
    move: (ms: number, local?: string) =>
      handle({ kind: 'move-wanted', now: at(ms), ...(local ? { local: address(local) } : {}) }),
    noAnswer: (ms: number) => handle({ kind: 'no-answer', now: at(ms) }),
    wanted: (ms: number) => handle({ kind: 'update-wanted', now: at(ms) }),
    timeout: (ms: number) => handle({ kind: 'timeout', now: at(ms) }),
    answered: (ms: number, over: Path, updateId?: number, extra: Partial<UpdateAnswer> = {}) =>
      handle({
        kind: 'answered',
        now: at(ms),
        path: over,
        ...(updateId === undefined
          ? {}
          : { update: { updateId, routability: 'verified', ...extra } }),
      }),
  };
}

function inShort(output: PathMoverOutput): string {
  const over = (way: Path): string => formatPath(way).replaceAll(':4500', '');
  switch (output.kind) {
    case 'send-update': {
      const list = output.additional?.map(formatAddress).join(' ');
      return `update ${output.updateId} ${over(output.path)}${list === undefined ? '' : ` +[${list}]`}`;
    }
    case 'announce':
      return `announce [${output.additional.map(formatAddress).join(' ')}]`;
    case 'transmit':
      return `transmit ${output.paths.map(over).join(', ')}; ${output.waitMs}`;
    case 're-establish':
      return `re-establish ${over(output.path)} ${output.oldPathWorks}`;
    case 'close':
      return `close ${output.code}`;
    case 'no-path':
      return 'no-path';
    default:
      return `${output.kind} ${over(output.path)}`;
  }
}

describe('an initiator whose own addresses change (RFC 4555 §3.5)', () => {
  it('moves IKE and ESP to the new one, since the peer address is known already', () => {
    const { locals, answered, mover } = setUp();
    expect(locals(1_000, LTE)).toEqual([
      `move-ike ${LTE} -> ${SERVER}`,
      `move-children ${LTE} -> ${SERVER}`,
      `update 1 ${LTE} -> ${SERVER}`,
    ]);
    expect(answered(1_050, path(LTE, SERVER), 1)).toEqual([`move-children ${LTE} -> ${SERVER}`]);
    expect(formatPath(mover.path)).toContain(LTE);
  });

  it('stays where it is while two networks overlap, and tells of the other (RFC 4555 §3.6)', () => {
    const { locals } = setUp();
    expect(locals(1_000, WIFI, LTE)).toEqual([`announce [${LTE}]`]);
    expect(locals(2_000, WIFI, LTE)).toEqual([]);
    expect(locals(3_000, WIFI)).toEqual(['announce []']);
  });

  it('goes to the preferred one, or stays as long as it can, as configured', () => {
    expect(setUp().locals(1_000, LTE, WIFI).at(-1)).toBe(`update 1 ${LTE} -> ${SERVER} +[${WIFI}]`);
    const { locals } = setUp({ followsPreference: false });
    expect(locals(1_000, LTE, WIFI)).toEqual([`announce [${LTE}]`]);
  });

  it('stays when the peer lists its addresses, or another address comes, although one stands before the one in use', () => {
    const mover = new PathMover(
      at(0),
      path(LTE, SERVER),
      { locals: [WIFI, LTE].map(address), remotes: [address(SERVER)] },
      { hasMobike: true },
    );
    const list = [SERVER, SERVER6].map(address);
    expect(mover.handle({ kind: 'peer-addresses', now: at(1_000), addresses: list })).toEqual([]);
    const addresses = [WIFI, LTE, WIFI6].map(address);
    mover.handle({ kind: 'local-addresses', now: at(2_000), addresses });
    expect(formatPath(mover.path)).toBe(formatPath(path(LTE, SERVER)));
  });

  it('keeps quiet while there is no path, and says so when there is one again, even the same', () => {
    const { locals, noAnswer } = setUp();
    expect(locals(1_000)).toEqual(['no-path']);
    expect(locals(1_100)).toEqual([]);
    expect(noAnswer(2_000)).toEqual([]);
    expect(locals(3_000, WIFI)).toEqual([
      `move-children ${WIFI} -> ${SERVER}`,
      `update 1 ${WIFI} -> ${SERVER}`,
    ]);
  });

  it('ignores the response to an update that another change has overtaken', () => {
    const { locals, answered } = setUp();
    locals(1_000, LTE);
    expect(locals(1_010, '10.9.9.9').at(-1)).toBe(`update 2 10.9.9.9 -> ${SERVER}`);
    expect(answered(1_050, path('10.9.9.9', SERVER), 1)).toEqual([]);
    expect(answered(1_100, path('10.9.9.9', SERVER), 2)).toEqual([
      `move-children 10.9.9.9 -> ${SERVER}`,
    ]);
  });

  it('tells of an address that came while an update was under way, once that is answered (RFC 4555 §3.6)', () => {
    const { locals, answered } = setUp();
    locals(1_000, LTE);
    expect(locals(1_010, LTE, WIFI)).toEqual([]);
    expect(answered(1_050, path(LTE, SERVER), 1)).toEqual([
      `move-children ${LTE} -> ${SERVER}`,
      `announce [${WIFI}]`,
    ]);
  });

  it('goes on from where the session was moved to for another reason', () => {
    const { mover, locals } = setUp();
    mover.onMoved(path(WIFI, SECOND));
    expect(formatPath(mover.path)).toContain(SECOND);
    expect(locals(1_000, WIFI)).toEqual([
      `move-ike ${WIFI} -> ${SERVER}`,
      `update 1 ${WIFI} -> ${SERVER}`,
    ]);
  });

  it('updates the path as it is when the mapping has changed (RFC 4555 §3.8)', () => {
    expect(setUp().wanted(1_000)).toEqual([
      `move-children ${WIFI} -> ${SERVER}`,
      `update 1 ${WIFI} -> ${SERVER}`,
    ]);
  });

  it('tells the peer where it is, also when it was without any address, and elsewhere, while no move was allowed', () => {
    const { locals, answered, timeout, mover } = setUp();
    for (const [updateId, own] of [LTE, WIFI, LTE, WIFI].entries()) {
      const ms = 100 * (updateId + 1);
      expect(locals(ms, own).at(-1)).toBe(`update ${updateId + 1} ${own} -> ${SERVER}`);
      answered(ms + 5, path(own, SERVER), updateId + 1);
    }
    expect(locals(500)).toEqual(['no-path']);
    expect(locals(600, LTE)).toEqual([`lead-children ${LTE} -> ${SERVER}`]);
    expect(locals(700, WIFI)).toEqual([`lead-children ${WIFI} -> ${SERVER}`]);
    expect(mover.nextDeadline()?.at).toBe(2_100);
    expect(timeout(2_100)).toEqual([
      `move-children ${WIFI} -> ${SERVER}`,
      `update 5 ${WIFI} -> ${SERVER}`,
    ]);
  });

  it('is not drawn back to where it was by a change of the mapping there, while no move is allowed', () => {
    const { locals, wanted, timeout } = setUp();
    for (const [index, own] of [LTE, WIFI, LTE, WIFI].entries()) locals(100 * (index + 1), own);
    expect(locals(500, LTE)).toEqual([`lead-children ${LTE} -> ${SERVER}`]);
    expect(wanted(600)).toEqual([]);
    expect(timeout(2_100).at(-1)).toBe(`update 5 ${LTE} -> ${SERVER}`);
  });

  it('has ESP leave from where it can while no move is allowed, also after an answer that is about another path', () => {
    const { locals, answered } = setUp();
    for (const [index, own] of [LTE, WIFI, LTE, WIFI].entries()) locals(100 * (index + 1), own);
    expect(locals(500, LTE)).toEqual([`lead-children ${LTE} -> ${SERVER}`]);
    expect(answered(550, path(WIFI, SERVER), 4)).toEqual([
      `move-children ${WIFI} -> ${SERVER}`,
      `lead-children ${LTE} -> ${SERVER}`,
      `announce [${LTE}]`,
    ]);
    expect(locals(600, WIFI)).toEqual([`lead-children ${WIFI} -> ${SERVER}`, 'announce []']);
  });

  it('has ESP wait for the answer from an address of the peer that is not proven, also while no move is allowed (RFC 4555 §3.7)', () => {
    const { locals, remotes } = setUp({}, [SERVER, SECOND]);
    for (const [index, own] of [LTE, WIFI, LTE, WIFI].entries()) locals(100 * (index + 1), own);
    expect(remotes(500, SECOND)).toEqual([]);
  });

  it('is not drawn back by the answer to an update that was under way when the session was moved', () => {
    const { locals, answered, mover } = setUp();
    locals(1_000, LTE);
    mover.onMoved(path(WIFI, SERVER));
    expect(answered(1_100, path(WIFI, SERVER), 1)).toEqual([
      `move-children ${WIFI} -> ${SERVER}`,
      `update 2 ${WIFI} -> ${SERVER} +[${LTE}]`,
    ]);
  });

  it('tells the peer what waited when the session was moved meanwhile', () => {
    const { locals, timeout, mover } = setUp();
    for (const [index, own] of [LTE, WIFI, LTE, WIFI].entries()) locals(100 * (index + 1), own);
    locals(500, LTE);
    mover.onMoved(path(LTE, SERVER));
    expect(timeout(2_100).at(-1)).toBe(`update 5 ${LTE} -> ${SERVER}`);
  });

  it('makes no storm of addresses that flap ten times a second, and ends where they do', () => {
    const { locals, timeout, answered, mover } = setUp();
    let updates = 0;
    const count = (outputs: readonly string[], ms: number): void => {
      for (const text of outputs.filter((output) => output.startsWith('update'))) {
        updates += 1;
        answered(ms, mover.path, Number(text.split(' ')[1]));
      }
    };
    for (let ms = 1_000; ms < 21_000; ms += 100) {
      count(locals(ms, ms % 200 ? LTE : '10.9.9.9'), ms);
      const deadline = mover.nextDeadline();
      if (deadline && deadline.at <= ms + 100) count(timeout(ms + 100), ms + 100);
    }
    const deadline = mover.nextDeadline();
    if (deadline) count(timeout(deadline.at), deadline.at);
    expect(updates).toBeGreaterThanOrEqual(8);
    expect(updates).toBeLessThanOrEqual(16);
    expect(formatPath(mover.path)).toContain(LTE);
  });
});

describe('an initiator whose peer moves (RFC 4555 §3.6)', () => {
  it('follows at once to an address that is listed, and moves ESP when the answer has come', () => {
    const { remotes, answered } = setUp();
    expect(remotes(1_000, SECOND)).toEqual([
      `move-ike ${WIFI} -> ${SECOND}`,
      `update 1 ${WIFI} -> ${SECOND}`,
    ]);
    expect(answered(1_040, path(WIFI, SECOND), 1)).toEqual([`move-children ${WIFI} -> ${SECOND}`]);
  });

  it('moves ESP before the answer where policy trusts the peer (RFC 4555 §3.7)', () => {
    const { remotes } = setUp({ moveChildren: 'at-once' });
    expect(remotes(1_000, SECOND)).toContain(`move-children ${WIFI} -> ${SECOND}`);
  });

  it('stays while the address in use is still listed', () => {
    expect(setUp().remotes(1_000, SECOND, SERVER)).toEqual([]);
  });
});

describe('an initiator that gets no answer (RFC 4555 §3.10)', () => {
  it('sends the request over all pairs of addresses 2.5 s apart, ten times, then ever more rarely for minutes', () => {
    const { locals, noAnswer } = setUp({}, [SERVER, SECOND]);
    locals(0, WIFI, LTE);
    const waits: number[] = [];
    let last: readonly string[] = [];
    for (let ms = 1_000; ms < 1e7; ) {
      last = noAnswer(ms);
      const [head = '', wait] = (last[0] ?? '').split('; ');
      if (wait === undefined) break;
      expect(head.split(', ')).toHaveLength(4);
      waits.push(Number(wait));
      ms += Number(wait);
    }
    expect(last).toEqual(['close peer-unreachable']);
    expect(waits.slice(0, 10)).toEqual(new Array(10).fill(2_500));
    expect(waits.slice(10)).toEqual([...waits.slice(10)].sort((a, b) => a - b));
    const totalMs = waits.reduce((sum, ms) => sum + ms, 0);
    expect(totalMs).toBeGreaterThanOrEqual(300_000);
    expect(totalMs).toBeLessThan(400_000);
  });

  it('asks anew where an answer came from, since it proves no path (RFC 4555 §3.7)', () => {
    const { noAnswer, answered } = setUp({}, [SERVER, SECOND]);
    noAnswer(1_000);
    expect(answered(1_100, path(WIFI, SECOND))).toEqual([
      `move-ike ${WIFI} -> ${SECOND}`,
      `update 1 ${WIFI} -> ${SECOND}`,
    ]);
    expect(answered(1_200, path(WIFI, SECOND), 1)).toEqual([`move-children ${WIFI} -> ${SECOND}`]);
  });

  it('is not led astray by a copy of an answer from somewhere else', () => {
    const { noAnswer, answered } = setUp({}, [SERVER, SECOND]);
    noAnswer(1_000);
    expect(answered(1_100, path(WIFI, '203.0.113.66'))).toEqual([
      `move-children ${WIFI} -> ${SERVER}`,
      `update 1 ${WIFI} -> ${SERVER}`,
    ]);
  });

  it('discards the result of an update that went to another address too: its NAT detection is wrong (RFC 7296 §2.1)', () => {
    const { wanted, noAnswer, answered } = setUp({}, [SERVER, SECOND]);
    wanted(0);
    noAnswer(2_000);
    expect(answered(2_100, path(WIFI, SECOND), 1)).toEqual([
      `move-ike ${WIFI} -> ${SECOND}`,
      `update 2 ${WIFI} -> ${SECOND}`,
    ]);
  });

  it('needs nothing anew when only one path was tried', () => {
    const { noAnswer, answered } = setUp();
    expect(noAnswer(1_000)).toEqual([`transmit ${WIFI} -> ${SERVER}; 2500`]);
    expect(answered(1_100, path(WIFI, SERVER))).toEqual([]);
  });

  it('never sends to more than eight places at once, and comes to all of them', () => {
    const many = Array.from({ length: 16 }, (_, i) => `192.0.2.${i + 1}`);
    const { noAnswer } = setUp({}, many);
    const seen = new Set<string>();
    for (let round = 0; round < 4; round += 1) {
      const [text = ''] = noAnswer(round * 2_500);
      const paths = text.replace(/^transmit |; .*$/g, '').split(', ');
      expect(paths.length).toBeLessThanOrEqual(8);
      for (const one of paths) seen.add(one);
    }
    expect(seen.size).toBe(16);
  });
});

describe('an answer to an update', () => {
  it('with a wrong COOKIE2 closes the IKE SA (RFC 4555 §3.7)', () => {
    const { wanted, answered } = setUp();
    wanted(0);
    expect(answered(50, path(WIFI, SERVER), 1, { routability: 'failed' })).toEqual([
      'close path-not-proven',
    ]);
  });

  it('that is ambiguous is asked again (RFC 4555 §3.7)', () => {
    const { wanted, answered } = setUp();
    wanted(0);
    const again = answered(50, path(WIFI, SERVER), 1, { routability: 'ambiguous' });
    expect(again.at(-1)).toBe(`update 2 ${WIFI} -> ${SERVER}`);
  });

  it('UNACCEPTABLE_ADDRESSES goes back to the path that was proven (RFC 4555 §3.5)', () => {
    const { locals, answered } = setUp();
    locals(1_000, LTE, WIFI);
    const refused = { refusal: 'unacceptable-addresses' } as const;
    expect(answered(1_050, path(LTE, SERVER), 1, refused)).toContain(
      `update 2 ${WIFI} -> ${SERVER} +[${LTE}]`,
    );
  });

  it('UNACCEPTABLE_ADDRESSES with no other way is asked again after a minute', () => {
    const { locals, answered, mover, timeout } = setUp();
    locals(1_000, LTE);
    const refused = { refusal: 'unacceptable-addresses' } as const;
    expect(answered(1_050, path(LTE, SERVER), 1, refused)).toEqual(['no-path']);
    expect(mover.nextDeadline()?.at).toBe(61_050);
    expect(timeout(61_050).at(-1)).toBe(`update 2 ${LTE} -> ${SERVER}`);
    expect(mover.nextDeadline()).toBeUndefined();
  });

  it('UNEXPECTED_NAT_DETECTED is tried again with new requests, five times (RFC 4555 §3.9)', () => {
    const { locals, answered } = setUp();
    locals(1_000, LTE, WIFI);
    const refused = { refusal: 'unexpected-nat-detected' } as const;
    for (let id = 1; id <= 5; id += 1) {
      const again = answered(1_000 + id, path(LTE, SERVER), id, refused);
      expect(again.at(-1)).toBe(`update ${id + 1} ${LTE} -> ${SERVER}`);
    }
    expect(answered(2_000, path(LTE, SERVER), 6, refused).at(-1)).toContain(`${WIFI} -> ${SERVER}`);
  });
});

describe('families', () => {
  it('change from IPv4 to IPv6 and back', () => {
    const { locals, answered } = setUp({}, [SERVER, SERVER6]);
    expect(locals(1_000, WIFI6).at(-1)).toBe(`update 1 [${WIFI6}] -> [${SERVER6}]`);
    answered(1_100, path(WIFI6, SERVER6), 1);
    expect(locals(2_000, LTE).at(-1)).toBe(`update 2 ${LTE} -> ${SERVER}`);
  });

  it('meet through a NAT64', () => {
    const { locals } = setUp({ nat64Prefix: WELL_KNOWN_NAT64_PREFIX });
    expect(locals(1_000, WIFI6).at(-1)).toBe(`update 1 [${WIFI6}] -> [64:ff9b::c000:201]`);
  });

  it('change to IPv4 and back in a session that began behind a NAT64, whose peer is known by that alone (RFC 6052 §2.3)', () => {
    const mover = new PathMover(
      at(0),
      path(WIFI6, '64:ff9b::c000:201'),
      { locals: [address(WIFI6)], remotes: [address('64:ff9b::c000:201')] },
      { hasMobike: true },
    );
    const told = (ms: number, local: string, nat64Prefix?: Prefix): string | undefined => {
      const prefix = nat64Prefix ? { nat64Prefix } : {};
      const addresses = [address(local)];
      const outputs = mover.handle({
        kind: 'local-addresses',
        now: at(ms),
        addresses,
        ...prefix,
      });
      return outputs.map(inShort).at(-1);
    };
    // DNS has told of the prefix when the session stood already.
    expect(told(100, WIFI6, WELL_KNOWN_NAT64_PREFIX)).toBeUndefined();
    expect(told(1_000, LTE)).toBe(`update 1 ${LTE} -> ${SERVER}`);
    const another = parsePrefix('2001:db8:64::/96');
    expect(told(2_000, WIFI6, another)).toBe(`update 2 [${WIFI6}] -> [2001:db8:64::c000:201]`);
  });

  it('that have nothing in common leave no path', () => {
    expect(setUp().locals(1_000, WIFI6)).toEqual(['no-path']);
  });
});

describe('a peer without MOBIKE', () => {
  it('is connected to anew, before the old path is left where that still works', () => {
    expect(setUp({ hasMobike: false }).locals(1_000, LTE, WIFI)).toEqual([
      `re-establish ${LTE} -> ${SERVER} true`,
    ]);
    expect(setUp({ hasMobike: false }).locals(1_000, LTE)).toEqual([
      `re-establish ${LTE} -> ${SERVER} false`,
    ]);
  });

  it('is left alone while nothing changes, and told nothing that it does not know', () => {
    const { locals, wanted } = setUp({ hasMobike: false });
    expect(locals(1_000, WIFI, LTE)).toEqual([]);
    expect(wanted(2_000)).toEqual([]);
  });
});

describe('PathMover as a machine', () => {
  it('uses no path that does not exist, keeps one update under way, and never throws', () => {
    const pick = fc.subarray([WIFI, LTE, WIFI6]);
    const step = fc.record({
      afterMs: fc.nat({ max: 3_000 }),
      locals: fc.option(pick, { nil: undefined }),
      remotes: fc.option(fc.subarray([SERVER, SECOND, SERVER6], { minLength: 1 }), {
        nil: undefined,
      }),
      kind: fc.constantFrom('no-answer', 'answered', 'wanted', 'timeout'),
      refused: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 50 }), (steps) => {
        const all = setUp({}, [SERVER, SECOND, SERVER6]);
        let ms = 0;
        let own: readonly string[] = [WIFI];
        let newest = 0;
        const check = (outputs: readonly string[]): void => {
          for (const output of outputs) {
            const update = /^update (\d+) \[?([^ \]]+)/.exec(output);
            if (!update) continue;
            expect(Number(update[1])).toBe(newest + 1);
            newest += 1;
            expect(own).toContain(update[2]);
          }
        };
        for (const { afterMs, locals, remotes, kind, refused } of steps) {
          ms += afterMs;
          if (locals) {
            own = locals;
            check(all.locals(ms, ...locals));
          }
          if (remotes) check(all.remotes(ms, ...remotes));
          const { path: current } = all.mover;
          if (!own.includes(formatAddress(current.local.address))) continue;
          const extra = refused ? ({ refusal: 'unacceptable-addresses' } as const) : {};
          if (kind === 'no-answer') check(all.noAnswer(ms));
          else if (kind === 'wanted') check(all.wanted(ms));
          else if (kind === 'timeout') check(all.timeout(ms));
          else check(all.answered(ms, current, newest, extra));
        }
      }),
    );
  });
});

describe('a move that somebody wants (RFC 4555 §3.5)', () => {
  it('goes to the address that was named, stays there, and goes back to the best without one', () => {
    const { move, locals, answered, mover } = setUp();
    locals(0, WIFI, LTE);
    expect(move(10, LTE)).toEqual([
      `move-ike ${LTE} -> ${SERVER}`,
      `move-children ${LTE} -> ${SERVER}`,
      `update 1 ${LTE} -> ${SERVER} +[${WIFI}]`,
    ]);
    answered(20, mover.path, 1);
    expect(locals(30, WIFI, LTE)).toEqual([]);
    expect(move(40).at(0)).toBe(`move-ike ${WIFI} -> ${SERVER}`);
  });

  it('tells the peer where it stays, so that the answer shows the path', () => {
    const { move } = setUp();
    expect(move(10)).toEqual([
      `move-children ${WIFI} -> ${SERVER}`,
      `update 1 ${WIFI} -> ${SERVER}`,
    ]);
  });

  it('does nothing for an address that is not there, and nothing without MOBIKE', () => {
    expect(setUp().move(10, LTE)).toEqual([]);
    expect(setUp({ hasMobike: false }).move(10)).toEqual([]);
  });

  it('is limited as every move is', () => {
    const { move, locals } = setUp();
    locals(0, WIFI, LTE);
    const moved = Array.from({ length: 20 }, (_, i) => move(i * 10, i % 2 ? WIFI : LTE));
    const updates = moved.flat().filter((output) => output.startsWith('update'));
    expect(updates).toHaveLength(4);
  });
});
