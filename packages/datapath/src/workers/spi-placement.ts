import { ownerOf } from './worker-group.ts';

/** SPIs of 1 to 255 are reserved. @see RFC 4303 §2.1 */
const LEAST_SPI = 256;
const SPIS = 0x1_0000_0000;

/** Chooses the worker of an SA by its SPI for packets to us, before it is told to the peer.
 * @param drawn - a random SPI, 256 or more, of which only the remainder is changed.
 * @param beside - the SPI of another SA with the same peer, whose worker takes this one as well: all that comes from one address and
 * port stays in one thread, and in its order. Absent: the worker with the fewest pairs has it.
 */
export type PlaceSpi = (drawn: number, beside?: number) => number;

/** Makes the rule for so many workers. @param pairsOf - how many pairs each has now. */
export function createSpiPlacement(count: number, pairsOf: () => readonly number[]): PlaceSpi {
  let last = count - 1;

  /** Of those with the fewest the one that comes next: what was placed shortly before may not stand yet. */
  function idlest(): number {
    const pairs = pairsOf();
    const inTurn = pairs.map((_, i) => (last + 1 + i) % count);
    const fewest = Math.min(...pairs);
    return inTurn.find((worker) => pairs[worker] === fewest) ?? 0;
  }

  return (drawn, beside) => {
    const worker = beside === undefined ? idlest() : ownerOf(beside, count);
    if (beside === undefined) last = worker;
    let spi = drawn - (drawn % count) + worker;
    while (spi < LEAST_SPI) spi += count;
    while (spi >= SPIS) spi -= count;
    return spi;
  };
}
