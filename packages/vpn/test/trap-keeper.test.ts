import { VirtualClock } from '@ipsec-kit/clock';
import type { ChildConfig } from '@ipsec-kit/ikev2';
import { parseEndpoint, parseSelector, type TrafficSelector } from '@ipsec-kit/ip';
import { createScheduler } from '@ipsec-kit/scheduler';
import { describe, expect, it } from 'vitest';
import type { ChildWish, OpenedChild } from '../src/child-opener.ts';
import { createTrapKeeper } from '../src/trap-keeper.ts';

function known<Value>(value: Value | undefined): Value {
  if (value === undefined) throw new Error('a test value is wrong');
  return value;
}

const selector = (text: string): TrafficSelector => known(parseSelector(text));
const child: ChildConfig = {
  name: 'net',
  proposals: [],
  localSelectors: [{ kind: 'fixed', selector: selector('10.66.0.0/16') }],
  remoteSelectors: [{ kind: 'fixed', selector: selector('10.77.0.0/16') }],
  replayWindowPackets: 32,
};
const place = {
  path: {
    local: known(parseEndpoint('192.0.2.7:500')),
    remote: known(parseEndpoint('192.0.2.1:500')),
  },
  virtualAddresses: [],
};

/** A keeper with one trap, whose negotiations are answered by hand. */
function setUp() {
  const clock = new VirtualClock();
  const wishes: ChildWish[] = [];
  const answers: ((outcome: OpenedChild) => void)[] = [];
  const keeper = createTrapKeeper({
    connections: [],
    engine: {
      installTrap: () => undefined,
      removeTrap: () => undefined,
      rearmTrap: () => undefined,
    },
    opener: {
      open(wish) {
        wishes.push(wish);
        return new Promise((resolve) => answers.push(resolve));
      },
    },
    clock,
    scheduler: createScheduler({ clock }),
    closeChild: () => undefined,
    onChange: () => undefined,
    onEvent: () => undefined,
  });
  keeper.set('home', child, place);
  const asks = (remote: string): void =>
    keeper.noteFacts([
      { kind: 'acquire', trapId: 1, local: selector('10.66.0.1'), remote: selector(remote) },
    ]);
  const opened = async (remote: string): Promise<void> => {
    answers.shift()?.({
      sessionId: 1,
      childId: wishes.length,
      localSelectors: [selector('10.66.0.0/16')],
      remoteSelectors: [selector(remote)],
    });
    await Promise.resolve();
    await Promise.resolve();
  };
  return { wishes, asks, opened };
}

describe('a trap whose packets are told of by several', () => {
  it('negotiates once, whoever asks meanwhile, and again when nobody has what is asked for (RFC 7296 §2.9)', async () => {
    const { wishes, asks, opened } = setUp();
    for (let i = 0; i < 100; i += 1) asks('10.77.0.1');
    expect(wishes).toHaveLength(1);
    await opened('10.77.0.0/16');
    expect(wishes).toHaveLength(1);
    asks('10.77.0.2');
    expect(wishes).toHaveLength(2);
  });

  it('asks once more for the packet that was left out of what was negotiated for another', async () => {
    const { wishes, asks, opened } = setUp();
    asks('10.77.0.1');
    asks('10.77.9.9');
    await opened('10.77.0.1');
    expect(wishes.map(({ packet }) => packet?.remote)).toEqual([
      selector('10.77.0.1'),
      selector('10.77.9.9'),
    ]);
  });
});
