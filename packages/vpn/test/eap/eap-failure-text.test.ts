import { EapType } from '@ipsec-kit/eap';
import { describe, expect, it } from 'vitest';
import { eapFailureText } from '../../src/eap/eap-failure-text.ts';

/** What the client says of a server that has sent EAP-Failure. */
function refusedAfter(lastType: number | undefined): string {
  const known = {
    side: 'peer',
    user: 'carol',
    methods: ['eap-mschapv2'],
    detail: undefined,
  } as const;
  return eapFailureText({ ...known, types: [EapType.MSCHAPV2], reason: 'refused', lastType });
}

describe('why EAP failed, in words (RFC 3748 §4.2)', () => {
  it('tells a server that asked for a proof from one that did not, and from one that wants another', () => {
    expect(refusedAfter(undefined)).toContain(
      'the server refused carol before it asked for any proof; check the name, and whether the server reaches',
    );
    expect(refusedAfter(EapType.MSCHAPV2)).toContain('check the name and the password');
    expect(refusedAfter(EapType.MD5_CHALLENGE)).toContain('this side has eap-mschapv2; set both');
  });
});
