/** Keeps a private key and signs with it for whoever may open a Unix socket: what an HSM, a card or a keystore does.
 *
 *     signer.ts SOCKET KEY.pem [MS | refuse | die | silent]
 *
 * It takes so long for each signature, or shows what can go wrong.
 */
import { createPrivateKey } from 'node:crypto';
import { readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { KeyMaterial, type SignatureAlgorithm } from '@ipsec-kit/crypto';
import { createNodeSignatures } from '@ipsec-kit/crypto/node';

const [socketPath = '', keyFile = '', manner = '0'] = process.argv.slice(2);
if (!keyFile) throw new Error('usage: signer.ts SOCKET KEY.pem [MS | refuse | die | silent]');

const pkcs8 = createPrivateKey(readFileSync(keyFile)).export({ type: 'pkcs8', format: 'der' });
const imported = createNodeSignatures().importPrivateKey(new KeyMaterial(Uint8Array.from(pkcs8)));
if (!imported.ok) throw new Error(`The key is ${imported.code}.`);
const { key } = imported;

/** A question is a line; a person who trusts nobody would show here what is to be signed, and wait for a touch. */
async function answer(line: string): Promise<string> {
  const { algorithm, message }: { algorithm: SignatureAlgorithm; message: string } =
    JSON.parse(line);
  console.log(`asked for ${algorithm.kind}`);
  if (manner === 'die') process.exit(1);
  if (manner === 'refuse') return JSON.stringify({ refused: true });
  if (manner === 'silent') await pause(3_600_000);
  await pause(Number(manner));
  const signature = await key.sign(algorithm, Uint8Array.from(Buffer.from(message, 'hex')));
  return JSON.stringify({ signature: Buffer.from(signature).toString('hex') });
}

rmSync(socketPath, { force: true });
const server = createServer((socket) => {
  let text = '';
  socket.setEncoding('utf8');
  socket.on('error', () => socket.destroy());
  socket.on('data', (part: string) => {
    text += part;
    if (text.length > 65_536) socket.destroy();
    if (!text.endsWith('\n')) return;
    answer(text).then(
      (line) => socket.end(`${line}\n`),
      () => socket.destroy(),
    );
  });
});
// Nobody but this user may ask.
process.umask(0o177);
server.listen(socketPath, () => console.log('ready to sign'));
