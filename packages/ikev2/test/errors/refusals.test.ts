import { Ke } from '@ipsec-kit/crypto';
import { NotifyType } from '@ipsec-kit/ikev2-codec';
import { describe, expect, it } from 'vitest';
import { child, ikeProposal, Pair, selector } from '../pair.ts';

describe('a refusal says what both sides want, on both sides', () => {
  it('TS_UNACCEPTABLE (RFC 7296 §2.9)', () => {
    const [one, other] = ['10.1.0.0/16', '10.2.0.0/16'];
    const pair = new Pair({
      client: { children: [child({ remoteSelectors: [selector(one)] })] },
      server: { children: [child({ localSelectors: [selector(other)] })] },
    }).open();
    const [there] = pair.server.seen('child-failed');
    expect(there?.failure.notify).toBe(NotifyType.TS_UNACCEPTABLE);
    expect(there?.failure.sentence).toContain(one);
    expect(there?.failure.sentence).toContain(`net allows ${other} here, dynamic there`);
    const [here] = pair.client.seen('child-failed');
    const ended = here ?? pair.client.seen('session-closed')[0];
    expect(ended?.failure.notify).toBe(NotifyType.TS_UNACCEPTABLE);
    expect(ended?.failure.sentence).toMatch(/TS_UNACCEPTABLE.*10\.1\.0\.0\/16/);
  });

  it('NO_PROPOSAL_CHOSEN (RFC 7296 §2.7)', () => {
    const pair = new Pair({
      client: { proposals: [ikeProposal(Ke.ECP_256)] },
      server: { proposals: [ikeProposal(Ke.CURVE25519)] },
    }).open();
    const [there] = pair.server.seen('message-rejected');
    expect(there?.answer).toBe('NO_PROPOSAL_CHOSEN');
    expect(there?.reason).toMatch(/offered .*, we accept /);
    pair.drive(5_000);
    const [here] = pair.client.seen('session-closed');
    expect(here?.failure.notify).toBe(NotifyType.NO_PROPOSAL_CHOSEN);
    expect(here?.failure.sentence).toMatch(/NO_PROPOSAL_CHOSEN.*ENCR_AES_CBC-256/);
  });

  it('AUTHENTICATION_FAILED, for a wrong secret and for none (RFC 7296 §2.21.2)', () => {
    for (const forget of [false, true]) {
      const pair = new Pair({ clientSecret: 'wrong' });
      pair.server.failAnswers = forget;
      pair.open();
      const [there] = pair.server.seen('session-closed');
      expect(there?.failure.notify).toBe(NotifyType.AUTHENTICATION_FAILED);
      expect(there?.failure.sentence).toContain('client');
      const [here] = pair.client.seen('session-closed');
      expect(here?.failure.notify).toBe(NotifyType.AUTHENTICATION_FAILED);
      expect(here?.failure.sentence).toContain('AUTHENTICATION_FAILED');
    }
  });

  it('INVALID_KE_PAYLOAD (RFC 7296 §1.2)', () => {
    const pair = new Pair({
      client: { proposals: [ikeProposal(Ke.ECP_256, Ke.CURVE25519)] },
      server: { proposals: [ikeProposal(Ke.CURVE25519)] },
    }).open();
    const [there] = pair.server.seen('message-rejected');
    expect(there?.answer).toBe('INVALID_KE_PAYLOAD');
    expect(there?.reason).toMatch(/KE of .*, where the proposal in common has /);
    expect(pair.client.children.size).toBe(1);
  });
});
