import { createSeededRandom } from '@ipsec-kit/crypto';
import {
  createEapAuthenticator,
  createEapPeer,
  decodeEapPacket,
  type EapMethod,
  EapType,
  eapTypeName,
  encodeEapPacket,
  gtcMethod,
  md5ChallengeMethod,
  msChapV2Method,
} from '@ipsec-kit/eap';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { answerFrom, converse, crypto, hex, secret, text } from './conversation.ts';

const users = { carol: 'Ar3etTnp', dave: 'UgaM65Va', token: 'Ar3etTnp' };
const wrong = { carol: 'guess', dave: 'guess', token: 'guess' };
const all = [msChapV2Method, md5ChallengeMethod, gtcMethod];

function talk(
  options: {
    readonly peerMethods?: readonly EapMethod[];
    readonly methods?: readonly EapMethod[];
    readonly peerUsers?: Readonly<Record<string, string>>;
    readonly serverUsers?: Readonly<Record<string, string>>;
    readonly identity?: string;
    readonly onWire?: (packet: Uint8Array, from: 'peer' | 'authenticator') => Uint8Array;
  } = {},
) {
  return converse({
    peer: { identity: options.identity ?? 'carol', methods: options.peerMethods ?? all },
    authenticator: { methods: options.methods ?? all },
    answerPeer: answerFrom(options.peerUsers ?? users),
    answerAuthenticator: answerFrom(options.serverUsers ?? users),
    ...(options.onWire ? { onWire: options.onWire } : {}),
  });
}

describe('a conversation (RFC 3748 §2)', () => {
  it.each(all)('succeeds with $name on both ends', (method) => {
    const { peerEnd, authenticatorEnd, authenticator } = talk({ methods: [method] });
    expect(peerEnd).toMatchObject({ kind: 'success', method });
    expect(authenticatorEnd).toMatchObject({ kind: 'success', method, user: text('carol') });
    expect(authenticator).toContainEqual({ kind: 'identity', identity: text('carol') });
    const msk = peerEnd?.kind === 'success' ? peerEnd.msk?.reveal() : undefined;
    const serverMsk =
      authenticatorEnd?.kind === 'success' ? authenticatorEnd.msk?.reveal() : undefined;
    expect(msk).toEqual(serverMsk);
    expect(msk?.length).toBe(method.name === 'MSCHAPv2' ? 64 : undefined);
    // RFC 5998 §4: none of these resists guessing.
    expect(method.isMutual).toBe(false);
  });

  it.each(all)('fails with $name and a wrong password, or an unknown user', (method) => {
    for (const change of [{ peerUsers: wrong }, { serverUsers: { dave: 'UgaM65Va' } }]) {
      const { peerEnd, authenticatorEnd } = talk({ methods: [method], ...change });
      expect(authenticatorEnd).toEqual({ kind: 'failure', reason: 'wrong-credentials' });
      expect(peerEnd).toEqual({ kind: 'failure', reason: 'refused' });
    }
  });

  it('looks the same to the peer for an unknown user and a wrong password', () => {
    const sent = (serverUsers: Readonly<Record<string, string>>) =>
      talk({ methods: [msChapV2Method], serverUsers })
        .authenticator.filter((output) => output.kind === 'send')
        .map(({ packet }) => Buffer.from(packet).toString('hex'));
    expect(sent({ carol: 'other' })).toEqual(sent({}));
  });

  it('lets the peer choose with a Nak (RFC 3748 §5.3.1)', () => {
    const { peerEnd, authenticatorEnd } = talk({ peerMethods: [gtcMethod, md5ChallengeMethod] });
    expect(peerEnd).toMatchObject({ kind: 'success', method: md5ChallengeMethod });
    expect(authenticatorEnd).toMatchObject({ kind: 'success' });
  });

  it('fails when there is no method in common', () => {
    const { peerEnd, authenticatorEnd } = talk({
      peerMethods: [gtcMethod],
      methods: [msChapV2Method, md5ChallengeMethod],
    });
    expect(authenticatorEnd).toEqual({ kind: 'failure', reason: 'no-method' });
    expect(peerEnd).toEqual({ kind: 'failure', reason: 'refused' });
  });

  it('lets the identity choose the methods, and does not ask for one that is known', () => {
    const result = converse({
      peer: { identity: 'carol', methods: all },
      authenticator: {
        methods: all,
        identity: text('carol'),
        methodsFor: (identity) => (Buffer.from(identity).toString() === 'carol' ? [gtcMethod] : []),
      },
      answerPeer: answerFrom(users),
      answerAuthenticator: answerFrom(users),
    });
    expect(result.peerEnd).toMatchObject({ kind: 'success', method: gtcMethod });
    // A request of the method and the success.
    expect(result.turns).toBe(2);
    const refused = converse({
      peer: { identity: 'mallory', methods: all },
      authenticator: { methods: all, methodsFor: () => [] },
      answerPeer: answerFrom(users),
      answerAuthenticator: answerFrom(users),
    });
    expect(refused.authenticatorEnd).toEqual({ kind: 'failure', reason: 'no-method' });
  });

  it('names the user that was authenticated, whatever the identity said', () => {
    const { authenticatorEnd, authenticator } = talk({
      methods: [msChapV2Method],
      identity: 'dave',
      onWire: (packet, from) => {
        const decoded = decodeEapPacket(packet);
        const isIdentity = decoded && 'type' in decoded && decoded.type === EapType.IDENTITY;
        return from === 'peer' && decoded && isIdentity
          ? encodeEapPacket({ ...decoded, data: text('carol') })
          : packet;
      },
    });
    expect(authenticator).toContainEqual({ kind: 'identity', identity: text('carol') });
    expect(authenticatorEnd).toMatchObject({ kind: 'success', user: text('dave') });
  });
});

