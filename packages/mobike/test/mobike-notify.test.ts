import { NotifyType } from '@ipsec-kit/ikev2-codec';
import {
  additionalAddressNotifies,
  addressListNotifies,
  cookie2Notify,
  matchesArrival,
  mobikeSupportedNotify,
  noNatsAllowedNotify,
  updateSaAddressesNotify,
} from '@ipsec-kit/mobike';
import { describe, expect, it } from 'vitest';
import { address, path } from './addresses.ts';

describe('notifies of MOBIKE (RFC 4555 §4)', () => {
  it('have neither protocol nor SPI', () => {
    for (const notify of [
      mobikeSupportedNotify(),
      updateSaAddressesNotify(),
      ...addressListNotifies([]),
      ...addressListNotifies([address('192.0.2.1')]),
      cookie2Notify(new Uint8Array(8)),
      noNatsAllowedNotify(path('192.0.2.1', '192.0.2.2')),
    ]) {
      expect(notify).toMatchObject({ type: 'N', protocol: 0, spi: new Uint8Array(0) });
    }
  });

  it('carry no data where the RFC says so', () => {
    expect(mobikeSupportedNotify()).toMatchObject({ notify: 16396, data: new Uint8Array(0) });
    expect(updateSaAddressesNotify()).toMatchObject({ notify: 16400, data: new Uint8Array(0) });
  });

  it('list addresses by family (RFC 4555 §4.2.2)', () => {
    const others = [address('192.0.2.1'), address('2001:db8::1')];
    const listed = [
      { notify: NotifyType.ADDITIONAL_IP4_ADDRESS, data: others[0]?.bytes },
      { notify: NotifyType.ADDITIONAL_IP6_ADDRESS, data: others[1]?.bytes },
    ];
    expect(additionalAddressNotifies(others)).toMatchObject(listed);
    expect(addressListNotifies(others)).toMatchObject(listed);
  });

  it('say explicitly that there is no other address in an update, and nothing in IKE_AUTH (RFC 4555 §3.4, §3.6)', () => {
    expect(addressListNotifies([])).toMatchObject([{ notify: 16399, data: new Uint8Array(0) }]);
    expect(additionalAddressNotifies([])).toEqual([]);
  });

  it('refuse a COOKIE2 shorter than 8 or longer than 64 bytes (RFC 4555 §4.2.5)', () => {
    expect(() => cookie2Notify(new Uint8Array(7))).toThrow(/8 to 64/);
    expect(() => cookie2Notify(new Uint8Array(65))).toThrow(/8 to 64/);
    expect(cookie2Notify(new Uint8Array(64)).data).toHaveLength(64);
  });
});

describe('NO_NATS_ALLOWED (RFC 4555 §3.9, §4.2.6)', () => {
  it('is source, destination, source port, destination port', () => {
    const { data } = noNatsAllowedNotify({
      local: { address: address('192.0.2.1'), port: 500 },
      remote: { address: address('198.51.100.7'), port: 4500 },
    });
    expect([...data]).toEqual([192, 0, 2, 1, 198, 51, 100, 7, 1, 244, 17, 148]);
    expect(noNatsAllowedNotify(path('2001:db8::1', '2001:db8::2')).data).toHaveLength(36);
  });

  it('matches where nothing was changed on the way, seen from the other end', () => {
    const { data } = noNatsAllowedNotify(path('192.0.2.1', '198.51.100.7'));
    expect(matchesArrival(data, path('198.51.100.7', '192.0.2.1'))).toBe(true);
    expect(matchesArrival(data, path('198.51.100.7', '192.0.2.9'))).toBe(false);
    expect(matchesArrival(data, path('198.51.100.7', '192.0.2.1', 4501))).toBe(false);
    expect(matchesArrival(data.subarray(0, 11), path('198.51.100.7', '192.0.2.1'))).toBe(false);
    expect(matchesArrival(new Uint8Array(0), path('198.51.100.7', '192.0.2.1'))).toBe(false);
  });

  it('has no form for a path between families', () => {
    expect(() => noNatsAllowedNotify(path('192.0.2.1', '2001:db8::2'))).toThrow(/one family/);
  });
});
