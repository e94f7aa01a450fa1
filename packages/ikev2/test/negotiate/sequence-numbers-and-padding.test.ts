import { Encr, TransformType } from '@ipsec-kit/crypto';
import { NotifyType, notify, type Payload } from '@ipsec-kit/ikev2-codec';
import { describe, expect, it } from 'vitest';
import type { ChildConfig, ConfiguredProposal } from '../../src/index.ts';
import { child, type Host, Pair } from '../pair.ts';
import { extended, RawClient } from '../raw-peer.ts';

const sides = ['client', 'server'] as const;
const [NO_EXT_SEQ, EXT_SEQ] = [0, 1];

/** Children with one proposal: a cipher, and sequence numbers in order of preference. */
function children(numbers: readonly number[], cipher: number = Encr.ENCR_AES_GCM_16) {
  const proposal: ConfiguredProposal = {
    transforms: [
      { type: TransformType.ENCR, id: cipher, keyBits: 256 },
      ...numbers.map((id) => ({ type: TransformType.ESN, id })),
    ],
  };
  return { children: [child({ proposals: [proposal] })] };
}

function installed(host: Host) {
  const last = [...host.children.values()].at(-1);
  if (!last) throw new Error('no child');
  return last;
}

describe('extended sequence numbers (RFC 7296 §3.3.2, RFC 9827)', () => {
  it.each([
    ['both want them', [EXT_SEQ], [EXT_SEQ], true],
    ['the responder prefers them', [NO_EXT_SEQ, EXT_SEQ], [EXT_SEQ, NO_EXT_SEQ], true],
    ['the responder has only short ones', [EXT_SEQ, NO_EXT_SEQ], [NO_EXT_SEQ], false],
    ['the initiator has only short ones', [NO_EXT_SEQ], [EXT_SEQ, NO_EXT_SEQ], false],
    ['nobody says anything', [], [], false],
  ])('%s', (_, client, server, esn) => {
    const pair = new Pair({ client: children(client), server: children(server) }).open();
    for (const side of sides) {
      expect(installed(pair[side]).esn).toBe(esn);
      expect(pair[side].seen('child-opened')).toMatchObject([{ esn }]);
    }
  });

  it('are refused by who has none, and the sentence names them', () => {
    const pair = new Pair({
      client: children([EXT_SEQ]),
      server: children([NO_EXT_SEQ]),
    }).open();
    expect(pair.client.children.size + pair.server.children.size).toBe(0);
    for (const side of sides) {
      expect(pair[side].seen('child-failed')[0]?.failure.sentence).toContain(
        'ENCR_AES_GCM_16-256 PARTIALLY_TRANSMITTED_64',
      );
    }
  });

  for (const side of sides) {
    it(`are negotiated anew when the ${side} rekeys (RFC 7296 §1.3.3)`, () => {
      const options = { client: children([EXT_SEQ]), server: children([EXT_SEQ]) };
      const pair = new Pair(options).open();
      const { sessionId, childId } = installed(pair[side]);
      pair[side].command({ kind: 'rekey-child', sessionId, childId });
      pair.drive(20_000);
      for (const each of sides) {
        expect(pair[each].seen('child-rekeyed')).toMatchObject([{ esn: true }]);
        expect(installed(pair[each]).esn).toBe(true);
      }
    });
  }

  it('go with an implicit IV, whose keys are as long as with one that is sent (RFC 8750 §4)', () => {
    const options = children([EXT_SEQ], Encr.ENCR_AES_GCM_16_IIV);
    const pair = new Pair({ client: options, server: options }).open();
    const { suite, esn, inboundKeys } = installed(pair.server);
    expect([suite.encryption, esn]).toEqual([Encr.ENCR_AES_GCM_16_IIV, true]);
    expect(inboundKeys.encryption.length).toBe(36);
    expect(inboundKeys.encryption.reveal()).toEqual(
      installed(pair.client).outboundKeys.encryption.reveal(),
    );
  });
});

describe('padding against traffic analysis (RFC 7296 §1.3.1, §3.10.1)', () => {
  const refuse = (payloads: readonly Payload[]): Payload[] => [
    ...payloads,
    notify(NotifyType.ESP_TFC_PADDING_NOT_SUPPORTED),
  ];

  it('is taken by both where nobody says otherwise', () => {
    const pair = new Pair().open();
    for (const side of sides) expect(installed(pair[side]).peerTakesTfc).toBe(true);
    expect(pair.client.story.join()).not.toContain('TFC');
  });

  for (const side of sides) {
    const other = side === 'client' ? 'server' : 'client';
    it(`is not sent to the ${side} that takes none; the other way it may be`, () => {
      const pair = new Pair();
      const raw = new RawClient(pair);
      pair.wire = (flight) => [{ flight: extended(raw, flight, side, refuse) }];
      pair.open();
      expect(installed(pair[other]).peerTakesTfc).toBe(false);
      expect(installed(pair[side]).peerTakesTfc).toBe(true);
    });

    it(`is refused in transport mode, also in a rekey by the ${side}: nothing tells what is padding (RFC 4303 §2.7)`, () => {
      const transport: Partial<ChildConfig> = { mode: 'transport' };
      const options = { children: [child(transport)] };
      const pair = new Pair({ client: options, server: options }).open();
      for (const each of sides) expect(installed(pair[each]).peerTakesTfc).toBe(false);
      const { sessionId, childId } = installed(pair[side]);
      pair[side].command({ kind: 'rekey-child', sessionId, childId });
      pair.drive(20_000);
      expect(pair[side].seen('child-rekeyed')).toHaveLength(1);
      for (const each of sides) expect(installed(pair[each]).peerTakesTfc).toBe(false);
    });
  }
});