describe('createEapPeer', () => {
  const make = () =>
    createEapPeer({
      identity: text('carol'),
      methods: all,
      crypto,
      random: createSeededRandom(1),
    });
  const request = (identifier: number, type: number, data = '') =>
    ({
      kind: 'packet',
      packet: encodeEapPacket({ code: 1, identifier, type, data: hex(data) }),
    }) as const;

  it('takes no success before its method is through (RFC 3748 §4.2)', () => {
    const success = {
      kind: 'packet',
      packet: encodeEapPacket({ code: 3, identifier: 1 }),
    } as const;
    const failure = [{ kind: 'failure', reason: 'unexpected-success' }];
    expect(make().handle(success)).toEqual(failure);
    const peer = make();
    peer.handle(request(1, EapType.MSCHAPV2, `01070019 10${'11'.repeat(16)}73657276`));
    expect(peer.handle(success)).toEqual(failure);
    expect(peer.handle(success)).toEqual([]);
  });

  it('takes no success of a server that has not shown that it knows the password (RFC 2759 §5)', () => {
    for (const forged of ['S=', `S=${'0'.repeat(40)} M=Welcome`, 'M=Welcome', '']) {
      const { peerEnd } = talk({
        methods: [msChapV2Method],
        onWire: (packet, from) => {
          const decoded = decodeEapPacket(packet);
          const isVerdict =
            decoded && 'type' in decoded && decoded.type === 26 && decoded.data[0] === 3;
          if (from === 'peer' || !decoded || !isVerdict) return packet;
          const message = text(forged);
          const head = Uint8Array.of(3, decoded.data[1] ?? 0, 0, 4 + message.length);
          return encodeEapPacket({ ...decoded, data: Uint8Array.from([...head, ...message]) });
        },
      });
      expect(peerEnd).toEqual({ kind: 'failure', reason: 'server-not-authenticated' });
    }
  });

  it('answers a request that comes again as it did (RFC 3748 §4.1)', () => {
    const peer = make();
    const first = peer.handle(request(7, EapType.IDENTITY));
    expect(first).toEqual([
      {
        kind: 'send',
        packet: encodeEapPacket({ code: 2, identifier: 7, type: 1, data: text('carol') }),
      },
    ]);
    expect(peer.handle(request(7, EapType.IDENTITY))).toEqual(first);
  });

  it('hands on notifications and acknowledges them (RFC 3748 §5.2)', () => {
    const outputs = make().handle(request(7, EapType.NOTIFICATION, '6869'));
    expect(outputs).toEqual([
      { kind: 'notification', text: text('hi') },
      { kind: 'send', packet: encodeEapPacket({ code: 2, identifier: 7, type: 2, data: hex('') }) },
    ]);
  });

  it('discards another method in the middle of one (RFC 3748 §2.1), and answers that nobody waits for', () => {
    const peer = make();
    expect(peer.handle({ kind: 'answer', id: 1, answer: { kind: 'password' } })).toEqual([]);
    const [work] = peer.handle(request(1, EapType.MD5_CHALLENGE, '021122'));
    expect(work).toMatchObject({ kind: 'work', id: 1, work: { kind: 'password' } });
    expect(peer.handle(request(2, EapType.MD5_CHALLENGE, '021123'))).toEqual([{ kind: 'ignored' }]);
    expect(peer.handle({ kind: 'answer', id: 9, answer: { kind: 'password' } })).toEqual([]);
    const answer = { kind: 'password', password: secret('x') } as const;
    expect(peer.handle({ kind: 'answer', id: 1, answer })).toMatchObject([{ kind: 'send' }]);
    expect(peer.handle({ kind: 'answer', id: 1, answer })).toEqual([]);
    expect(peer.handle(request(3, EapType.GTC))).toEqual([{ kind: 'ignored' }]);
    expect(peer.handle(request(3, EapType.IDENTITY))).toEqual([{ kind: 'ignored' }]);
  });

  it('ends a conversation that does not (a server that loops)', () => {
    const peer = make();
    let last: unknown;
    for (let round = 0; round < 100; round += 1) {
      const [output] = peer.handle(request(round, EapType.NOTIFICATION, '00'));
      if (output === undefined) break;
      last = output;
    }
    expect(last).toEqual({ kind: 'failure', reason: 'too-many-rounds' });
  });

  it('fails when its driver cannot work, or has no password', () => {
    for (const answer of [{ kind: 'failed' }, { kind: 'password' }, { kind: 'token' }] as const) {
      const peer = make();
      peer.handle(request(1, EapType.MD5_CHALLENGE, '021122'));
      expect(peer.handle({ kind: 'answer', id: 1, answer })).toMatchObject([{ kind: 'failure' }]);
    }
  });
});

