import { createSeededRandom } from '@ipsec-kit/crypto';
import { NotifyType } from '@ipsec-kit/ikev2-codec';
import { cookie2Notify, ReturnRoutabilityCheck } from '@ipsec-kit/mobike';
import { describe, expect, it } from 'vitest';
import { endpoint } from './addresses.ts';

describe('return routability check (RFC 4555 §3.7)', () => {
  const check = (): ReturnRoutabilityCheck => new ReturnRoutabilityCheck(createSeededRandom(1));

  it('verifies the address that the request went to when the cookie comes back', () => {
    const one = check();
    one.onSent(endpoint('192.0.2.1'));
    one.onSent(endpoint('192.0.2.1'));
    expect(one.onResponse([one.notify])).toEqual({
      kind: 'verified',
      remote: endpoint('192.0.2.1'),
    });
  });

  it('proves no path when the request went to several destinations', () => {
    const one = check();
    one.onSent(endpoint('192.0.2.1'));
    one.onSent(endpoint('192.0.2.2'));
    one.onSent(endpoint('192.0.2.1'));
    expect(one.onResponse([one.notify])).toEqual({ kind: 'ambiguous' });
  });

  it('fails when the cookie is another, or none: the IKE SA must end', () => {
    const one = check();
    one.onSent(endpoint('192.0.2.1'));
    const other = new Uint8Array(16).fill(1);
    expect(one.onResponse([cookie2Notify(other)])).toEqual({
      kind: 'failed',
      code: 'cookie-mismatch',
    });
    const longer = cookie2Notify(Uint8Array.from([...one.notify.data, 0]));
    expect(one.onResponse([longer])).toMatchObject({ code: 'cookie-mismatch' });
    expect(one.onResponse([])).toEqual({ kind: 'failed', code: 'cookie-missing' });
  });

  it('draws 16 unpredictable bytes, or as many as it is told within 8 to 64 (RFC 4555 §4.2.5)', () => {
    const random = createSeededRandom(2);
    const cookies = [new ReturnRoutabilityCheck(random), new ReturnRoutabilityCheck(random)];
    const [first, second] = cookies.map((one) => one.notify.data.join());
    expect(first).not.toBe(second);
    expect(cookies[0]?.notify).toMatchObject({ notify: NotifyType.COOKIE2 });
    expect(cookies[0]?.notify.data).toHaveLength(16);
    expect(new ReturnRoutabilityCheck(random, 64).notify.data).toHaveLength(64);
    expect(() => new ReturnRoutabilityCheck(random, 7)).toThrow(/8 to 64/);
  });

  it('refuses to judge a response to nothing', () => {
    const one = check();
    expect(() => one.onResponse([one.notify])).toThrow(/onSent/);
  });
});
