/** Link types of capture files, spelled as the registry of tcpdump.org has them. */
export const LinkType = {
  NULL: 0,
  ETHERNET: 1,
  RAW: 101,
  LOOP: 108,
  LINUX_SLL: 113,
  IPV4: 228,
  IPV6: 229,
  LINUX_SLL2: 276,
} as const;

const names: ReadonlyMap<number, string> = new Map(
  Object.entries(LinkType).map(([name, number]) => [number, name]),
);

/** The name of a link type, or `link type 147` for one that is not in {@link LinkType}. */
export function linkTypeName(linkType: number): string {
  return names.get(linkType) ?? `link type ${linkType}`;
}
