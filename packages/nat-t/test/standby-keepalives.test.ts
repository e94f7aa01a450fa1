import { instantFromMs } from '@ipsec-kit/clock';
import type { Path } from '@ipsec-kit/ip';
import { StandbyKeepalives } from '@ipsec-kit/nat-t';
import { describe, expect, it } from 'vitest';

const pathTo = (last: number): Path => ({
  local: { address: { version: 4, bytes: Uint8Array.of(10, 0, 0, 2) }, port: 4500 },
  remote: { address: { version: 4, bytes: Uint8Array.of(192, 0, 2, last) }, port: 4500 },
});
const at = instantFromMs;

describe('StandbyKeepalives (RFC 4555 §3.6)', () => {
  it('keeps mappings to all addresses but the one in use', () => {
    const standby = new StandbyKeepalives({ intervalMs: 20_000 });
    standby.setPaths([pathTo(1), pathTo(2), pathTo(3)], pathTo(1));
    expect(standby.nextDeadline(at(5))?.at).toBe(5);
    expect(standby.onTimeout(at(5))).toEqual([pathTo(2), pathTo(3)]);
    expect(standby.onTimeout(at(20_004))).toEqual([]);
    expect(standby.nextDeadline(at(20_004))?.at).toBe(20_005);
    expect(standby.onTimeout(at(20_005))).toHaveLength(2);
  });

  it('sends at once to a new address, and never to more than it was told', () => {
    const standby = new StandbyKeepalives({ intervalMs: 20_000, mostPaths: 2 });
    standby.setPaths([pathTo(2)], pathTo(1));
    standby.onTimeout(at(0));
    standby.setPaths([pathTo(2)], pathTo(1));
    expect(standby.onTimeout(at(1))).toEqual([]);
    standby.setPaths([pathTo(2), pathTo(3), pathTo(4)], pathTo(1));
    expect(standby.nextDeadline(at(2))?.at).toBe(1_000);
    expect(standby.onTimeout(at(1_000))).toEqual([pathTo(2), pathTo(3)]);
    expect(standby.onTimeout(at(20_999))).toEqual([]);
  });

  it('sends no more than once a second to addresses that change ten times as often', () => {
    const standby = new StandbyKeepalives({ intervalMs: 20_000 });
    let rounds = 0;
    for (let ms = 0; ms < 10_000; ms += 100) {
      standby.setPaths([pathTo(2 + ((ms / 100) % 200))], pathTo(1));
      if (standby.onTimeout(at(ms)).length > 0) rounds += 1;
    }
    expect(rounds).toBe(10);
  });

  it('waits for nothing while there is nothing to keep', () => {
    const standby = new StandbyKeepalives({ intervalMs: 20_000 });
    expect(standby.nextDeadline(at(0))).toBeUndefined();
    expect(standby.onTimeout(at(0))).toEqual([]);
    expect(() => new StandbyKeepalives({ intervalMs: 10 })).toThrow('intervalMs');
  });
});
