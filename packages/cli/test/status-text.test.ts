import type { ChildStatus, SessionStatus, VpnStatus } from '@ipsec-kit/vpn';
import { describe, expect, it } from 'vitest';
import { statusText } from '../src/status-text.ts';

const child: ChildStatus = {
  id: 1,
  name: 'net',
  inboundSpi: '00000101',
  outboundSpi: '00000102',
  suite: 'AES_GCM_16_256',
  localSelectors: ['10.66.0.0/16'],
  remoteSelectors: ['10.77.0.0/16'],
  mode: 'tunnel',
  openSeconds: 7260,
  ageSeconds: 61,
  rekeyInSeconds: 3000,
  endsInSeconds: 3600,
  inPackets: 3,
  inBytes: 300,
  outPackets: 4,
  outBytes: 400,
  replayedPackets: 0,
};
const session: SessionStatus = {
  id: 1,
  connection: 'home',
  state: 'open',
  initiator: true,
  suite: 'AES_CBC_256',
  initiatorSpi: '1',
  responderSpi: '2',
  nat: { local: false, remote: false, forced: true },
  local: '192.0.2.7:500',
  remote: '192.0.2.1:500',
  localIdentity: 'client',
  remoteIdentity: 'server',
  virtualAddresses: [],
  peerAddresses: [],
  openSeconds: 7260,
  rekeyInSeconds: 59,
  reauthenticationInSeconds: 86_400,
  endsInSeconds: undefined,
  lastRoundTripMs: undefined,
  children: [child],
};
const status: VpnStatus = {
  role: 'client',
  state: 'open',
  connections: ['home'],
  pid: 42,
  upSeconds: 8000,
  endpoints: [],
  tun: 'tun0',
  sessions: [session],
};

describe('the status as text', () => {
  it('tells the age of keys, when they are replaced, and what they carried', () => {
    const lines = statusText(status).split('\n');
    expect(lines).toContain('  rekey in 59 s, reauthentication in 24 h 0 min');
    expect(lines).toContain(
      '    keys for 1 min 1 s, rekey in 50 min 0 s, ends at the latest in 1 h 0 min',
    );
    expect(lines).toContain('    3 packets in (300 bytes), 4 out (400 bytes), 0 replayed');
  });

  it('tells how the peer is reached, what keeps that up, what it has cost, and what comes next', () => {
    const lines = statusText({
      ...status,
      sessions: [
        {
          ...session,
          path: {
            state: 'in-use',
            mobike: true,
            nat: { local: true, remote: false },
            localAddresses: ['192.0.2.7', '2001:db8::7'],
            remoteAddresses: ['192.0.2.1'],
            keepaliveSeconds: 20,
            binding: { lifetimeSeconds: 28, state: 'found' },
            lastInIkeSeconds: 31,
            lastInEspSeconds: 0,
            lastOutIkeSeconds: 31,
            lastKeepaliveSeconds: 11,
            keepalives: 7,
            checks: { baseline: 1, 'one-way': 2 },
            updates: 3,
            next: { inSeconds: 8.9, reason: 'nat-keepalive' },
          },
        },
      ],
    }).split('\n');
    expect(lines).toContain(
      '  AES_CBC_256, SPIs 1 2; this host is behind a NAT, UDP encapsulation forced',
    );
    expect(lines).toContain(
      '  path in use, MOBIKE; this host 192.0.2.7 2001:db8::7, the peer 192.0.2.1',
    );
    expect(lines).toContain(
      '  last in: IKE 31 s ago, ESP 0 s ago; last out: IKE 31 s ago, keepalive 11 s ago',
    );
    expect(lines).toContain(
      '  keepalive after 20 s of silence, 7 sent; the NAT mapping lives 28 s at least (found); checks: 1 baseline, 2 one-way; address updates: 3',
    );
    expect(lines).toContain('  next in 8.9 s: nat-keepalive');
  });

  it('tells how often the device was woken apart from the timers of an awake process', () => {
    const lines = statusText({
      ...status,
      wakes: {
        source: 'timerfd-alarm',
        wakeUps: 12,
        wakeUpsPerHour: 5.4,
        nextWakeUp: { inSeconds: 19.5, reason: 'nat-keepalive' },
        timers: 4096,
        next: { inSeconds: 0.2, reason: 'one-way-watch' },
        costs: [
          { reason: 'nat-keepalive', wakeUps: 12, timers: 0, runs: 13, latestSeconds: 0.4 },
          { reason: 'one-way-watch', wakeUps: 0, timers: 4096, runs: 4099, latestSeconds: 0 },
        ],
      },
    }).split('\n');
    const from = lines.findIndex((line) => line.startsWith('wake-ups'));
    expect(lines.slice(from, from + 4)).toEqual([
      'wake-ups of the device: 12 (5.4 an hour) by timerfd-alarm; next in 19.5 s for nat-keepalive',
      'timers while it was awake: 4096; next in 0.2 s for one-way-watch',
      '  nat-keepalive: 12 wake-ups, 0 timers, served 13 times, up to 0.4 s late',
      '  one-way-watch: 0 wake-ups, 4096 timers, served 4099 times',
    ]);
  });

  it('says nothing of times that do not come', () => {
    const forever = { rekeyInSeconds: undefined, endsInSeconds: undefined };
    const text = statusText({
      ...status,
      sessions: [
        {
          ...session,
          ...forever,
          reauthenticationInSeconds: undefined,
          children: [{ ...child, ...forever }],
        },
      ],
    });
    expect(text).not.toMatch(/rekey|reauth|ends/);
    expect(text).toContain('    keys for 1 min 1 s\n');
  });
});
