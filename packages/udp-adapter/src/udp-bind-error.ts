import { type Endpoint, formatAddress } from '@ipsec-kit/ip';

/** Why a socket could not be opened; the message is one sentence that says what to do. */
export class UdpBindError extends Error {
  override readonly name: string = 'UdpBindError';
  /** The system's name: `EADDRINUSE`, `EACCES`, `EADDRNOTAVAIL`, ... */
  readonly code: string;
  readonly endpoint: Endpoint;

  constructor(code: string, endpoint: Endpoint, sentence: string) {
    super(sentence);
    this.code = code;
    this.endpoint = endpoint;
  }
}

/** Turns what node:dgram reports for a bind into one clear sentence. */
export function udpBindError(error: unknown, endpoint: Endpoint): UdpBindError {
  if (error instanceof UdpBindError) return error;
  const code = errorCode(error);
  return new UdpBindError(code, endpoint, sentenceFor(code, endpoint, error));
}

/** The system's name of an error, or `EUNKNOWN`. */
export function errorCode(error: unknown): string {
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') {
    return error.code;
  }
  return 'EUNKNOWN';
}

function sentenceFor(code: string, endpoint: Endpoint, error: unknown): string {
  const address = formatAddress(endpoint.address);
  const where = `UDP port ${endpoint.port} on ${address}`;
  const otherPort = 'choose another port';
  switch (code) {
    case 'EADDRINUSE':
      return endpoint.port === 500 || endpoint.port === 4500
        ? `${where} is in use, most likely by another IKE daemon (charon, pluto, or a second ipsec-kit): stop it, or ${otherPort}`
        : `${where} is in use by another program: stop it (\`ss -lunp\` names it), or ${otherPort}`;
    case 'EACCES':
    case 'EPERM':
      return `no permission to open ${where}: ports below 1024 need root or the capability CAP_NET_BIND_SERVICE; get one of them, or ${otherPort}`;
    case 'EADDRNOTAVAIL':
      return `${address} is not an address of this machine, so ${where} cannot be opened: use one that \`ip address\` shows`;
    case 'EAFNOSUPPORT':
      return `this machine has no IPv${endpoint.address.version}, so ${where} cannot be opened: leave that address out`;
    case 'EMFILE':
    case 'ENFILE':
      return `${where} cannot be opened because too many files are open: raise the limit (\`ulimit -n\`)`;
    default:
      return `${where} cannot be opened (${code}: ${error instanceof Error ? error.message : String(error)})`;
  }
}