describe('both machines', () => {
  it('never throw and always end, whatever packets come', () => {
    const packets = fc.array(
      fc.oneof(
        fc.uint8Array({ maxLength: 80 }),
        fc
          .record({
            code: fc.constantFrom(1 as const, 2 as const),
            identifier: fc.integer({ min: 0, max: 5 }),
            type: fc.constantFrom(1, 2, 3, 4, 6, 26, 254),
            data: fc.oneof(
              fc.uint8Array({ maxLength: 70 }),
              fc.uint8Array({ minLength: 54, maxLength: 60 }).map((data) => {
                data.set([2, 0, 0, data.length, 49]);
                return data;
              }),
              fc.constant(hex(`0107001910${'11'.repeat(16)}73657276`)),
            ),
          })
          .map(encodeEapPacket),
      ),
      { maxLength: 80 },
    );
    fc.assert(
      fc.property(packets, fc.boolean(), (list, isPeer) => {
        const common = { methods: all, crypto, random: { fill: (b: Uint8Array) => b.fill(0) } };
        const peer = createEapPeer({ ...common, identity: text('carol') });
        const authenticator = createEapAuthenticator(common);
        if (!isPeer) authenticator.start();
        const answer = answerFrom(users);
        let isOver = false;
        for (const packet of list) {
          const machine = isPeer ? peer : authenticator;
          const outputs = [...machine.handle({ kind: 'packet', packet })];
          for (const output of outputs) {
            if (output.kind !== 'work') continue;
            const input = { kind: 'answer', id: output.id, answer: answer(output.work) } as const;
            outputs.push(...machine.handle(input));
          }
          // Nothing comes behind the end, and before it every packet has some answer.
          expect(outputs.length > 0).toBe(!isOver);
          isOver ||= outputs.some(({ kind }) => kind === 'success' || kind === 'failure');
        }
      }),
      { numRuns: 300 },
    );
  });

  it('want a method', () => {
    const common = { methods: [], crypto, random: createSeededRandom(1), identity: text('x') };
    expect(() => createEapPeer(common)).toThrow('"methods" expected');
    expect(() => createEapAuthenticator(common)).toThrow('"methods" expected');
  });
});

