import { instantFromMs } from '@ipsec-kit/clock';
import { formatAddress, formatPath } from '@ipsec-kit/ip';
import {
  type MoveRequest,
  ResponderMove,
  type ResponderMoveOptions,
  type ResponderMoveOutput,
} from '@ipsec-kit/mobike';
import { describe, expect, it } from 'vitest';
import { address, endpoint, path } from './addresses.ts';

const OLD = '192.0.2.1';
const NEW = '192.0.2.2';
const CLIENT = '198.51.100.7';
const now = instantFromMs(0);

function setUp(options: ResponderMoveOptions = {}, extra: Partial<MoveRequest> = {}) {
  const machine = new ResponderMove(options);
  const short = (output: ResponderMoveOutput): string => {
    switch (output.kind) {
      case 'send-list':
        return `list [${output.additional.map(formatAddress).join(' ')}] over ${output.paths.map(formatPath).join(', ')}`;
      case 'transmit':
        return `transmit ${output.paths.map(formatPath).join(', ')}`;
      case 'refused':
        return `refused ${output.code}`;
      default:
        return `${output.kind} ${formatPath(output.path)}`;
    }
  };
  const request = { from: path(OLD, CLIENT), to: address(NEW), others: [], ...extra };
  return {
    machine,
    move: () => machine.handle({ kind: 'move', now, request }).map(short),
    noAnswer: () => machine.handle({ kind: 'no-answer', now }).map(short),
    answered: () => machine.handle({ kind: 'answered', now }).map(short),
    updated: (local: string) =>
      machine.handle({ kind: 'updated', now, path: path(local, CLIENT) }).map(short),
  };
}

const TO_NEW = `${NEW}:4500 -> ${CLIENT}:4500`;
const TO_OLD = `${OLD}:4500 -> ${CLIENT}:4500`;

describe('ResponderMove (RFC 4555 §3.6)', () => {
  it('lists its addresses without the old one, from the new one, and is moved by the update', () => {
    const { machine, move, answered, updated } = setUp();
    expect(move()).toEqual([`list [] over ${TO_NEW}`]);
    expect(machine.canMove).toBe(false);
    expect(answered()).toEqual([]);
    expect(updated(NEW)).toEqual([`moved ${TO_NEW}`]);
    expect(machine.canMove).toBe(true);
  });

  it('keeps its other addresses in the list', () => {
    const { move } = setUp({}, { others: [address('192.0.2.3')] });
    expect(move()).toEqual([`list [192.0.2.3] over ${TO_NEW}`]);
  });

  it("tries also where the peer's NAT was seen to map it, in at most four places more", () => {
    const seenAt = Array.from({ length: 9 }, (_, i) => endpoint(CLIENT, 20_000 + i));
    const { move } = setUp({}, { seenAt });
    const [text = ''] = move();
    expect(text.split(', ')).toHaveLength(5);
    expect(text).toContain(`${NEW}:4500 -> ${CLIENT}:20000`);
  });

  it('goes back when nobody hears it: the same request from the old address, and no move any more', () => {
    const { machine, move, noAnswer, answered } = setUp({ tries: 3 });
    move();
    expect([noAnswer(), noAnswer()]).toEqual([[`transmit ${TO_NEW}`], [`transmit ${TO_NEW}`]]);
    expect(noAnswer()).toEqual([`transmit ${TO_OLD}`]);
    expect(noAnswer()).toEqual([`transmit ${TO_OLD}`]);
    expect(machine.answersAt(address(OLD))).toBe(true);
    expect(answered()).toEqual([`fell-back ${TO_OLD}`, `list [${NEW}] over ${TO_OLD}`]);
    expect(machine.canMove).toBe(false);
    expect(move()).toEqual(['refused cannot-be-moved']);
  });

  it('takes a peer that follows after all for one that can be moved', () => {
    const { machine, move, noAnswer, updated } = setUp({ tries: 1 });
    move();
    noAnswer();
    expect(updated(OLD)).toEqual([]);
    expect(updated(NEW)).toEqual([`moved ${TO_NEW}`]);
    expect(machine.canMove).toBe(true);
  });

  it('or stays, and answers nothing at the old address once it has not been heard', () => {
    const { machine, move, noAnswer } = setUp({ tries: 2, ifUnheard: 'stay' });
    move();
    expect(machine.answersAt(address(OLD))).toBe(true);
    noAnswer();
    expect(machine.answersAt(address(OLD))).toBe(false);
    expect(machine.answersAt(address(NEW))).toBe(true);
    for (let i = 0; i < 20; i += 1) expect(noAnswer()).toEqual([`transmit ${TO_NEW}`]);
  });

  it('answers everywhere again once it was heard, since the update may come to the old address', () => {
    const { machine, move, noAnswer, answered } = setUp({ tries: 1, ifUnheard: 'stay' });
    move();
    noAnswer();
    answered();
    expect(machine.answersAt(address(OLD))).toBe(true);
  });

  it('moves ESP by itself when the old address is gone, and never goes back (RFC 4555 §3.5)', () => {
    const { move, noAnswer } = setUp({ tries: 1 }, { isOldGone: true });
    expect(move()).toEqual([`move-children ${TO_NEW}`, `list [] over ${TO_NEW}`]);
    expect(noAnswer()).toEqual([`transmit ${TO_NEW}`]);
    expect(noAnswer()).toEqual([`transmit ${TO_NEW}`]);
  });

  it('refuses a second move while one is under way, and waits for nothing while it rests', () => {
    const { move, noAnswer, answered, updated } = setUp();
    expect([noAnswer(), answered(), updated(NEW)]).toEqual([[], [], []]);
    move();
    expect(move()).toEqual(['refused is-moving']);
  });
});
