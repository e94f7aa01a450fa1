import { createPacketPort, createServer } from '@ipsec-kit/vpn';

/** The server process of the handshake benchmark: it tells its port, and its CPU time whenever it is asked. */
const server = createServer({
  tun: createPacketPort().tun,
  options: {
    connections: {
      office: {
        localAddrs: ['127.0.0.1'],
        pools: ['guests'],
        proposals: ['aes128gcm16-prfsha256-x25519'],
        local: { id: 'server' },
        remote: {},
        unique: 'never',
        children: { net: { localTs: ['10.77.0.0/16'], espProposals: ['aes128gcm16'] } },
      },
    },
    pools: { guests: { addrs: '10.0.0.0/12' } },
    secrets: [{ secret: 'a secret that both sides know' }],
    settings: { port: 0, portNatT: 0, cookieThreshold: 0, cookieThresholdIp: 0, blockThreshold: 0 },
  },
});
process.on('message', () => process.send?.({ cpuMicros: cpuMicros() }));
process.on('disconnect', () => process.exit());
await server.open();
process.send?.({ port: server.ports.natT });

function cpuMicros(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}
