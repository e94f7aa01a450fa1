import { request as httpRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { EvidenceFetch } from '../evidence-contract.ts';

/** Fetches an answer of an OCSP responder, or a CRL, over HTTP: for an `EvidenceFetch` of the keeper. One request, no redirection,
 * no more bytes and no more time than it says, counted from the call to the last byte.
 * @param options - for the socket, such as `localAddress` or `lookup`, so that it goes beside the tunnel that waits for it.
 * @returns the body, or `undefined` for everything else; never rejects.
 * @see RFC 6960 Appendix A, RFC 5280 §4.2.1.13
 */
export function fetchEvidence(
  { url, body, maximumBytes, timeoutMs }: EvidenceFetch,
  options: Pick<RequestOptions, 'localAddress' | 'lookup' | 'agent'> = {},
): Promise<Uint8Array | undefined> {
  const headers = body && {
    'content-type': 'application/ocsp-request',
    'content-length': body.length,
  };
  const signal = AbortSignal.timeout(timeoutMs);
  return new Promise((resolve) => {
    try {
      const send = url.toLowerCase().startsWith('https:') ? httpsRequest : httpRequest;
      const method = body ? 'POST' : 'GET';
      const sent = send(url, { ...options, method, signal, ...(headers ? { headers } : {}) });
      sent.on('error', () => resolve(undefined));
      sent.on('response', async (response) => {
        const answer = await readBody(response, maximumBytes).catch(() => undefined);
        if (answer === undefined) sent.destroy();
        resolve(answer);
      });
      sent.end(body);
    } catch {
      // A URL that is none.
      resolve(undefined);
    }
  });
}

async function readBody(
  response: IncomingMessage,
  maximumBytes: number,
): Promise<Uint8Array | undefined> {
  const announced = Number(response.headers['content-length'] ?? 0);
  if (response.statusCode !== 200 || announced > maximumBytes) return undefined;
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of response as AsyncIterable<Uint8Array>) {
    length += part.length;
    if (length > maximumBytes) return undefined;
    parts.push(part);
  }
  return Uint8Array.from(Buffer.concat(parts));
}
