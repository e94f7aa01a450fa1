import { describe, expect, it } from 'vitest';
import { carrierNat, createSimulation, lan, type Simulation } from '../../src/index.ts';
import { crypto } from '../simulation/establishments.ts';

const link = lan({ latencyMs: 10 });

/** A phone behind a NAT of two minutes whose alarms are on time. */
function phone(tellsOfSleep = true): Simulation {
  const connection = { mobike: true, dpdDelayMs: 0 };
  return createSimulation({
    seed: 3,
    link,
    crypto,
    nat: carrierNat(),
    client: {
      connection,
      tellsOfSleep,
      device: { isWhitelisted: true },
      settings: { keepaliveMs: 60_000, keepaliveDpdMarginMs: 0 },
    },
    server: { connection },
  });
}

const slept = ({ events }: Simulation): readonly number[] =>
  events.flatMap(({ host, event }) =>
    host === 'client' && event.kind === 'slept' ? [event.sleptMs] : [],
  );

describe('what the endpoint of a simulated host is told', () => {
  it('is each sleep of its device, before anything that came due meanwhile', () => {
    const simulation = phone();
    simulation.open();
    simulation.runFor(200_000);
    const [first] = slept(simulation);
    expect(first).toBeGreaterThan(29_000);
    expect(first).toBeLessThan(60_000);
    const story = simulation.story().split('\n');
    const wake = story.findIndex((line) => line.includes('client wakes (alarm)'));
    // A question for the path, not the 0xFF that the alarm was set for.
    expect(story[wake + 1]).toMatch(/INFORMATIONAL request/);
  });

  it('is no sleep where the program does not learn of it', () => {
    const simulation = phone(false);
    simulation.open();
    simulation.runFor(200_000);
    expect(slept(simulation)).toEqual([]);
    const story = simulation.story().split('\n');
    const wake = story.findIndex((line) => line.includes('client wakes (alarm)'));
    expect(story[wake + 1]).toMatch(/keepalive/);
  });

  it('is how long the host itself was stopped', () => {
    const simulation = createSimulation({ seed: 3, link, crypto });
    simulation.open();
    simulation.client.sleep();
    simulation.runFor(40_000);
    simulation.client.wake();
    expect(slept(simulation)).toEqual([40_000]);
  });

  it('is a keepalive that the phone has to be woken for, although something else that wakes nobody comes first', () => {
    const simulation = phone();
    simulation.open();
    for (let ping = 0; ping < 12; ping += 1) {
      // An answer is watched for a while: a deadline that wakes nobody, on a phone that falls asleep.
      expect(simulation.ping('to-client')).toBeDefined();
      simulation.runFor(300_000);
    }
    expect(simulation.nat?.counters.unmapped).toBe(0);
  });
});