describe('createEapAuthenticator', () => {
  it('ignores responses to other requests, and bounds what a peer may say', () => {
    const authenticator = createEapAuthenticator({
      methods: all,
      crypto,
      random: { fill: (bytes) => bytes.fill(9) },
    });
    expect(authenticator.handle({ kind: 'packet', packet: hex('0209000501') })).toEqual([]);
    expect(authenticator.start()).toEqual([{ kind: 'send', packet: hex('0109000501') }]);
    for (const packet of [hex('0208000501'), hex('0109000501'), hex('03090004'), hex('02')]) {
      expect(authenticator.handle({ kind: 'packet', packet })).toEqual([{ kind: 'ignored' }]);
    }
    const long = encodeEapPacket({ code: 2, identifier: 9, type: 1, data: new Uint8Array(600) });
    expect(authenticator.handle({ kind: 'packet', packet: long })).toEqual([
      // RFC 3748 §4.2: the identifier of the response that it answers.
      { kind: 'send', packet: hex('04090004') },
      { kind: 'failure', reason: 'protocol-error' },
    ]);
    expect(authenticator.handle({ kind: 'packet', packet: hex('0209000501') })).toEqual([]);
  });
});

describe('EAP packets (RFC 3748 §4)', () => {
  it('read back as they were written, and ignore padding', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(1 as const, 2 as const),
        fc.integer({ min: 0, max: 255 }),
        fc.integer({ min: 1, max: 254 }),
        fc.uint8Array({ maxLength: 300 }),
        fc.uint8Array({ maxLength: 9 }),
        (code, identifier, type, data, padding) => {
          const bytes = encodeEapPacket({ code, identifier, type, data });
          const read = decodeEapPacket(Uint8Array.from([...bytes, ...padding]));
          expect(read).toEqual({ code, identifier, type, data });
          for (let cut = 0; cut < bytes.length; cut += 1) {
            expect(decodeEapPacket(bytes.subarray(0, cut))).toBeUndefined();
          }
        },
      ),
      { numRuns: 100 },
    );
    expect(decodeEapPacket(hex('03070004'))).toEqual({ code: 3, identifier: 7 });
    expect(decodeEapPacket(hex('0307000501'))).toBeUndefined();
    expect(decodeEapPacket(hex('0507000501'))).toBeUndefined();
    expect(decodeEapPacket(hex('01070004'))).toBeUndefined();
    expect(decodeEapPacket(hex('01070003'))).toBeUndefined();
    const data = new Uint8Array(65_536);
    expect(() => encodeEapPacket({ code: 1, identifier: 1, type: 4, data })).toThrow('"packet"');
  });

  it('have types with names', () => {
    expect(eapTypeName(26)).toBe('MSCHAPV2');
    expect(eapTypeName(99)).toBe('unknown(99)');
  });
});
