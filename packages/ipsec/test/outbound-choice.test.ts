import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  clientPair,
  clientPath,
  engine,
  open,
  packets,
  seal,
  serverPair,
  udp,
} from './engine-fixture.ts';

const action = fc.constantFrom('install', 'install-active', 'activate', 'deactivate', 'remove');
const step = fc.record({ action, id: fc.integer({ min: 1, max: 5 }) });

describe('several pairs with equal selectors', () => {
  it('send on the one that was activated last and still stands, and all receive, through any changes', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const client = engine();
        const installed = new Set<number>();
        let active: number[] = [];
        for (const { action: what, id } of steps) {
          if (what.startsWith('install')) {
            if (installed.has(id)) continue;
            client.install(clientPair({ id, outboundActive: what === 'install-active' }));
            installed.add(id);
            if (what === 'install-active') active.push(id);
          } else if (what === 'remove') {
            client.remove(id);
            installed.delete(id);
            active = active.filter((each) => each !== id);
          } else if (installed.has(id)) {
            if (what === 'activate') {
              client.activateOutbound(id);
              if (!active.includes(id)) active.push(id);
            } else {
              client.deactivateOutbound(id);
              active = active.filter((each) => each !== id);
            }
          }
          const [sent] = packets(seal(client, [udp('10.0.0.5:1', '10.1.2.3:1')]).esp);
          expect(sent?.[3]).toBe(active.at(-1));
        }
        for (const id of [1, 2, 3, 4, 5]) {
          const only = engine();
          only.install(serverPair(clientPair({ id })));
          const esp = packets(seal(only, [udp('10.1.2.3:1', '10.0.0.5:1')]).esp);
          expect(open(client, esp, clientPath)).toHaveLength(installed.has(id) ? 1 : 0);
        }
      }),
      { numRuns: 60 },
    );
  });
});
