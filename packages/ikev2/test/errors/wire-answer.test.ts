import { NotifyType } from '@ipsec-kit/ikev2-codec';
import { describe, expect, it } from 'vitest';
import { type ProtocolError, wireAnswer } from '../../src/errors/wire-answer.ts';

const malformed = (isProtected: boolean): ProtocolError => ({
  code: 'malformed',
  decode: 'malformed-payload',
  isProtected,
});

/** error, before authentication, after it: `+` ends the IKE SA. */
const TABLE: [ProtocolError, string, string][] = [
  [malformed(false), 'silence', 'silence'],
  [malformed(true), 'INVALID_SYNTAX+', 'INVALID_SYNTAX+'],
  [{ code: 'missing-payload', payload: 'SA' }, 'INVALID_SYNTAX+', 'INVALID_SYNTAX+'],
  [{ code: 'unknown-exchange' }, 'INVALID_SYNTAX+', 'INVALID_SYNTAX+'],
  [
    { code: 'unsupported-critical-payload', payloadType: 200 },
    'UNSUPPORTED_CRITICAL_PAYLOAD+',
    'UNSUPPORTED_CRITICAL_PAYLOAD',
  ],
  [{ code: 'unsupported-major-version' }, 'INVALID_MAJOR_VERSION', 'INVALID_MAJOR_VERSION'],
  [{ code: 'unknown-ike-spi' }, 'INVALID_IKE_SPI', 'INVALID_IKE_SPI'],
  [{ code: 'bad-icv' }, 'silence', 'silence'],
  [{ code: 'outside-window' }, 'silence', 'silence'],
  [{ code: 'too-many-sessions' }, 'silence', 'silence'],
  [{ code: 'no-proposal-chosen' }, 'NO_PROPOSAL_CHOSEN', 'NO_PROPOSAL_CHOSEN'],
  [{ code: 'invalid-ke-payload', method: 0x0123 }, 'INVALID_KE_PAYLOAD', 'INVALID_KE_PAYLOAD'],
  [{ code: 'nat-traversal-refused' }, 'NO_PROPOSAL_CHOSEN', 'NO_PROPOSAL_CHOSEN'],
  [{ code: 'authentication-failed' }, 'AUTHENTICATION_FAILED+', 'AUTHENTICATION_FAILED+'],
  [{ code: 'internal-address-failure' }, 'INTERNAL_ADDRESS_FAILURE', 'INTERNAL_ADDRESS_FAILURE'],
  [{ code: 'ts-unacceptable' }, 'TS_UNACCEPTABLE', 'TS_UNACCEPTABLE'],
  [{ code: 'no-additional-sas' }, 'NO_ADDITIONAL_SAS', 'NO_ADDITIONAL_SAS'],
  [{ code: 'temporary-failure' }, 'TEMPORARY_FAILURE', 'TEMPORARY_FAILURE'],
];

function text(error: ProtocolError, isAuthenticated: boolean): string {
  const answer = wireAnswer(error, isAuthenticated);
  if (answer.kind === 'silence') return 'silence';
  const name = Object.entries(NotifyType).find(([, type]) => type === answer.notify)?.[0] ?? '?';
  return answer.endsIkeSa ? `${name}+` : name;
}

describe('what the wire gets for an error (RFC 7296 §2.21, §3.10.1)', () => {
  for (const [error, before, after] of TABLE) {
    it(`${error.code}${error.code === 'malformed' && error.isProtected ? ' inside SK' : ''}: ${before} before, ${after} after authentication`, () => {
      expect([text(error, false), text(error, true)]).toEqual([before, after]);
    });
  }

  it('carries the data that the notification wants', () => {
    const data = (error: ProtocolError): Uint8Array | undefined => {
      const answer = wireAnswer(error, true);
      return answer.kind === 'notify' ? answer.data : undefined;
    };
    expect(data({ code: 'invalid-ke-payload', method: 0x0123 })).toEqual(Uint8Array.of(1, 0x23));
    expect(data({ code: 'unsupported-critical-payload', payloadType: 200 })).toEqual(
      Uint8Array.of(200),
    );
    expect(data({ code: 'unsupported-major-version' })).toEqual(Uint8Array.of(2));
  });
});
