/** A client whose private key lives in another process:
 *
 *     main.ts SERVER SERVER-NAME CERTIFICATE.pem CA.pem SIGNER-SOCKET
 *
 * It opens a tunnel, sends one packet of its own through it, and says how long the signer took.
 */
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { buildIcmpEcho, formatAddress, parseAddress, readIcmpEcho } from '@ipsec-kit/ip';
import { createClient, createPacketPort } from '@ipsec-kit/vpn';
import { createRemoteKey } from './remote-key.ts';

const [server = '', name = '', certificateFile = '', caFile = '', socketPath = ''] =
  process.argv.slice(2);
if (!socketPath) throw new Error('usage: main.ts SERVER NAME CERTIFICATE.pem CA.pem SOCKET');
const signerTimeoutMs = 5_000;

const certificate = readFileSync(certificateFile, 'utf8');
const remote = createRemoteKey(new X509Certificate(certificate), socketPath, signerTimeoutMs);
let signedMs = 0;
const key = {
  ...remote,
  sign: async (...wanted: Parameters<typeof remote.sign>) => {
    const from = performance.now();
    const signature = await remote.sign(...wanted);
    signedMs = Math.round(performance.now() - from);
    return signature;
  },
};

const port = createPacketPort();
const client = createClient({
  tun: port.tun,
  options: {
    connections: {
      office: {
        remoteAddrs: [server],
        vips: ['0.0.0.0'],
        local: { auth: 'pubkey', certs: [certificate] },
        remote: { auth: 'pubkey', id: name, cacerts: [readFileSync(caFile, 'utf8')] },
        children: { net: { remoteTs: ['10.77.0.0/16'] } },
      },
    },
    keys: [{ key, name: 'the signer' }],
  },
});

try {
  await client.open();
  console.log(`open: signed elsewhere, in ${signedMs} ms, as ${key.info.kind}`);
  const [source] = port.addresses;
  const destination = parseAddress('10.77.0.1');
  if (!source || !destination) throw new Error('The server gave no address.');
  const answered = new Promise<Uint8Array>((resolve) => port.onPacket(resolve));
  const data = new TextEncoder().encode('hello');
  port.send(
    buildIcmpEcho({ kind: 'request', source, destination, identifier: 1, sequence: 1, data }),
  );
  const echo = readIcmpEcho(await answered);
  console.log(`${formatAddress(destination)} answered "${new TextDecoder().decode(echo?.data)}"`);
} catch (error) {
  console.error(error instanceof Error ? error.message : 'unknown error');
  process.exitCode = 1;
} finally {
  await client.close();
}
