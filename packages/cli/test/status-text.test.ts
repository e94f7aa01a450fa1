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
