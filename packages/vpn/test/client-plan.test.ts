import { parsePrefix } from '@ipsec-kit/ip';
import { describe, expect, it } from 'vitest';
import { clientBinding } from '../src/client-plan.ts';
import { address } from './memory-world.ts';

const local = address('192.0.2.7');
const anywhere = { localAddresses: [] };
const target = (text: string) => ({ kind: 'address', address: address(text) }) as const;

/** The addresses on which the binding has sockets, of these. */
function boundOf(
  binding: ReturnType<typeof clientBinding>,
  addresses: readonly string[],
): readonly string[] {
  if (!('ports' in binding)) return binding.map((endpoint) => endpoint.address.bytes.join('.'));
  return addresses.filter((one) => !binding.skip?.('eth0', address(one)));
}

describe('where a client sends from', () => {
  it('is every address of a host that it follows, on the same ports', () => {
    const transport = { localTargets: [] };
    const binding = clientBinding(local, transport, anywhere, { portNatT: 4501 }, true);
    expect(binding).toMatchObject({ ports: [0, 4501] });
    expect(boundOf(binding, ['192.0.2.7', '198.51.100.9', '127.0.0.1', '2001:db8::7'])).toEqual([
      '192.0.2.7',
      '198.51.100.9',
      '2001:db8::7',
    ]);
  });

  it('is the one address of before where nobody follows', () => {
    const binding = clientBinding(local, { localTargets: [] }, anywhere, {}, false);
    expect(binding).toEqual([
      { address: local, port: 0 },
      { address: local, port: 0 },
    ]);
  });

  it('is the one address that the configuration names, and those of a prefix that it names', () => {
    const one = clientBinding(local, { localTargets: [target('192.0.2.7')] }, anywhere, {}, true);
    expect(boundOf(one, [])).toEqual(['192.0.2.7', '192.0.2.7']);
    const prefix = parsePrefix('198.51.100.0/24');
    if (!prefix) throw new Error('a test value is wrong');
    const some = clientBinding(
      local,
      { localTargets: [] },
      { localAddresses: [prefix] },
      { port: 500 },
      true,
    );
    expect(boundOf(some, ['192.0.2.7', '198.51.100.9'])).toEqual(['198.51.100.9']);
  });

  it('stays on loopback, from where nothing leads elsewhere', () => {
    const loopback = address('127.0.0.1');
    const binding = clientBinding(loopback, { localTargets: [] }, anywhere, {}, true);
    expect(boundOf(binding, [])).toEqual(['127.0.0.1', '127.0.0.1']);
  });
});
