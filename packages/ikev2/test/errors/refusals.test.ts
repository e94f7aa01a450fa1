import { Ke } from '@ipsec-kit/crypto';
import { ExchangeType, NotifyType } from '@ipsec-kit/ikev2-codec';
import { describe, expect, it } from 'vitest';
import { ikeAuthRefused } from '../../src/errors/authentication-failures.ts';
import {
  child,
  ESP_GCM,
  identity,
  ikeProposal,
  Pair,
  type PairOptions,
  selector,
} from '../pair.ts';

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
      expect(here?.failure.sentence).toContain(
        'AUTHENTICATION_FAILED to client, proven by a pre-shared key, asking for',
      );
      for (const said of [there?.failure.sentence, here?.failure.sentence]) {
        expect(said).not.toMatch(/wrong|correct horse/);
      }
    }
  });

  it('AUTHENTICATION_FAILED for identities that nobody is configured for (RFC 7296 §2.21.2)', () => {
    const pair = new Pair({
      server: { remoteIdentity: { kind: 'identity', identity: identity('somebody.example') } },
    }).open();
    expect(pair.server.seen('session-closed')[0]?.failure.sentence).toMatch(
      /is configured for client \(home is server for somebody\.example\)/,
    );
    expect(pair.client.seen('session-closed')[0]?.failure.notify).toBe(
      NotifyType.AUTHENTICATION_FAILED,
    );
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

describe('a refusal of CREATE_CHILD_SA says what both sides want, on both sides', () => {
  /** Opens a session, after which what the server is configured for changes. */
  function openAndChange(options: PairOptions, change: () => void): Pair {
    const pair = new Pair(options).open();
    expect(pair.client.seen('session-opened')).toHaveLength(1);
    change();
    return pair;
  }

  function rejections(pair: Pair): (readonly [string | undefined, string])[] {
    return pair.server.seen('message-rejected').map(({ answer, reason }) => [answer, reason]);
  }

  it('NO_PROPOSAL_CHOSEN to a rekey of the IKE SA (RFC 7296 §1.3.2)', () => {
    const proposals = [ikeProposal(Ke.CURVE25519)];
    const pair = openAndChange({ server: { proposals } }, () => {
      proposals.splice(0, 1, ikeProposal(Ke.ECP_384));
    });
    pair.client.command({ kind: 'rekey-ike', sessionId: 1 });
    pair.drive(1_000);
    const [here] = pair.client.seen('rekey-failed');
    expect(here?.failure.notify).toBe(NotifyType.NO_PROPOSAL_CHOSEN);
    expect(here?.failure.sentence).toMatch(/none of our IKE SA proposals \(.*CURVE25519\)/i);
    expect(rejections(pair)).toEqual([
      [
        'NO_PROPOSAL_CHOSEN',
        expect.stringMatching(/offered .*(CURVE25519|X25519).* we accept .*ECP_384|384-bit/i),
      ],
    ]);
  });

  it('INVALID_KE_PAYLOAD to a rekey of the IKE SA, which wants another group each time (RFC 7296 §1.3.2)', () => {
    const proposals = [ikeProposal(Ke.CURVE25519)];
    const client = { proposals: [ikeProposal(Ke.ECP_256, Ke.CURVE25519)] };
    const pair = openAndChange({ client, server: { proposals } }, () => {});
    let requests = 0;
    pair.wire = (flight) => {
      if (flight.from === 'client' && flight.data[18] === ExchangeType.CREATE_CHILD_SA) {
        requests += 1;
        if (requests === 2) proposals.splice(0, 1, ikeProposal(Ke.ECP_256));
      }
      return [{ flight }];
    };
    pair.client.command({ kind: 'rekey-ike', sessionId: 1 });
    pair.drive(1_000);
    const [here] = pair.client.seen('rekey-failed');
    expect(here?.failure.notify).toBe(NotifyType.INVALID_KE_PAYLOAD);
    expect(here?.failure.sentence).toMatch(
      /wants the key exchange .*256.*, our proposals have .*256.*, .*25519/i,
    );
    expect(here?.retryInMs).toBeGreaterThan(0);
    // Once for IKE_SA_INIT, and for both requests of the rekey.
    expect(rejections(pair).map(([answer]) => answer)).toEqual([
      'INVALID_KE_PAYLOAD',
      'INVALID_KE_PAYLOAD',
      'INVALID_KE_PAYLOAD',
    ]);
    expect(rejections(pair)[2]?.[1]).toMatch(
      /CREATE_CHILD_SA request with a KE of .*25519.*, where .*256/i,
    );
    // The session goes on.
    expect(pair.client.seen('session-closed')).toHaveLength(0);
  });

  it('NO_PROPOSAL_CHOSEN to a rekey of a Child SA (RFC 7296 §1.3.3)', () => {
    const proposals = [ESP_GCM];
    const pair = openAndChange({ server: { children: [child({ proposals })] } }, () => {
      const [encryption] = ESP_GCM.transforms;
      if (!encryption) throw new Error('no transform');
      proposals.splice(0, 1, {
        transforms: [{ ...encryption, keyBits: 128 }, ...ESP_GCM.transforms.slice(1)],
      });
    });
    pair.client.command({ kind: 'rekey-child', sessionId: 1, childId: 1 });
    pair.drive(1_000);
    const [here] = pair.client.seen('rekey-failed');
    expect(here?.failure.sentence).toMatch(/NO_PROPOSAL_CHOSEN.*GCM_16-256/);
    expect(rejections(pair)).toEqual([
      [
        'NO_PROPOSAL_CHOSEN',
        expect.stringMatching(/offered .*GCM_16-256.* we accept .*GCM_16-128/),
      ],
    ]);
  });

  it('NO_ADDITIONAL_SAS (RFC 7296 §1.3)', () => {
    const pair = new Pair({ serverSettings: { maxChildren: 1 } }).open();
    pair.client.command({ kind: 'create-child', sessionId: 1, child: 'net' });
    pair.drive(1_000);
    const [here] = pair.client.seen('child-failed');
    expect(here?.failure.notify).toBe(NotifyType.NO_ADDITIONAL_SAS);
    expect(here?.failure.sentence).toMatch(/NO_ADDITIONAL_SAS.*GCM_16-256.*192\.0\.2\.1/);
    expect(rejections(pair)).toEqual([
      ['NO_ADDITIONAL_SAS', '1 Child SAs are as many as one IKE SA may have here'],
    ]);
  });

  it('INVALID_SYNTAX to IKE_AUTH says as whom we asked (RFC 7296 §2.21.2)', () => {
    const failure = ikeAuthRefused(NotifyType.INVALID_SYNTAX, {
      local: identity('client'),
      connection: { remoteIdentity: { kind: 'any' }, localAuthentication: { kind: 'eap' } },
    });
    expect(failure.sentence).toMatch(
      /INVALID_SYNTAX to IKE_AUTH \(client, proven by EAP, asking for .*\)/,
    );
  });
});
