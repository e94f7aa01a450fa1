import { type IpAddress, parseAddress } from '@ipsec-kit/ip';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addNameservers, nameserverOwners, removeNameservers } from '../src/resolv-conf.ts';

const alice = { device: 'ipsec0', pid: 100, startTicks: 1 };
const bob = { device: 'ipsec1', pid: 200, startTicks: 2 };
const server = (text: string): IpAddress => {
  const address = parseAddress(text);
  if (!address) throw new Error(`not an address: ${text}`);
  return address;
};
const inAlice = [server('10.0.0.1'), server('fd00::1')];
const inBob = [server('10.1.0.1')];

/** What a resolver would ask, in order. */
const active = (text: string): string[] =>
  text.split('\n').filter((line) => /^\s*nameserver\b/.test(line));

const line = fc.oneof(
  fc.constantFrom(
    'nameserver 192.0.2.53',
    '  nameserver 2001:db8::53',
    'search example.org',
    'options timeout:1',
    '# a comment',
    '# ipsec-kit is not here',
    '',
  ),
  fc.string({ unit: 'binary-ascii', maxLength: 20 }).map((text) => text.replaceAll('\n', ' ')),
);
const file = fc.array(line, { maxLength: 8 }).map((lines) => lines.join('\n'));

describe('addNameservers', () => {
  it('makes the servers of the tunnel the only ones that count', () => {
    const text = addNameservers('nameserver 9.9.9.9\nsearch example.org\n', alice, inAlice);
    expect(active(text)).toEqual(['nameserver 10.0.0.1', 'nameserver fd00::1']);
    expect(text).toContain('\nsearch example.org\n');
  });

  it('replaces its own servers', () => {
    const first = addNameservers('nameserver 9.9.9.9\n', alice, inAlice);
    expect(addNameservers(first, alice, inBob)).toBe(
      addNameservers('nameserver 9.9.9.9\n', alice, inBob),
    );
  });

  it('names its owner in the text', () => {
    const text = addNameservers(addNameservers('', alice, inAlice), bob, inBob);
    expect(nameserverOwners(text)).toEqual([bob, alice]);
    expect(nameserverOwners('nameserver 9.9.9.9\n')).toEqual([]);
  });
});

describe('removeNameservers', () => {
  it('gives back any file byte for byte', () => {
    fc.assert(
      fc.property(file, (text) => {
        expect(removeNameservers(addNameservers(text, alice, inAlice), alice)).toBe(text);
      }),
    );
  });

  it('gives back any file when two tunnels go in either order', () => {
    fc.assert(
      fc.property(file, fc.boolean(), (text, firstComeFirstGone) => {
        const both = addNameservers(addNameservers(text, alice, inAlice), bob, inBob);
        const [first, second] = firstComeFirstGone ? [alice, bob] : [bob, alice];
        const one = removeNameservers(both, first);
        expect(active(one)).toEqual(
          first === alice ? ['nameserver 10.1.0.1'] : ['nameserver 10.0.0.1', 'nameserver fd00::1'],
        );
        expect(removeNameservers(one, second)).toBe(text);
      }),
    );
  });

  it('changes nothing in a file without its marks', () => {
    fc.assert(
      fc.property(file, (text) => {
        expect(removeNameservers(text, alice)).toBe(text);
      }),
    );
  });

  it('keeps what others changed meanwhile', () => {
    const text = addNameservers('nameserver 9.9.9.9\n', alice, inAlice);
    expect(removeNameservers(`${text}options rotate\n`, alice)).toBe(
      'nameserver 9.9.9.9\noptions rotate\n',
    );
  });

  it('removes its servers also when somebody took the end mark away', () => {
    const text = addNameservers('search a\nnameserver 9.9.9.9\n', alice, inAlice)
      .split('\n')
      .filter((each) => !each.endsWith(' end'))
      .join('\n');
    expect(removeNameservers(text, alice)).toBe('search a\nnameserver 9.9.9.9\n');
  });
});
