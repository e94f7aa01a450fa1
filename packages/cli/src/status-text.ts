import type { ChildStatus, SessionStatus, VpnStatus, WakeStatus } from '@ipsec-kit/vpn';
import { natText } from './narrate.ts';
import { pathLines } from './path-text.ts';

/** The status of a running client or server as text for people. */
export function statusText(status: VpnStatus): string {
  const sessions = status.sessions.flatMap(sessionLines);
  return [
    `${status.role} ${status.state}, process ${status.pid}, up ${duration(status.upSeconds)}`,
    `connections: ${status.connections.join(', ')}`,
    `sockets: ${status.endpoints.join(', ')}`,
    ...(status.tun === undefined ? [] : [`tun: ${status.tun}`]),
    ...(status.counters ? [packetsText(status.counters)] : []),
    ...(status.workers ?? []).map(workerText),
    ...(status.datagrams ? [datagramsText(status.datagrams)] : []),
    ...(status.wakes ? wakeLines(status.wakes) : []),
    ...(sessions.length === 0 ? ['no session'] : sessions),
  ].join('\n');
}

function sessionLines(session: SessionStatus): string[] {
  const name = session.connection ?? 'unknown peer';
  return [
    `session ${session.id}: ${name} ${session.state} for ${duration(session.openSeconds)}, ${session.initiator ? 'initiator' : 'responder'}`,
    `  ${session.localIdentity ?? '?'} (${session.local ?? '?'}) with ${session.remoteIdentity ?? '?'} (${session.remote ?? '?'})`,
    ...(session.eapIdentity === undefined ? [] : [`  EAP has proven ${session.eapIdentity}`]),
    `  ${session.suite}, SPIs ${session.initiatorSpi} ${session.responderSpi}; ${natText({ ...session.nat, ...session.path?.nat })}`,
    ...(lifetimeText(session) === '' ? [] : [`  ${lifetimeText(session).slice(2)}`]),
    ...session.virtualAddresses.map((address) => `  virtual IP ${address}`),
    ...session.peerAddresses.map((address) => `  peer has virtual IP ${address}`),
    ...(session.lastRoundTripMs === undefined
      ? []
      : [`  last round trip ${session.lastRoundTripMs.toFixed(1)} ms`]),
    ...(session.pathMtuBytes === undefined ? [] : [`  path MTU ${session.pathMtuBytes}`]),
    ...(session.path ? pathLines(session.path).map((line) => `  ${line}`) : []),
    ...session.children.flatMap(childLines),
  ];
}

function childLines(child: ChildStatus): string[] {
  return [
    `  Child SA ${child.name}: ${child.suite}, SPI in ${child.inboundSpi}, out ${child.outboundSpi}, open for ${duration(child.openSeconds)}`,
    `    keys for ${duration(child.ageSeconds)}${lifetimeText(child)}`,
    `    ${child.mode} ${child.localSelectors.join(' ')} === ${child.remoteSelectors.join(' ')}`,
    `    ${child.inPackets} packets in (${child.inBytes} bytes), ${child.outPackets} out (${child.outBytes} bytes), ${child.replayedPackets} replayed`,
  ];
}

type Lifetimes = Pick<SessionStatus, 'rekeyInSeconds' | 'endsInSeconds'> &
  Partial<Pick<SessionStatus, 'reauthenticationInSeconds'>>;

/** When what is replaced, if time decides: goes on behind other words. */
function lifetimeText(lifetimes: Lifetimes): string {
  const { rekeyInSeconds, reauthenticationInSeconds, endsInSeconds } = lifetimes;
  const parts = [
    ['rekey in', rekeyInSeconds],
    ['reauthentication in', reauthenticationInSeconds],
    ['ends at the latest in', endsInSeconds],
  ] as const;
  return parts
    .map(([what, inSeconds]) => (inSeconds === undefined ? '' : `, ${what} ${duration(inSeconds)}`))
    .join('');
}

function packetsText(counters: NonNullable<VpnStatus['counters']>): string {
  const { inPackets, inBytes, outPackets, outBytes, drops } = counters;
  return `packets: ${inPackets} in (${inBytes} bytes), ${outPackets} out (${outBytes} bytes)${dropsText(drops)}`;
}

function workerText(worker: NonNullable<VpnStatus['workers']>[number], index: number): string {
  const { pairs, inPackets, outPackets, handedOver, handoverDrops } = worker;
  const lost = dropsText({ 'no room': handoverDrops });
  return `  worker ${index + 1}: ${pairs} SA pairs, ${inPackets} in, ${outPackets} out, ${handedOver} read for others${lost}`;
}

function datagramsText(counters: NonNullable<VpnStatus['datagrams']>): string {
  const { ikeReceived, ikeSent, ikeRejected, malformed, receiveDrops, sendDrops } = counters;
  const faults = {
    rejected: ikeRejected,
    malformed,
    'not received': receiveDrops,
    'not sent': sendDrops,
  };
  return `IKE messages: ${ikeReceived} in, ${ikeSent} out${dropsText(faults)}`;
}

function wakeLines(wakes: WakeStatus): string[] {
  const { source, limit, wakeUps, wakeUpsPerHour, nextWakeUp, timers, next, costs } = wakes;
  const rate = wakeUpsPerHour === undefined ? '' : ` (${wakeUpsPerHour} an hour)`;
  return [
    `wake-ups of the device: ${wakeUps}${rate} by ${source}${nextText(nextWakeUp)}`,
    ...(limit === undefined ? [] : [`  ${limit}`]),
    `timers while it was awake: ${timers}${nextText(next)}`,
    ...costs.map(({ reason, wakeUps: own, timers: ownTimers, runs, latestSeconds }) => {
      const late = latestSeconds > 0 ? `, up to ${latestSeconds} s late` : '';
      return `  ${reason}: ${own} wake-ups, ${ownTimers} timers, served ${runs} times${late}`;
    }),
  ];
}

function nextText(next: WakeStatus['next']): string {
  return next ? `; next in ${next.inSeconds} s for ${next.reason}` : '';
}

function dropsText(drops: Readonly<Record<string, number>>): string {
  const some = Object.entries(drops).filter(([, count]) => count > 0);
  if (some.length === 0) return '';
  return `; dropped ${some.map(([reason, count]) => `${count} ${reason}`).join(', ')}`;
}

function duration(seconds: number): string {
  const hours = Math.floor(seconds / 3600);
  const minutes = Math.floor((seconds % 3600) / 60);
  if (hours > 0) return `${hours} h ${minutes} min`;
  return minutes > 0 ? `${minutes} min ${seconds % 60} s` : `${seconds} s`;
}
