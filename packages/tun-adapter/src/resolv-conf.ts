import { formatAddress, type IpAddress } from '@ipsec-kit/ip';

const MARK = '# ipsec-kit';

/** Who put nameservers into a resolv.conf: enough to tell later whether it still runs. */
export interface DnsOwner {
  readonly device: string;
  readonly pid: number;
  /** When the process was started, in clock ticks since boot: a pid alone may have been given anew. */
  readonly startTicks: number;
}

/** The text of a resolv.conf in which only the tunnel's nameservers count. The ones before become comments, not lost:
 * a resolver would ask them when a tunnel's server is slow, and so tell outside what is asked inside.
 * Options and search domains stay as they are.
 * @param text - the file as it is, also with a block of the same owner, which is replaced.
 * @see resolv.conf(5)
 */
export function addNameservers(
  text: string,
  owner: DnsOwner,
  servers: readonly IpAddress[],
): string {
  const tag = tagOf(owner);
  const others = removeNameservers(text, owner)
    .split('\n')
    .map((line) => (isNameserver(line) ? `${wasPrefix(tag)}${line}` : line))
    .join('\n');
  const block = [
    `${MARK} ${tag} begin: nameservers of the tunnel, removed when it closes`,
    ...servers.map((server) => `nameserver ${formatAddress(server)}`),
    `${MARK} ${tag} end`,
  ];
  return `${block.join('\n')}\n${others}`;
}

/** The text as it was before {@link addNameservers}, with whatever others changed in it since.
 * Text without the owner's block and comments comes back as it is. While another tunnel's block stands, the nameservers
 * that were there first stay comments: its own from then on.
 */
export function removeNameservers(text: string, owner: DnsOwner): string {
  const tag = tagOf(owner);
  const heir = nameserverOwners(text).find((other) => tagOf(other) !== tag);
  const kept: string[] = [];
  let block: 'own' | 'other' | undefined;
  for (const line of text.split('\n')) {
    const mark = markIn(line);
    if (mark?.verb === 'begin') block = mark.tag === tag ? 'own' : 'other';
    const isOwn = block === 'own' && (mark !== undefined || isNameserver(line));
    // Somebody took the end mark away: the block ends where its nameservers do.
    if (block === 'own' && !isOwn) block = undefined;
    if (!isOwn) kept.push(mark?.verb === 'was' && mark.tag === tag ? givenBack(mark.rest) : line);
    if (mark?.verb === 'end') block = undefined;
  }
  return kept.join('\n');

  function givenBack(line: string): string {
    return heir && block !== 'other' ? `${wasPrefix(tagOf(heir))}${line}` : line;
  }
}

/** Every owner whose marks are in the text. */
export function nameserverOwners(text: string): DnsOwner[] {
  const owners = new Map<string, DnsOwner>();
  for (const line of text.split('\n')) {
    const mark = markIn(line);
    if (mark) owners.set(mark.tag, mark.owner);
  }
  return [...owners.values()];
}

interface Mark {
  readonly tag: string;
  readonly owner: DnsOwner;
  readonly verb: 'begin' | 'end' | 'was';
  /** The line that was made a comment. */
  readonly rest: string;
}

function markIn(line: string): Mark | undefined {
  const match =
    /^# ipsec-kit (\S{1,15}) (\d{1,10}) (\d{1,15}) (?:(begin):.*|(end)|(was): (.*))$/.exec(line);
  if (!match) return undefined;
  const owner = { device: match[1] ?? '', pid: Number(match[2]), startTicks: Number(match[3]) };
  const verb = match[4] ? 'begin' : match[5] ? 'end' : 'was';
  return { tag: tagOf(owner), owner, verb, rest: match[7] ?? '' };
}

function isNameserver(line: string): boolean {
  return /^[ \t]*nameserver\b/.test(line);
}

function tagOf({ device, pid, startTicks }: DnsOwner): string {
  return `${device} ${pid} ${startTicks}`;
}

function wasPrefix(tag: string): string {
  return `${MARK} ${tag} was: `;
}
