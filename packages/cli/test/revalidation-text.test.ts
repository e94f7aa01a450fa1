import { describe, expect, it } from 'vitest';
import { revalidationText } from '../src/revalidation-text.ts';

const none = { bad: [], pending: 0, withoutCertificate: 0, tookMs: 40 };

describe('what revalidate prints', () => {
  it('is one line when all is well', () => {
    expect(revalidationText({ ...none, checked: 1, good: 1 })).toBe('1 session in 0.04 s: 1 good');
    expect(
      revalidationText({ ...none, checked: 2, good: 2, pending: 1, withoutCertificate: 3 }),
    ).toBe('6 sessions in 0.04 s: 2 good, 1 not known yet, see monitor, 3 without a certificate');
  });

  it('has a line for each certificate that does not stand well, and says what becomes of the session', () => {
    const bad = (['close', 'alert', 'grace'] as const).map((action, index) => ({
      sessionId: index + 1,
      remoteIdentity: `client-${index}@example.org`,
      standing: 'revoked' as const,
      action,
      sentence: 'It has been revoked.',
    }));
    expect(revalidationText({ ...none, checked: 9, good: 5, bad }).split('\n')).toEqual([
      '9 sessions in 0.04 s: 5 good, 4 not',
      'client-0@example.org (session 1) revoked, its session is closed: It has been revoked.',
      'client-1@example.org (session 2) revoked, its session stays: It has been revoked.',
      'client-2@example.org (session 3) revoked, its session is closed after a while: It has been revoked.',
      'and 1 more',
    ]);
  });
});
