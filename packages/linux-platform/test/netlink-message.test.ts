import { formatAddress } from '@ipsec-kit/ip';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  attributeUint32,
  decodeAttributes,
  decodeNetlink,
  dumpRequest,
  NLMSG_DONE,
} from '../src/netlink-message.ts';
import { decodeRouteRecord, RTM_GETLINK, RTM_NEWROUTE } from '../src/route-message.ts';
import { datagrams, records } from './recorded.ts';

describe('recorded rtnetlink dumps', () => {
  it('end with DONE, and nothing is left over', () => {
    for (const name of ['links', 'addresses', 'routes', 'neighbours']) {
      const decoded = datagrams(name).map(decodeNetlink);
      expect(decoded.every(({ isWhole }) => isWhole)).toBe(true);
      expect(decoded.at(-1)?.messages.at(-1)?.type).toBe(NLMSG_DONE);
    }
  });

  it('show links with their state', () => {
    const links = records('links').filter((record) => record.kind === 'link');
    expect(links).toContainEqual(
      expect.objectContaining({ name: 'lo', isLoopback: true, isUp: true }),
    );
    expect(links).toContainEqual(
      expect.objectContaining({ name: 'wlan0', isLoopback: false, isUp: true, mtu: 1500 }),
    );
  });

  it('show addresses with their prefix', () => {
    const shown = records('addresses')
      .filter((record) => record.kind === 'address')
      .map(({ address, prefixLength }) => `${formatAddress(address)}/${prefixLength}`);
    expect(shown).toEqual(
      expect.arrayContaining(['127.0.0.1/8', '192.168.1.100/24', '2001:db8:a::2/64']),
    );
  });

  it('show default routes of the main table alone', () => {
    const shown = records('routes').map((record) =>
      record.kind === 'default-route'
        ? [record.version, record.gateway && formatAddress(record.gateway), record.metric]
        : record.kind,
    );
    expect(shown).toEqual([
      [4, '192.168.1.1', 600],
      [6, '2001:db8:a::1', 1024],
    ]);
  });

  it('show neighbours with their link-layer address', () => {
    expect(records('neighbours')).toContainEqual(
      expect.objectContaining({ kind: 'neighbour', linkAddress: Uint8Array.of(2, 0, 0, 0, 0, 1) }),
    );
  });
});

describe('malformed netlink', () => {
  const every = ['links', 'addresses', 'routes', 'neighbours'].flatMap(datagrams);

  it('never throws when a real dump is cut or changed', () => {
    const change = fc.record({ at: fc.nat(), to: fc.nat({ max: 255 }) });
    fc.assert(
      fc.property(
        fc.constantFrom(...every),
        fc.nat(),
        fc.array(change, { maxLength: 8 }),
        (datagram, cut, changes) => {
          const bytes = datagram.slice(0, cut % (datagram.length + 1));
          for (const { at, to } of changes) {
            if (bytes.length > 0) bytes[at % bytes.length] = to;
          }
          for (const message of decodeNetlink(bytes).messages) decodeRouteRecord(message);
        },
      ),
    );
  });

  it('never throws on anything, and gives no byte that is not in the datagram', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 200 }),
        fc.constantFrom(16, 20, 24, 28),
        (bytes, type) => {
          decodeRouteRecord({ type, flags: 0, sequence: 0, payload: bytes });
          for (const value of decodeAttributes(bytes, 4).values()) {
            expect(value.byteOffset + value.length).toBeLessThanOrEqual(
              bytes.byteOffset + bytes.length,
            );
          }
        },
      ),
    );
  });

  it.each([
    ['a length of zero', [0, 0, 0, 0]],
    ['a length below the header', [15, 0, 0, 0]],
    ['a length beyond the datagram', [33, 0, 0, 0]],
    ['a length of 4 GiB', [255, 255, 255, 255]],
  ])('ends at %s', (_what, length) => {
    const bytes = new Uint8Array(32);
    bytes.set(length);
    expect(decodeNetlink(bytes)).toEqual({ messages: [], isWhole: false });
  });

  it('ends a list of attributes at the first that does not fit', () => {
    const good = [8, 0, 4, 0, 1, 2, 3, 4];
    expect(decodeAttributes(Uint8Array.of(...good, 3, 0, 5, 0), 0).size).toBe(1);
    expect(decodeAttributes(Uint8Array.of(...good, 9, 0, 5, 0, 1, 1, 1), 0).size).toBe(1);
    expect(attributeUint32(Uint8Array.of(1, 2, 3))).toBeUndefined();
  });

  it('takes no route for a default one that is none', () => {
    const route = (dstLength: number, table: number, type: number): Uint8Array =>
      Uint8Array.of(2, dstLength, 0, 0, table, 3, 0, type, 0, 0, 0, 0, 8, 0, 4, 0, 7, 0, 0, 0);
    const kind = (payload: Uint8Array) =>
      decodeRouteRecord({ type: RTM_NEWROUTE, flags: 0, sequence: 0, payload })?.kind;
    expect(kind(route(0, 254, 1))).toBe('default-route');
    expect(kind(route(24, 254, 1))).toBeUndefined();
    expect(kind(route(0, 255, 1))).toBeUndefined();
    // Unreachable.
    expect(kind(route(0, 254, 7))).toBeUndefined();
  });
});

it('asks for a dump in the form that strict kernels want', () => {
  const { messages, isWhole } = decodeNetlink(dumpRequest(RTM_GETLINK, 7));
  expect(isWhole).toBe(true);
  expect(messages).toMatchObject([{ type: 18, flags: 0x301, sequence: 7 }]);
});
