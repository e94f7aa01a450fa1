import type { X509Certificate } from 'node:crypto';
import { connect } from 'node:net';
import { readPublicKey, type SignatureAlgorithm, type SigningKey } from '@ipsec-kit/crypto';

/** Longest answer of a signer. */
const MAX_ANSWER_BYTES = 16_384;

/** The private key of a certificate, in another process: each signature is a question over a Unix socket, and its answer.
 * @param timeoutMs - after which the answer counts as none.
 */
export function createRemoteKey(
  certificate: X509Certificate,
  socketPath: string,
  timeoutMs: number,
): SigningKey {
  const publicKey = Uint8Array.from(certificate.publicKey.export({ type: 'spki', format: 'der' }));
  const read = readPublicKey(publicKey);
  if (!read.ok) throw new Error(`The public key of the certificate is ${read.code}.`);
  return {
    info: read.key,
    publicKey,
    sign: (algorithm, message) => ask(socketPath, timeoutMs, algorithm, message),
  };
}

/** Asks for one signature. What it rejects with stands in the sentence that says why the tunnel did not open. */
function ask(
  socketPath: string,
  timeoutMs: number,
  algorithm: SignatureAlgorithm,
  message: Uint8Array,
): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const socket = connect(socketPath);
    let text = '';
    const end = (reason: string): void => {
      clearTimeout(timer);
      socket.destroy();
      reject(new Error(reason));
    };
    const timer = setTimeout(() => end(`the signer said nothing for ${timeoutMs} ms`), timeoutMs);
    socket.setEncoding('utf8');
    socket.on('error', () => end(`the signer at ${socketPath} cannot be reached`));
    socket.on('close', () => end('the signer went away before it had signed'));
    socket.on('data', (part: string) => {
      text += part;
      if (text.length > MAX_ANSWER_BYTES) return end('the signer says too much');
      if (!text.endsWith('\n')) return;
      const signature = signatureIn(text);
      if (!signature) return end('the signer refused to sign');
      clearTimeout(timer);
      resolve(signature);
      socket.destroy();
    });
    socket.write(
      `${JSON.stringify({ algorithm, message: Buffer.from(message).toString('hex') })}\n`,
    );
  });
}

/** The signature in a line; `undefined` of a refusal, and of what is no answer. */
function signatureIn(line: string): Uint8Array | undefined {
  const [, hex] = /^\{"signature":"((?:[0-9a-f]{2})+)"\}\s*$/.exec(line) ?? [];
  return hex === undefined ? undefined : Uint8Array.from(Buffer.from(hex, 'hex'));
}
