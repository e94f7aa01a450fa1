import { type NotifyPayload, NotifyType } from '@ipsec-kit/ikev2-codec';
import { formatAddress, type Path } from '@ipsec-kit/ip';
import {
  type AddressDecision,
  AddressUpdates,
  addressListNotifies,
  cookie2Notify,
  noNatsAllowedNotify,
  updateSaAddressesNotify,
} from '@ipsec-kit/mobike';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { address, path } from './addresses.ts';

const arrival = path('198.51.100.7', '192.0.2.1');
const cookie = cookie2Notify(new Uint8Array(16).fill(7));
const move = updateSaAddressesNotify();
const natDetection: NotifyPayload = {
  ...move,
  notify: NotifyType.NAT_DETECTION_SOURCE_IP,
  data: new Uint8Array(20),
};

function request(
  notifies: readonly NotifyPayload[],
  extra: { messageId?: number; path?: Path; natTraversal?: boolean } = {},
): Parameters<AddressUpdates['handle']>[0] {
  return { messageId: 5, path: arrival, notifies, natTraversal: true, ...extra };
}

const notifyTypes = (decision: AddressDecision): number[] =>
  decision.response.map((payload) => payload.notify);

describe('UPDATE_SA_ADDRESSES at the responder (RFC 4555 §3.5)', () => {
  it('moves the SAs to where the request came from', () => {
    const updates = new AddressUpdates({ role: 'responder' });
    expect(updates.handle(request([move, natDetection]))).toEqual({
      kind: 'applied',
      moveTo: arrival,
      list: { kind: 'unchanged' },
      response: [],
      includeNatDetection: true,
    });
  });

  it('is answered, but not obeyed, when a newer one has been here', () => {
    const updates = new AddressUpdates({ role: 'responder' });
    updates.handle(request([move], { messageId: 6 }));
    const late = updates.handle(request([move, cookie], { messageId: 5 }));
    expect(late).toMatchObject({ kind: 'superseded', response: [cookie] });
    expect(updates.handle(request([move], { messageId: 7 })).kind).toBe('applied');
  });

  it('is refused for a path that policy does not accept', () => {
    const updates = new AddressUpdates({ role: 'responder', isAcceptable: () => false });
    const decision = updates.handle(request([move, cookie]));
    expect(decision).toMatchObject({ kind: 'refused', code: 'unacceptable-addresses' });
    expect(notifyTypes(decision)).toEqual([NotifyType.UNACCEPTABLE_ADDRESSES, NotifyType.COOKIE2]);
  });

  it('means nothing when the responder of the IKE SA sends it', () => {
    const updates = new AddressUpdates({ role: 'initiator' });
    expect(updates.handle(request([move])).kind).toBe('unrelated');
  });

  it('takes a new list of addresses along', () => {
    const updates = new AddressUpdates({ role: 'responder' });
    const list = addressListNotifies([address('2001:db8::1')]);
    expect(updates.handle(request([move, ...list]))).toMatchObject({
      kind: 'applied',
      moveTo: arrival,
      list: { kind: 'replaced', ignored: 0 },
    });
    expect(updates.peerAddresses.addresses.map(formatAddress)).toEqual([
      '192.0.2.1',
      '2001:db8::1',
    ]);
  });
});

describe('address lists in INFORMATIONAL requests (RFC 4555 §3.6)', () => {
  it('change the set and move nothing, at both roles', () => {
    for (const role of ['initiator', 'responder'] as const) {
      const updates = new AddressUpdates({ role });
      const decision = updates.handle(request(addressListNotifies([])));
      expect(decision).toMatchObject({ kind: 'applied', list: { kind: 'replaced' } });
      expect(decision).not.toHaveProperty('moveTo');
      expect(updates.peerAddresses.addresses.map(formatAddress)).toEqual(['192.0.2.1']);
    }
  });

  it('are ignored when a newer one has been here', () => {
    const updates = new AddressUpdates({ role: 'responder', maxAddresses: 4 });
    updates.handle(request(addressListNotifies([]), { messageId: 9 }));
    const old = addressListNotifies([address('192.0.2.50')]);
    expect(updates.handle(request(old, { messageId: 8 })).kind).toBe('superseded');
    expect(updates.peerAddresses.has(address('192.0.2.50'))).toBe(false);
  });
});

