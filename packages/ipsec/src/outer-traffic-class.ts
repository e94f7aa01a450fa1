import {
  ECN_MASK,
  Ecn,
  type PacketFields,
  readTrafficClass,
  writeTrafficClass,
} from '@ipsec-kit/ip';

/** The traffic class of the outer header of a packet that goes into a tunnel: its ECN field always, its DSCP where that
 * is wanted. @see RFC 6040 §4.1 (normal mode, which RFC 4301 peers know), RFC 4301 §5.1.2
 */
export function outerTrafficClass(
  memory: Uint8Array,
  offset: number,
  version: 4 | 6,
  copyDscp: boolean,
): number {
  const trafficClass = readTrafficClass(memory, offset, version);
  return copyDscp ? trafficClass : trafficClass & ECN_MASK;
}

/** The ECN field of a packet that came out of a tunnel, by inner field (row) and outer field (column), each in the order
 * Not-ECT, ECT(1), ECT(0), CE; -1 is to be dropped: congestion that its transport would not understand.
 * @see RFC 6040 §4.2, Figure 4
 */
const DECAPSULATED: readonly (readonly number[])[] = [
  [Ecn['Not-ECT'], Ecn['Not-ECT'], Ecn['Not-ECT'], -1],
  [Ecn['ECT(1)'], Ecn['ECT(1)'], Ecn['ECT(1)'], Ecn.CE],
  [Ecn['ECT(0)'], Ecn['ECT(1)'], Ecn['ECT(0)'], Ecn.CE],
  [Ecn.CE, Ecn.CE, Ecn.CE, Ecn.CE],
];

/** Whether the ECN fields of a packet and of its outer header cannot have come about on an honest path through equipment
 * of any RFC; the packet goes on all the same, but for congestion on Not-ECT. @see RFC 6040 §4.2 (SHOULD log)
 */
export function isStrangeEcn(inner: number, outer: number): boolean {
  switch (inner & ECN_MASK) {
    case Ecn['Not-ECT']:
      return (outer & ECN_MASK) !== Ecn['Not-ECT'];
    case Ecn['ECT(1)']:
      return (outer & ECN_MASK) === Ecn['ECT(0)'];
    case Ecn.CE:
      return (outer & ECN_MASK) === Ecn['ECT(1)'];
    default:
      return false;
  }
}

/** Brings congestion that the outer header has seen into the packet that came out; the DSCP stays what it was.
 * @returns false when the packet is to be dropped.
 */
export function passOnCongestion(
  memory: Uint8Array,
  offset: number,
  { version }: PacketFields,
  inner: number,
  outer: number,
): boolean {
  const ecn = DECAPSULATED[inner & ECN_MASK]?.[outer & ECN_MASK] ?? -1;
  if (ecn < 0) return false;
  writeTrafficClass(memory, offset, version, (inner & ~ECN_MASK) | ecn);
  return true;
}
