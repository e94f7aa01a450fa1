import type { SessionPathStatus } from '@ipsec-kit/vpn';

const STATES: Readonly<Record<SessionPathStatus['state'], string>> = {
  'in-use': 'path in use',
  unproven: 'path not proven yet',
  lost: 'no path: no address of this host leads to the peer',
};

/** How a session reaches its peer, as lines for people. */
export function pathLines(path: SessionPathStatus): string[] {
  const { state, mobike, localAddresses, remoteAddresses, next } = path;
  const reason = next ? [`next in ${next.inSeconds} s: ${next.reason}`] : [];
  return [
    `${STATES[state]}, ${mobike ? 'MOBIKE' : 'no MOBIKE'}; this host ${addresses(localAddresses)}, the peer ${addresses(remoteAddresses)}`,
    `last in: ${stamps([
      ['IKE', path.lastInIkeSeconds],
      ['ESP', path.lastInEspSeconds],
    ])}; last out: ${stamps([
      ['IKE', path.lastOutIkeSeconds],
      ['ESP', path.lastOutEspSeconds],
      ['keepalive', path.lastKeepaliveSeconds],
    ])}`,
    costText(path),
    ...reason,
  ];
}

/** Which end of a path has moved, and where the other one stays. Each pair: before, and now. */
export function movedText({
  local,
  peer,
}: {
  readonly local: readonly [string, string];
  readonly peer: readonly [string, string];
}): string {
  const end = (whose: string, [before, now]: readonly [string, string]): string =>
    before === now ? `${whose} stays at ${now}` : `${whose} moved from ${before} to ${now}`;
  return `${end('this host', local)}, ${end('the peer', peer)}`;
}

function addresses(list: readonly string[]): string {
  return list.length === 0 ? 'none' : list.join(' ');
}

function stamps(times: readonly (readonly [string, number | undefined])[]): string {
  const known = times.flatMap(([what, seconds]) =>
    seconds === undefined ? [] : [`${what} ${seconds} s ago`],
  );
  return known.length === 0 ? 'never' : known.join(', ');
}

function costText(path: SessionPathStatus): string {
  const { keepaliveSeconds, keepalives, checks, updates, binding } = path;
  const interval =
    keepaliveSeconds === 0 ? 'no keepalives' : `keepalive after ${keepaliveSeconds} s of silence`;
  const asked = Object.entries(checks).map(([reason, count]) => `${count} ${reason}`);
  return [
    `${interval}, ${keepalives} sent`,
    ...(binding ? [mappingText(binding)] : []),
    ...(asked.length === 0 ? [] : [`checks: ${asked.join(', ')}`]),
    ...(updates === 0 ? [] : [`address updates: ${updates}`]),
  ].join('; ');
}

function mappingText({
  lifetimeSeconds,
  state,
}: NonNullable<SessionPathStatus['binding']>): string {
  return lifetimeSeconds === undefined
    ? `lifetime of the NAT mapping ${state}`
    : `the NAT mapping lives ${lifetimeSeconds} s at least (${state})`;
}
