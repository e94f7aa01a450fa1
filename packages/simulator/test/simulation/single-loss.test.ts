import { describe, expect, it } from 'vitest';
import { ESTABLISHMENTS, establish, faultsOf, type NumberedHook } from './establishments.ts';

const numbers = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

/** Faults by the number of the datagram that was meddled with; empty when all is well. */
function faultsByNumber(
  options: (typeof ESTABLISHMENTS)[number]['options'],
  datagrams: number,
  hookFor: (chosen: number) => NumberedHook,
): Record<string, readonly string[]> {
  const found: Record<string, readonly string[]> = {};
  for (const chosen of numbers(datagrams)) {
    const { simulation } = establish(options, hookFor(chosen));
    const faults = faultsOf(simulation);
    if (faults.length > 0) found[`datagram ${chosen}`] = [...faults, simulation.story()];
  }
  return found;
}

describe.each(ESTABLISHMENTS)('an establishment $name', ({ options, datagrams }) => {
  it('takes the datagrams that it should, undisturbed', () => {
    const { simulation, datagrams: taken } = establish(options, () => undefined);
    expect(taken, simulation.story()).toBe(datagrams);
    expect(faultsOf(simulation)).toEqual([]);
  });

  it('survives the loss of any one datagram (RFC 7296 §2.1)', () => {
    const faults = faultsByNumber(options, datagrams, (chosen) => (number, decide) => {
      if (number === chosen) decide.drop();
    });
    expect(faults).toEqual({});
  });

  it('survives the loss of any two datagrams (RFC 7296 §2.1)', () => {
    for (const first of numbers(datagrams)) {
      const faults = faultsByNumber(options, datagrams + 4, (second) => (number, decide) => {
        if (number === first || number === second) decide.drop();
      });
      expect(faults).toEqual({});
    }
  });

  it('survives any one datagram arriving twice, at once or late (RFC 7296 §2.2)', () => {
    for (const afterMs of [0, 15, 2_500, 6_000, 12_000]) {
      const faults = faultsByNumber(options, datagrams, (chosen) => (number, decide) => {
        if (number === chosen) decide.duplicate(afterMs);
      });
      expect(faults).toEqual({});
    }
  });

  it('survives any one datagram coming late, behind others (RFC 7296 §2.3)', () => {
    for (const delayMs of [15, 500, 3_990, 4_500, 10_000]) {
      const faults = faultsByNumber(options, datagrams, (chosen) => (number, decide) => {
        if (number === chosen) decide.delay(delayMs);
      });
      expect(faults).toEqual({});
    }
  });
});
