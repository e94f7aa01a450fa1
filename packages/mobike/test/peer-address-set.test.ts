import { type NotifyPayload, NotifyType } from '@ipsec-kit/ikev2-codec';
import { formatAddress } from '@ipsec-kit/ip';
import {
  additionalAddressNotifies,
  addressListNotifies,
  carriesAddressList,
  decodeAdditionalAddress,
  PeerAddressSet,
} from '@ipsec-kit/mobike';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { address } from './addresses.ts';

const texts = (set: PeerAddressSet): string[] => set.addresses.map(formatAddress);
const list = (...addresses: string[]): readonly NotifyPayload[] =>
  addressListNotifies(addresses.map(address));
const raw = (notify: number, data: Uint8Array): NotifyPayload => ({
  type: 'N',
  protocol: 0,
  spi: new Uint8Array(0),
  notify,
  data,
});

describe('PeerAddressSet (RFC 4555 §3.4, §3.6)', () => {
  it('holds the source of the IP header and what is listed', () => {
    const set = new PeerAddressSet();
    expect(set.addresses).toEqual([]);
    set.begin(address('192.0.2.1'), additionalAddressNotifies([address('2001:db8::1')]));
    expect(texts(set)).toEqual(['192.0.2.1', '2001:db8::1']);
    expect(set.has(address('2001:db8::1'))).toBe(true);
    expect(set.has(address('2001:db8::2'))).toBe(false);
  });

  it('tells what the peer has named itself from where its lists only came from (RFC 4555 §3.6)', () => {
    const set = new PeerAddressSet();
    const isListed = (text: string): boolean => set.isListed(address(text));
    set.begin(address('192.0.2.1'), list('192.0.2.2'));
    // The source of IKE_AUTH is where that exchange went.
    expect([isListed('192.0.2.1'), isListed('192.0.2.2')]).toEqual([true, true]);
    set.update(address('203.0.113.66'), list('192.0.2.3'));
    expect(set.has(address('203.0.113.66'))).toBe(true);
    expect([isListed('203.0.113.66'), isListed('192.0.2.3')]).toEqual([false, true]);
    // It had named this one before it went there.
    set.update(address('192.0.2.3'), list());
    expect(isListed('192.0.2.3')).toBe(true);
    set.update(address('192.0.2.4'), list(), true);
    expect(isListed('192.0.2.4')).toBe(true);
    expect(isListed('192.0.2.3')).toBe(false);
  });

  it('is replaced as a whole: an old address that is not listed is gone', () => {
    const set = new PeerAddressSet();
    set.begin(address('192.0.2.1'), list('192.0.2.2'));
    expect(set.update(address('198.51.100.1'), list())).toEqual({ kind: 'replaced', ignored: 0 });
    expect(texts(set)).toEqual(['198.51.100.1']);
  });

  it('stays as it is when a message says nothing about addresses', () => {
    const set = new PeerAddressSet();
    set.begin(address('192.0.2.1'), list('192.0.2.2'));
    const unrelated = [raw(NotifyType.COOKIE2, new Uint8Array(16))];
    expect(set.update(address('198.51.100.1'), unrelated)).toEqual({ kind: 'unchanged' });
    expect(texts(set)).toEqual(['192.0.2.1', '192.0.2.2']);
    set.begin(address('198.51.100.1'), []);
    expect(texts(set)).toEqual(['198.51.100.1']);
  });

  it('leaves out what is twice there, malformed, or would lead back to ourselves or to a group', () => {
    const set = new PeerAddressSet();
    const change = set.begin(address('192.0.2.1'), [
      ...list('192.0.2.1', '192.0.2.2', '192.0.2.2'),
      ...list('127.0.0.1', '::1', '0.0.0.0', '224.0.0.1', 'ff02::1', '255.255.255.255'),
      raw(NotifyType.ADDITIONAL_IP4_ADDRESS, new Uint8Array(16).fill(1)),
      raw(NotifyType.ADDITIONAL_IP6_ADDRESS, new Uint8Array(4).fill(1)),
    ]);
    expect(change).toEqual({ kind: 'replaced', ignored: 8 });
    expect(texts(set)).toEqual(['192.0.2.1', '192.0.2.2']);
  });

  it('takes loopback addresses from a peer on this host', () => {
    const set = new PeerAddressSet();
    set.begin(address('127.0.0.1'), list('::1'));
    expect(texts(set)).toEqual(['127.0.0.1', '::1']);
  });

  it('is bounded, whatever is listed', () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ maxLength: 17 }), { maxLength: 60 }),
        fc.integer({ min: 1, max: 20 }),
        (datas, maxAddresses) => {
          const set = new PeerAddressSet({ maxAddresses });
          const source = address('192.0.2.1');
          const notifies = datas.flatMap((data) => [
            raw(NotifyType.ADDITIONAL_IP4_ADDRESS, data),
            raw(NotifyType.ADDITIONAL_IP6_ADDRESS, data),
          ]);
          set.update(source, notifies);
          expect(set.addresses.length).toBeLessThanOrEqual(maxAddresses);
          if (notifies.length > 0) expect(set.addresses[0]).toBe(source);
          expect(new Set(texts(set)).size).toBe(set.addresses.length);
        },
      ),
    );
  });

  it('refuses a bound that is none', () => {
    expect(() => new PeerAddressSet({ maxAddresses: 0 })).toThrow(/maxAddresses/);
  });
});

describe('decodeAdditionalAddress (RFC 4555 §4.2.2)', () => {
  it('reads back what was built', () => {
    const bytes = fc.oneof(
      fc.uint8Array({ minLength: 4, maxLength: 4 }),
      fc.uint8Array({ minLength: 16, maxLength: 16 }),
    );
    fc.assert(
      fc.property(bytes, (data) => {
        const version = data.length === 4 ? 4 : 6;
        const [notify] = addressListNotifies([{ version, bytes: data }]);
        if (!notify) throw new Error('expected a notify');
        expect(carriesAddressList([notify])).toBe(true);
        expect(decodeAdditionalAddress(notify)).toEqual({ version, bytes: data });
      }),
    );
  });

  it('knows no other notify', () => {
    expect(decodeAdditionalAddress(raw(NotifyType.COOKIE2, new Uint8Array(16)))).toBeUndefined();
  });
});