describe('other INFORMATIONAL requests (RFC 4555 §3.7, §3.8)', () => {
  it('change nothing, so that a path can be tested; COOKIE2 comes back as it was', () => {
    const updates = new AddressUpdates({ role: 'responder' });
    expect(updates.handle(request([cookie, natDetection]))).toEqual({
      kind: 'unrelated',
      response: [cookie],
      includeNatDetection: true,
    });
    expect(updates.handle(request([]))).toEqual({
      kind: 'unrelated',
      response: [],
      includeNatDetection: false,
    });
    expect(updates.peerAddresses.addresses).toEqual([]);
  });
});

describe('NAT prohibition (RFC 4555 §3.9)', () => {
  const untouched = noNatsAllowedNotify({ local: arrival.remote, remote: arrival.local });
  const changed = noNatsAllowedNotify(path('10.0.0.1', '198.51.100.7'));

  it('lets a request pass that was not changed on the way', () => {
    const updates = new AddressUpdates({ role: 'responder' });
    const decision = updates.handle(request([move, untouched], { natTraversal: false }));
    expect(decision).toMatchObject({ kind: 'applied', moveTo: arrival });
  });

  it('refuses one that was, with or without NAT traversal, and for lists too', () => {
    for (const natTraversal of [true, false]) {
      for (const asked of [[move], addressListNotifies([])]) {
        const updates = new AddressUpdates({ role: 'responder' });
        const decision = updates.handle(request([...asked, changed, cookie], { natTraversal }));
        expect(decision).toMatchObject({ kind: 'refused', code: 'unexpected-nat-detected' });
        expect(notifyTypes(decision)).toEqual([
          NotifyType.UNEXPECTED_NAT_DETECTED,
          NotifyType.COOKIE2,
        ]);
        expect(updates.peerAddresses.addresses).toEqual([]);
      }
    }
  });

  it('moves nothing on unprotected addresses when NAT traversal is not enabled', () => {
    const updates = new AddressUpdates({ role: 'responder' });
    const refusedMove = updates.handle(request([move], { natTraversal: false }));
    expect(refusedMove).toMatchObject({ kind: 'refused', code: 'unacceptable-addresses' });
    expect(notifyTypes(refusedMove)).toEqual([NotifyType.UNACCEPTABLE_ADDRESSES]);
    const refusedList = updates.handle(
      request(addressListNotifies([]), { natTraversal: false, messageId: 6 }),
    );
    expect(refusedList).toMatchObject({ kind: 'refused', response: [] });
  });
});

describe('AddressUpdates', () => {
  it('never throws, and never moves back, whatever comes in whatever order', () => {
    const payload = fc.record({
      notify: fc.oneof(fc.integer({ min: 16388, max: 16402 }), fc.nat({ max: 65535 })),
      data: fc.uint8Array({ maxLength: 40 }),
    });
    const requests = fc.array(
      fc.record({
        messageId: fc.nat({ max: 20 }),
        payloads: fc.array(payload, { maxLength: 6 }),
        natTraversal: fc.boolean(),
      }),
    );
    fc.assert(
      fc.property(requests, (list) => {
        const updates = new AddressUpdates({ role: 'responder' });
        let newest = -1;
        for (const { messageId, payloads, natTraversal } of list) {
          const notifies = payloads.map(
            ({ notify, data }): NotifyPayload => ({
              type: 'N',
              protocol: 0,
              spi: new Uint8Array(0),
              notify,
              data,
            }),
          );
          const decision = updates.handle(request(notifies, { messageId, natTraversal }));
          if (decision.kind === 'applied' && decision.moveTo) {
            expect(messageId).toBeGreaterThan(newest);
            newest = messageId;
          }
        }
      }),
    );
  });
});
